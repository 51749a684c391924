package sensor

import (
	"errors"
	"time"

	"picket/actions"
	"picket/rules"
)

// A ban that the gate asks an operator about may be approved days later, by the desk, in the jail's name. What led to it
// waits meanwhile in the jail's doubts, and in the journal of positions as stateDoubted. Nobody tells a jail that its ban
// was denied: such evidence goes with maxDoubts, or when a later breach of the same party brings newer.

// maxDoubts bounds the bans of a jail whose evidence waits for an operator.
const maxDoubts = 1024

// doubts are the bans that an operator is asked about, by what is to be banned. The judge owns them.
type doubts map[string]*note

// doubted tells whether a ban was not made because an operator is to be asked first.
func doubted(c *actions.Change) bool {
	var refusal *actions.Refusal
	return c.Kind == actions.BanRefused && errors.As(c.Err, &refusal) && refusal.Ask
}

// add keeps the evidence of a ban. It returns what had to go for it, "" for nothing.
func (d doubts) add(n *note) (gone string) {
	if d[n.Who] == nil && len(d) >= maxDoubts {
		gone = d.oldest()
		delete(d, gone)
	}
	d[n.Who] = n
	return gone
}

func (d doubts) oldest() (who string) {
	var at time.Time
	for id, n := range d {
		if who == "" || n.Ticket.Since.Before(at) {
			who, at = id, n.Ticket.Since
		}
	}
	return who
}

// doubt keeps the evidence of a ban that an operator is asked about.
func (j *jailPost) doubt(n *note) {
	n.State = stateDoubted
	if gone := j.doubts.add(n); gone != "" {
		j.noted(note{Who: gone, State: stateOver})
	}
	j.noted(note{Who: n.Who, State: stateDoubted})
}

// recallDoubts takes up, at the start, the evidence of bans that nobody had approved when picket was stopped; bans are
// those that the ledger has.
func (j *jailPost) recallDoubts(bans map[string]*actions.Ban) {
	for id, n := range j.kept {
		if n.State == stateDoubted && bans[id] == nil {
			j.doubts.add(n)
		}
	}
}

// approved takes the evidence of a ban that was made after all; nil if there is none.
func (j *jailPost) approved(who string) *rules.Ticket {
	n := j.doubts[who]
	if n == nil {
		return nil
	}
	delete(j.doubts, who)
	j.noted(note{Who: who, State: stateBanned, Ticket: keptTicket(n.Ticket)})
	return n.Ticket
}
