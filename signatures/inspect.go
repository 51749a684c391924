package signatures

import (
	"slices"
	"sync/atomic"

	"picket/signatures/pcre"
	"picket/signatures/search"
	"picket/signatures/transform"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// Inspector judges one worker's packets. It holds the worker's scratch; nothing of it is shared.
//
// The way of a packet (Suricata's detect.c, DetectRun):
//
//	Inspect        what an earlier verdict has decided for the flow
//	judgeHeaders   rules of the header alone, once per flow and direction
//	judgePacket    prefilter over payload and stream, then the rules it found      inspect_packet.go
//	judgeTx        prefilter over the buffers of open transactions, then theirs    inspect_tx.go
//	finish         limits, actions in order, alerts                                alert.go
type Inspector struct {
	// Alerts of the last Inspect.
	Alerts []Alert
	// Tagged says that an earlier match wants the last packet written too (tag).
	Tagged bool
	Stats  Stats

	current *atomic.Pointer[Engine]
	e       *Engine
	mem     *Memory

	v          view
	m          matcher
	scratch    *search.Scratch
	regex      pcre.Matcher
	transforms transform.Scratch
	candidates []uint32
	txRules    []uint32 // rules of transactions that packet prefilters found
	seen       []uint32 // by signature: the generation in which it became a candidate
	generation uint32
	addrSeen   [2][]uint32 // by address set: generation*2 + answer
	named      [2]addrCache
	ports      []uint64 // bits of the sets of ports that the server's is in
	matches    []Alert
	contexts   []Context
	captured   []captured
	packetVars []Var
	decoded    []byte
	modified   bool
	loose      map[uint64]*flowState // of flows that have no State
	window     []byte                // raw stream in the packet's direction
	offset     uint64                // of the window in the stream
	hasStream  bool
	streamEOF  bool
	bits       *flowState
	direction  app.Direction
}

// Stats count what the inspector could not do.
type Stats struct {
	AlertsLost    uint64 // matches beyond the bounds of a packet
	StatesRefused uint64 // flows without room for flowbits
	Rules         uint64 // rules looked at behind the prefilter
	Suppressed    uint64 // alerts held back by limits
}

// NewInspector makes a worker's inspector. The engine is picked up anew before each packet; mem is shared by all workers
// and outlives reloads.
func NewInspector(current *atomic.Pointer[Engine], mem *Memory) *Inspector {
	in := &Inspector{
		current: current, mem: mem, scratch: search.NewScratch(),
		Alerts: make([]Alert, 0, MaxAlerts), loose: map[uint64]*flowState{},
	}
	in.v.insp = in
	in.m.v = &in.v
	return in
}

// Inspect judges a packet. f and s are its flow and the flow's state, nil where there is none. It allocates nothing on a
// packet that matches nothing.
func (in *Inspector) Inspect(p *packet.Packet, f *flow.Flow, s *flow.State) Verdict {
	in.Alerts, in.Tagged = in.Alerts[:0], false
	if p.Has(packet.NoInspection) {
		return excepted(p)
	}
	if f != nil {
		switch f.Action {
		case flow.Drop, flow.Reject:
			if f.Flags&flow.Excepted != 0 {
				return Verdict{Effect: Dropped, Flow: true, Why: ByException}
			}
			return Verdict{Effect: Dropped, Flow: true, Why: ByFlow}
		case flow.Pass:
			return Verdict{Effect: Passed, Flow: true, Why: ByFlow}
		}
		if f.Flags&flow.NoPacket != 0 {
			return Verdict{}
		}
	}
	in.begin(p, f, s)
	in.judgeHeaders()
	in.judgePacket()
	if s != nil && s.App.Frames != nil {
		in.judgeFrames()
	}
	if s != nil && s.App.Parser != nil && !p.Has(packet.ICMPError) {
		in.judgeTransactions()
	}
	v := Verdict{Modified: in.modified}
	if len(in.matches) > 0 {
		v = in.finish()
	}
	if in.e.tags {
		in.Tagged = in.tagged()
	}
	if p.Denied != packet.NotDenied && !v.Effect.Drops() {
		v.Effect, v.Why, v.Denied, v.Rule = Dropped, ByTraffic, p.Denied, nil
	}
	return v
}

// excepted is the verdict on a packet that an exception policy keeps from being judged.
func excepted(p *packet.Packet) Verdict {
	if p.Denied == packet.NotDenied {
		return Verdict{Effect: Passed, Why: ByTraffic}
	}
	v := Verdict{Effect: Dropped, Why: ByTraffic, Denied: p.Denied, Flow: p.Exception == packet.DropFlow}
	if p.Exception == packet.Reject {
		v.Effect, v.Flow = RejectedSource, true
	}
	return v
}

// begin prepares the scratch for one packet.
func (in *Inspector) begin(p *packet.Packet, f *flow.Flow, s *flow.State) {
	if e := in.current.Load(); e != in.e {
		in.use(e)
	}
	in.direction = app.ToServer
	if f != nil {
		in.direction = p.Dir
	}
	v := &in.v
	v.Packet, v.Flow, v.State, v.Tx, v.Dir = p, f, s, nil, in.direction
	v.arena, v.work = v.arena[:0], v.work[:0]
	in.matches, in.candidates, in.txRules = in.matches[:0], in.candidates[:0], in.txRules[:0]
	in.modified, in.bits, in.contexts = false, nil, in.contexts[:0]
	in.captured, in.packetVars = in.captured[:0], in.packetVars[:0]
	in.nextGeneration()
	in.window, in.offset, in.hasStream, in.streamEOF = nil, 0, false, false
	secret := in.secret(p, f, s)
	if s != nil && p.Proto == packet.TCP {
		w := raw(s, in.direction)
		in.window, in.offset, in.streamEOF = w.Data, w.Offset, w.EOF
		in.hasStream = len(w.Data) > 0 && !secret
	}
}

// secret tells whether the packet's payload is ciphertext, and takes it from being judged. The packet with which a
// parser says so is judged whole (Suricata's FlowSetNoPayloadInspectionFlag).
func (in *Inspector) secret(p *packet.Packet, f *flow.Flow, s *flow.State) bool {
	if f == nil || s == nil {
		return false
	}
	known := f.Flags&flow.Secret != 0
	if known {
		p.Flags |= packet.NoPayload
	} else if s.App.Encrypted {
		f.Flags |= flow.Secret
	}
	return known
}

// use takes a new engine.
func (in *Inspector) use(e *Engine) {
	in.e = e
	in.seen = make([]uint32, len(e.Signatures))
	in.candidates = make([]uint32, 0, len(e.Signatures))
	for i := range in.addrSeen {
		in.addrSeen[i] = make([]uint32, len(e.addrs))
	}
	in.generation, in.named, in.ports = 0, [2]addrCache{}, []uint64{1}
}

// nextGeneration forgets all candidates and addresses at once.
func (in *Inspector) nextGeneration() {
	in.generation++
	if in.generation >= 1<<31 {
		clear(in.seen)
		clear(in.addrSeen[0])
		clear(in.addrSeen[1])
		in.generation = 1
	}
}

// add makes a signature a candidate, once.
func (in *Inspector) add(id uint32) {
	if in.seen[id] != in.generation {
		in.seen[id] = in.generation
		in.candidates = append(in.candidates, id)
	}
}

// addRefs makes rules candidates that are looked for in some place, as far as they are for the packet's port.
func (in *Inspector) addRefs(refs []ref, where payloadMode) {
	for _, r := range refs {
		if r.where&where != 0 && in.onPort(r.ports) {
			in.add(r.id)
		}
	}
}

// onPort tells whether the server's port is in a set.
func (in *Inspector) onPort(set uint16) bool { return in.ports[set>>6]>>(set&63)&1 != 0 }

// scan adds the rules whose literal occurs in a buffer.
func (in *Inspector) scan(f *prefilter, buf []byte, where payloadMode) {
	if f == nil || len(buf) < f.least {
		return
	}
	for _, lit := range f.set.Scan(buf, in.scratch) {
		in.addRefs(f.rules(lit), where)
	}
}

// sorted puts the candidates in the order of judgement.
func (in *Inspector) sorted() []uint32 {
	if len(in.candidates) > 1 {
		slices.Sort(in.candidates)
	}
	return in.candidates
}

// header holds the packet against a rule's header.
func (in *Inspector) header(s *Signature) bool {
	h, p := &s.header, in.v.Packet
	if s.dirs != dirBoth && in.v.Flow != nil && s.dirs&(1<<in.direction) == 0 {
		return false
	}
	if p.Has(packet.NoIP) {
		return h.anyPacket || h.ether && p.Eth != nil || h.arp && p.ARP != nil
	}
	if h.arp || !h.protos.has(p.Proto) || h.family != 0 && h.family != p.Family {
		return false
	}
	if s.protos != 0 && !in.speaks(s) || (h.sport|h.dport) != 0 && !hasPorts(p.Proto) {
		return false
	}
	swap := s.bothWays && in.direction == app.ToClient
	if !swap && in.sides(h, 0, p.SrcPort, p.DstPort) {
		return true
	}
	return (swap || h.bidir) && in.sides(h, 1, p.DstPort, p.SrcPort)
}

// hasPorts tells whether packets of a protocol have ports: a rule that asks for some, be it "!80", is not for the rest.
func hasPorts(p packet.Proto) bool { return p == packet.TCP || p == packet.UDP || p == packet.SCTP }

// speaks tells whether the flow's protocol is one of the rule's.
func (in *Inspector) speaks(s *Signature) bool {
	st := in.v.State
	return st != nil && s.protos>>st.App.Proto&1 != 0
}

// sides compares addresses and ports; from is 0 when the rule's left side is the packet's source.
func (in *Inspector) sides(h *header, from int, sport, dport uint16) bool {
	if h.sport != 0 && !in.e.ports[h.sport].has(sport) || h.dport != 0 && !in.e.ports[h.dport].has(dport) {
		return false
	}
	return in.address(from, h.src) && in.address(1-from, h.dst)
}

// address tells whether the packet's source (side 0) or destination lies in a set; each answer is kept for the packet.
func (in *Inspector) address(side int, set uint32) bool {
	if set == 0 {
		return true
	}
	known := &in.addrSeen[side][set]
	if *known>>1 == in.generation {
		return *known&1 != 0
	}
	a := &in.v.Packet.Src
	if side == 1 {
		a = &in.v.Packet.Dst
	}
	*known = in.generation << 1
	if in.e.addrs[set].has(a) {
		*known |= 1
		return true
	}
	return false
}
