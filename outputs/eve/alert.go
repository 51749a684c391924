package eve

import (
	"picket/traffic/app"
	"picket/traffic/packet"
)

// Signature is what an alert record tells of the rule that matched.
type Signature struct {
	SID, GID, Rev uint32
	Msg           string
	Category      string // the description of its classtype
	Severity      int    // its priority
	Text          string // the rule as written
	Metadata      []Pair // in the rule's order; a key may come several times
	References    []string
	Target        Side
}

// Pair is one key with its value.
type Pair struct{ Key, Value string }

// Side is the side of an alert that was attacked, as the rule's target option says.
type Side uint8

// The sides.
const (
	NoSide Side = iota
	SourceSide
	DestinationSide
)

// Alert is one match to be written.
type Alert struct {
	Sig     *Signature
	Blocked bool // the packet was dropped or rejected because of it
	// Tx is the transaction it matched in, or nil; Guessed: it matched in the packet while Tx was the only one.
	Tx      *app.Transaction
	Guessed bool
	// Stream: the match lies in the stream or a transaction, and Data holds the stream's bytes around it.
	Stream bool
	Data   []byte
	// Frame is the frame that it matched in, or nil.
	Frame *app.Frame
	// Verdict is what happened to the packet.
	Verdict Verdict
	// XFF is the client's address as a proxy reports it; nil: the logger looks for it, if it shall.
	XFF []byte
	// Contexts are what the sets of values that matched tell.
	Contexts []ValueContext
}

// ValueContext is JSON text under a name.
type ValueContext struct {
	Name string
	JSON []byte
}

// Verdict is what happened to a packet, as alert and drop records name it.
type Verdict struct {
	Action   string // "alert", "pass" or "drop"; "" writes no verdict
	RejectTo string // "to_client", "to_server", "both"; "" for none
	TCPReset bool   // a reject is a TCP RST, otherwise an ICMP message
	Reason   string // of a drop: "rules", "flow drop", "stream error" ...
}

// Vars are the variables of a packet and its flow.
type Vars struct {
	Flowbits, FlowNames []string
	FlowValues          [][]byte
	PktNames            []string
	PktValues           [][]byte
	FlowInts            []IntVar
	Entropies           []EntropyVar
}

// EntropyVar is the entropy of a buffer that a rule has looked at.
type EntropyVar struct {
	Buffer string
	Value  float64
}

// IntVar is one flowint.
type IntVar struct {
	Name  string
	Value uint32
}

// Alert writes an alert record.
func (l *Logger) Alert(a *Alert, at *Moment) {
	if !l.cfg.Enabled("alert") {
		return
	}
	if a.XFF == nil {
		a.XFF = l.forwarded(a, at)
	}
	if l.cfg.Alert.XFF.Overwrite && a.XFF != nil {
		at = overwritten(at, a.XFF)
	}
	j := &l.json
	l.head("alert", at.Packet, at.Flow, AsPacket, at.Time)
	if a.Tx != nil {
		j.Uint("tx_id", a.Tx.ID)
		if a.Guessed {
			j.Bool("tx_guessed", true)
		}
	}
	l.alertObject(a, at)
	l.tunnel(at.Packet)
	if at.Flow != nil {
		l.alertFlow(a, at)
	}
	l.alertPayload(a, at.Packet)
	if a.Frame != nil {
		part, _ := at.State.Due(a.Frame)
		l.frameObject(a.Frame, part, at)
	}
	l.packet(at.Packet)
	if l.cfg.Alert.Verdict {
		verdict(j, &a.Verdict)
	}
	l.finish()
}

// alertObject writes "alert":{...}; drop records use it too.
func (l *Logger) alertObject(a *Alert, at *Moment) {
	j, s, c := &l.json, a.Sig, &l.cfg.Alert
	j.Object("alert")
	if a.Blocked {
		j.Str("action", "blocked")
	} else {
		j.Str("action", "allowed")
	}
	j.Uint("gid", uint64(s.GID))
	j.Uint("signature_id", uint64(s.SID))
	j.Uint("rev", uint64(s.Rev))
	j.Str("signature", s.Msg)
	j.Str("category", s.Category)
	j.Int("severity", int64(s.Severity))
	l.target(s.Target, at)
	if len(a.XFF) > 0 && !c.XFF.Overwrite {
		j.Text("xff", a.XFF)
	}
	if c.References && len(s.References) > 0 {
		j.Array("references")
		for _, r := range s.References {
			j.Str("", r)
		}
		j.EndArray()
	}
	if c.RuleMetadata {
		metadata(j, s.Metadata)
	}
	if c.RuleText {
		j.Str("rule", s.Text)
	}
	if len(a.Contexts) > 0 {
		j.Object("context")
		for _, x := range a.Contexts {
			j.Raw(x.Name, x.JSON)
		}
		j.EndObject()
	}
	j.EndObject()
}

