package signatures

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/protocols"
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// wire is a TCP connection whose segments take a packet's whole way: flow, stream, application layer, judge.
type wire struct {
	table *flow.Table
	in    *Inspector
	next  [2]uint32 // sequence numbers
	found []uint32  // sids of all alerts so far
	p     packet.Packet
}

func newWire(e *Engine, inline bool) *wire {
	sc := stream.Default()
	sc.Inline, sc.Reassembly.Depth = inline, 0
	w := &wire{in: inspectorOf(e), next: [2]uint32{100, 500}}
	w.table = flow.NewTable(flow.Default(), sc, app.NewLayer(app.Default(), protocols.All()), w)
	w.send(app.ToServer, packet.SYN, 99, nil)
	w.send(app.ToClient, packet.SYN|packet.ACK, 499, nil)
	w.send(app.ToServer, packet.ACK, 100, nil)
	return w
}

// send takes one segment through; it acknowledges all that the other side has said.
func (w *wire) send(dir app.Direction, flags uint8, seq uint32, payload []byte) {
	p := &w.p
	*p = packet.Packet{
		Proto: packet.TCP, Family: 4, TTL: 64, Flags: packet.WantsFlow, Time: 1e9, Payload: payload, WireLen: uint32(40 + len(payload)),
		Src: packet.AddrFrom4([4]byte{192, 0, 2, 1}), Dst: packet.AddrFrom4([4]byte{10, 0, 0, 1}), SrcPort: 4000, DstPort: 9999, L4: w.p.L4,
	}
	if dir == app.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	if p.L4 == nil {
		p.L4 = make([]byte, 20)
	}
	p.TCP = packet.TCPHeader{Seq: seq, Ack: w.next[dir.Reverse()], Flags: flags, HdrLen: 20, Window: 65535}
	if flags&packet.SYN != 0 {
		p.TCP.WScale, p.TCP.HasWScale = 8, true
		if flags&packet.ACK == 0 {
			p.TCP.Ack = 0
		}
	}
	f, s := w.table.Track(p)
	w.Judge(p, f, s)
	w.table.Settle(p, f, s)
}

// say sends bytes in order and has them acknowledged.
func (w *wire) say(dir app.Direction, payload []byte) {
	w.send(dir, packet.ACK, w.next[dir], payload)
	w.next[dir] += uint32(len(payload))
	w.send(dir.Reverse(), packet.ACK, w.next[dir.Reverse()], nil)
}

// Judge implements flow.Sink.
func (w *wire) Judge(p *packet.Packet, f *flow.Flow, s *flow.State) {
	w.in.Inspect(p, f, s)
	for i := range w.in.Alerts {
		w.found = append(w.found, w.in.Alerts[i].SID)
	}
}

// Ended implements flow.Sink.
func (w *wire) Ended(*flow.Flow, *flow.State, flow.EndReason) {}

// TestStreamCut finds a content of the stream wherever segments cut it, once.
func TestStreamCut(t *testing.T) {
	e, faults := compileText(`alert tcp any any -> any any (flow:established,to_server; content:"needle in hay"; sid:1;)` + "\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	text := []byte("some hay, a needle in hay, more hay")
	for _, inline := range []bool{false, true} {
		for cut := 1; cut < len(text); cut++ {
			w := newWire(e, inline)
			w.say(app.ToServer, text[:cut])
			w.say(app.ToServer, text[cut:])
			w.table.Flush()
			if !slices.Contains(w.found, 1) || !inline && len(w.found) != 1 {
				t.Errorf("inline %v, cut at %d: alerts %v", inline, cut, w.found)
			}
		}
	}
}

// TestStreamDisorder holds what is found in segments that come out of order, twice and across one another against what
// is found in the same bytes in order.
func TestStreamDisorder(t *testing.T) {
	var rules strings.Builder
	for i := range 8 {
		fmt.Fprintf(&rules, "alert tcp any any -> any any (flow:established,to_server; content:\"%s\"; sid:%d;)\n", strings.Repeat(string(rune('a'+i)), 5)+"=", i+1)
	}
	e, faults := compileText(rules.String())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		text := make([]byte, 200)
		for i := range text {
			text[i] = "abcdefgh="[min(r.IntN(12), 8)]
		}
		for range 3 {
			copy(text[r.IntN(190):], strings.Repeat(string(rune('a'+r.IntN(8))), 5)+"=")
		}
		w := newWire(e, false)
		for _, at := range r.Perm(20) {
			end := min(10*at+10+r.IntN(25), len(text))
			w.send(app.ToServer, packet.ACK, 100+uint32(10*at), text[10*at:end])
		}
		w.next[app.ToServer] = 300
		w.send(app.ToClient, packet.ACK, 500, nil)
		w.table.Flush()
		slices.Sort(w.found)
		var want []uint32
		for i := range 8 {
			if bytes.Contains(text, []byte(strings.Repeat(string(rune('a'+i)), 5)+"=")) {
				want = append(want, uint32(i+1))
			}
		}
		if got := slices.Compact(w.found); !slices.Equal(got, want) {
			t.Fatalf("round %d: %q: found %v, want %v", round, text, got, want)
		}
	}
}

// TestStreamChunks: depth counts from the begin of each chunk of the stream, as in Suricata.
func TestStreamChunks(t *testing.T) {
	e, _ := compileText(`alert tcp any any -> any any (flow:established,to_server,only_stream; content:"key"; depth:3; sid:1;)` + "\n")
	chunk := append([]byte("key"), make([]byte, 3000)...)
	w := newWire(e, false)
	for range 3 {
		w.say(app.ToServer, chunk)
	}
	w.table.Flush()
	if len(w.found) != 3 {
		t.Errorf("%d alerts, want one for each chunk", len(w.found))
	}
}

// TestBulkDoesNotAllocate: segments in order allocate nothing, acknowledgments included.
func TestBulkDoesNotAllocate(t *testing.T) {
	e, _ := compileText(`alert tcp any any -> any any (flow:established,to_server; content:"nothing like it"; sid:1;)
alert tcp any any -> any any (flow:established,to_server; content:"....."; content:"x"; distance:0; sid:2;)
`)
	for _, inline := range []bool{false, true} {
		w := newWire(e, inline)
		payload := bytes.Repeat([]byte("....."), 292)
		for range 100 {
			w.say(app.ToServer, payload)
		}
		if n := testing.AllocsPerRun(200, func() { w.say(app.ToServer, payload) }); n != 0 {
			t.Errorf("inline %v: %v allocations for a segment and its acknowledgment", inline, n)
		}
	}
}

// BenchmarkBulk is a large download with all of ET Open: segments of 1,460 bytes as a card sees them, and of 64 kB as
// the queue hands them over (GSO); an acknowledgment for each.
func BenchmarkBulk(b *testing.B) {
	e, _ := Compile(etOpen(b), Options{})
	noise := make([]byte, 1<<16)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, size := range []int{1460, 64000} {
		for _, inline := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/inline=%v", size, inline), func(b *testing.B) {
				w := newWire(e, inline)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					w.say(app.ToServer, noise[:size])
				}
			})
		}
	}
}
