package actions

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Ruling is the gate's answer to a measure.
type Ruling uint8

// Rulings, in the order in which they overrule each other.
const (
	Allowed  Ruling = iota
	AskFirst        // an operator must approve
	Refused         // nobody can approve
)

func (r Ruling) String() string { return [...]string{"allowed", "ask", "refused"}[r] }

// MarshalText implements encoding.TextMarshaler.
func (r Ruling) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ruling) UnmarshalText(text []byte) error {
	for _, one := range []Ruling{Allowed, AskFirst, Refused} {
		if one.String() == string(text) {
			*r = one
			return nil
		}
	}
	return fmt.Errorf("ruling %q is none of allowed, ask, refused", text)
}

// Decision is what the gate has decided about one ban or one process, and why.
type Decision struct {
	Time      time.Time    `json:"time"`
	Ruling    Ruling       `json:"ruling"`
	Prefix    netip.Prefix `json:"prefix,omitzero"`
	PID       int          `json:"pid,omitempty"`
	Protected netip.Prefix `json:"protected,omitzero"` // whom the prefix covers
	Why       string       `json:"why,omitempty"`      // of asking and refusing
	By        string       `json:"by,omitempty"`       // who has asked for the measure
	Reason    string       `json:"reason,omitempty"`   // for which it was asked
	Approved  string       `json:"approved,omitempty"` // who has approved what else would be asked about
	Observed  bool         `json:"observed,omitempty"` // observe mode: nothing was done
	Blast     *Blast       `json:"blast,omitempty"`    // who would be cut off, where it matters
}

// Refusal turns a decision that stops a ban into its error; nil for one that allows it.
func (d *Decision) Refusal() *Refusal {
	if d.Ruling == Allowed {
		return nil
	}
	return &Refusal{Prefix: d.Prefix, Protected: d.Protected, Why: d.Why, Ask: d.Ruling == AskFirst, Blast: d.Blast}
}

// Blast is the blast radius of a ban: what the party has been doing that is no attack, as far as flows and logs tell.
type Blast struct {
	Parties int       `json:"parties"`         // addresses (IPv6: /64 networks) that were seen in the prefix
	Flows   uint64    `json:"flows"`           // answered flows without an alert
	Live    int       `json:"live"`            // connections that stand now, as conntrack knows them
	Bytes   uint64    `json:"bytes"`           // of its flows, both directions
	Logins  uint64    `json:"logins"`          // successful ones
	Users   []string  `json:"users,omitempty"` // who logged in, the first few
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	Share   float64   `json:"share"` // of all answered flows, 0 to 1
}

// Empty tells whether nothing is known that a ban could harm.
func (b *Blast) Empty() bool { return b == nil || b.Flows == 0 && b.Live == 0 && b.Logins == 0 }

// String is the blast radius in one sentence, for requests of approval.
func (b *Blast) String() string {
	if b.Empty() {
		return "nothing is known that it would cut off"
	}
	text := fmt.Sprintf("it would cut off %s without an alert (%.0f %% of all), %s, %d bytes", plural(b.Flows, "answered flow"), b.Share*100, plural(uint64(b.Live), "live connection"), b.Bytes)
	if b.Parties > 1 {
		text += fmt.Sprintf(" of %d parties", b.Parties)
	}
	if b.Logins > 0 {
		text += fmt.Sprintf("; %s (%s)", plural(b.Logins, "login"), strings.Join(b.Users, ", "))
	}
	return text
}

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
