package stream

import "picket/traffic/packet"

// Notes say what a segment was for its session (EVE: stream_tcp.packet.flags).
type Notes uint8

// What a segment was.
const (
	Retransmission Notes = 1 << iota
	SpuriousRetransmission
	KeepAlive
	KeepAliveACK
	WindowUpdate
	ZeroWindowProbe
	EventSet    // it has stream events
	StateUpdate // it has changed the session's state
	noteCount   = 8
	AllNotes    = ^Notes(0)
)

var noteNames = [noteCount]string{"retransmission", "spurious_retransmission", "keepalive", "keepalive_ack", "window_update",
	"zero_window_probe", "event_set", "state_update"}

// Names appends the names of the notes to list.
func (n Notes) Names(list []string) []string {
	for i, name := range noteNames {
		if n>>i&1 != 0 {
			list = append(list, name)
		}
	}
	return list
}

// sessionFlags are the flags that EVE tells, by Suricata's names.
var sessionFlags = [...]struct {
	flag SessionFlags
	name string
}{
	{Midstream, "midstream"}, {midEstablished, "midstream_established"}, {midSynAck, "midstream_synack"},
	{timestamps, "timestamp"}, {synWScale, "server_wscale"}, {ByReset, "closed_by_rst"}, {fourWay, "4whs"},
	{evasion, "detect_evasion_attempt"}, {confirmed, "3whs_confirmed"}, {fastOpen, "tcp_fast_open"},
	{dataIgnored, "tfo_data_ignored"},
}

// Names appends the names of the flags that EVE tells to list.
func (f SessionFlags) Names(list []string) []string {
	for _, s := range sessionFlags {
		if f&s.flag != 0 {
			list = append(list, s.name)
		}
	}
	return list
}

// Summary is a session after a segment, as EVE's stream_tcp record tells of it.
type Summary struct {
	State, Before State // Before is valid iff Notes has StateUpdate
	Flags         SessionFlags
	Notes         Notes
	Sides         [2]SideSummary // by sender
}

// SideSummary is one sender. Sequence numbers are those of the wire, the window is scaled.
type SideSummary struct {
	ISN, NextSeq, LastAck, NextWin uint32
	BaseSeq, RightEdge             uint32 // of the bytes that are held; valid iff Held
	Window                         uint32
	Scale                          uint8
	Segments, Buffer               int // segments remembered; bytes of memory
	Held, Gap, Depth, KeepAlive    bool
	Timestamp, ZeroTimestamp, RST  bool
}

// Notes returns what the last packet was for its session.
func (e *Engine) Notes() Notes { return e.c.notes }

// Describe tells of the session of the last packet. b may be nil.
func (e *Engine) Describe(s *Session, b *Bytes) Summary {
	sum := Summary{State: s.State, Before: e.c.was, Flags: s.Flags, Notes: e.c.notes}
	for d := range sum.Sides {
		o := &s.side[d]
		sum.Sides[d] = SideSummary{ISN: uint32(o.isn), NextSeq: uint32(o.next), LastAck: uint32(o.acked),
			NextWin: uint32(o.nextWin), Window: o.window, Scale: o.scale, KeepAlive: o.keepalive,
			Timestamp: o.ts, ZeroTimestamp: o.zeroTS, RST: o.rst}
		if b != nil {
			sum.Sides[d].holds(&b.half[d])
		}
	}
	return sum
}

// holds adds what is known of the bytes.
func (o *SideSummary) holds(h *half) {
	o.Held, o.Gap, o.Depth = true, h.hasGap, h.depth
	o.BaseSeq, o.RightEdge = uint32(h.seq(h.base)), uint32(h.seq(h.right()))
	o.Segments, o.Buffer = len(h.segs), cap(h.buf)
}

// noted keeps what the packet was when it is through.
func (c *conn) noted() {
	if c.s.State != c.was {
		c.notes |= StateUpdate
	}
	for _, e := range c.p.Events[:c.p.NEvents] {
		if e >= packet.FirstStreamEvent {
			c.notes |= EventSet
		}
	}
}
