package stream

import "picket/traffic/packet"

const pawsLimit = 24 * 24 * 3600 // seconds after which an idle sender's timestamps are void (RFC 7323, 5.5)

// ackOK checks an acknowledgment of the bytes that o has sent (RFC 5961, section 5).
func (c *conn) ackOK(o *side) bool {
	h := &c.p.TCP
	ack := Seq(h.Ack)
	switch {
	case h.Flags&packet.ACK == 0, ack.after(o.acked) && ack.upTo(o.nextWin), ack == o.acked:
		return true
	case ack.before(o.acked):
		if o.window == 0 || ack.from(o.acked-Seq(o.window)) {
			return true
		}
	case c.s.has(Async):
		return true
	case c.s.State == SynSent && c.dir == packet.ToClient && h.Flags&packet.RST != 0 && ack == o.isn+1:
		return true
	}
	c.event(EvPktInvalidAck)
	return false
}

// tsOK checks the timestamp of a segment against replayed ones (PAWS, RFC 7323 section 5), as the receiving host
// would. With update, it becomes the newest.
func (c *conn) tsOK(update bool) bool {
	h, snd := &c.p.TCP, c.snd()
	pol := c.policy(snd)
	switch {
	case !c.s.has(timestamps):
		return true
	case !h.HasTS:
		if update && pol == Solaris {
			c.s.Flags &^= timestamps
		}
		return true
	}
	inOrder := snd.next == Seq(h.Seq)
	compared := c.comparesTS(snd, pol, inOrder, update)
	if h.TSVal == 0 && !takesZeroTS(pol) || compared && !c.tsFresh(snd, pol, inOrder, update) {
		c.event(EvPktInvalidTimestamp)
		return false
	}
	return true
}

// comparesTS tells whether the host compares the timestamp at all: some do not when the first one was 0, and HP-UX only
// that of the segment that comes next.
func (c *conn) comparesTS(snd *side, pol Policy, inOrder, update bool) bool {
	compares := pol != HPUX11 || inOrder
	if !snd.zeroTS {
		return compares
	}
	switch pol {
	case Linux, Windows2K3:
		if update {
			c.s.Flags &^= timestamps
		}
		return false
	case OldLinux, Windows, Vista:
		if update {
			snd.zeroTS = false
			if inOrder {
				snd.lastTS = c.p.TCP.TSVal
			}
		}
		return compares && !inOrder
	}
	return compares
}

// takesZeroTS tells whether the host takes a timestamp of 0 for one.
func takesZeroTS(pol Policy) bool {
	switch pol {
	case OldLinux, Windows, Windows2K3, Vista, Solaris:
		return true
	}
	return false
}

// tsFresh tells whether the timestamp is no older than the newest one, or that one is too old itself to be held against it.
func (c *conn) tsFresh(snd *side, pol Policy, inOrder, update bool) bool {
	value, last := c.p.TCP.TSVal, snd.lastTS
	diff := int32(value - last)
	if pol == Linux || c.e.cfg.LiberalTimestamps {
		diff++
	}
	now, seen := c.second(), snd.lastSec
	if seen == 0 && c.s.has(Midstream) {
		seen = now
	}
	old := now > seen+pawsLimit
	newer := diff >= 0 && !(last != 0 && old)
	if !newer && !(inOrder && old) {
		return false
	}
	if update {
		snd.lastSec = now
		if inOrder {
			snd.lastTS = value
		}
	}
	return true
}

// rstOK tells whether the receiving host would take a reset, which depends on its system.
func (c *conn) rstOK() bool {
	if !c.tsOK(false) {
		return false
	}
	h := &c.p.TCP
	if len(c.p.Payload) > 0 {
		c.event(EvRstWithData)
	}
	snd, rcv := c.snd(), c.rcv()
	if h.Flags&packet.ACK != 0 && h.Ack != 0 && !c.ackOK(rcv) {
		c.event(EvRstInvalidAck)
		return false
	}
	if h.HasMD5 || h.HasAO {
		rcv.rst = true // nobody but the hosts can tell whether it is signed well
	}
	seq := Seq(h.Seq)
	if c.s.has(Async) {
		return seq.from(snd.next)
	}
	switch c.policy(snd) {
	case HPUX11:
		return seq.from(snd.next)
	case OldLinux, Linux, Solaris:
		return (seq + Seq(len(c.p.Payload))).from(snd.acked) && seq.before(snd.next+Seq(snd.window))
	}
	return seq == snd.next
}

// retransmission tells whether a segment brings nothing new.
func (c *conn) retransmission() bool {
	if len(c.p.Payload) == 0 {
		return false
	}
	seq, snd := Seq(c.p.TCP.Seq), c.snd()
	end := c.end()
	if seq.before(snd.acked) && end.after(snd.acked) || end.upTo(snd.acked) || end.upTo(snd.next) {
		c.event(EvPktRetransmission)
		c.notes |= Retransmission
		return true
	}
	return false
}

// idle handles the segments that change nothing: keep-alives, their answers, window probes, shrunken windows and
// outdated acknowledgments. True: nothing more is to be done.
func (c *conn) idle() bool {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	seq, ack := Seq(h.Seq), Seq(h.Ack)
	n := len(c.p.Payload)
	plain := h.Flags&(packet.SYN|packet.FIN|packet.RST) == 0
	if plain && n <= 1 && ack == rcv.acked && seq == snd.next-1 {
		snd.keepalive = true
		c.notes |= KeepAlive
		return true
	}
	win := uint32(h.Window) << rcv.scale
	if plain && n == 0 && h.Window != 0 && win == rcv.window && rcv.keepalive && ack == rcv.acked && seq == snd.next {
		rcv.keepalive, snd.keepalive = false, false
		c.notes |= KeepAliveACK
		return true
	}
	snd.keepalive = false
	c.s.Flags &^= [2]SessionFlags{probeToClient, probeToServer}[c.dir]
	if !plain || c.s.State < Established {
		return false
	}
	if n == 0 && win != rcv.window && h.Window != 0 && ack == rcv.acked && seq == snd.next {
		c.notes |= WindowUpdate
		return false
	}
	if c.shutdownAck() {
		return false
	}
	if c.s.State != Closed && win < rcv.window && ack.after(rcv.next) && seq.after(snd.next) {
		less, more := rcv.window-win, uint32(ack-rcv.acked)
		if win > 1024 {
			more += 32
		}
		if less > uint32(n) && less > more {
			c.event(EvPktBadWindowUpdate)
			return true
		}
	}
	return n == 0 && h.Flags&packet.ACK != 0 && seq == snd.next && ack.before(rcv.acked) && h.NSack == 0
}

// shutdownAck recognizes the acknowledgment of a FIN after the sender's own.
func (c *conn) shutdownAck() bool {
	h, st := &c.p.TCP, c.s.State
	return (st == TimeWait || st == CloseWait || st == LastAck) && h.Flags == packet.ACK && len(c.p.Payload) == 0 &&
		Seq(h.Seq) == c.snd().next+1 && Seq(h.Ack) == c.rcv().next+1
}
