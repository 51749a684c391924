package incidents

import (
	"fmt"
	"net/netip"
	"time"
)

// Kind says who has found something.
type Kind string

// Kinds of findings.
const (
	Alert     Kind = "alert"     // a signature matched traffic
	Breach    Kind = "breach"    // a rule of lines, numbers or changes was broken
	Login     Kind = "login"     // somebody logged in: no breach by itself, a step of a chain
	Started   Kind = "process"   // a process was started from a session that belongs to a case
	Deviation Kind = "deviation" // what a measure wanted and what is there differ
	Manual    Kind = "manual"    // an operator has opened the case
)

// Endpoint is one side of what was seen. A zero Addr is an unknown one, a zero Port none.
type Endpoint struct {
	Addr netip.Addr `json:"addr,omitzero"`
	Port uint16     `json:"port,omitempty"`
}

// Process is a process on this host. PID and Start together name it for good; a PID alone may be used again.
type Process struct {
	PID       int    `json:"pid"`
	Start     uint64 `json:"start"` // clock ticks after boot: field 22 of /proc/PID/stat
	Exe       string `json:"exe,omitempty"`
	Name      string `json:"name,omitempty"` // comm
	Command   string `json:"command,omitempty"`
	User      string `json:"user,omitempty"`
	Container string `json:"container,omitempty"` // from its cgroup
}

// Rule names what has found it: a signature ("1:2019401"), a jail ("sshd"), a rule of numbers.
type Rule struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`            // msg of a signature
	Class    string            `json:"class,omitempty"` // classtype
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Stage is a step of an intrusion. Stages are ordered: a case that goes from an earlier to a later one is a chain.
type Stage uint8

// Stages, as far as a finding tells.
const (
	NoStage   Stage = iota
	Recon           // scans
	Access          // failed logins, exploits
	Foothold        // a login, a shell
	Execution       // a process started
	Command         // beacons, command and control
	Impact          // data out, things broken
)

var stages = [...]string{"", "recon", "access", "foothold", "execution", "command", "impact"}

// String is the word that records and tables use.
func (s Stage) String() string { return stages[min(s, Impact)] }

// MarshalText implements encoding.TextMarshaler.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Stage) UnmarshalText(text []byte) error {
	for i, word := range stages {
		if word == string(text) {
			*s = Stage(i)
			return nil
		}
	}
	return fmt.Errorf("stage %q is none of recon, access, foothold, execution, command, impact", text)
}

// Finding is an alert or a breach as a case sees it. It is a value: who makes it gives up all that it refers to.
type Finding struct {
	Time        time.Time  `json:"time"`
	Kind        Kind       `json:"kind"`
	Rule        Rule       `json:"rule"`
	Severity    Severity   `json:"severity"`
	Confidence  uint8      `json:"confidence"` // percent
	Stage       Stage      `json:"stage,omitempty"`
	Attacker    Endpoint   `json:"attacker,omitzero"`
	Victim      Endpoint   `json:"victim,omitzero"`
	Proto       string     `json:"proto,omitempty"` // "tcp"
	App         string     `json:"app,omitempty"`   // "http"
	Host        string     `json:"host,omitempty"`  // where it was seen: this host's name, a device's
	User        string     `json:"user,omitempty"`
	File        string     `json:"file,omitempty"`
	Jail        string     `json:"jail,omitempty"`
	Process     *Process   `json:"process,omitempty"`
	FlowID      uint64     `json:"flow_id,omitempty"`
	CommunityID string     `json:"community_id,omitempty"`
	Tags        []string   `json:"tags,omitempty"`    // "mitre:T1110", tags of the rule
	Effect      string     `json:"effect,omitempty"`  // what was done at once: "dropped", "rejected"; "": nothing
	Repeats     uint64     `json:"repeats,omitempty"` // how often the same was seen since it was last told, beside this
	Text        string     `json:"text,omitempty"`    // what the rule's name does not say: "6 failures in 10m"
	Own         bool       `json:"own,omitempty"`     // a consequence of our own block: a dropped flow goes on
	Drift       *Drift     `json:"drift,omitempty"`   // of the kind deviation: what it is about
	Evidence    []Evidence `json:"-"`
	// Orders are the numbers of the bans that were ordered at once, before the case knew of the finding: the measures
	// join them with the case.
	Orders []uint64 `json:"-"`
	// Ban is set where the judge itself asks for one (a jail's bantime); policies may add to it.
	Ban *WantedBan `json:"ban,omitempty"`
}

// Drift tells what a deviation is about. Deviations of one cause are one case, and it is resolved when all of its subjects
// are as they should be.
type Drift struct {
	Subject  string `json:"subject"` // "bans", "measure 17"
	Cause    string `json:"cause"`   // "changed by nft"
	Repaired bool   `json:"repaired"`
}

// WantedBan is the ban that a jail's configuration asks for.
type WantedBan struct {
	Prefix netip.Prefix `json:"prefix"`
	For    Seconds      `json:"for_seconds"` // 0: until lifted
}

// Evidence is one piece of proof. Data is bounded by MaxEvidence where the piece is made.
type Evidence struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // "packet", "pcap", "line", "process", "number", "file", "output"
	Name string    `json:"name"` // what a reader sees first: "/var/log/auth.log", "flow 1234"
	Type string    `json:"type"` // media type: "text/plain", "application/vnd.tcpdump.pcap", "text/html"
	Data []byte    `json:"data,omitempty"`
}

// Address is the endpoint for people: "192.0.2.1:22", "192.0.2.1", or "" when it is not known.
func (e Endpoint) Address() string {
	switch {
	case !e.Addr.IsValid():
		return ""
	case e.Port == 0:
		return e.Addr.String()
	}
	return netip.AddrPortFrom(e.Addr, e.Port).String()
}

// MaxEvidence bounds one piece of evidence, in bytes.
const MaxEvidence = 64 << 10
