package stream

import "picket/traffic/packet"

// acks moves the right edge of what the other side has acknowledged; it never goes back.
func (c *conn) acks(rcv *side) {
	if ack := Seq(c.p.TCP.Ack); c.p.TCP.Flags&packet.ACK != 0 && ack.after(rcv.acked) {
		rcv.acked = ack
	}
}

// forward moves the next expected byte; without another side, what was sent counts as acknowledged.
func (c *conn) forward(snd *side, next Seq) {
	snd.next = next
	if c.s.has(Async) && next.after(snd.acked) {
		snd.acked = next
	}
}

func (c *conn) closeByReset() {
	c.s.before, c.s.State = c.s.State, Closed
	c.s.Flags |= ByReset
}

// reset ends the session in any state after the handshake.
func (c *conn) reset() bool {
	if !c.rstOK() {
		return false
	}
	snd, rcv := c.snd(), c.rcv()
	est := c.s.State == Established
	c.closeByReset()
	if est {
		rcv.next, snd.next = Seq(c.p.TCP.Ack), c.end()
	}
	if seq := Seq(c.p.TCP.Seq); seq.after(snd.acked) {
		snd.acked = seq
	}
	c.acks(rcv)
	c.tsOK(true)
	c.segment()
	return true
}

// established handles segments of an open session.
func (c *conn) established() bool {
	h, fl := &c.p.TCP, c.p.TCP.Flags
	switch {
	case fl&packet.RST != 0:
		return c.reset()
	case fl&packet.FIN != 0:
		return c.tsOK(false) && c.fin()
	case fl&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK:
		return c.lateSynAck()
	case fl&packet.SYN != 0:
		e := EvEstSynResend
		if c.dir == packet.ToClient {
			e = EvEstSynToclient
		} else if Seq(h.Seq) != c.snd().isn {
			e = EvEstSynResendDiffSeq
		}
		c.event(e)
		return false
	case fl&packet.ACK != 0:
		if !c.tsOK(false) {
			return false
		}
		if c.dir == packet.ToClient {
			c.s.Flags |= confirmed
		}
		return c.data()
	}
	return true
}

func (c *conn) lateSynAck() bool {
	h := &c.p.TCP
	switch {
	case c.dir == packet.ToServer:
		c.event(EvEstSynackToserver)
	case Seq(h.Ack) != c.rcv().acked:
		c.event(EvEstSynackResendWithDifferentAck)
	case Seq(h.Seq) != c.snd().isn:
		c.event(EvEstSynackResendWithDiffSeq)
	case c.s.has(confirmed):
		c.event(EvEstSynackResend)
	default:
		return true
	}
	return false
}

// data takes a segment of an established session, in the order of RFC 9293, 3.10.7.4: ack, sequence, window.
func (c *conn) data() bool {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	probe := [2]SessionFlags{probeToServer, probeToClient}
	seq, end, n := Seq(h.Seq), c.end(), len(c.p.Payload)
	if c.s.has(probe[c.dir^1]) && Seq(h.Ack) == rcv.next+1 {
		c.event(EvEstAckZwpData)
	} else if !c.ackOK(rcv) {
		c.event(EvEstInvalidAck)
		return false
	}
	if c.dir == packet.ToClient && c.s.has(midEstablished) {
		snd.window = uint32(h.Window) << snd.scale
		snd.nextWin = snd.acked + Seq(snd.window)
		c.s.Flags &^= midEstablished
	}
	if !(n <= 1 && seq == snd.next-1) && end.before(snd.acked) && !c.lateData(seq, end) {
		c.event(EvEstPktBeforeLastAck)
		return false
	}
	if n == 1 && seq == snd.next && snd.window == 0 {
		c.s.Flags |= probe[c.dir]
		c.notes |= ZeroWindowProbe
		c.segment()
		return true
	}
	if end.from(snd.next) {
		c.forward(snd, end)
	}
	if end.after(snd.nextWin) && c.s.Flags&(Midstream|Async) == 0 {
		c.event(EvEstPacketOutOfWindow)
		return false
	}
	c.takeWindow()
	c.acknowledge()
	c.segment()
	return true
}

// lateData tells whether bytes before the last acknowledgment may still be taken.
func (c *conn) lateData(seq, end Seq) bool {
	snd := c.snd()
	mid := c.e.cfg.AsyncOneside && c.s.has(Midstream) && (snd.next == seq || snd.acked == snd.isn+1)
	if c.s.has(Async) || c.dir == packet.ToServer && mid {
		c.s.Flags |= Async
		return true
	}
	return snd.acked.after(snd.next) && end.after(snd.next)
}

// takeWindow keeps the window that the segment's sender offers.
func (c *conn) takeWindow() {
	rcv := c.rcv()
	rcv.window = uint32(c.p.TCP.Window) << rcv.scale
}

// acknowledge takes what a segment says of the other direction's bytes: acknowledgment, selective acknowledgments,
// timestamp. What is acknowledged out of order does not fill the receiver's window, so the window's edge moves by it.
// Suricata does not move the edge in CLOSE_WAIT and after, and so loses half-closed downloads; we do.
func (c *conn) acknowledge() {
	rcv := c.rcv()
	c.acks(rcv)
	c.tsOK(true)
	win := rcv.acked + Seq(rcv.window) + Seq(c.sacked())
	if win.after(rcv.nextWin) {
		rcv.nextWin = win
	}
}

// fin handles the first FIN.
func (c *conn) fin() bool {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	if !c.ackOK(rcv) {
		c.event(EvFinInvalidAck)
		return false
	}
	if Seq(h.Seq).before(snd.acked) || c.end().after(snd.nextWin) && c.s.Flags&(Midstream|Async) == 0 {
		c.event(EvFinOutOfWindow)
		return false
	}
	if h.Flags&packet.SYN != 0 {
		c.event(EvFinSyn)
		return false
	}
	c.s.State = CloseWait
	snd.next = c.end()
	if c.dir == packet.ToClient {
		c.s.State = FinWait1
		snd.next++
	}
	c.catchUp()
	c.takeWindow()
	c.acknowledge()
	c.segment()
	return true
}

// catchUp notices that the other side has acknowledged bytes that were never seen.
func (c *conn) catchUp() {
	if ack := Seq(c.p.TCP.Ack); c.p.TCP.Flags&packet.ACK != 0 && c.rcv().next.before(ack) {
		c.rcv().next = ack
	}
}
