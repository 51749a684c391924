package flow

import (
	"testing"

	"picket/traffic/packet"
	"picket/traffic/stream"
)

// TestSessionMemcap: stream.memcap bounds the sessions; the oldest of a few gives way to a new one, which is tracked.
func TestSessionMemcap(t *testing.T) {
	const room = 100
	sc := stream.Default()
	sc.Memcap = room * stream.SessionSize
	tab := NewTable(Default(), sc, &taker{}, &taker{})
	for i := range 5000 {
		p := segment(0, packet.SYN, 99, 0, "")
		p.SrcPort, p.Time = uint16(1025+i), p.Time+int64(i)
		if f, _ := tab.Track(p); f == nil {
			t.Fatalf("session %d has no flow", i)
		}
	}
	// A look at so many records may find none: the bound is not exact while the table is nearly empty.
	if s := tab.Stats(); s.Evicted == 0 || tab.sessions > 2*room {
		t.Errorf("%d sessions, %d evicted", tab.sessions, s.Evicted)
	}
	tab.Flush()
	if tab.sessions != 0 {
		t.Errorf("%d sessions are left", tab.sessions)
	}
}

// TestBypass: with stream.bypass, a flow is offloaded when both directions have reached the depth, not before.
func TestBypass(t *testing.T) {
	for _, bypass := range []bool{true, false} {
		sc := stream.Default()
		sc.Bypass, sc.Reassembly.Depth = bypass, 4
		l := &taker{}
		tab := NewTable(Default(), sc, l, l)
		track(tab, segment(0, packet.SYN, 99, 0, ""))
		track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
		f, _ := tab.Track(segment(0, packet.ACK, 100, 500, "request"))
		if f.Flags&Offload != 0 {
			t.Fatal("offloaded when the client's depth was reached")
		}
		tab.Track(segment(1, packet.ACK, 500, 107, "answer"))
		if got := f.Flags&Offload != 0; got != bypass {
			t.Errorf("bypass %v: offloaded %v", bypass, got)
		}
	}
}

// TestAsked: a flow remembers which exception policies were asked, even if they say ignore.
func TestAsked(t *testing.T) {
	tab := NewTable(Default(), stream.Default(), &taker{}, &taker{})
	f, _ := tab.Track(segment(0, packet.ACK, 100, 500, "x"))
	if f.Asked[0] != (Asked{packet.DeniedMidstream, packet.Ignore}) || f.Asked[1].About != packet.NotDenied {
		t.Errorf("asked: %v", f.Asked)
	}
}
