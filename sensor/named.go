package sensor

import (
	"context"
	"fmt"
	"time"

	"picket/actions"
	"picket/rules"
)

// Parties without an address, such as user names (<F-ID>): no kernel can close anything for them, so that their bans do
// not stand in the responder's ledger but with their jail, and are what its commands make of them. Their ledger are the
// notes in the journal of positions.

// maxNamed bounds such bans of a jail; an attacker chooses names.
const maxNamed = 100_000

// banNamed bans a party without an address. In observe mode it is only observed, as all bans are.
func (s *Sensor) banNamed(post *jailPost, t *rules.Ticket) error {
	if post.named >= maxNamed && post.tickets[t.ID] == nil {
		return fmt.Errorf("ban %q in jail %s: %d parties without an address are banned, the most allowed", t.ID, post.name, maxNamed)
	}
	t.Since, t.Observed = time.Now(), s.gate.Observing()
	if post.scope.Answer != actions.Commands {
		s.log.Warn("breach without an address: picket's own ban can't hold it, only commands can", "jail", post.name, "who", t.ID)
	}
	if old := post.tickets[t.ID]; old == nil || old.Observed != t.Observed {
		if old != nil {
			post.named-- // it is replaced
		}
		post.noted(note{Who: t.ID, State: stateBanned, Ticket: keptTicket(t)})
	}
	s.jailBanned(post, t)
	return nil
}

// endNamed ends the bans of parties without an address whose time is over.
func (s *Sensor) endNamed(now time.Time) {
	for _, post := range s.posted() {
		if post.named == 0 {
			continue
		}
		for _, t := range post.tickets {
			if !t.Prefix.IsValid() && !t.Until.IsZero() && !now.Before(t.Until) {
				s.jailUnbanned(post, t)
			}
		}
	}
}

// unbanNamed lifts the ban of a party without an address; ok tells that there was one.
func (s *Sensor) unbanNamed(post *jailPost, id string) (ok bool) {
	t := post.tickets[id]
	if t == nil || t.Prefix.IsValid() {
		return false
	}
	s.jailUnbanned(post, t)
	post.jail.Engine().Forgive(id)
	return true
}

// unbanNamedIn lifts a party's bans in one jail, or in all jails if jail is "", and returns how many.
func (s *Sensor) unbanNamedIn(ctx context.Context, jail, id string) (n int, err error) {
	err = s.judge.ask(ctx, func() {
		for _, post := range s.posted() {
			if (jail == "" || post.name == jail) && s.unbanNamed(post, id) {
				n++
			}
		}
	})
	return n, err
}

// unbanAllNamed lifts those of a jail, or of all jails if jail is "", and returns how many.
func (s *Sensor) unbanAllNamed(jail string) (n int) {
	for _, post := range s.posted() {
		if jail != "" && post.name != jail {
			continue
		}
		for id, t := range post.tickets {
			if !t.Prefix.IsValid() && s.unbanNamed(post, id) {
				n++
			}
		}
	}
	return n
}
