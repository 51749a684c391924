package flow

import (
	"picket/traffic/packet"
	"picket/traffic/stream"
)

func (t *Table) state(r *record) *State {
	if r.state == 0 {
		return nil
	}
	return t.states[r.state]
}

// StateOf returns the flow's State and makes it when there is none yet (flowbits set on a first SYN).
func (t *Table) StateOf(f *Flow) *State {
	if f.state != 0 {
		return t.states[f.state]
	}
	if n := len(t.spare); n > 0 {
		f.state = t.spare[n-1]
		t.spare = t.spare[:n-1]
	} else {
		t.states = append(t.states, new(State))
		f.state = uint32(len(t.states) - 1)
	}
	return t.states[f.state]
}

// established tells whether the flow counts as established for the packet that is coming.
func (r *record) established() bool {
	if r.Proto == packet.TCP {
		return r.tcp.State >= stream.Established
	}
	return r.Packets[0] > 0 && r.Packets[1] > 0
}

// announce tells the packet that the protocol of its direction was settled since the last one.
func (s *State) announce(p *packet.Packet) {
	if s != nil && s.detected[p.Dir] == news {
		s.detected[p.Dir] = known
		p.Flags |= packet.Detected
	}
}

// notice looks whether a packet has settled the protocol. Inline, and over UDP, it is told at once; otherwise the next
// packet of the direction is told, since this one has only acknowledged the bytes.
func (s *State) notice(p *packet.Packet, inline bool) {
	if s.App.Upgrading() {
		s.detected = [2]found{}
		return
	}
	for dir := packet.ToServer; dir <= packet.ToClient; dir++ {
		if s.detected[dir] != searching || !s.App.Settled(dir) {
			continue
		}
		s.detected[dir] = news
		if dir == p.Dir && (inline || p.Proto != packet.TCP) {
			s.announce(p)
		}
	}
}

// except does to the flow what an exception policy asks for its packets, and remembers who was asked first.
func (t *Table) except(r *record, about packet.Denial, e packet.Exception) {
	for i := range r.Asked {
		if a := &r.Asked[i]; a.About == packet.NotDenied || a.About == about {
			*a = Asked{about, e}
			break
		}
	}
	if e == packet.Ignore || r.Action != Accept {
		return
	}
	r.Flags |= Excepted
	switch {
	case e == packet.DropFlow, e == packet.Reject:
		r.Action = Drop
	case e == packet.PassFlow:
		r.Action = Pass
	case e == packet.Bypass:
		r.Action, r.Flags = Pass, r.Flags|Offload
	}
}

// TCP returns the flow's session, or nil for flows of other protocols. f is a flow of this table.
func (t *Table) TCP(f *Flow) *stream.Session {
	if f.Proto != packet.TCP {
		return nil
	}
	return &t.rec(f.self).tcp
}

// StreamNotes returns what the TCP packet that was tracked last was for its session.
func (t *Table) StreamNotes() stream.Notes { return t.engine.Notes() }

// Stream tells of the session of the TCP packet that was tracked last. f is its flow, s may be nil.
func (t *Table) Stream(f *Flow, s *State) stream.Summary {
	var held *stream.Bytes
	if s != nil {
		held = s.bytes
	}
	return t.engine.Describe(t.TCP(f), held)
}

// abandon lets go of the bytes of a flow that is dropped as a whole.
func (t *Table) abandon(s *State) *State {
	if s != nil {
		t.engine.Free(s.bytes)
		s.bytes, s.cur, s.App.Finished = nil, nil, true
	}
	return s
}

// Raw returns the stream bytes of the packet's direction that are to be judged now; empty for the other
// direction, and between packets. They stay valid until the packet is settled.
func (s *State) Raw(dir packet.Direction) stream.Window {
	if s.cur == nil || s.cur.Dir != dir || s.cur.Proto != packet.TCP {
		return stream.Window{}
	}
	return s.engine.Raw(s.tcp, s.bytes, s.cur)
}

// Text appends to b what is held of a direction for people to read: the bytes that were acknowledged, or all of them
// inline, with a note in place of each hole; at most limit bytes. It is what EVE shows of a match in a stream.
func (s *State) Text(b []byte, dir packet.Direction, limit int) []byte {
	if s.tcp == nil || s.bytes == nil || s.engine == nil {
		return b
	}
	return s.engine.Text(b, s.tcp, s.bytes, dir, limit)
}

// Session returns the TCP session of the packet that is being worked on, nil for other flows.
func (s *State) Session() *stream.Session { return s.tcp }

// Bytes returns what is held of a TCP stream; nil: nothing.
func (s *State) Bytes() *stream.Bytes { return s.bytes }

// StreamSize returns how many bytes a side has sent by its sequence numbers, as stream_size counts them.
func (s *State) StreamSize(dir packet.Direction) uint64 {
	if s.tcp == nil {
		return 0
	}
	return uint64(s.tcp.Sent(dir))
}
