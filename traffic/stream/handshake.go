package stream

import (
	"slices"

	"picket/traffic/packet"
)

// begin handles the first segment of a session.
func (c *conn) begin() bool {
	h := &c.p.TCP
	cfg := &c.e.cfg
	switch {
	case h.Flags&packet.RST != 0:
		c.event(EvRstButNoSession)
		return false
	case h.Flags&packet.FIN != 0:
		goOn := c.midstream()
		if !cfg.Midstream || len(c.p.Payload) == 0 {
			c.event(EvFinButNoSession)
			return false
		}
		if !goOn {
			return false
		}
		c.pickUp(FinWait1)
		c.segment()
	case h.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK:
		if goOn := c.midstream(); goOn && (cfg.Midstream || cfg.AsyncOneside) {
			c.pickUpSynAck()
		}
	case h.Flags&packet.SYN != 0:
		c.syn()
	case h.Flags&packet.ACK != 0:
		if goOn := c.midstream(); goOn && cfg.Midstream {
			c.pickUp(Established)
			c.segment()
		}
	}
	return true
}

// midstream applies the policy for sessions whose beginning was not seen; false: this one is not picked up.
func (c *conn) midstream() bool {
	policy := c.e.cfg.MidstreamPolicy
	c.p.Except(policy, packet.DeniedMidstream)
	return policy == packet.Ignore || policy == packet.PassFlow || policy == packet.PassPacket
}

// syn opens a session from its first SYN.
func (c *conn) syn() {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	c.e.Stats.Sessions++
	c.s.State = SynSent
	if c.e.cfg.AsyncOneside {
		c.s.Flags |= Async
	}
	snd.opened(Seq(h.Seq))
	c.stamp(snd)
	rcv.window = uint32(h.Window)
	rcv.scale = 0
	if h.HasWScale {
		c.s.Flags |= synWScale
		rcv.scale = min(h.WScale, maxScale)
	}
	if h.HasTFO {
		c.s.Flags |= fastOpen
		if n := len(c.p.Payload); n > 0 {
			snd.next += Seq(n)
			snd.nextWin = snd.next
			c.segment()
		}
	}
}

// opened sets the numbers of a sender by its SYN, which is all that may be acknowledged so far.
func (s *side) opened(isn Seq) {
	s.isn, s.acked, s.next, s.nextWin = isn, isn, isn+1, isn+1
}

// stamp keeps the timestamp of a SYN.
func (c *conn) stamp(snd *side) {
	if c.p.TCP.HasTS {
		snd.ts, snd.lastTS, snd.zeroTS, snd.lastSec = true, c.p.TCP.TSVal, c.p.TCP.TSVal == 0, c.second()
	}
}

// pickUp opens a session in the middle (stream.midstream): the windows are unknown, so taken as the largest.
func (c *conn) pickUp(st State) {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	c.e.Stats.Sessions++
	c.e.Stats.Midstream++
	c.s.State, c.s.Flags = st, Midstream|midEstablished
	if c.e.cfg.AsyncOneside {
		c.s.Flags |= Async
	}
	seq, ack := Seq(h.Seq), Seq(h.Ack)
	*snd = side{isn: seq - 1, next: c.end(), acked: seq, scale: maxScale, window: uint32(h.Window) << maxScale}
	if st == FinWait1 {
		snd.next++
	}
	snd.nextWin = snd.acked + Seq(snd.window)
	*rcv = side{isn: ack - 1, next: ack, acked: ack, nextWin: ack, scale: maxScale}
	c.stampBoth()
}

func (c *conn) stampBoth() {
	h := &c.p.TCP
	if h.HasTS {
		c.s.Flags |= timestamps
		c.snd().lastTS, c.rcv().lastTS, c.snd().lastSec = h.TSVal, h.TSEcr, c.second()
		c.snd().zeroTS, c.rcv().zeroTS = h.TSVal == 0, h.TSEcr == 0
	}
}

