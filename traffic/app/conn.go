package app

// Conn is what the layer knows of one flow's application protocol. Its zero value is a flow not yet looked at.
type Conn struct {
	Proto   Proto    // agreed protocol of the flow: Unknown until found, Failed when it is none we know
	ProtoBy [2]Proto // what each direction's bytes say
	Before  Proto    // the protocol before an upgrade (EVE: app_proto_orig)
	Frames  *Frames  // nil: nobody wants frames of this protocol
	Parser  Parser   // nil until Proto is found, or when it is recognised only
	Broken  [2]bool  // the direction's parser has failed or lost its place; no more bytes are parsed
	Events  []string // anomalies of the layer itself: "APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS" ...
	// Errors counts what could not be parsed: the end of a TCP connection's parsing, or one datagram each.
	Errors uint32
	// Reversed: the probe found that the flow's first packet came from the server.
	Reversed bool
	// Previous is the parser before an upgrade; its transactions are still to be judged and logged.
	Previous Parser
	// Expected is the protocol that another flow has announced for this one (FTP's data connection). The flow
	// table sets it before the first byte; it is used when neither patterns nor probes know better.
	Expected Proto
	// Promise is the Data of the announcement that Expected comes from.
	Promise any
	// Announced lists the flows that the parser foretells; the flow table takes them away.
	Announced []Announcement
	// Encrypted: the payload of both directions is ciphertext; packets need no content inspection any more.
	Encrypted bool
	// Finished: the parser wants no more bytes. Together with Encrypted the flow may be offloaded; parsers say
	// so only where the configuration asks for it (Config.TLS.Encrypted "bypass").
	Finished bool

	plain   Proto   // the name before a Result.Rename
	ended   [2]bool // the direction's last byte has come
	probe   [2]probeState
	upgrade Proto  // the protocol to expect when next bytes come; AnyProto: whatever it is
	port    uint16 // the server port to look for instead of the flow's, after CONNECT
	first   firstData
}

// firstData remembers which direction spoke first, until a parser has been given bytes.
type firstData uint8

const (
	noData firstData = iota
	clientSpokeFirst
	serverSpokeFirst
	parserFed
)

// probeState is how far detection of one direction has come.
type probeState struct {
	settled  bool   // detection of this direction is over, with or without a result
	patterns bool   // patterns can't match any more
	probes   bool   // no probing parser is left to ask
	refused  uint64 // probing parsers that said no, as a bit set over the layer's probes of the transport
	held     []byte // bytes kept here while the protocol is not known; never above maxHeld
	need     int    // bytes to wait for, as the parser's last Result said
}

// Upgrading tells whether the protocol is about to change: what was found so far is to be judged first.
func (c *Conn) Upgrading() bool { return c.upgrade != Unknown }

// Settled tells whether detection of a direction's protocol is over, with or without a result.
func (c *Conn) Settled(dir Direction) bool { return c.Proto == Failed || c.probe[dir].settled }

// Idle tells whether the layer wants no more bytes of a direction.
func (c *Conn) Idle(dir Direction) bool {
	return c.Proto == Failed || c.Finished || c.Broken[dir] ||
		(c.probe[dir].settled && c.Parser == nil && c.Proto != Unknown && c.upgrade == Unknown)
}

// Over tells whether no transaction will change any more: the parser has given up, or both directions have ended.
func (c *Conn) Over() bool {
	return c.Broken[ToServer] && c.Broken[ToClient] || c.ended[ToServer] && c.ended[ToClient]
}

// addEvent records an anomaly of the layer once.
func (c *Conn) addEvent(name string) {
	for _, have := range c.Events {
		if have == name {
			return
		}
	}
	c.Events = append(c.Events, name)
}

// Endpoint says which flow the bytes belong to.
type Endpoint struct {
	UDP            bool
	Midstream      bool   // TCP whose handshake was not seen: detection may turn the flow round
	Client, Server uint16 // ports
	Time           int64  // ns, of the packet that is being worked on
	// End is the stream offset behind the last byte that was handed over, these bytes included, by direction.
	End [2]uint64
}
