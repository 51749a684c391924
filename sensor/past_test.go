package sensor

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"picket/traffic/packet"
)

func framed(ms int64, data []byte) *packet.Packet {
	return &packet.Packet{Time: ms * 1e6, Link: packet.LinkEthernet, Frame: data}
}

// TestPast holds the ring against lists of everything, over several turns.
func TestPast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := newPast(8 << 10)
	all := map[uint64][][]byte{}
	for n := range int64(40_000) {
		flow := 1 + rng.Uint64N(50)
		data := make([]byte, 1+rng.IntN(3000))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		r.put(flow, framed(n, data))
		all[flow] = append(all[flow], data)
		if n%997 != 0 {
			continue
		}
		got, bytesOf := r.of(flow), 0
		want := all[flow]
		if len(got) == 0 || len(got) > maxPast {
			t.Fatalf("%d packets", len(got))
		}
		for i := range got {
			w := want[len(want)-len(got)+i]
			if got[i].wire != len(w) || !bytes.Equal(got[i].data, w[:min(len(w), pastSnap)]) {
				t.Fatalf("packet %d of %d of flow %d is another", i, len(got), flow)
			}
			bytesOf += len(got[i].data)
		}
		if bytesOf > 8<<10 {
			t.Fatalf("%d bytes", bytesOf)
		}
	}
	if len(r.of(999)) != 0 {
		t.Error("a flow without packets has some")
	}
	one := framed(1, make([]byte, 1500))
	if n := testing.AllocsPerRun(1000, func() { r.put(7, one) }); n != 0 {
		t.Errorf("%g allocations for a packet", n)
	}
}

func BenchmarkPast(b *testing.B) {
	r := newPast(16 << 10)
	p := framed(1, make([]byte, 700)) // the mean of mixed traffic
	for b.Loop() {
		r.put(7, p)
	}
}
