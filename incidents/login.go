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

// of takes out the logins of a party, or onto a host by a user, in the hour before at; oldest first.
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
		if same && age >= 0 && age <= loginMemory {
			found = append(found, login)
		}
	}
	slices.SortFunc(found, func(a, b *Finding) int { return a.Time.Compare(b.Time) })
	return found
}

// maxEarlier bounds the logins that a new case takes over.
const maxEarlier = 16

// earlier lets a new case take the logins that went before its first finding.
func (c *Casebook) earlier(d *docket, f *Finding) (entries []Entry) {
	found := c.logins.of(f)
	for _, login := range found[max(0, len(found)-maxEarlier):] {
		d.take(login, d.heard)
		c.register(d, login)
		entries = append(entries, findingEntry(login))
	}
	return entries
}
