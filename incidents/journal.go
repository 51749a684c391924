package incidents

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// Journal keeps cases. The casebook declares it, package outputs/store implements it.
type Journal interface {
	// Keep writes a change down so that it survives kill -9. With an error the change is only in memory, and is
	// written when that can be done again.
	Keep(*Change) error
	// Recent returns the cases that are not resolved and, as far as limit allows, those resolved last; and the
	// greatest ID ever given.
	Recent(limit int) ([]Incident, ID, error)
	// Find returns a case.
	Find(ctx context.Context, id ID) (Incident, error)
}

// Change is a case as it has become, and what was added to its timeline and evidence. An Incident that has only an ID
// is kept as it is.
type Change struct {
	Incident Incident
	Entries  []Entry
	Evidence []Evidence
}

// File is all that is known of a case. Its evidence is listed without data.
type File struct {
	Incident Incident `json:"incident"`
	Timeline []Entry  `json:"timeline"`
	Evidence []Piece  `json:"evidence"`
}

// Piece names one piece of evidence.
type Piece struct {
	Evidence
	Number int64 `json:"number"` // within the archive
	Bytes  int64 `json:"bytes"`
}

// Filter selects cases; zero fields select all.
type Filter struct {
	States   []State      `json:"states,omitempty"`
	Severity Severity     `json:"severity,omitempty"` // this one and worse
	Since    time.Time    `json:"since,omitzero"`     // last finding
	Until    time.Time    `json:"until,omitzero"`
	Attacker netip.Prefix `json:"attacker,omitzero"`
	Victim   netip.Prefix `json:"victim,omitzero"`
	Rule     string       `json:"rule,omitempty"` // its ID: "1:2019401", "sshd"
	// Text are words of titles, rules, tags, users, files and addresses; each must begin one. A word that
	// thousands of cases have is looked for only as it stands, and among the cases opened last.
	Text   string `json:"text,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Before ID     `json:"before,omitempty"` // page on: cases that were updated no later than this one
}

// Archive is where cases are found again.
type Archive interface {
	// List returns the cases that a filter selects, those with the newest findings first, and how many there are; -1
	// when they are too many to count.
	List(ctx context.Context, f *Filter) (list []Incident, total int, err error)
	// Incident returns one case.
	Incident(ctx context.Context, id ID) (File, error)
	// Export writes a case with all its evidence as a zip archive.
	Export(ctx context.Context, id ID, to io.Writer) error
}
