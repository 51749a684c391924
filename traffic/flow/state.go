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

// Raw returns the stream bytes of the packet's direction that are to be judged now; empty for the other
// direction, and between packets. They stay valid until the packet is settled.
func (s *State) Raw(dir packet.Direction) stream.Window {
	if s.cur == nil || s.cur.Dir != dir || s.cur.Proto != packet.TCP {
		return stream.Window{}
	}
	return s.engine.Raw(s.tcp, s.bytes, s.cur)
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
