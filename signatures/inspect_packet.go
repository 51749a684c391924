package signatures

import (
	"picket/traffic/app"
	"picket/traffic/packet"
)

// judgeHeaders tries the rules that have nothing but a header: on the first packet of each direction of a flow, and on
// each packet without flow.
func (in *Inspector) judgeHeaders() {
	p, f := in.v.Packet, in.v.Flow
	if p.Flags&(packet.NoIP|packet.Pseudo) != 0 || f != nil && f.Packets[in.direction] > 1 {
		return
	}
	in.judgeHeader(in.e.ipOnly)
	in.judgeHeader(in.e.ipOnlyBy[0].find(&p.Src))
	in.judgeHeader(in.e.ipOnlyBy[1].find(&p.Dst))
}

func (in *Inspector) judgeHeader(ids []uint32) {
	for _, id := range ids {
		if s := in.e.Signatures[id]; in.header(s) && in.headTests(s) {
			in.matched(s, false)
		}
	}
}

// judgePacket finds the rules that could match the packet or its stream, and judges them in order.
func (in *Inspector) judgePacket() {
	p := in.v.Packet
	if p.NEvents > 0 {
		for _, id := range in.e.events {
			in.add(id)
		}
	}
	if p.Has(packet.NoIP) {
		for _, id := range in.e.noIP {
			in.add(id)
		}
	} else {
		in.prefilter()
	}
	for _, id := range in.sorted() {
		s := in.e.Signatures[id]
		if s.anyApp {
			in.txRules = append(in.txRules, id)
			continue
		}
		in.judge(s)
	}
}

// prefilter adds the rules of the packet's group whose fast pattern occurs, and those that have none.
func (in *Inspector) prefilter() {
	p := in.v.Packet
	g := in.e.packets[kindOf(p.Proto)][in.direction]
	in.ports = g.ports.of(p.DstPort)
	if in.direction == packet.ToClient {
		in.ports = g.ports.of(p.SrcPort)
	}
	in.addOpen(g.always)
	in.addNeeded(in.named[0].find(g.by[0], &p.Src))
	in.addNeeded(in.named[1].find(g.by[1], &p.Dst))
	if len(p.Payload) > 0 && !p.Has(packet.NoPayload) {
		in.searchPayload(g)
	}
	if in.hasStream {
		in.searchStream(g)
	}
}

// searchPayload adds the rules that could match the packet's payload. A payload that is not part of the stream is
// judged by the rules of the stream too.
func (in *Inspector) searchPayload(g *group) {
	p := in.v.Packet
	where := inPacket
	if !p.Has(packet.StreamAdded) {
		where = anyPlace
	}
	in.find(&g.anchors, p.Payload, where)
	for i := range g.guarded {
		if f := &g.guarded[i]; f.test(&in.v) {
			in.scan(f.filter, p.Payload, where)
		}
	}
	if g.whole != nil && !in.searchArrived(g) {
		in.scan(g.whole, p.Payload, where)
	}
}

// searchArrived searches a payload that has come in order for the rules of packets and of the stream at once, with as
// much before it as a literal that ends in it may need. What belongs to the stream is noted until that is judged. False:
// the payload must be searched by itself.
func (in *Inspector) searchArrived(g *group) bool {
	buf, off, found := arrived(in.v.State, in.v.Packet, g.whole.most-1)
	if buf == nil {
		return false
	}
	end := off + uint64(len(buf))
	found.Extend(g, off, end)
	if len(buf) < g.whole.least {
		return true
	}
	for _, lit := range g.whole.set.Scan(buf, in.scratch) {
		for _, r := range g.whole.rules(lit) {
			if !in.onPort(r.ports) {
				continue
			}
			if r.where&inPacket != 0 {
				in.add(r.id)
			}
			if r.where&inStream != 0 {
				found.Note(r.id, off, end)
			}
		}
	}
	return true
}

// searchStream adds the rules that could match the chunk of the stream.
func (in *Inspector) searchStream(g *group) {
	in.find(&g.anchors, in.window, inStream)
	if g.whole == nil {
		return
	}
	end := in.offset + uint64(len(in.window))
	found := in.v.State.Bytes().Search(in.direction)
	if !found.Covers(g, in.offset, end) {
		in.scan(g.whole, in.window, inStream)
		return
	}
	for _, h := range found.Hits {
		if h.Start < end && h.End > in.offset {
			in.add(h.Key)
		}
	}
}

// addNeeded adds the rules of a list that the packet has enough for.
func (in *Inspector) addNeeded(ids []uint32) {
	for _, id := range ids {
		if in.needed(in.e.Signatures[id].need) {
			in.add(id)
		}
	}
}