// pickUpSynAck opens a session whose SYN was not seen. The caller has seen to it that Dir is to the client.
func (c *conn) pickUpSynAck() {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	c.e.Stats.Sessions++
	c.e.Stats.Midstream++
	c.s.State, c.s.Flags = SynRecv, Midstream|midSynAck
	if c.e.cfg.AsyncOneside {
		c.s.Flags |= Async
	}
	seq, ack := Seq(h.Seq), Seq(h.Ack)
	*snd = side{isn: seq, next: seq + 1, acked: seq, window: uint32(h.Window)}
	snd.nextWin = snd.acked + Seq(snd.window)
	*rcv = side{isn: ack - 1, next: ack, acked: ack}
	if h.HasWScale {
		rcv.scale, snd.scale = min(h.WScale, maxScale), maxScale
	}
	c.stampBoth()
}

// synSent waits for the answer to a SYN.
func (c *conn) synSent() bool {
	h := &c.p.TCP
	fl := h.Flags
	synAck := fl&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK
	switch {
	case synAck && c.dir == packet.ToClient:
		return c.synAck()
	case synAck:
		return c.fourWaySynAck()
	case !c.echoOK():
		c.event(EvPktInvalidTimestamp)
		return false
	case fl&packet.RST != 0:
		if c.dir == packet.ToClient && Seq(h.Ack) != c.rcv().isn+1 {
			c.chooseSyn()
		}
		if !c.rstOK() {
			return false
		}
		isn := c.snd().isn
		if c.dir == packet.ToClient || Seq(h.Seq) == isn && h.Window == 0 && Seq(h.Ack) == isn+1 {
			c.rcv().rst = true
			c.closeByReset()
		}
	case fl&packet.FIN != 0:
	case fl&packet.SYN != 0 && c.dir == packet.ToClient:
		c.simultaneousSyn()
	case fl&packet.SYN != 0:
		c.resentSyn()
	case fl&packet.ACK != 0 && c.e.cfg.AsyncOneside:
		return c.oneSided()
	}
	return true
}

// echoOK checks that an answer to a SYN echoes its timestamp.
func (c *conn) echoOK() bool {
	h, cl := &c.p.TCP, &c.s.side[0]
	if c.dir == packet.ToServer || !h.HasTS || h.TSEcr == 0 {
		return true
	}
	return cl.ts && (cl.lastTS == 0 || h.TSEcr == cl.lastTS)
}

func (c *conn) synAck() bool {
	h, cl := &c.p.TCP, c.rcv()
	ack := Seq(h.Ack)
	if ack != cl.next && ack != cl.isn+1 || !c.echoOK() {
		c.chooseSyn()
	}
	switch {
	case !h.HasTFO && !c.s.has(fastOpen):
		if ack != cl.isn+1 {
			c.event(Ev3whsSynackWithWrongAck)
			return false
		}
	case ack == cl.next:
		c.s.Flags |= fastOpen
	case ack == cl.isn+1:
		cl.next = cl.isn
		c.event(Ev3whsSynackTfoDataIgnored)
		c.s.Flags |= dataIgnored | fastOpen
	default:
		c.event(Ev3whsSynackWithWrongAck)
		return false
	}
	if !c.echoOK() {
		c.event(EvPktInvalidTimestamp)
		return false
	}
	c.takeSynAck()
	return true
}

// takeSynAck learns the server's side from its SYN/ACK.
func (c *conn) takeSynAck() {
	h, srv, cl := &c.p.TCP, c.snd(), c.rcv()
	c.s.State = SynRecv
	seq := Seq(h.Seq)
	srv.isn, srv.next, srv.acked = seq, seq+1, seq+1
	cl.window, cl.acked = uint32(h.Window), Seq(h.Ack)
	if h.HasTS && cl.ts {
		srv.lastTS, srv.lastSec, srv.zeroTS = h.TSVal, c.second(), h.TSVal == 0
		c.s.Flags |= timestamps
	} else {
		cl.lastTS, srv.lastTS, cl.zeroTS = 0, 0, false
	}
	cl.scale = 0
	if c.s.has(synWScale) && h.HasWScale {
		cl.scale = min(h.WScale, maxScale)
	} else {
		srv.scale = 0
	}
	srv.nextWin, cl.nextWin = srv.acked+Seq(srv.window), cl.acked+Seq(cl.window)
	c.s.Flags &^= fourWay
}

// simultaneousSyn begins a split handshake: the server answers a SYN with a SYN.
func (c *conn) simultaneousSyn() {
	h, srv := &c.p.TCP, c.snd()
	c.s.Flags |= fourWay
	srv.isn, srv.next = Seq(h.Seq), Seq(h.Seq)+1
	c.stamp(srv)
	srv.window, srv.scale = uint32(h.Window), 0
	c.s.Flags &^= synWScale
	if h.HasWScale {
		c.s.Flags |= synWScale
		srv.scale = min(h.WScale, maxScale)
	}
}

