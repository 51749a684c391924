package flow

import (
	"testing"

	"picket/traffic/packet"
	"picket/traffic/stream"
)

// TestInlinePolicies: what an inline table does with segments that it can't vouch for.
func TestInlinePolicies(t *testing.T) {
	for _, tc := range []struct {
		name   string
		set    func(*stream.Config)
		send   []*packet.Packet
		denied packet.Denial
		action Action
	}{
		{"out of window", nil, []*packet.Packet{segment(0, packet.ACK, 1<<30, 500, "x")}, packet.DeniedStream, Accept},
		{"in window", nil, []*packet.Packet{segment(0, packet.ACK, 100, 500, "x")}, packet.NotDenied, Accept},
		{"invalid ones may pass", func(c *stream.Config) { c.DropInvalid = false },
			[]*packet.Packet{segment(0, packet.ACK, 1<<30, 500, "x")}, packet.NotDenied, Accept},
		{"urgent", func(c *stream.Config) { c.Reassembly.Urgent = stream.UrgentDrop },
			[]*packet.Packet{segment(0, packet.ACK|packet.URG, 100, 500, "x")}, packet.DeniedUrgent, Accept},
		{"no memory", func(c *stream.Config) { c.Reassembly.Memcap, c.MemcapPolicy = 1, packet.DropFlow },
			[]*packet.Packet{segment(0, packet.ACK, 100, 500, "x"), segment(0, packet.ACK, 101, 500, "y")}, packet.DeniedReassembly, Drop},
	} {
		l := &taker{}
		sc := stream.Default()
		sc.Inline = true
		if tc.set != nil {
			tc.set(&sc)
		}
		tab := NewTable(Default(), sc, l, l)
		track(tab, segment(0, packet.SYN, 99, 0, ""))
		track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
		track(tab, segment(0, packet.ACK, 100, 500, ""))
		var p *packet.Packet
		var f *Flow
		for _, p = range tc.send {
			f, _ = tab.Track(p)
			tab.Settle(p, f, nil)
		}
		if p.Denied != tc.denied || f.Action != tc.action {
			t.Errorf("%s: denied %q, flow %v; want %q, %v", tc.name, p.Denied, f.Action, tc.denied, tc.action)
		}
	}
}

// TestMidstreamPolicy: a session without its beginning is dropped, passed, or picked up.
func TestMidstreamPolicy(t *testing.T) {
	for policy, want := range map[packet.Exception]Action{packet.Ignore: Accept, packet.DropFlow: Drop, packet.PassFlow: Pass, packet.DropPacket: Accept} {
		sc := stream.Default()
		sc.MidstreamPolicy = policy
		tab := NewTable(Default(), sc, &taker{}, &taker{})
		p := segment(0, packet.ACK, 100, 500, "x")
		f, _ := tab.Track(p)
		if f.Action != want || p.Has(packet.NoInspection) != (policy != packet.Ignore) {
			t.Errorf("policy %v: flow %v, flags %b", policy, f.Action, p.Flags)
		}
	}
}

// TestUrgent: a byte sent out of band is no part of the stream, nor does it shift what follows.
func TestUrgent(t *testing.T) {
	for policy, want := range map[stream.Urgent]string{stream.UrgentOutOfBand: "GET /etc", stream.UrgentInline: "GET X/etc"} {
		l := &taker{}
		sc := stream.Default()
		sc.Inline, sc.Reassembly.Urgent = true, policy
		tab := NewTable(Default(), sc, l, l)
		track(tab, segment(0, packet.SYN, 99, 0, ""))
		track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
		p := segment(0, packet.ACK|packet.URG, 100, 500, "GET X")
		p.TCP.Urgent = 5
		track(tab, p)
		track(tab, segment(0, packet.ACK, 105, 500, "/etc"))
		if got := string(l.got[0]); got != want {
			t.Errorf("policy %v: %q, want %q", policy, got, want)
		}
	}
}

// TestFirstCopyWins: inline, bytes that differ from those already passed on are replaced in the packet.
func TestFirstCopyWins(t *testing.T) {
	l := &taker{}
	sc := stream.Default()
	sc.Inline = true
	tab := NewTable(Default(), sc, l, l)
	track(tab, segment(0, packet.SYN, 99, 0, ""))
	track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
	track(tab, segment(0, packet.ACK, 101, 500, "OOD"))
	p := segment(0, packet.ACK, 100, 500, "GVIL")
	track(tab, p)
	if string(p.Payload) != "GOOD" || !p.Has(packet.Rewritten) || string(l.got[0]) != "GOOD" {
		t.Errorf("payload %q, flags %b, stream %q", p.Payload, p.Flags, l.got[0])
	}
}

// TestDroppedFlow: the bytes of a flow that a verdict dropped go nowhere.
func TestDroppedFlow(t *testing.T) {
	cfg := Default()
	cfg.Enforce = true
	sc := stream.Default()
	sc.Inline = true
	l := &taker{}
	tab := NewTable(cfg, sc, l, l)
	track(tab, segment(0, packet.SYN, 99, 0, ""))
	f, _ := tab.Track(segment(1, packet.SYN|packet.ACK, 499, 100, ""))
	f.Action = Drop
	track(tab, segment(0, packet.ACK, 100, 500, "secret"))
	if len(l.got[0]) > 0 {
		t.Errorf("the application layer got %q", l.got[0])
	}
}

// TestSynFlood: forged SYNs do not hide the one that the server answers.
func TestSynFlood(t *testing.T) {
	l := &taker{}
	tab := NewTable(Default(), stream.Default(), l, l)
	for i := range uint32(40) {
		track(tab, segment(0, packet.SYN, 1000*i, 0, ""))
	}
	track(tab, segment(0, packet.SYN, 99, 0, ""))
	track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
	track(tab, segment(0, packet.ACK, 100, 500, "hello"))
	track(tab, segment(1, packet.ACK, 500, 105, ""))
	if string(l.got[0]) != "hello" {
		t.Errorf("got %q", l.got[0])
	}
}

// TestTinySegments: a sender of single bytes with holes costs bounded memory and loses no byte that fits.
func TestTinySegments(t *testing.T) {
	l := &taker{}
	tab := open(l)
	const n = 20000
	for i := n - 1; i >= 0; i-- {
		track(tab, segment(0, packet.ACK, 100+uint32(i), 500, "x"))
	}
	track(tab, segment(1, packet.ACK, 500, 100+n, ""))
	if len(l.got[0]) != n {
		t.Errorf("%d of %d bytes", len(l.got[0]), n)
	}
}
