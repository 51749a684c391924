package incidents

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// State of an incident.
type State string

// States. A resolved case that grows again within its reopen time is reopened; later a new one is opened.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Resolved     State = "resolved"
)

// ID numbers incidents on this host from 1.
type ID int64

// Incident is a case: findings that belong together. Lists are bounded; what did not fit is counted.
type Incident struct {
	ID          ID           `json:"id"`
	State       State        `json:"state"`
	Title       string       `json:"title"` // of its worst finding, or of the chain
	Severity    Severity     `json:"severity"`
	Confidence  uint8        `json:"confidence"` // percent
	Opened      time.Time    `json:"opened"`
	Updated     time.Time    `json:"updated"` // last finding
	Closed      time.Time    `json:"closed,omitzero"`
	Reopened    int          `json:"reopened,omitempty"`
	Attackers   []netip.Addr `json:"attackers,omitempty"`
	Victims     []Endpoint   `json:"victims,omitempty"`
	Host        string       `json:"host,omitempty"`
	Users       []string     `json:"users,omitempty"`
	Processes   []Process    `json:"processes,omitempty"`
	Files       []string     `json:"files,omitempty"`
	Rules       []RuleCount  `json:"rules"`
	Stages      []Stage      `json:"stages,omitempty"` // in the order of their first finding
	Tags        []string     `json:"tags,omitempty"`
	Communities []string     `json:"community_ids,omitempty"`
	Findings    uint64       `json:"findings"`           // all that joined
	Suppressed  uint64       `json:"suppressed"`         // counted only: over the bounds of the timeline
	Unlisted    uint64       `json:"unlisted,omitempty"` // parties, users, files and so on over the bounds of the lists
	Entries     int          `json:"entries"`            // lines of the timeline
	Proofs      int          `json:"proofs,omitempty"`   // pieces of evidence
	ProofBytes  int64        `json:"proof_bytes,omitempty"`
	Own         uint64       `json:"own,omitempty"`      // caused by our own block: counted, never fed
	Assignee    string       `json:"assignee,omitempty"` // who acknowledged it
	Absorbed    []ID         `json:"absorbed,omitempty"` // cases that turned out to be part of this one
	Merged      ID           `json:"merged,omitempty"`   // the case that this one turned out to be part of
}

// RuleCount is one rule's part in a case.
type RuleCount struct {
	Rule
	Kind       Kind      `json:"kind"`
	Jail       string    `json:"jail,omitempty"`
	Severity   Severity  `json:"severity"`
	Confidence uint8     `json:"confidence"`
	Stage      Stage     `json:"stage,omitempty"`
	Count      uint64    `json:"count"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}

// EventKind says what has happened to a case.
type EventKind string

// Events.
const (
	Opened       EventKind = "opened"
	Grew         EventKind = "grew"
	Acked        EventKind = "acknowledged"
	WasResolved  EventKind = "resolved"
	WasReopened  EventKind = "reopened"
	WasMerged    EventKind = "merged"  // it turned out to be part of another case
	MeasureMoved EventKind = "measure" // a measure of the case has changed its state
)

// Event tells that a case has changed. Incident is a snapshot which the receiver may keep; Finding is what made it
// grow, nil for an operator's acts.
type Event struct {
	Kind     EventKind
	Incident Incident
	Was      Severity // before the event
	Finding  *Finding
}

// Entry is a line of a case's timeline.
type Entry struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // "finding", "opened", "acknowledged", "resolved", "reopened", "merged", "note", "measure"
	By   string    `json:"by,omitempty"`
	Text string    `json:"text"`
	// Finding is set for the kind "finding".
	Finding *Finding `json:"finding,omitempty"`
}

// Line is the entry in one line for people, who did it named once. What attackers have written loses its control
// characters.
func (e *Entry) Line() string {
	switch {
	case e.By == "" || strings.HasSuffix(e.Text, " by "+e.By) || strings.Contains(e.Text, " by "+e.By+": "):
		return Printable(e.Text)
	case e.Text == "":
		return Printable("by " + e.By)
	}
	return Printable(e.By + ": " + e.Text)
}

// Line is the finding in one line for people, before Printable.
func (f *Finding) Line() string {
	text := f.Rule.Name
	if f.Text != "" {
		text += ": " + f.Text
	}
	for _, part := range [][2]string{{", user ", f.User}, {", file ", f.File}, {", ", f.Attacker.Address()}, {" → ", f.Victim.Address()}, {", ", f.Effect}} {
		if part[1] != "" {
			text += part[0] + part[1]
		}
	}
	if f.Repeats > 0 {
		text += fmt.Sprintf(" (and %d times more)", f.Repeats)
	}
	return text
}
