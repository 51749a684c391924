package stream

import "picket/traffic/packet"

// segment hands a segment that belongs to the session to reassembly. Without inline, a segment makes the bytes
// ready that it acknowledges: those of the other direction.
func (c *conn) segment() {
	fl := c.p.TCP.Flags
	own, other := c.e.cfg.Inline, !c.e.cfg.Inline
	switch {
	case c.e.cfg.Inline:
	case fl&packet.RST != 0:
		own, other = true, false
	case fl&packet.FIN != 0 && c.s.State > TimeWait:
		own, other = true, fl&packet.ACK != 0
	case c.s.State == Closed:
		own = true
	}
	if other {
		c.feed(c.dir^1, false)
		if c.dir != c.p.Dir { // client and server were exchanged
			c.dir = c.p.Dir
		}
	}
	if len(c.p.Payload) > 0 && fl&packet.RST == 0 && c.add() { // a reset's data is an explanation (RFC 9293, 3.5.3)
		own = true // the depth was just reached
	}
	if own {
		c.feed(c.dir, false)
	}
}

// half returns the bytes of a direction, making them when the first arrive.
func (c *conn) half(dir packet.Direction) *half {
	if *c.b == nil {
		n := len(c.e.free)
		if n == 0 {
			*c.b = new(Bytes)
		} else {
			*c.b = c.e.free[n-1]
			c.e.free = c.e.free[:n-1]
		}
		for d := range 2 {
			(*c.b).half[d].reset(c.s.side[d].isn + 1)
		}
	}
	h := &(*c.b).half[dir]
	if first := c.s.side[dir].isn + 1; len(h.blocks) == 0 && h.base == 0 {
		h.baseSeq = first
	}
	return h
}

// add puts the segment's payload into its direction; true: this one has reached the depth.
func (c *conn) add() (full bool) {
	h := c.half(c.dir)
	h.added, h.overlapped = span{}, false
	if h.depth {
		return false
	}
	seq, data := Seq(c.p.TCP.Seq), c.p.Payload
	if c.p.TCP.Flags&packet.SYN != 0 {
		seq++ // data of a SYN stands after it
	}
	data, rest := c.urgent(h, data)
	full = c.place(h, seq, data)
	if len(rest) > 0 {
		h.urgent++
		full = c.place(h, seq+Seq(len(data))+1, rest)
	}
	h.urgent += c.later
	return full
}

// place puts bytes where their sequence number says, as far as bounds allow; true: the depth was reached.
func (c *conn) place(h *half, seq Seq, data []byte) bool {
	if len(data) == 0 || h.depth {
		return false
	}
	off := h.offset(seq)
	end := off + int64(len(data))
	if end <= int64(h.base) {
		c.event(EvReassemblySegmentBeforeBaseSeq)
		return false
	}
	if d := int64(c.e.cfg.Reassembly.Depth); d > 0 && end > d {
		h.depth = true
		c.e.Stats.DepthReached++
		c.event(EvReassemblyDepthReached)
		if end > d+int64(len(data)) || off >= d {
			return true
		}
		data = data[:d-off]
		if len(data) == 0 {
			return true
		}
	}
	if off < int64(h.base) {
		data = data[int64(h.base)-off:]
		off = int64(h.base)
	}
	if off+int64(len(data)) > int64(h.base)+maxSpan || h.full() {
		c.event(EvReassemblyInsertLimit)
		return h.depth
	}
	if c.e.Stats.Memuse > c.e.cfg.Reassembly.Memcap && c.e.cfg.Reassembly.Memcap > 0 {
		c.e.Stats.MemcapDrops++
		c.event(EvReassemblyNoSegment)
		c.p.Except(c.e.cfg.MemcapPolicy, packet.DeniedReassembly)
		return h.depth
	}
	c.put(h, uint64(off), data)
	return h.depth
}

// urgent takes the urgent byte out of a segment's data, as the policy says, and returns what stands before it and what
// behind. It is the byte before the urgent pointer, as hosts read it (RFC 6093, section 3.1), when that lies in the
// segment.
func (c *conn) urgent(h *half, data []byte) (before, behind []byte) {
	t := &c.p.TCP
	if t.Flags&packet.URG == 0 {
		return data, nil
	}
	r := &c.e.cfg.Reassembly
	switch r.Urgent {
	case UrgentGap:
		return nil, nil
	case UrgentOutOfBand:
		at := int(t.Urgent) - 1
		if at < 0 || at >= len(data) {
			return data, nil
		}
		if h.urgent < maxUrgent {
			if at == len(data)-1 {
				c.later = 1
			}
			return data[:at], data[at+1:]
		}
		c.event(EvReassemblyUrgentOobLimitReached)
		if r.UrgentLimit == UrgentDrop {
			c.p.Except(packet.DropPacket, packet.DeniedUrgent)
			return nil, nil
		}
	}
	return data, nil
}

