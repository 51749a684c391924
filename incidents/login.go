package incidents

import (
	"net/netip"
	"slices"
	"time"
)

// logins remembers successful logins that belong to no case. When their party is found to do something later, they are
// the steps that went before. The oldest goes when there are too many.
type logins struct {
	list []*Finding
	next int
}

const (
	maxLogins   = 1024
	loginMemory = time.Hour
)

func (l *logins) put(f *Finding) {
	if len(l.list) < maxLogins {
		l.list = append(l.list, f)
		return
	}
	l.list[l.next] = f
	l.next = (l.next + 1) % maxLogins
}

// of returns the logins of a finding's party, or onto its host by its user, within an hour of it; oldest first. A log may be
// read late, so a login that was heard of before may have been made after.
func (l *logins) of(f *Finding) []*Finding {
	var party netip.Addr
	if f.Attacker.Addr.IsValid() {
		party = network(f.Attacker.Addr)
	}
	var found []*Finding
	for _, login := range l.list {
		age := f.Time.Sub(login.Time)
		same := party.IsValid() && login.Attacker.Addr.IsValid() && network(login.Attacker.Addr) == party ||
			f.User != "" && f.Host != "" && login.User == f.User && login.Host == f.Host
		if same && age.Abs() <= loginMemory {
			found = append(found, login)
		}
	}
	slices.SortFunc(found, func(a, b *Finding) int { return a.Time.Compare(b.Time) })
	return found
}

// newcomer tells whether the attacker of a finding has had no part in the case before.
func (d *docket) newcomer(f *Finding) bool {
	return f.Kind != Login && f.Attacker.Addr.IsValid() && len(d.Attackers) < maxParties && !slices.Contains(d.Attackers, f.Attacker.Addr)
}

// maxEarlier bounds the logins that a case takes over with one finding.
const maxEarlier = 16

// earlier lets a case take the logins of a party that is new to it.
func (c *Casebook) earlier(d *docket, f *Finding) (entries []Entry) {
	found := c.logins.of(f)
	for _, login := range found[max(0, len(found)-maxEarlier):] {
		d.take(login, d.heard)
		c.register(d, login)
		entries = append(entries, findingEntry(login))
	}
	return entries
}
