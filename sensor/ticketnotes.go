package sensor

import (
	"encoding/json"
	"net/netip"
	"time"

	"picket/actions"
	"picket/rules"
)

// A ban stands in the ledger, whose journal the responder keeps. What led to it, and that it was asked for at all, stands
// in the journal of positions, in the same write as the position behind its lines:
//
//	asked    the batch whose lines led to it is acknowledged. kill -9 before the responder has it: asked for again
//	banned   the ledger has it. kill -9: its evidence is found here, its time there
//	doubted  an operator is asked about it. kill -9: its evidence is found here when it is approved
//	over     it has ended, or was refused: nothing is remembered
//
// Bans of parties without an address can't stand in the ledger: these notes are their ledger.

// note is one line of the judge's in the journal of positions: how a party that fails stands (Memory), or a ban.
type note struct {
	rules.Memory
	Who    string        `json:"who,omitempty"` // whose ban; "" for a Memory
	State  banState      `json:"state,omitempty"`
	Ticket *rules.Ticket `json:"ticket,omitempty"` // nil: as the earlier note has it
	Narrow netip.Prefix  `json:"narrow,omitzero"`  // of the request
	Reason string        `json:"reason,omitempty"` // of the request
	Past   *pastBan      `json:"past,omitempty"`   // for the tags of merged bans
	Held   *heldFailure  `json:"held,omitempty"`   // somebody is asked about it
}

type banState string

const (
	stateAsked   banState = "asked"
	stateBanned  banState = "banned"
	stateDoubted banState = "doubted"
	stateOver    banState = "over"
)

// maxKeptMatches bounds the lines of a ban that are written down: fail2ban's dbmaxmatches.
const maxKeptMatches = 10

// keptTicket is a ticket as it is written down.
func keptTicket(t *rules.Ticket) *rules.Ticket {
	k := *t
	k.Matches = rules.Remembered(t.Matches[max(len(t.Matches)-maxKeptMatches, 0):])
	k.Merged, k.JailMerged = nil, nil
	return &k
}

// noted keeps a note until the next write.
func (j *jailPost) noted(n note) {
	n.Jail = j.name
	j.notes = append(j.notes, n)
}

// appendNote appends one line of the journal of positions. JSON holds no newline.
func appendNote(to []byte, n *note) []byte {
	text, err := json.Marshal(n)
	if err != nil {
		return to // impossible: strings, numbers and prefixes
	}
	return append(append(append(to, '='), text...), '\n')
}

// recall takes up a note that was read at the start.
func (j *jailPost) recall(n *note, q *inquiries, now time.Time) {
	switch {
	case n.Held != nil:
		j.recallHeld(n.Held, q)
	case n.Past != nil:
		j.pasts.add(n.Who, *n.Past, now)
	case n.Who == "":
		j.jail.Engine().Recall(&n.Memory, now.Unix())
	case n.State == stateOver:
		delete(j.kept, n.Who)
	case n.Ticket != nil:
		j.kept[n.Who] = n
	default:
		if earlier := j.kept[n.Who]; earlier != nil {
			earlier.State = n.State
		}
	}
}

// everyNote appends all that is to be remembered of a jail's bans.
func (j *jailPost) everyNote(to []byte) []byte {
	for _, n := range j.kept {
		to = appendNote(to, n)
	}
	for _, asked := range j.awaited {
		for _, n := range asked {
			to = appendNote(to, n)
		}
	}
	for _, n := range j.doubts {
		to = appendNote(to, n)
	}
	for id, t := range j.tickets {
		to = appendNote(to, &note{Memory: rules.Memory{Jail: j.name}, Who: id, State: stateBanned, Ticket: keptTicket(t)})
	}
	return j.pasts.every(to, j.name)
}

// unanswered returns the requests for bans that the ledger does not have, or not as long: those that a crash has cut off.
// What is over by now is left out.
func (j *jailPost) unanswered(bans map[string]*actions.Ban, now time.Time) (list []note) {
	for id, n := range j.kept {
		if n.State != stateAsked || !n.Ticket.Prefix.IsValid() {
			continue
		}
		if b := bans[id]; b != nil && (b.Until.IsZero() || !n.Ticket.Until.IsZero() && b.Until.After(n.Ticket.Until.Add(-2*time.Second))) {
			continue
		}
		if n.Narrow.IsValid() && bans[actions.Text(n.Narrow)] != nil {
			continue // its network was refused
		}
		if n.Ticket.Until.IsZero() || n.Ticket.Until.After(now) {
			list = append(list, *n)
		}
	}
	return list
}
