package stream

import (
	"slices"
	"testing"

	"picket/traffic/packet"
)

// taker is an application layer that takes everything and keeps nothing.
type taker struct{}

func (taker) Stream(_ packet.Direction, data []byte, _ bool) int { return len(data) }
func (taker) Gap(packet.Direction, uint32) bool                  { return true }
func (taker) Reversed() bool                                     { return false }

// bulk is an endless upload of full segments, with an acknowledgment for every second one.
type bulk struct {
	e    *Engine
	s    Session
	b    *Bytes
	data packet.Packet
	ack  packet.Packet
	seq  uint32
}

func newBulk(inline bool) *bulk {
	cfg := Default()
	cfg.Inline, cfg.Reassembly.Depth = inline, 0
	u := &bulk{e: NewEngine(cfg), seq: 1}
	u.data = packet.Packet{Time: 1e9, Proto: packet.TCP, Payload: make([]byte, 1460)}
	u.ack = packet.Packet{Time: 1e9, Proto: packet.TCP, Dir: packet.ToClient}
	u.data.TCP = packet.TCPHeader{Flags: packet.SYN, Window: 65535, HdrLen: 20}
	u.ack.TCP = packet.TCPHeader{Flags: packet.SYN | packet.ACK, Ack: 1, Window: 65535, HdrLen: 20}
	syn := u.data
	syn.Payload = nil
	u.send(&syn)
	u.send(&u.ack)
	u.data.TCP.Flags, u.data.TCP.Ack = packet.ACK, 1
	u.ack.TCP.Flags, u.ack.TCP.Seq = packet.ACK, 1
	return u
}

func (u *bulk) send(p *packet.Packet) {
	p.Flags, p.NEvents = 0, 0
	u.e.Packet(&u.s, &u.b, taker{}, p)
	if u.b != nil {
		u.e.Raw(&u.s, u.b, p)
		u.e.Settle(u.b, p.Dir)
	}
}

// round sends as many segments as order names, in that order, and acknowledges them.
func (u *bulk) round(order []uint32) {
	for _, i := range order {
		u.data.TCP.Seq = u.seq + i*1460
		u.send(&u.data)
	}
	u.seq += (slices.Max(order) + 1) * 1460
	u.ack.TCP.Ack = u.seq
	u.send(&u.ack)
}

var orders = map[string][]uint32{
	"in order":  {0, 1},
	"one late":  {0, 2, 3, 1},
	"backwards": {7, 6, 5, 4, 3, 2, 1, 0},
	"twice":     {0, 1, 0, 1},
}

// TestBulkNoAllocs: reassembly of a bulk transfer allocates nothing, in whatever order it comes.
func TestBulkNoAllocs(t *testing.T) {
	for name, order := range orders {
		for _, inline := range []bool{false, true} {
			u := newBulk(inline)
			for range 100 {
				u.round(order)
			}
			if n := testing.AllocsPerRun(1000, func() { u.round(order) }); n != 0 {
				t.Errorf("%s, inline %v: %v allocations", name, inline, n)
			}
			if u.s.State != Established || u.e.Stats.Invalid != 0 || u.e.Stats.Gaps != 0 {
				t.Errorf("%s, inline %v: %s, %+v", name, inline, u.s.State, u.e.Stats)
			}
		}
	}
}

// BenchmarkBulk is the cost of a segment of 1,460 bytes, its share of the acknowledgment included.
func BenchmarkBulk(b *testing.B) {
	for name, order := range orders {
		for mode, inline := range map[string]bool{"passive": false, "inline": true} {
			b.Run(name+"/"+mode, func(b *testing.B) {
				u := newBulk(inline)
				b.SetBytes(1460)
				b.ReportAllocs()
				for i := 0; i < b.N; i += len(order) { // an operation is a segment, not a round
					u.round(order)
				}
			})
		}
	}
}
