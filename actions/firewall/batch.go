package firewall

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"

	"picket/actions"
)

// batch collects one transaction's changes by shelf.
type batch struct {
	t     *Table
	of    map[actions.Scope]*changes
	fresh []*shelf // laid by this transaction
	draft *draft   // of what it lays; nil: nothing
	empty bool     // the sets are empty before it: nothing has to be renewed
}

// changes is what a batch does to one shelf.
type changes struct {
	shelf     *shelf
	add       [][]nftables.SetElement // by index of kinds
	gone      [][]nftables.SetElement
	others    map[netip.Prefix]time.Time
	rewritten [2]bool // the interval set of IPv4, IPv6 must be written anew
	seen      map[netip.Prefix]bool
}

func (t *Table) newBatch() *batch { return &batch{t: t, of: map[actions.Scope]*changes{}} }

// at returns the changes to a scope's shelf; a scope without one gets a new shelf, laid by this transaction.
func (b *batch) at(scope actions.Scope) (*changes, error) {
	if c := b.of[scope]; c != nil {
		return c, nil
	}
	s := b.t.shelves[scope]
	if s == nil {
		s = b.t.newShelf(scope)
		if b.draft == nil {
			b.draft = b.t.drafted()
		}
		if err := b.t.layShelf(b.draft, s); err != nil {
			return nil, err
		}
		b.fresh = append(b.fresh, s)
	}
	n := len(kinds)
	c := &changes{shelf: s, add: make([][]nftables.SetElement, n), gone: make([][]nftables.SetElement, n), others: maps.Clone(s.others), seen: map[netip.Prefix]bool{}}
	b.of[scope] = c
	return c, nil
}

// put puts an element in; the first of equal targets counts.
func (c *changes) put(e actions.Entry, now time.Time) {
	if c.seen[e.Prefix] {
		return
	}
	c.seen[e.Prefix] = true
	k := kindOf(e.Prefix)
	if kinds[k].bits == 0 {
		c.others[e.Prefix] = deadline(now, e.Left)
		c.rewritten[family(e.Prefix)] = true
		return
	}
	c.add[k] = append(c.add[k], nftables.SetElement{Key: e.Prefix.Addr().AsSlice(), Timeout: e.Left})
}

// remove takes an element out that put did not put in.
func (c *changes) remove(p netip.Prefix) {
	if c.seen[p] {
		return
	}
	c.seen[p] = true
	k := kindOf(p)
	if kinds[k].bits == 0 {
		delete(c.others, p)
		c.rewritten[family(p)] = true
		return
	}
	c.gone[k] = append(c.gone[k], nftables.SetElement{Key: p.Addr().AsSlice()})
}

func family(p netip.Prefix) int {
	if p.Addr().Is6() {
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

// queue hands the changes to the connection. An element is added, deleted and added again: that sets its time
// anew whether it was there or not, on every kernel; a removed one is added first so that its absence is no error.
func (b *batch) queue(now time.Time) error {
	for _, c := range b.of {
		for i, set := range c.shelf.sets {
			var err error
			if !b.empty && !slices.Contains(b.fresh, c.shelf) {
				err = b.away(set, c.gone[i], c.add[i])
			}
			if err == nil {
				err = b.each(b.t.conn.SetAddElements, set, c.add[i])
			}
			if err != nil {
				return fmt.Errorf("change set %s: %w", set.Name, err)
			}
		}
		if err := b.rewrite(c, now); err != nil {
			return err
		}
	}
	return nil
}

// done makes the table remember what the transaction has changed.
func (b *batch) done() {
	for _, s := range b.fresh {
		b.t.shelves[s.scope] = s
	}
	for _, c := range b.of {
		c.shelf.others = c.others
	}
	if b.draft != nil {
		b.t.plan.Store(&plan{b.draft.layout, b.t.present})
	}
}

// away takes elements out of a set, whether they are in it or not.
func (b *batch) away(set *nftables.Set, lists ...[]nftables.SetElement) error {
	all := slices.Concat(lists...)
	for i := range all {
		all[i].Timeout = 0
	}
	if err := b.each(b.t.conn.SetAddElements, set, all); err != nil {
		return err
	}
	return b.each(b.t.conn.SetDeleteElements, set, all)
}

// rewrite writes the interval sets that changed: short, rarely changed lists.
func (b *batch) rewrite(c *changes, now time.Time) error {
	for i, k := range kinds {
		v6 := 0
		if k.v6 {
			v6 = 1
		}
		if k.bits != 0 || !c.rewritten[v6] {
			continue
		}
		set := c.shelf.sets[i]
		b.t.conn.FlushSet(set)
		if err := b.each(b.t.conn.SetAddElements, set, intervals(c.others, k.v6, now)); err != nil {
			return fmt.Errorf("change set %s: %w", set.Name, err)
		}
	}
	return nil
}

func (b *batch) each(do func(*nftables.Set, []nftables.SetElement) error, set *nftables.Set, list []nftables.SetElement) error {
	for chunk := range slices.Chunk(list, elementsPerCall) {
		if err := do(set, chunk); err != nil {
			return err
		}
	}
	return nil
}

// span is a range of addresses banned until the same time.
type span struct {
	first, last netip.Addr
	until       time.Time // zero: for good
}

// intervals makes the disjoint elements of an interval set from prefixes that may lie in one another: every
// address is banned as long as the longest of its bans. The kernel's interval sets refuse overlaps.
func intervals(others map[netip.Prefix]time.Time, v6 bool, now time.Time) []nftables.SetElement {
	var list []nftables.SetElement
	for _, s := range disjoint(others, v6, now) {
		e := nftables.SetElement{Key: s.first.AsSlice()}
		if !s.until.IsZero() {
			e.Timeout = s.until.Sub(now)
		}
		list = append(list, e)
		if next := s.last.Next(); next.IsValid() {
			list = append(list, nftables.SetElement{Key: next.AsSlice(), IntervalEnd: true})
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
