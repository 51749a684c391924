package actions

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"
)

// Target is what the kernel holds one element for: a prefix within a scope.
type Target struct {
	Prefix netip.Prefix
	Scope  Scope
}

// Target of a ban.
func (b *Ban) Target() Target { return Target{b.Prefix, b.Scope} }

// same tells whether two bans are one ban at different times: same prefix, scope and jail.
func (b *Ban) same(o *Ban) bool { return b.Target() == o.Target() && b.Jail == o.Jail }

// ledger is all bans in force. Several jails may ban the same prefix within different scopes or even the same, each for
// its own time; the kernel's element then lasts as long as the longest of them. It holds as many bans as Options.Max allows,
// about 180 bytes and its reason for each: what many bans have in common is kept once.
type ledger struct {
	of    map[netip.Prefix]standing // mostly one; the others of a prefix hang on it
	count int
	dues  dues
	terms map[terms]*shared
}

// standing is a ban in few bytes. Times are microseconds since 1970.
type standing struct {
	since, until int64 // until forGood: until it is lifted
	reason       string
	terms        *shared
	next         *standing // of the same prefix
	observed     bool
}

// terms is what many bans have in common.
type terms struct {
	by, jail string
	scope    Scope
}

// shared is terms with the number of bans that have them.
type shared struct {
	terms
	users int
}

const forGood = math.MaxInt64

func newLedger() *ledger {
	return &ledger{of: map[netip.Prefix]standing{}, terms: map[terms]*shared{}}
}

func (l *ledger) pack(b *Ban) standing {
	t := terms{b.By, b.Jail, b.Scope}
	s := l.terms[t]
	if s == nil {
		s = &shared{terms: t}
		l.terms[t] = s
	}
	s.users++
	return standing{since: b.Since.UnixMicro(), until: dueOf(b), reason: b.Reason, terms: s, observed: b.Observed}
}

// forget gives back the terms of a ban that stands no more.
func (l *ledger) forget(s *shared) {
	if s.users--; s.users == 0 {
		delete(l.terms, s.terms)
	}
}

func (s *standing) ban(p netip.Prefix) Ban {
	b := Ban{Prefix: p, Since: time.UnixMicro(s.since).UTC(), Reason: s.reason, By: s.terms.by, Scope: s.terms.scope, Jail: s.terms.jail, Observed: s.observed}
	if s.until != forGood {
		b.Until = time.UnixMicro(s.until).UTC()
	}
	return b
}

// same tells whether two bans of one prefix are one ban at different times: same scope and jail.
func (s *standing) same(b *Ban) bool { return s.terms.jail == b.Jail && s.terms.scope == b.Scope }

// put enters a ban in the place of the one that it renews, and tells whether there was one.
func (l *ledger) put(b Ban) (renewed bool) {
	fresh := l.pack(&b)
	l.due(&b)
	first, some := l.of[b.Prefix]
	if !some {
		l.of[b.Prefix] = fresh
		l.count++
		return false
	}
	for s := &first; s != nil; s = s.next {
		if s.same(&b) {
			l.forget(s.terms)
			fresh.next = s.next
			*s = fresh
			l.of[b.Prefix] = first
			return true
		}
	}
	fresh.next = first.next
	first.next = &fresh
	l.of[b.Prefix] = first
	l.count++
	return false
}

// get returns the ban that b would renew.
func (l *ledger) get(b *Ban) (have Ban, ok bool) {
	for have := range l.bans(b.Prefix) {
		if have.same(b) {
			return have, true
		}
	}
	return Ban{}, false
}

func (l *ledger) drop(b *Ban) {
	first, some := l.of[b.Prefix]
	if !some {
		return
	}
	if first.same(b) {
		l.forget(first.terms)
		l.count--
		if first.next == nil {
			delete(l.of, b.Prefix)
		} else {
			l.of[b.Prefix] = *first.next
		}
		return
	}
	for s := &first; s.next != nil; s = s.next {
		if s.next.same(b) {
			l.forget(s.next.terms)
			l.count--
			s.next = s.next.next
			l.of[b.Prefix] = first
			return
		}
	}
}

// bans are those of a prefix.
func (l *ledger) bans(p netip.Prefix) iter.Seq[Ban] {
	return func(yield func(Ban) bool) {
		first, some := l.of[p]
		if !some {
			return
		}
		for s := &first; s != nil; s = s.next {
			if !yield(s.ban(p)) {
				return
			}
		}
	}
}

// all goes over every ban, from a random one on; entries may be dropped meanwhile.
func (l *ledger) all() iter.Seq[Ban] {
	return func(yield func(Ban) bool) {
		for p, first := range l.of {
			for s := &first; s != nil; s = s.next {
				if !yield(s.ban(p)) {
					return
				}
			}
		}
	}
}

// touching are the bans that overlap a prefix. For a single address that is a lookup for each length, for others a walk
// over all.
func (l *ledger) touching(p netip.Prefix) (list []Ban) {
	if p.IsSingleIP() {
		for bits := range p.Bits() + 1 {
			wider, _ := p.Addr().Prefix(bits) // cannot fail: bits are the address's own
			list = slices.AppendSeq(list, l.bans(wider))
		}
		return list
	}
	for b := range l.all() {
		if b.Prefix.Overlaps(p) {
			list = append(list, b)
		}
	}
	return list
}

// enforced returns how long the kernel must hold a target: as long as the longest of its bans but one. ok is false when
// no other ban wants it.
func (l *ledger) enforced(t Target, but *Ban, now time.Time) (until time.Time, ok bool) {
	for b := range l.bans(t.Prefix) {
		if b.Scope != t.Scope || !b.inKernel() || b.Expired(now) || but != nil && b.same(but) {
			continue
		}
		if !ok || outlasts(b.Until, until) {
			until = b.Until
		}
		ok = true
	}
	return until, ok
}

// outlasts tells whether a is later than b; the zero time is for good.
func outlasts(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }

// inKernel tells whether the kernel holds the ban.
func (b *Ban) inKernel() bool { return !b.Observed && b.Scope.Answer != Commands }

// elements are what the kernel must hold: every target once, as long as the longest of its bans.
func (l *ledger) elements(now time.Time) []Entry {
	list := make([]Entry, 0, len(l.of))
	for p, first := range l.of {
		own := len(list) // where those of this prefix begin
		for s := &first; s != nil; s = s.next {
			if b := s.ban(p); b.inKernel() && !b.Expired(now) {
				list = longest(list, own, Entry{b.Target(), b.Left(now)})
			}
		}
	}
	return list
}

// longest adds an entry, or makes the one of its target last as long as it. Those before from are of other targets.
func longest(list []Entry, from int, e Entry) []Entry {
	for i := from; i < len(list); i++ {
		if have := &list[i]; have.Target == e.Target {
			if have.Left != 0 && (e.Left == 0 || e.Left > have.Left) {
				have.Left = e.Left
			}
			return list
		}
	}
	return append(list, e)
}
