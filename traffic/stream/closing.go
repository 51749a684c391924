package stream

import "picket/traffic/packet"

// closing handles the states after the first FIN (RFC 9293, section 3.6). RST, FIN, SYN and ACK count in this order.
func (c *conn) closing(st State) bool {
	fl := c.p.TCP.Flags
	switch {
	case fl&packet.RST != 0:
		return c.reset()
	case fl&packet.FIN != 0:
		if st == LastAck || st == TimeWait || st == Closing {
			return true // both sides have said it
		}
		return c.tsOK(false) && c.secondFin(st)
	case fl&packet.SYN != 0:
		c.event(EvShutdownSynResend)
		return false
	case fl&packet.ACK != 0:
		return c.tsOK(false) && c.lastAcks(st)
	}
	return true
}

// closed handles what comes after the end. If a reset ended the session that the hosts may not have believed (a signed
// one, or one in the handshake) and its alleged sender goes on, so does the session, where it was before.
func (c *conn) closed() bool {
	if c.p.TCP.Flags&packet.RST != 0 || c.snd().rst || !c.rcv().rst {
		return true
	}
	if !c.dispatch(c.s.before) {
		return false
	}
	if c.s.State == Closed {
		c.s.State = c.s.before
	}
	return true
}

// finEvents names what can be wrong with a FIN or an ACK in each closing state.
var finEvents = [Closed + 1]struct{ finSeq, ackSeq, badAck packet.Event }{
	FinWait1:  {EvFin1FinWrongSeq, EvFin1AckWrongSeq, EvFin1InvalidAck},
	FinWait2:  {EvFin2FinWrongSeq, EvFin2AckWrongSeq, EvFin2InvalidAck},
	CloseWait: {EvClosewaitFinOutOfWindow, EvClosewaitAckOutOfWindow, EvClosewaitInvalidAck},
	Closing:   {ackSeq: EvClosingAckWrongSeq, badAck: EvClosingInvalidAck},
	LastAck:   {ackSeq: EvLastackAckWrongSeq, badAck: EvLastackInvalidAck},
	TimeWait:  {ackSeq: EvTimewaitAckWrongSeq, badAck: EvTimewaitInvalidAck},
}

// secondFin handles a FIN when one was seen already.
func (c *conn) secondFin(st State) bool {
	snd, seq := c.snd(), Seq(c.p.TCP.Seq)
	again := c.retransmission() || c.finAgain(st)
	first := snd.next
	if st == FinWait1 {
		first-- // the server's next number counts its FIN already
	}
	if !again && (seq.before(first) || seq.after(snd.acked+Seq(snd.window))) {
		c.event(finEvents[st].finSeq)
		return false
	}
	if !c.closingAck(st) {
		return false
	}
	if !again {
		c.s.State = c.afterFin(st)
		c.takeWindow()
		if seq == snd.next {
			c.forward(snd, c.end())
		}
	}
	c.catchUp()
	c.acknowledge()
	c.segment()
	return true
}

// finAgain recognizes a FIN that is sent again: its own number, and nothing newly acknowledged.
func (c *conn) finAgain(st State) bool {
	h := &c.p.TCP
	if Seq(h.Seq) != c.snd().next-1 || Seq(h.Ack) != c.rcv().acked {
		return false
	}
	return st == FinWait2 || st == FinWait1 && c.dir == packet.ToClient && h.Flags&packet.ACK != 0
}

// afterFin is the state that a second FIN leads to.
func (c *conn) afterFin(st State) State {
	switch {
	case st == FinWait1 && c.p.TCP.Flags&packet.ACK == 0:
		return Closing
	case st == FinWait1, st == FinWait2:
		return TimeWait
	case c.dir == packet.ToClient: // CloseWait: the client's was the first
		return LastAck
	}
	return st
}

// closingAck checks the acknowledgment of a segment in a closing state.
func (c *conn) closingAck(st State) bool {
	if c.ackOK(c.rcv()) {
		return true
	}
	c.event(finEvents[st].badAck)
	return false
}

// lastAcks handles data and acknowledgments after a FIN.
func (c *conn) lastAcks(st State) bool {
	snd := c.snd()
	seq, n := Seq(c.p.TCP.Seq), len(c.p.Payload)
	again := c.retransmission()
	switch {
	case st == LastAck && c.dir == packet.ToClient, // the server waits
		st == TimeWait && c.dir == packet.ToClient && n > 0 && seq == snd.acked && seq.before(snd.next-1):
		return true
	}
	if !c.inPlace(st, again) {
		c.event(finEvents[st].ackSeq)
		return false
	}
	if st == CloseWait && n > 0 && c.end().upTo(snd.acked) {
		c.event(EvClosewaitPktBeforeLastAck)
		return false
	}
	if !c.closingAck(st) {
		return false
	}
	if !again {
		c.advance(st, seq)
		c.takeWindow()
	}
	c.catchUp()
	if seq == snd.next || st == FinWait1 && c.dir == packet.ToClient && seq == snd.next-1 && n > 0 {
		c.forward(snd, c.end())
	}
	c.acknowledge()
	c.segment()
	return true
}

// inPlace checks where an ACK stands in the sequence space.
func (c *conn) inPlace(st State, again bool) bool {
	snd, seq := c.snd(), Seq(c.p.TCP.Seq)
	inWindow := again || c.end().upTo(snd.nextWin) || c.s.Flags&(Midstream|Async) != 0
	switch st {
	case FinWait1: // of the client's, only the acknowledgment of the FIN must be in the window
		return inWindow || c.dir == packet.ToServer && Seq(c.p.TCP.Ack) != c.rcv().next
	case FinWait2:
		return inWindow
	case CloseWait:
		return seq.upTo(snd.acked + Seq(snd.window))
	case Closing:
		return seq == snd.next
	case LastAck:
		return again || seq.upTo(snd.next+1)
	}
	first := snd.next // TimeWait: the number of the FIN, or the one after it
	if c.dir == packet.ToClient {
		first--
	}
	return again || seq == first || seq == first+1
}

// advance moves the state on an acceptable ACK.
func (c *conn) advance(st State, seq Seq) {
	snd, rcv := c.snd(), c.rcv()
	switch st {
	case FinWait1:
		if c.dir == packet.ToClient && seq == snd.next-1 ||
			c.dir == packet.ToServer && Seq(c.p.TCP.Ack) == rcv.next && seq == snd.next {
			c.s.State = FinWait2
		}
	case Closing:
		c.s.State = TimeWait
	case LastAck:
		if seq.from(snd.next) {
			c.s.State = Closed
		}
	case TimeWait:
		c.s.State = Closed
	}
}
