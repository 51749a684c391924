package flow

import (
	"encoding/binary"
	"testing"

	"picket/traffic/app"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// taker is an application layer that keeps all bytes.
type taker struct{ got [2][]byte }

func (l *taker) Stream(_ *app.Conn, _ app.Endpoint, dir app.Direction, data []byte, _ bool) int {
	l.got[dir] = append(l.got[dir], data...)
	return len(data)
}
func (l *taker) Gap(*app.Conn, app.Endpoint, app.Direction, uint32) bool { return true }
func (l *taker) Datagram(*app.Conn, app.Endpoint, app.Direction, []byte) {}
func (l *taker) Judge(*packet.Packet, *Flow, *State)                     {}
func (l *taker) Ended(*Flow, *State, EndReason)                          {}

func segment(dir packet.Direction, flags uint8, seq, ack uint32, data string) *packet.Packet {
	p := &packet.Packet{Time: 1e9, Family: 4, Proto: packet.TCP, Flags: packet.WantsFlow, L4: make([]byte, 20),
		Src: packet.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: packet.AddrFrom4([4]byte{10, 0, 0, 2}),
		SrcPort: 1025, DstPort: 80, Payload: []byte(data)}
	if dir == packet.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	p.TCP = packet.TCPHeader{Seq: seq, Ack: ack, Flags: flags, Window: 60000, HdrLen: 20}
	return p
}

func track(t *Table, p *packet.Packet) {
	f, s := t.Track(p)
	if s != nil {
		s.Raw(p.Dir)
	}
	t.Settle(p, f, s)
}

func open(l *taker) *Table {
	t := NewTable(Default(), stream.Default(), l, l)
	track(t, segment(0, packet.SYN, 99, 0, ""))
	track(t, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
	track(t, segment(0, packet.ACK, 100, 500, ""))
	return t
}

// TestAnyOrder: segments in any order, some twice, give the bytes as they were sent.
func TestAnyOrder(t *testing.T) {
	const text = "GET /etc/passwd HTTP/1.0\r\n\r\n"
	for step := 1; step < len(text); step++ {
		for turn := range 7 {
			l := &taker{}
			tab := open(l)
			var cuts []int
			for i := 0; i < len(text); i += step {
				cuts = append(cuts, i)
			}
			for i := range 2 * len(cuts) {
				at := cuts[(i*(turn+3)+turn)%len(cuts)]
				track(tab, segment(0, packet.ACK, 100+uint32(at), 500, text[at:min(at+step, len(text))]))
			}
			for _, at := range cuts {
				track(tab, segment(0, packet.ACK, 100+uint32(at), 500, text[at:min(at+step, len(text))]))
			}
			track(tab, segment(1, packet.ACK, 500, 100+uint32(len(text)), ""))
			if string(l.got[0]) != text {
				t.Fatalf("step %d turn %d: %q", step, turn, l.got[0])
			}
		}
	}
}

// TestNoAllocs: in-order segments of an established session allocate nothing.
func TestNoAllocs(t *testing.T) {
	l := &discard{}
	tab := NewTable(Default(), func() stream.Config { c := stream.Default(); c.Reassembly.Depth = 0; return c }(), l, l)
	track(tab, segment(0, packet.SYN, 99, 0, ""))
	track(tab, segment(1, packet.SYN|packet.ACK, 499, 100, ""))
	p, a := segment(0, packet.ACK, 100, 500, string(make([]byte, 1000))), segment(1, packet.ACK, 500, 100, "")
	n := testing.AllocsPerRun(1000, func() {
		p.TCP.Seq += 1000
		p.Dir, p.Flags = 0, packet.WantsFlow
		track(tab, p)
		a.TCP.Ack = p.TCP.Seq + 1000
		track(tab, a)
	})
	if n != 0 {
		t.Errorf("%v allocations for a segment and its acknowledgment", n)
	}
}

type discard struct{ taker }

func (*discard) Stream(_ *app.Conn, _ app.Endpoint, _ app.Direction, data []byte, _ bool) int {
	return len(data)
}

// FuzzFlow: no sequence of segments panics or leaves a flow behind.
func FuzzFlow(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x63\x00\x00\x05\x01\x12\x01\xf3\x00\x64\x00\x00\x10\x00\x64\x01\xf4\x09"), false)
	f.Fuzz(func(t *testing.T, b []byte, inline bool) {
		sc := stream.Default()
		sc.Inline, sc.Midstream = inline, true
		l := &discard{}
		tab := NewTable(Default(), sc, l, l)
		for len(b) >= 7 {
			p := segment(packet.Direction(b[0]&1), b[1], uint32(binary.BigEndian.Uint16(b[2:])), uint32(binary.BigEndian.Uint16(b[4:])), string(make([]byte, b[6])))
			track(tab, p)
			b = b[7:]
		}
		tab.Flush()
		if s := tab.Stats(); s.Active != 0 || s.Stream.Memuse > 0 {
			t.Fatalf("left behind: %+v", s)
		}
	})
}