// maxUrgent bounds the bytes of a direction that are taken for out of band data.
const maxUrgent = 1<<16 - 1

// put inserts bytes and accounts for their memory.
func (c *conn) put(h *half, off uint64, data []byte) {
	before := cap(h.buf)
	if before == 0 {
		h.buf = c.e.buffer()
	}
	if off < h.right() {
		h.overlapped = true
		c.e.Stats.Overlaps++
		h.search.void()
	}
	if h.insert(off, data, c.policy(c.snd()), c.e.cfg.Inline) {
		c.e.Stats.OverlapsDiffer++
		if c.e.cfg.Inline {
			c.p.Flags |= packet.Rewritten
			c.p.Reseal()
		}
		if c.e.cfg.Inline || c.e.cfg.CheckOverlap {
			c.event(EvReassemblyOverlapDifferentData)
		}
	}
	grown := uint64(cap(h.buf) - before)
	(*c.b).used += grown
	c.e.Stats.Memuse += grown
	c.p.Flags |= packet.StreamAdded
	if h.added == (span{}) || h.added.end != off {
		h.added.start = off
	}
	h.added.end = off + uint64(len(data))
}

// ackedTo is the right edge of the acknowledged bytes of a direction, as an offset.
func (c *conn) ackedTo(dir packet.Direction, h *half) uint64 {
	return uint64(max(h.offset(c.s.side[dir].acked), int64(h.base)))
}

// feed gives the application layer what is ready of a direction; last: nothing will follow.
func (c *conn) feed(dir packet.Direction, last bool) {
	if *c.b == nil {
		return
	}
	h := c.half(dir)
	if h.appDone || h.eofSent {
		return
	}
	eof := last || c.s.State == Closed && !c.s.side[0].rst && !c.s.side[1].rst
	all := c.e.cfg.Inline || last
	for {
		data, missing := h.at(h.app)
		acked := c.ackedTo(dir, h)
		if missing > 0 && !c.gap(dir, h, missing, acked) {
			break
		}
		if missing > 0 {
			continue
		}
		if !all && h.app+uint64(len(data)) > acked {
			data = data[:max(acked, h.app)-h.app]
		}
		right := h.app + uint64(len(data))
		if right <= h.offered && !eof {
			return
		}
		h.offered = max(right, h.offered)
		next, _ := h.at(right)
		final := eof && len(next) == 0 && right >= h.right()
		if len(data) == 0 && !final {
			break
		}
		n := min(c.out.Stream(dir, data, final), len(data))
		h.eofSent = final
		h.app += uint64(max(n, 0))
		if c.out.Reversed() {
			c.reverse()
			return
		}
		if final || n < len(data) {
			return
		}
	}
	if eof && !h.eofSent && !h.appDone && (last || h.app >= h.right()) { // what is not acknowledged waits for Finish
		h.eofSent = true
		c.out.Stream(dir, nil, true)
	}
}

// gap skips bytes that the receiver has acknowledged but that were never seen.
func (c *conn) gap(dir packet.Direction, h *half, missing, acked uint64) bool {
	if acked <= h.app {
		return false
	}
	c.e.Stats.Gaps++
	c.event(EvReassemblySeqGap)
	h.hasGap = true
	if !c.out.Gap(dir, uint32(missing)) {
		h.appDone = true
		return false
	}
	h.app += missing
	h.offered = max(h.offered, h.app)
	return true
}

// reverse exchanges client and server after the application layer has found them the wrong way round.
func (c *conn) reverse() {
	c.s.swap()
	b := *c.b
	b.half[0], b.half[1] = b.half[1], b.half[0]
	c.p.Dir = c.p.Dir.Reverse()
}

// Finish gives the application layer what is left of a direction, as a pseudo packet at the end of a flow does.
func (e *Engine) Finish(s *Session, b **Bytes, out Consumer, p *packet.Packet) {
	e.Stats.Pseudo++
	e.c = conn{e: e, s: s, b: b, out: out, p: p, dir: p.Dir}
	e.c.feed(p.Dir, true)
}

// Free takes back a session's bytes.
func (e *Engine) Free(b *Bytes) {
	if b == nil {
		return
	}
	e.Stats.Memuse -= min(b.used, e.Stats.Memuse)
	b.used = 0
	for i := range b.half {
		e.keep(b.half[i].buf)
		b.half[i].buf = nil
		b.half[i].reset(0)
	}
	if len(e.free) < 4096 {
		e.free = append(e.free, b)
	}
}
