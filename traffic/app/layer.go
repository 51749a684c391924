package app

// Protocol is one line in the table of package protocols: how to recognise a protocol, and how to parse it.
type Protocol struct {
	Proto Proto
	// TCP and UDP say over which transport this entry is found.
	TCP, UDP bool
	// Patterns recognise a protocol by bytes near the start of a direction (Suricata's PM detection).
	Patterns []Pattern
	// ClientFirst: the parser can only begin with bytes of the client (Suricata's acceptable first direction).
	ClientFirst bool
	// Ports at which Probe is asked (the probing parser), as Suricata's detection-ports: "53", "80,8080", "any".
	Ports string
	// Probe looks at the first bytes of a direction.
	Probe func(dir Direction, data []byte) Answer
	// New makes a connection's parser.
	New func(*Config) Parser
	// Steps names the progress values for rule hooks ("request_headers") and debugging, by direction.
	Steps [2][]string
	// Events lists all event names that the parser can set, for rules' app-layer-event.
	Events []string
}

// Pattern is a byte string that marks a protocol.
type Pattern struct {
	Dir    Direction
	Bytes  string
	Offset int // the pattern lies within [Offset, Depth)
	Depth  int
	NoCase bool
	// Check, if not nil, has the last word when the bytes match.
	Check func(dir Direction, data []byte) Answer
}

// Answer is a probe's opinion.
type Answer uint8

// A probe knows, knows not, or wants more bytes.
const (
	More Answer = iota
	Yes
	No
	// Reversed: yes, and the direction of the flow is the wrong way round.
	Reversed
)
