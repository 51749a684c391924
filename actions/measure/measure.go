package measure

import (
	"encoding/json"
	"net/netip"
	"time"

	"picket/incidents"
)

// State of a measure. Pending, PendingApproval, InProcess, Complete, Error and Skipped are a CounterMeasure's states as
// monitoring agents name them; Active, Lifted, Expired and Denied belong to what lasts or was refused.
type State string

// States.
const (
	Pending         State = "pending"          // its delay runs; it needs no approval or has it
	PendingApproval State = "pending approval" // an operator must approve; the delay runs meanwhile
	InProcess       State = "in process"
	Active          State = "active"   // done, proven, in force
	Complete        State = "complete" // done and proven; nothing lasts
	Error           State = "error"
	Skipped         State = "skipped" // its incident was resolved first
	Denied          State = "denied"  // by an operator, or refused by the gate
	Lifted          State = "lifted"  // undone before its time
	Expired         State = "expired"
	Observed        State = "observed" // observe mode: what would have been done
)

// Over tells whether nothing more happens to a measure in this state.
func (s State) Over() bool {
	switch s {
	case Pending, PendingApproval, InProcess, Active:
		return false
	}
	return true
}

// ID numbers measures on this host from 1.
type ID int64

// Spec is a measure as a policy or an operator orders it. Name is a built-in ("ban", "kill", "notify") or a plugin's
// textkey.
type Spec struct {
	Name     string            `json:"name"`
	Args     map[string]string `json:"args,omitempty"`          // as the configuration writes them; the Doer's Plan checks them
	Delay    incidents.Seconds `json:"delay_seconds,omitempty"` // from the proposal
	For      incidents.Seconds `json:"for_seconds,omitempty"`   // of what lasts; 0: the Doer's default, or until lifted
	Approval bool              `json:"approval,omitempty"`
	Policy   string            `json:"policy,omitempty"`   // which has ordered it; "": an operator
	Audience string            `json:"for_whom,omitempty"` // who is asked for approval: "page" (people on call), "ops"; "": whoever looks
	Observe  bool              `json:"observe,omitempty"`  // the policy only tells what it would do
}

// Measure is one thing done, or to be done.
type Measure struct {
	ID       ID           `json:"id"`
	Incident incidents.ID `json:"incident,omitempty"` // 0: none (picket ban)
	Spec
	State    State     `json:"state"`
	Target   string    `json:"target,omitempty"` // for people: "203.0.113.7, tcp 22", "pid 4711 (sh)"
	Reason   string    `json:"reason"`
	By       string    `json:"by"`                  // "policy ssh", "cli root"
	Ask      string    `json:"ask,omitempty"`       // why approval is needed, when the gate asks for it
	Approved string    `json:"approved,omitempty"`  // who did
	DeniedBy string    `json:"denied_by,omitempty"` // who did, of what was denied by people
	Created  time.Time `json:"created"`
	Due      time.Time `json:"due"` // when its delay is over
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`        // of Do
	Until    time.Time `json:"until,omitzero"`        // of what lasts; zero: until lifted
	Ends     bool      `json:"ends_itself,omitempty"` // at Until, without Undo: the kernel has a timeout for it
	LiftedBy string    `json:"lifted_by,omitempty"`   // who has asked for it to be undone before its time
	AtOnce   bool      `json:"at_once,omitempty"`     // a ban that was made before its case knew of the finding
	Proof    string    `json:"proof,omitempty"`
	Exit     int       `json:"exit"`
	Error    string    `json:"error,omitempty"`
	Output   Output    `json:"output,omitzero"`
	// Cause is the finding that has set it off, without its evidence; nil for an operator's.
	Cause *incidents.Finding `json:"cause,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler. Databases of before schema version 3 have nanoseconds in the fields "delay" and
// "for".
func (m *Measure) UnmarshalJSON(text []byte) error {
	type plain Measure
	in := struct {
		*plain
		OldDelay int64 `json:"delay"`
		OldFor   int64 `json:"for"`
	}{plain: (*plain)(m)}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if m.Delay == 0 {
		m.Delay = incidents.Seconds(in.OldDelay)
	}
	if m.For == 0 {
		m.For = incidents.Seconds(in.OldFor)
	}
	return nil
}

// Output is what a measure has printed, bounded by MaxOutput.
type Output struct {
	Type string `json:"type"` // "text/plain", "text/html", "text/markdown"
	Text string `json:"text"`
	Cut  bool   `json:"cut,omitempty"`
}

// MaxOutput bounds what is kept of a measure's output, in bytes.
const MaxOutput = 256 << 10

// Order is what a Doer gets: the measure, and the case as it is now (nil without one).
type Order struct {
	Measure  *Measure
	Incident *incidents.Incident
	Finding  *incidents.Finding // which has set it off; nil for an operator's
	Again    bool               // it was begun before a crash: what was done then must not be done twice
}

// Plan is what a measure would do, worked out without doing anything: for the gate, approval and --dry-run.
type Plan struct {
	Target string `json:"target,omitempty"` // for people
	// Args pin what was found, to be kept in Measure.Args from now on: after a delay or a crash the same process is
	// meant, not one that has its number by then. nil: nothing to pin.
	Args    map[string]string `json:"args,omitempty"`
	Steps   []string          `json:"steps,omitempty"`       // "add 203.0.113.7 . tcp . 22 to set …", "kill -TERM 4711 (sh)"
	Peers   []netip.Prefix    `json:"peers,omitempty"`       // who loses reach; the gate looks at each of them
	PIDs    []int             `json:"pids,omitempty"`        // processes that are touched; the gate looks at each of them
	Lasting bool              `json:"lasting,omitempty"`     // it stands until lifted or expired
	For     incidents.Seconds `json:"for_seconds,omitempty"` // of what lasts; 0: until lifted
}

// Result is what Do has brought.
type Result struct {
	Exit     int
	Output   Output
	Evidence []incidents.Evidence
	Until    time.Time // of what lasts; zero: until lifted
	Ends     bool      // it ends at Until by itself, as what has a timeout in the kernel
}