// target writes which side attacked and which was attacked.
func (l *Logger) target(t Side, at *Moment) {
	if t == NoSide {
		return
	}
	e := ends(at.Packet, at.Flow, AsPacket)
	if t == SourceSide {
		e.Src, e.Dst, e.SrcPort, e.DstPort = e.Dst, e.Src, e.DstPort, e.SrcPort
	}
	ports := e.Proto == packet.TCP || e.Proto == packet.UDP || e.Proto == packet.SCTP
	for _, side := range [...]struct {
		name string
		addr packet.Addr
		port uint16
	}{{"source", e.Src, e.SrcPort}, {"target", e.Dst, e.DstPort}} {
		l.json.Object(side.name)
		l.json.Addr("ip", side.addr, e.Family)
		if ports {
			l.json.Uint("port", uint64(side.port))
		}
		l.json.EndObject()
	}
}

// metadata writes a rule's metadata, values collected under their key.
func metadata(j *JSON, pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	j.Object("metadata")
	for i, p := range pairs {
		if seen(pairs[:i], p.Key) {
			continue
		}
		j.name(p.Key)
		j.Array("")
		for _, q := range pairs[i:] {
			if q.Key == p.Key {
				j.Str("", q.Value)
			}
		}
		j.EndArray()
	}
	j.EndObject()
}

func seen(pairs []Pair, key string) bool {
	for _, p := range pairs {
		if p.Key == key {
			return true
		}
	}
	return false
}

// alertFlow writes what the flow adds: the transaction's members, its files, protocol, direction and counts.
func (l *Logger) alertFlow(a *Alert, at *Moment) {
	j, c := &l.json, &l.cfg.Alert
	if a.Tx != nil && c.AppLayer {
		l.txMembers(a.Tx, at, true)
	}
	if a.Tx != nil && c.RuleMetadata {
		l.txFiles(a.Tx, at.Packet)
	}
	appProto(j, at.conn())
	if at.Packet != nil {
		j.Str("direction", at.Packet.Dir.String())
	}
	if c.FlowObject {
		j.Object("flow")
		flowCounts(j, at.Flow)
		e := ends(nil, at.Flow, FromClient)
		j.Addr("src_ip", e.Src, e.Family)
		j.Addr("dest_ip", e.Dst, e.Family)
		if e.Proto == packet.TCP || e.Proto == packet.UDP || e.Proto == packet.SCTP {
			j.Uint("src_port", uint64(e.SrcPort))
			j.Uint("dest_port", uint64(e.DstPort))
		}
		j.EndObject()
	}
}

// txMembers writes a transaction's members; what turns out to have nothing to say is taken back.
func (l *Logger) txMembers(tx *app.Transaction, at *Moment, bodies bool) {
	t := logger(tx.Proto)
	if t == nil {
		return
	}
	mark := l.json.Len()
	dir := app.ToServer
	if at.Packet != nil {
		dir = at.Packet.Dir
	}
	if !t.Append(&l.json, tx, &Context{Cfg: l.cfg, Conn: at.conn(), Flow: at.Flow, Alert: true, Bodies: bodies, Dir: dir}) {
		l.json.Truncate(mark)
	}
}

// alertPayload writes the bytes that were judged: a piece of the stream, or the packet's payload.
func (l *Logger) alertPayload(a *Alert, p *packet.Packet) {
	j, c := &l.json, &l.cfg.Alert
	if !c.Payload && !c.PayloadPrintable || p == nil {
		return
	}
	data := p.Payload
	if a.Stream && p.Proto == packet.TCP {
		data = a.Data
	}
	data = data[:min(len(data), c.PayloadBufferSize)]
	if len(data) > 0 {
		if c.Payload {
			j.Base64("payload", data)
		}
		if c.PayloadPrintable {
			j.Printable("payload_printable", data)
		}
		if c.PayloadLength {
			j.Uint("payload_length", uint64(len(data)))
		}
	}
	stream := uint64(0)
	if a.Stream && p.Proto == packet.TCP {
		stream = 1
	}
	j.Uint("stream", stream)
}

// verdict writes "verdict":{...} (output-json.c, EveAddVerdict).
func verdict(j *JSON, v *Verdict) {
	if v.Action == "" {
		return
	}
	j.Object("verdict")
	j.Str("action", v.Action)
	if v.RejectTo != "" {
		j.Str("reject-target", v.RejectTo)
		j.Array("reject")
		if v.TCPReset {
			j.Str("", "tcp-reset")
		} else {
			j.Str("", "icmp-prohib")
		}
		j.EndArray()
	}
	j.EndObject()
}
