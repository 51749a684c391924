package stream

import "picket/traffic/packet"

// Consumer takes a session's bytes in order. See app.Layer for the meaning of the results.
type Consumer interface {
	// Stream takes the bytes that follow those consumed before, and returns how many of them are done with.
	Stream(dir packet.Direction, data []byte, eof bool) (consumed int)
	// Gap says that n bytes are missing; false: no more bytes of the direction are wanted.
	Gap(dir packet.Direction, n uint32) bool
	// Reversed tells whether client and server were exchanged by the last call.
	Reversed() bool
}

// Stats count what the engine did and refused.
type Stats struct {
	Sessions, Midstream, BadChecksum, Invalid uint64
	Gaps, Overlaps, OverlapsDiffer            uint64 // Overlaps: of any kind
	DepthReached, MemcapDrops, Pseudo         uint64
	Memuse                                    uint64 // bytes of reassembly buffers, now
}

// Each calls f with every counter by its path in EVE's stats record.
func (s *Stats) Each(f func(name string, n uint64)) {
	f("tcp.sessions", s.Sessions)
	f("tcp.midstream_pickups", s.Midstream)
	f("tcp.invalid_checksum", s.BadChecksum)
	f("tcp.invalid", s.Invalid)
	f("tcp.reassembly_gap", s.Gaps)
	f("tcp.overlap", s.Overlaps)
	f("tcp.overlap_diff_data", s.OverlapsDiffer)
	f("tcp.stream_depth_reached", s.DepthReached)
	f("tcp.segment_memcap_drop", s.MemcapDrops)
	f("tcp.pseudo", s.Pseudo)
	f("tcp.reassembly_memuse", s.Memuse)
}

// Engine tracks the sessions of one worker. It is not safe for concurrent use.
type Engine struct {
	cfg   Config
	free  []*Bytes
	spare [][]byte // buffers that hold nothing; the last was used last and lies in the processor's cache
	Stats Stats
	c     conn
}

// NewEngine returns an engine for one worker.
func NewEngine(cfg Config) *Engine { return &Engine{cfg: cfg} }

// Config returns the engine's settings.
func (e *Engine) Config() *Config { return &e.cfg }

// Bytes are the held bytes of both directions of a session.
type Bytes struct {
	half [2]half
	used uint64 // accounted memory
}

// conn is a packet with its session: what all checks look at.
type conn struct {
	e   *Engine
	s   *Session
	b   **Bytes
	out Consumer
	p   *packet.Packet
	dir packet.Direction

	later uint32 // urgent bytes at the segment's end, to be counted when it is placed
	was   State  // the session's state before the packet
	notes Notes
}

func (c *conn) snd() *side           { return &c.s.side[c.dir] }
func (c *conn) rcv() *side           { return &c.s.side[c.dir^1] }
func (c *conn) end() Seq             { return Seq(c.p.TCP.Seq) + Seq(len(c.p.Payload)) }
func (c *conn) second() uint32       { return uint32(c.p.Time / 1e9) }
func (c *conn) event(e packet.Event) { c.p.AddEvent(e) }

// policy is the policy of the host that gets the sender's bytes.
func (c *conn) policy(snd *side) Policy {
	if !snd.hasPolicy {
		a := c.p.Dst
		if snd != c.snd() {
			a = c.p.Src
		}
		if len(c.e.cfg.Hosts) > 0 {
			snd.policy = c.e.cfg.policyOf(a.Netip())
		}
		snd.hasPolicy = true
	}
	return snd.policy
}

// Packet takes a TCP packet of the session, whose Dir is set. Bytes that are ready go to out. b holds the
// session's bytes and is filled in when there are some. The packet gets its events and StreamAdded or
// StreamRefused. Allocates nothing on in-order segments in the steady state.
func (e *Engine) Packet(s *Session, b **Bytes, out Consumer, p *packet.Packet) {
	e.c = conn{e: e, s: s, b: b, out: out, p: p, dir: p.Dir, was: s.State}
	if e.cfg.ChecksumValidation && p.Has(packet.ChecksumBad) {
		e.Stats.BadChecksum++
		p.Flags |= packet.StreamRefused
		return
	}
	c := &e.c
	h := &p.TCP
	if h.Flags&packet.ACK == 0 && h.Ack != 0 {
		c.event(EvPktBrokenAck)
	}
	if h.Flags&packet.URG != 0 && e.cfg.Reassembly.Urgent == UrgentDrop {
		p.Except(packet.DropPacket, packet.DeniedUrgent)
		return
	}
	if !c.walk() {
		c.refuse()
	}
	c.noted()
}

// refuse marks a segment that does not belong to the session. Inline it is dropped, as the receiver might think
// otherwise: rules see its event, not its payload.
func (c *conn) refuse() {
	c.e.Stats.Invalid++
	c.p.Flags |= packet.StreamRefused
	if c.e.cfg.Inline && c.e.cfg.DropInvalid {
		c.p.Flags |= packet.NoPayload
		if c.p.Denied == packet.NotDenied {
			c.p.Denied = packet.DeniedStream
		}
	}
}

// walk is a packet's way through the session; false: it is refused.
func (c *conn) walk() bool {
	if c.s.State == None {
		return c.begin()
	}
	ok := c.idle()
	if !ok {
		ok = c.spurious() || c.dispatch(c.s.State)
	}
	c.afterReset()
	return ok
}

// spurious tells whether a segment lies before all bytes still held.
func (c *conn) spurious() bool {
	if len(c.p.Payload) == 0 {
		return false
	}
	base := c.snd().isn + 1
	if *c.b != nil {
		h := &(*c.b).half[c.dir]
		base = h.seq(h.base)
	}
	end := c.end()
	if !end.upTo(base) && !end.upTo(c.snd().acked) {
		return false
	}
	c.event(EvPktSpuriousRetransmission)
	c.notes |= SpuriousRetransmission
	return end.upTo(base)
}

// afterReset notices that the sender of a reset goes on all the same: somebody else sent it.
func (c *conn) afterReset() {
	if c.p.TCP.Flags&packet.RST == 0 && c.rcv().rst {
		c.rcv().rst = false
		c.s.Flags &^= ByReset
		c.event(EvSuspectedRstInject)
	}
}

func (c *conn) dispatch(st State) bool {
	switch st {
	case SynSent:
		return c.synSent()
	case SynRecv:
		return c.synRecv()
	case Established:
		return c.established()
	case Closed:
		return c.closed()
	}
	return c.closing(st)
}
