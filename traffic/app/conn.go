package app

// Conn is what the layer knows of one flow's application protocol. Its zero value is a flow not yet looked at.
type Conn struct {
	Proto   Proto    // agreed protocol of the flow: Unknown until found, Failed when it is none we know
	ProtoBy [2]Proto // what each direction's bytes say
	Before  Proto    // the protocol before an upgrade (EVE: app_proto_orig)
	Parser  Parser   // nil until Proto is found, or when it is recognised only
	Broken  [2]bool  // the direction's parser has failed or lost its place; no more bytes are parsed
	Events  []string // anomalies of the layer itself: "APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS" ...
	// Reversed: the probe found that the flow's first packet came from the server.
	Reversed bool
	probe    [2]probeState
}

type probeState struct {
	done bool
	need int // bytes to wait for, as the parser's last Result said
}

// Endpoint says which flow the bytes belong to.
type Endpoint struct {
	UDP            bool
	Client, Server uint16 // ports
	Time           int64  // ns, of the packet that is being worked on
}
