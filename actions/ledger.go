package actions

import (
	"iter"
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
// its own time; the kernel's element then lasts as long as the longest of them.
type ledger struct {
	of    map[netip.Prefix][]Ban // mostly one
	count int
}

func newLedger() *ledger { return &ledger{of: map[netip.Prefix][]Ban{}} }

// put enters a ban in the place of the one that it renews, and tells whether there was one.
func (l *ledger) put(b Ban) (renewed bool) {
	list := l.of[b.Prefix]
	for i := range list {
		if list[i].same(&b) {
			list[i] = b
			return true
		}
	}
	l.of[b.Prefix] = append(list, b)
	l.count++
	return false
}

// get returns the ban that b would renew.
func (l *ledger) get(b *Ban) (have Ban, ok bool) {
	for _, have = range l.of[b.Prefix] {
		if have.same(b) {
			return have, true
		}
	}
	return Ban{}, false
}

func (l *ledger) drop(b *Ban) {
	list := l.of[b.Prefix]
	i := slices.IndexFunc(list, func(have Ban) bool { return have.same(b) })
	if i < 0 {
		return
	}
	l.count--
	if len(list) == 1 {
		delete(l.of, b.Prefix)
		return
	}
	l.of[b.Prefix] = slices.Delete(slices.Clone(list), i, i+1)
}

// all goes over every ban; entries may be dropped meanwhile.
func (l *ledger) all() iter.Seq[Ban] {
	return func(yield func(Ban) bool) {
		for _, list := range l.of {
			for _, b := range list {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// enforced returns how long the kernel must hold a target: as long as the longest of its bans but one. ok is false when
// no other ban wants it.
func (l *ledger) enforced(t Target, but *Ban, now time.Time) (until time.Time, ok bool) {
	for _, b := range l.of[t.Prefix] {
		if b.Scope != t.Scope || !b.inKernel() || b.Expired(now) || but != nil && b.same(but) {
			continue
		}
		if !ok || b.Until.IsZero() || !until.IsZero() && b.Until.After(until) {
			until = b.Until
		}
		ok = true
	}
	return until, ok
}

// inKernel tells whether the kernel holds the ban.
func (b *Ban) inKernel() bool { return !b.Observed && b.Scope.Answer != Commands }

// entries is a list for the kernel in which every target stands once, with the longest of its times.
type entries struct {
	list []Entry
	at   map[Target]int
}

func (e *entries) put(n Entry) {
	if i, known := e.at[n.Target]; known {
		if have := &e.list[i].Left; *have != 0 && (n.Left == 0 || n.Left > *have) {
			*have = n.Left
		}
		return
	}
	if e.at == nil {
		e.at = map[Target]int{}
	}
	e.at[n.Target] = len(e.list)
	e.list = append(e.list, n)
}
