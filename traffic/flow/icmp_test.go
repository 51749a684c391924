package flow

import (
	"testing"

	"picket/traffic/packet"
	"picket/traffic/stream"
)

// icmp is a message between the hosts of segment.
func icmp(dir packet.Direction, proto packet.Proto, kind, code uint8) *packet.Packet {
	p := segment(dir, 0, 0, 0, "")
	p.Proto, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode = proto, 0, 0, kind, code
	return p
}

// quoting makes p an error about a packet that went the given way.
func quoting(p *packet.Packet, dir packet.Direction, proto packet.Proto, sport, dport uint16) *packet.Packet {
	src := segment(dir, 0, 0, 0, "")
	p.Flags |= packet.ICMPError
	p.Quoted = packet.Quoted{Src: src.Src, Dst: src.Dst, Proto: proto, SrcPort: sport, DstPort: dport}
	return p
}

// TestICMP: questions and answers are one flow whatever their codes, errors belong to the flow that they quote, and an
// ICMPv4 error about an unknown flow has none.
func TestICMP(t *testing.T) {
	udp := segment(0, 0, 0, 0, "")
	udp.Proto = packet.UDP
	for _, c := range []struct {
		name    string
		packets []*packet.Packet
		flows   uint64
	}{
		{"echo", []*packet.Packet{icmp(0, packet.ICMP, 8, 0), icmp(1, packet.ICMP, 0, 0)}, 1},
		{"echo of nmap", []*packet.Packet{icmp(0, packet.ICMP, 8, 9), icmp(1, packet.ICMP, 0, 9), icmp(0, packet.ICMP, 8, 0)}, 1},
		{"echo and timestamp", []*packet.Packet{icmp(0, packet.ICMP, 8, 0), icmp(0, packet.ICMP, 13, 0)}, 2},
		{"both ask", []*packet.Packet{icmp(0, packet.ICMP, 8, 0), icmp(1, packet.ICMP, 8, 0)}, 2},
		{"home agent discovery", []*packet.Packet{icmp(0, packet.ICMPv6, 144, 0), icmp(1, packet.ICMPv6, 145, 0)}, 1},
		{"error about UDP", []*packet.Packet{udp, quoting(icmp(1, packet.ICMP, 3, 3), 0, packet.UDP, 1025, 80)}, 1},
		{"error about an echo", []*packet.Packet{icmp(0, packet.ICMP, 8, 0), quoting(icmp(1, packet.ICMP, 3, 1), 0, packet.ICMP, 8, 0)}, 1},
		{"error about an answer", []*packet.Packet{icmp(0, packet.ICMP, 8, 0), icmp(1, packet.ICMP, 0, 0),
			quoting(icmp(0, packet.ICMP, 11, 0), 1, packet.ICMP, 0, 0)}, 1},
		{"error about nothing known", []*packet.Packet{quoting(icmp(1, packet.ICMP, 11, 0), 0, packet.UDP, 1025, 80)}, 0},
		{"error without a quote", []*packet.Packet{icmp(1, packet.ICMP, 3, 1)}, 0},
		{"ICMPv6 error about nothing known", []*packet.Packet{quoting(icmp(1, packet.ICMPv6, 1, 0), 0, packet.UDP, 1025, 80)}, 1},
	} {
		cfg := Default()
		cfg.MemcapPolicy = packet.DropPacket
		tab := NewTable(cfg, stream.Default(), &taker{}, &taker{})
		for i, p := range c.packets {
			p.Flags |= packet.WantsFlow
			track(tab, p)
			if p.Asked != packet.NotDenied {
				t.Errorf("%s: packet %d is denied as if memory were short", c.name, i)
			}
		}
		if got := tab.Stats().Created; got != c.flows {
			t.Errorf("%s: %d flows, want %d", c.name, got, c.flows)
		}
	}
}