// gate is what the packet must have for a rule without fast pattern to be worth a look: most of these thousands of
// rules ask for a few sizes of payload or for the flags of a connection's begin.
type gate struct {
	id    uint32
	ports uint16
	least uint16 // bytes of payload
	most  uint16
	need  need
	flags uint8 // of TCP: all of them
}

// gate returns what the rule asks of a packet.
func (s *Signature) gate(ports uint16) gate {
	return gate{id: s.id, ports: ports, least: s.sizes.least, most: s.sizes.most, need: s.need, flags: s.flags}
}

// addOpen adds the rules whose gate lets the packet pass.
func (in *Inspector) addOpen(gates []gate) {
	p := in.v.Packet
	size := uint16(min(len(p.Payload), 0xffff))
	var flags uint8
	if p.Proto == packet.TCP {
		flags = p.TCP.Flags
	}
	for i := range gates {
		g := &gates[i]
		if g.least <= size && size <= g.most && flags&g.flags == g.flags && in.onPort(g.ports) && in.needed(g.need) {
			in.add(g.id)
		}
	}
}

// needed tells whether the packet has what a rule can't do without.
func (in *Inspector) needed(n need) bool {
	if n&(needPayload|needNoPayload) != 0 && in.hasPayload() != (n&needPayload != 0) {
		return false
	}
	if n&needReal != 0 && in.v.Packet.Has(packet.Pseudo) {
		return false
	}
	return n&needFlow == 0 || in.v.Flow != nil
}

// hasPayload tells whether there are bytes to look into: the packet's own, or a chunk of the stream that is judged with
// it (Suricata's PacketCreateMask). An acknowledgment that brings a chunk is no packet without payload to dsize:0.
func (in *Inspector) hasPayload() bool {
	p := in.v.Packet
	return in.hasStream || len(p.Payload) > 0 && !p.Has(packet.NoPayload)
}

// judge holds the packet against one rule.
func (in *Inspector) judge(s *Signature) {
	in.Stats.Rules++
	if !in.needed(s.need) || !in.header(s) || !in.headTests(s) {
		return
	}
	stream := false
	if len(s.payload) > 0 {
		var ok bool
		if ok, stream = in.payload(s); !ok {
			return
		}
	}
	in.matched(s, stream)
}

// headTests tries the rule's tests of packet and state, and its header buffers.
func (in *Inspector) headTests(s *Signature) bool {
	for i := range s.tests {
		if !s.tests[i].test(&in.v) {
			return false
		}
	}
	for i := range s.buffers {
		b := &s.buffers[i]
		buf := b.buffer.Packet(&in.v)
		if buf == nil {
			return false
		}
		in.m.sig = s
		if !in.runOver(b.chain, b.xform, buf) {
			return false
		}
	}
	return true
}

// runOver judges a chain on what transforms make of a buffer.
func (in *Inspector) runOver(c chain, p pipeline, buf []byte) bool {
	buf, ok := p.apply(&in.v, buf)
	return ok && in.m.run(c, buf)
}

// payload looks for the rule's payload contents in the stream, the packet, or both (Suricata's
// DetectEngineInspectRulePayloadMatches).
func (in *Inspector) payload(s *Signature) (ok, stream bool) {
	p := in.v.Packet
	in.m.sig = s
	if s.inspect&inStream != 0 {
		if in.hasStream && in.m.run(s.payload, in.window) {
			return true, true
		}
		if s.inspect&inPacket == 0 && p.Has(packet.StreamAdded) {
			return false, false
		}
	}
	if p.Has(packet.NoPayload) || s.streamAlone {
		return false, false
	}
	return in.m.run(s.payload, p.Payload), false
}

// matched does what follows on a match of a rule without transactions.
func (in *Inspector) matched(s *Signature, stream bool) {
	for _, f := range s.post {
		f(&in.v)
	}
	in.queue(s, in.guess(s, stream), in.direction, stream, false)
}

// maxGuesses bounds the alerts of packets that are told with the same transaction, as Suricata does.
const maxGuesses = 4

// guess finds the transaction that a match in a packet or stream most likely belongs to: the oldest that is not judged
// to its end. Without Options.GuessTx only matches in the stream and in datagrams of a known protocol are worth it.
func (in *Inspector) guess(s *Signature, stream bool) *app.Transaction {
	st := in.v.State
	if st == nil || st.App.Parser == nil {
		return nil
	}
	list := st.App.Parser.Transactions()
	if list == nil {
		return nil
	}
	for _, tx := range list.Open {
		if _, over := tx.Detect[in.direction].(judged); over {
			continue
		}
		udp := in.v.Flow.Proto == packet.UDP && s.protos != 0
		few := in.e.guessTx && list.Count()-tx.ID < maxGuesses
		if !stream && !udp && !few || tx.Guessed >= maxGuesses {
			return nil
		}
		tx.Guessed++
		return tx
	}
	return nil
}
