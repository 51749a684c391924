package firewall

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
)

// batch collects one transaction's changes to elements, by shelf.
type batch map[*shelf]*changes

// changes is what a batch does to one shelf.
type changes struct {
	add       [][]element // by index of kinds
	gone      [][]element
	others    map[netip.Prefix]time.Time // what the interval sets hold after it; nil: what they held before
	rewritten [2]bool                    // the interval set of IPv4, IPv6 must be written anew
	seen      map[netip.Prefix]bool
}

// batched gathers additions and removals. Every shelf of what is added is there.
func (t *Table) batched(add []actions.Entry, remove []actions.Target, now time.Time) batch {
	b := batch{}
	for _, e := range add {
		s := t.shelves[e.Scope]
		b.at(s).put(s, e, now)
	}
	for _, r := range remove {
		if s := t.shelves[r.Scope]; s != nil { // never laid: there is nothing to remove
			b.at(s).remove(s, r.Prefix)
		}
	}
	return b
}

func (b batch) at(s *shelf) *changes {
	c := b[s]
	if c == nil {
		c = &changes{add: make([][]element, len(kinds)), gone: make([][]element, len(kinds)), seen: map[netip.Prefix]bool{}}
		b[s] = c
	}
	return c
}

// put puts an element in; the first of equal targets counts.
func (c *changes) put(s *shelf, e actions.Entry, now time.Time) {
	if c.seen[e.Prefix] {
		return
	}
	c.seen[e.Prefix] = true
	k := kindOf(e.Prefix)
	if kinds[k].bits == 0 {
		c.rewrite(s, e.Prefix)[e.Prefix] = deadline(now, e.Left)
		return
	}
	c.add[k] = append(c.add[k], element{key: e.Prefix.Addr(), left: e.Left})
}

// remove takes an element out that put did not put in.
func (c *changes) remove(s *shelf, p netip.Prefix) {
	if c.seen[p] {
		return
	}
	c.seen[p] = true
	k := kindOf(p)
	if kinds[k].bits == 0 {
		delete(c.rewrite(s, p), p)
		return
	}
	c.gone[k] = append(c.gone[k], element{key: p.Addr()})
}

// rewrite notes that a prefix's interval set changes and returns what the shelf's will hold.
func (c *changes) rewrite(s *shelf, p netip.Prefix) map[netip.Prefix]time.Time {
	if c.others == nil {
		c.others = maps.Clone(s.others)
	}
	c.rewritten[family(p.Addr().Is6())] = true
	return c.others
}

func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

func deadline(now time.Time, left time.Duration) time.Time {
	if left == 0 {
		return time.Time{}
	}
	return now.Add(left)
}

// write appends the changes to a transaction. An element is added, deleted and added again: that sets its time anew whether
// it was there or not, on every kernel; a removed one is added first so that its absence is no error.
func (b batch) write(w *wire, now time.Time) {
	for s, c := range b {
		for i, set := range s.sets {
			if kinds[i].bits != 0 {
				w.away(set.Name, c.gone[i])
				w.away(set.Name, c.add[i])
				w.each(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, set.Name, c.add[i])
			} else if c.rewritten[family(kinds[i].v6)] { // a short, rarely changed list
				w.fill(set.Name, intervals(c.others, kinds[i].v6, now))
			}
		}
	}
}

// refill appends a transaction that makes the sets of a shelf hold what the changes add, and nothing else.
func (c *changes) refill(w *wire, s *shelf, now time.Time) {
	for i, set := range s.sets {
		if kinds[i].bits == 0 {
			w.fill(set.Name, intervals(c.others, kinds[i].v6, now))
		} else {
			w.fill(set.Name, c.add[i])
		}
	}
}

// done makes the shelves remember what the transaction has changed.
func (b batch) done() {
	for s, c := range b {
		if c.others != nil {
			s.others = c.others
		}
	}
}

// away appends that elements leave a set, whether they are in it or not.
func (w *wire) away(set string, list []element) {
	w.each(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, set, list)
	w.each(unix.NFT_MSG_DELSETELEM, 0, set, list)
}

// fill appends that a set holds these elements and no others.
func (w *wire) fill(set string, list []element) {
	w.setOf(unix.NFT_MSG_DELSETELEM, 0, set, nil)
	w.each(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, set, list)
}

// span is a range of addresses banned until the same time.
type span struct {
	first, last netip.Addr
	until       time.Time // zero: for good
}

// intervals makes the disjoint elements of an interval set from prefixes that may lie in one another: every
// address is banned as long as the longest of its bans. The kernel's interval sets refuse overlaps.
func intervals(others map[netip.Prefix]time.Time, v6 bool, now time.Time) []element {
	var list []element
	for _, s := range disjoint(others, v6, now) {
		e := element{key: s.first}
		if !s.until.IsZero() {
			e.left = s.until.Sub(now)
		}
		list = append(list, e)
		if next := s.last.Next(); next.IsValid() {
			list = append(list, element{key: next, end: true})
		}
	}
	return list
}

func disjoint(others map[netip.Prefix]time.Time, v6 bool, now time.Time) []span {
	var live []netip.Prefix
	for p, until := range others {
		if p.Addr().Is6() == v6 && (until.IsZero() || until.After(now)) {
			live = append(live, p)
		}
	}
	// Prefixes lie in one another or apart: with the wider first, each is either inside the innermost open one
	// or after it.
	slices.SortFunc(live, netip.Prefix.Compare)
	var out []span
	for i := 0; i < len(live); {
		n := i + 1
		for n < len(live) && live[i].Overlaps(live[n]) {
			n++
		}
		out = append(out, cover(live[i:n], others)...)
		i = n
	}
	return out
}

// cover splits the first prefix of a nest at the bounds of those inside it that are banned longer.
func cover(nest []netip.Prefix, until map[netip.Prefix]time.Time) []span {
	outer := span{nest[0].Addr(), lastOf(nest[0]), until[nest[0]]}
	var out []span
	for rest := nest[1:]; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[0].Overlaps(rest[n]) {
			n++
		}
		for _, s := range cover(rest[:n], until) {
			if !longer(s.until, outer.until) {
				continue
			}
			if outer.first.Less(s.first) {
				out = append(out, span{outer.first, s.first.Prev(), outer.until})
			}
			out = append(out, s)
			outer.first = s.last.Next()
		}
		rest = rest[n:]
	}
	if outer.first.IsValid() && !outer.last.Less(outer.first) {
		out = append(out, outer)
	}
	return out
}

func longer(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