func (c *conn) fourWaySynAck() bool {
	h, cl, srv := &c.p.TCP, c.snd(), c.rcv()
	switch {
	case !c.s.has(fourWay):
		c.event(Ev3whsSynackInWrongDirection)
		return false
	case Seq(h.Ack) != srv.isn+1:
		c.event(Ev4whsSynackWithWrongAck)
		return false
	case Seq(h.Seq) != cl.isn:
		c.event(Ev4whsSynackWithWrongSyn)
		return false
	}
	c.s.State = SynRecv
	cl.next, cl.acked, srv.acked = cl.isn+1, cl.isn+1, Seq(h.Ack)
	cl.window, srv.window = srv.window, uint32(h.Window)
	if h.HasTS && srv.ts {
		c.s.Flags |= timestamps
		c.stamp(cl)
	}
	cl.nextWin, srv.nextWin = cl.acked+Seq(cl.window), srv.acked+Seq(srv.window)
	return true
}

// resentSyn remembers another SYN. When there are too many, the oldest gives way: a flood of forged ones must not hide
// the one that the server answers.
func (c *conn) resentSyn() {
	h, s := &c.p.TCP, c.s
	n := min(maxSyns, max(c.e.cfg.MaxSynQueued, 1))
	if int(s.nsyns) >= n {
		c.event(Ev3whsSynFlood)
	}
	s.syns[int(s.nsyns)%n] = syn{Seq(h.Seq), h.TSVal, h.Window, h.WScale, h.HasTS, h.HasWScale}
	if s.nsyns++; int(s.nsyns) >= 2*n {
		s.nsyns = uint8(n)
	}
}

// chooseSyn finds the SYN that the packet, a SYN/ACK or a reset, answers, and lets it be the client's.
func (c *conn) chooseSyn() {
	h, cl, srv := &c.p.TCP, c.rcv(), c.snd()
	for i := range c.s.syns[:min(int(c.s.nsyns), maxSyns)] {
		q := &c.s.syns[i]
		if Seq(h.Ack) != q.seq+1 || h.HasTS && h.TSEcr != 0 && q.hasTS && h.TSEcr != q.ts {
			continue
		}
		cl.opened(q.seq)
		cl.ts, cl.lastTS, cl.zeroTS, cl.lastSec = q.hasTS, q.ts, q.hasTS && q.ts == 0, c.second()
		srv.window, srv.scale = uint32(q.window), 0
		c.s.Flags &^= synWScale
		if q.hasWS {
			c.s.Flags |= synWScale
			srv.scale = min(q.scale, maxScale)
		}
		return
	}
}

// oneSided goes on when only the client's packets are seen.
func (c *conn) oneSided() bool {
	h, snd, rcv := &c.p.TCP, c.snd(), c.rcv()
	if Seq(h.Seq) != snd.next {
		c.event(Ev3whsAsyncWrongSeq)
		return false
	}
	c.s.Flags |= Async
	c.s.State = Established
	snd.window, snd.acked = uint32(h.Window), Seq(h.Seq)
	snd.nextWin = snd.acked + Seq(snd.window)
	ack := Seq(h.Ack)
	rcv.isn, rcv.next, rcv.acked, rcv.nextWin = ack-1, ack, ack, ack
	if c.s.has(synWScale) {
		snd.scale = maxScale
	}
	c.forward(snd, c.end())
	c.segment()
	return true
}

// synRecv waits for the handshake's last acknowledgment.
func (c *conn) synRecv() bool {
	h, fl := &c.p.TCP, c.p.TCP.Flags
	switch {
	case fl&packet.RST != 0:
		if !c.rstOK() {
			return false
		}
		pol := c.policy(c.snd())
		if c.s.has(evasion) && (pol == Linux || pol == OldLinux || pol == Solaris) {
			return true // such hosts take it for a stray packet
		}
		c.closeByReset()
		c.tsOK(true)
	case fl&packet.FIN != 0:
		return c.tsOK(false) && c.fin()
	case fl&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK:
		return c.resentSynAck()
	case fl&packet.SYN != 0 && c.dir == packet.ToClient:
		c.event(Ev3whsSynToclientOnSynRecv)
		return false
	case fl&packet.SYN != 0:
		if Seq(h.Seq) != c.snd().isn {
			c.event(Ev3whsSynResendDiffSeqOnSynRecv)
			return false
		}
	case fl&packet.ACK != 0:
		return c.finalAck()
	}
	return true
}

