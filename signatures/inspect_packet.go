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
		if s := in.e.Signatures[id]; in.header(s) {
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
	key := groupOf(p, in.direction)
	port := p.DstPort
	if key.dir == packet.ToClient {
		port = p.SrcPort
	}
	groups := in.e.packets[key]
	g := groups.at(port)
	in.addNeeded(g.always)
	in.addNeeded(groups.by[0].find(&p.Src))
	in.addNeeded(groups.by[1].find(&p.Dst))
	look := len(p.Payload) > 0 && !p.Has(packet.NoPayload)
	if look {
		in.scanHeads(&g.packet, p.Payload, 0)
	}
	if in.hasStream {
		in.scanHeads(&g.stream, in.window, in.base)
	}
	if look && !p.Has(packet.StreamAdded) {
		in.scanHeads(&g.stream, p.Payload, 0)
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

// needed tells whether the packet has what a rule can't do without.
func (in *Inspector) needed(n need) bool {
	if n&needPayload != 0 && len(in.v.Packet.Payload) == 0 {
		return false
	}
	if n&needReal != 0 && in.v.Packet.Has(packet.Pseudo) {
		return false
	}
	return n&needFlow == 0 || in.v.Flow != nil
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
		if !in.m.run(b.chain, b.xform.apply(&in.v, buf), 0) {
			return false
		}
	}
	return true
}

// payload looks for the rule's payload contents in the stream, the packet, or both (Suricata's
// DetectEngineInspectRulePayloadMatches).
func (in *Inspector) payload(s *Signature) (ok, stream bool) {
	p := in.v.Packet
	in.m.sig = s
	if s.inspect&inStream != 0 {
		if in.hasStream && in.m.run(s.payload, in.window, in.base) {
			return true, true
		}
		if s.inspect&inPacket == 0 && p.Has(packet.StreamAdded) {
			return false, false
		}
	}
	if p.Has(packet.NoPayload) {
		return false, false
	}
	return in.m.run(s.payload, p.Payload, 0), false
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
