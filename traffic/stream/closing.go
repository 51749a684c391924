package stream

import "picket/traffic/packet"

// closing handles the states after the first FIN.
func (c *conn) closing(st State) bool {
	fl := c.p.TCP.Flags
	switch {
	case fl&packet.RST != 0:
		return c.reset()
	case fl&packet.SYN != 0:
		c.event(EvShutdownSynResend)
		return false
	case fl&(packet.FIN|packet.ACK) == 0:
		return true
	case !c.tsOK(false):
		return false
	case fl&packet.FIN != 0:
		return c.secondFin(st)
	}
	return c.lastAcks(st)
}

// finEvents names what can be wrong with a FIN or an ACK in each closing state.
var finEvents = [Closed + 1]struct{ finSeq, ackSeq, badAck packet.Event }{
	FinWait1:  {EvFin1FinWrongSeq, EvFin1AckWrongSeq, EvFin1InvalidAck},
	FinWait2:  {EvFin2FinWrongSeq, EvFin2AckWrongSeq, EvFin2InvalidAck},
	CloseWait: {EvClosewaitFinOutOfWindow, EvClosewaitAckOutOfWindow, EvClosewaitInvalidAck},
	Closing:   {EvClosingAckWrongSeq, EvClosingAckWrongSeq, EvClosingInvalidAck},
	LastAck:   {EvLastackAckWrongSeq, EvLastackAckWrongSeq, EvLastackInvalidAck},
	TimeWait:  {EvTimewaitAckWrongSeq, EvTimewaitAckWrongSeq, EvTimewaitInvalidAck},
}

// secondFin handles a FIN when one was seen already.
func (c *conn) secondFin(st State) bool {
	if st == LastAck || st == TimeWait || st == Closing {
		return true
	}
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	seq := Seq(h.Seq)
	again := c.retransmission() || seq == snd.next-1 && Seq(h.Ack) == rcv.acked
	if !again && (seq.before(snd.next-1) || seq.after(snd.acked+Seq(snd.window))) {
		c.event(finEvents[st].finSeq)
		return false
	}
	if !c.ackOK(rcv) {
		c.event(finEvents[st].badAck)
		return false
	}
	if !again {
		switch {
		case st == FinWait1 && h.Flags&packet.ACK == 0:
			c.s.State = Closing
		case st == FinWait1, st == FinWait2:
			c.s.State = TimeWait
		case c.dir == packet.ToClient: // CloseWait
			c.s.State = LastAck
		}
		if seq == snd.next {
			c.forward(snd, c.end())
		}
	}
	c.catchUp()
	c.acknowledge()
	c.segment()
	return true
}

// lastAcks handles data and acknowledgments after a FIN.
func (c *conn) lastAcks(st State) bool {
	snd, rcv := c.snd(), c.rcv()
	seq, end := Seq(c.p.TCP.Seq), c.end()
	again := c.retransmission()
	if !again && !c.placeOK(st, seq, end) {
		c.event(finEvents[st].ackSeq)
		return false
	}
	if st == CloseWait && len(c.p.Payload) > 0 && end.upTo(snd.acked) {
		c.event(EvClosewaitPktBeforeLastAck)
		return false
	}
	if !c.ackOK(rcv) {
		c.event(finEvents[st].badAck)
		return false
	}
	if !again {
		c.advance(st, seq)
	}
	c.catchUp()
	if seq == snd.next || st == FinWait1 && seq == snd.next-1 && len(c.p.Payload) > 0 {
		c.forward(snd, end)
	}
	c.acknowledge()
	c.segment()
	return true
}

// placeOK checks where an ACK stands in the sequence space.
func (c *conn) placeOK(st State, seq, end Seq) bool {
	snd := c.snd()
	switch st {
	case FinWait1, FinWait2:
		return end.upTo(snd.nextWin) || c.s.Flags&(Midstream|Async) != 0
	case CloseWait:
		return seq.upTo(snd.acked + Seq(snd.window))
	case Closing:
		return seq == snd.next || seq == snd.next+1
	case LastAck:
		return seq.upTo(snd.next + 1)
	}
	return seq.from(snd.next-1) && seq.upTo(snd.next+1) // TimeWait
}

// advance moves the state on an acceptable ACK.
func (c *conn) advance(st State, seq Seq) {
	snd, rcv := c.snd(), c.rcv()
	switch st {
	case FinWait1:
		if Seq(c.p.TCP.Ack).from(rcv.next) && seq == snd.next || c.dir == packet.ToClient && seq == snd.next-1 {
			c.s.State = FinWait2
		}
	case Closing:
		c.s.State = TimeWait
	case LastAck:
		if c.dir == packet.ToServer && seq.from(snd.next) {
			c.s.State = Closed
		}
	case TimeWait:
		c.s.State = Closed
	}
}
