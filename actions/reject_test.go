package actions

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"picket/traffic/packet"
)

// segment builds a raw IP packet with a TCP header and decodes it.
func segment(t *testing.T, src, dst string, flags uint8, payload string) *packet.Packet {
	t.Helper()
	tcp := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(tcp, 1024)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	binary.BigEndian.PutUint32(tcp[4:], 1000)
	binary.BigEndian.PutUint32(tcp[8:], 2000)
	tcp[12], tcp[13] = 5<<4, flags
	return datagram(t, src, dst, packet.TCP, append(tcp, payload...))
}

// datagram builds a raw IP packet and decodes it.
func datagram(t *testing.T, src, dst string, proto packet.Proto, l4 []byte) *packet.Packet {
	t.Helper()
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	var b []byte
	if s.Is4() {
		b = make([]byte, 12, 20+len(l4))
		b[0], b[8], b[9] = 0x45, 64, byte(proto)
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(l4)))
	} else {
		b = make([]byte, 8, 40+len(l4))
		b[0], b[6], b[7] = 0x60, byte(proto), 64
		binary.BigEndian.PutUint16(b[4:], uint16(len(l4)))
	}
	b = append(append(append(b, s.AsSlice()...), d.AsSlice()...), l4...)
	return decodeRaw(b)
}

func decodeRaw(b []byte) *packet.Packet {
	out := packet.NewDecoder(packet.Default()).Decode(packet.Input{Data: b, Link: packet.LinkRaw})
	return out[len(out)-1]
}

func TestBuildReset(t *testing.T) {
	hosts := [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}
	for _, c := range []struct {
		name      string
		flags     uint8
		payload   string
		to        Side
		delivered bool
		seq, ack  uint32
		src       int // index of the host in whose name it is sent
	}{
		{"data, to its sender", packet.ACK, "abcd", ToSource, false, 2000, 1004, 1},
		{"data that was dropped, to its receiver", packet.ACK, "abcd", ToDestination, false, 1000, 2000, 0},
		{"data that has passed, to its receiver", packet.ACK, "abcd", ToDestination, true, 1004, 2000, 0},
		{"SYN, to its sender", packet.SYN, "", ToSource, false, 2000, 1001, 1},
		{"FIN, to its sender", packet.FIN | packet.ACK, "", ToSource, false, 2000, 1001, 1},
	} {
		for _, h := range hosts {
			ip, err := BuildReject(segment(t, h[0], h[1], c.flags, c.payload), c.to, c.delivered)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			r := decodeRaw(ip)
			if r.TCP.Flags&packet.RST == 0 || r.TCP.Seq != c.seq || r.TCP.Ack != c.ack || r.Src.String() != h[c.src] {
				t.Errorf("%s: from %v, flags %02x, seq %d, ack %d", c.name, r.Src, r.TCP.Flags, r.TCP.Seq, r.TCP.Ack)
			}
			if r.Has(packet.ChecksumBad) || r.NEvents > 0 {
				t.Errorf("%s: badly built: %v", c.name, r.Events[:r.NEvents])
			}
		}
	}
}

func TestBuildUnreachable(t *testing.T) {
	udp := []byte{4, 0, 0, 53, 0, 12, 0, 0, 'p', 'i', 'n', 'g'}
	for _, h := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		ip, err := BuildReject(datagram(t, h[0], h[1], packet.UDP, udp), ToSource, false)
		if err != nil {
			t.Fatal(err)
		}
		r := decodeRaw(ip)
		if !r.Has(packet.ICMPError) || r.Has(packet.ChecksumBad) || r.NEvents > 0 {
			t.Errorf("%v: flags %x, events %v", h, r.Flags, r.Events[:r.NEvents])
		}
		if q := r.Quoted; r.Dst.String() != h[0] || q.Dst.String() != h[1] || q.SrcPort != 1024 || q.DstPort != 53 {
			t.Errorf("%v: to %v, quotes %+v", h, r.Dst, q)
		}
	}
}

func TestNotAnswered(t *testing.T) {
	icmpError := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, make([]byte, 28)...)
	for name, p := range map[string]*packet.Packet{
		"reset":               segment(t, "10.0.0.1", "10.0.0.2", packet.RST, ""),
		"multicast":           datagram(t, "10.0.0.1", "224.0.0.1", packet.UDP, make([]byte, 8)),
		"broadcast":           datagram(t, "10.0.0.1", "255.255.255.255", packet.UDP, []byte{0, 1, 0, 1, 0, 8, 0, 0}),
		"ICMP error":          datagram(t, "10.0.0.1", "10.0.0.2", packet.ICMP, icmpError),
		"unreadable TCP":      datagram(t, "10.0.0.1", "10.0.0.2", packet.TCP, []byte{1}),
		"no address":          datagram(t, "::", "fd00::1", packet.UDP, []byte{0, 1, 0, 1, 0, 8, 0, 0}),
		"neighbour discovery": datagram(t, "fd00::1", "ff02::1", packet.ICMPv6, make([]byte, 24)),
	} {
		if ip, err := BuildReject(p, ToSource, false); !errors.Is(err, ErrNoReject) {
			t.Errorf("%s: answered with %x, %v", name, ip, err)
		}
	}
}

func TestFrameReject(t *testing.T) {
	eth := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0}
	p := segment(t, "10.0.0.1", "10.0.0.2", packet.ACK, "x")
	out := packet.NewDecoder(packet.Default()).Decode(packet.Input{Data: append(eth, p.IP...), Link: packet.LinkEthernet})
	ip, err := BuildReject(out[0], ToSource, false)
	if err != nil {
		t.Fatal(err)
	}
	r := packet.NewDecoder(packet.Default()).Decode(packet.Input{Data: FrameReject(out[0], ToSource, ip), Link: packet.LinkEthernet})[0]
	if r.VLANs != 1 || r.VLAN[0] != 7 || r.Eth[5] != 2 || r.TCP.Flags&packet.RST == 0 {
		t.Errorf("tags %v, to %x, flags %x", r.VLAN[:r.VLANs], r.Eth[:6], r.TCP.Flags)
	}
}