func (c *conn) resentSynAck() bool {
	h := &c.p.TCP
	switch {
	case c.dir == packet.ToServer:
		c.event(Ev3whsSynackToserverOnSynRecv)
		return false
	case Seq(h.Ack) != c.rcv().acked:
		c.event(Ev3whsSynackResendWithDifferentAck)
		return false
	case Seq(h.Seq) == c.snd().isn:
	case slices.Contains(c.s.alt[:c.s.alts], Seq(h.Seq)):
	case int(c.s.alts) >= min(len(c.s.alt), c.e.cfg.MaxSynAckQueued):
		c.event(Ev3whsSynackFlood)
		return false
	default:
		c.s.alt[c.s.alts] = Seq(h.Seq)
		c.s.alts++
	}
	return true
}

// finalAck ends the handshake, whatever is missing of it.
func (c *conn) finalAck() bool {
	h := &c.p.TCP
	if c.dir == packet.ToServer && slices.Contains(c.s.alt[:c.s.alts], Seq(h.Ack)-1) {
		srv, isn := &c.s.side[1], Seq(h.Ack)-1
		win := srv.nextWin - srv.acked
		srv.isn, srv.next, srv.acked = isn, isn+1, isn+1
		srv.nextWin = srv.acked + win
	}
	if !c.tsOK(false) {
		return false
	}
	if c.dir == packet.ToClient {
		return c.serverFirst()
	}
	cl, srv := c.snd(), c.rcv()
	seq, ack := Seq(h.Seq), Seq(h.Ack)
	switch {
	case seq == cl.next && ack == srv.next:
		c.enter(cl, srv, seq)
	case seq == cl.next:
		c.s.Flags |= evasion
		c.event(Ev3whsRightSeqWrongAckEvasion)
		return false
	case seq.after(cl.next) && seq.upTo(cl.nextWin) && ack == srv.next: // packets were missed
		c.enter(cl, srv, seq)
	default:
		c.event(Ev3whsWrongSeqWrongAck)
		return false
	}
	return true
}

// enter makes the session established by a segment of snd.
func (c *conn) enter(snd, rcv *side, seq Seq) {
	h := &c.p.TCP
	c.tsOK(true)
	c.acks(rcv)
	c.forward(snd, seq+Seq(len(c.p.Payload)))
	rcv.window = uint32(h.Window) << rcv.scale
	rcv.nextWin = rcv.acked + Seq(rcv.window)
	if c.s.has(Midstream) {
		snd.window = uint32(h.Window) << snd.scale
		snd.nextWin = snd.acked + Seq(snd.window)
		if !c.s.has(midSynAck) {
			snd.scale, rcv.scale = maxScale, maxScale
		}
	}
	c.s.State = Established
	c.segment()
}

// serverFirst handles a segment of the server before the client's final acknowledgment was seen.
func (c *conn) serverFirst() bool {
	h, srv, cl := &c.p.TCP, c.snd(), c.rcv()
	seq, ack := Seq(h.Seq), Seq(h.Ack)
	switch {
	case c.s.has(fourWay):
		if seq != srv.next {
			c.event(Ev4whsWrongSeq)
			return false
		}
		if !c.ackOK(cl) {
			c.event(Ev4whsInvalidAck)
			return false
		}
	case c.s.has(midSynAck), c.s.has(fastOpen):
	case c.e.cfg.Inline:
		if len(c.p.Payload) > 0 && ack == cl.acked && seq == srv.next {
			c.event(Ev3whsAckDataInject)
		} else {
			c.event(Ev3whsAckInWrongDir)
		}
		return false
	}
	if c.e.cfg.AsyncOneside && seq == srv.next {
		c.s.Flags |= Async
		c.enter(srv, cl, seq)
		return true
	}
	if seq == srv.next && ack.from(cl.acked) || seq.after(srv.next) && ack.after(cl.acked) {
		c.enter(srv, cl, seq)
		return true
	}
	c.event(Ev3whsWrongSeqWrongAck)
	return false
}
