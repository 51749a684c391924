package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"picket/capture/nstest"
)

// wire is a cable from a sender to a tapped interface, with nothing on it but what the test sends.
type wire struct {
	t    *testing.T
	tap  *nstest.Host
	send func([]byte) error
}

const tapIface = "tap0"

func newWire(t *testing.T) *wire {
	t.Helper()
	from, tap := nstest.NewHost(t, "sender"), nstest.NewHost(t, "tap")
	nstest.Link(t, from, "eth0", tap, tapIface)
	from.Quiet(t, "eth0", 65535)
	tap.Quiet(t, tapIface, 65535)
	return &wire{t, tap, from.Inject(t, "eth0")}
}

func (w *wire) open(o RingOptions) Source {
	w.t.Helper()
	o.Interface = tapIface
	var s Source
	w.tap.Do(w.t, func() {
		var err error
		if s, err = OpenRing(o); err != nil {
			w.t.Fatal(err)
		}
	})
	w.t.Cleanup(func() { s.Close() })
	return s
}

// collect reads a ring to its end, giving each frame to f, and reports the worker's error.
func collect(s Source, f func(*Frame)) <-chan error {
	done := make(chan error, 1)
	go func() {
		var b Batch
		for {
			if err := s.Receive(&b); err != nil {
				done <- err
				return
			}
			for i := range b.Frames {
				f(&b.Frames[i])
			}
			_ = s.Release(&b)
		}
	}()
	return done
}

// udpFrame is an Ethernet frame with an IPv4 datagram of n bytes of payload, from one port to another.
func udpFrame(from, to uint16, payload string) []byte {
	be := binary.BigEndian
	b := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, 0x45, 0)
	b = be.AppendUint16(b, uint16(28+len(payload)))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	b = be.AppendUint16(be.AppendUint16(b, from), to)
	b = be.AppendUint16(b, uint16(8+len(payload)))
	return append(append(b, 0, 0), payload...)
}

// mirrored exchanges the addresses and ports of a udpFrame.
func mirrored(f []byte) []byte {
	f = bytes.Clone(f)
	ip := f[14:]
	copy(ip[12:20], append(bytes.Clone(ip[16:20]), ip[12:16]...))
	copy(ip[20:24], append(bytes.Clone(ip[22:24]), ip[20:22]...))
	return f
}

// TestRingReplay sends a real capture over a wire: the ring sees every frame, in order, whole, VLAN tags included.
func TestRingReplay(t *testing.T) {
	file, err := OpenFile(mixedSmall, FileOptions{})
	if err != nil {
		t.Skip("needs the shared corpora:", err)
	}
	defer file.Close()
	var sent [][]byte
	read := collect(file, func(f *Frame) {
		if len(f.Data) >= 14 && len(sent) < 40000 {
			sent = append(sent, bytes.Clone(f.Data))
		}
	})
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	sent = append(sent, udpFrame(1, 2, strings.Repeat("x", 60000)), tagged(udpFrame(1, 2, "tagged"), 0x8100, 5))
	w := newWire(t)
	s := w.open(RingOptions{Blocks: 64})
	n, wrong, tags := 0, 0, 0
	ended := collect(s, func(f *Frame) {
		got := f.Data
		if f.HasVLAN {
			tags++
			got = tagged(f.Data, tagType(sent[min(n, len(sent)-1)]), f.VLAN)
		}
		if n >= len(sent) || !bytes.Equal(got, sent[n]) || f.Num != uint64(n+1) || f.Iface == 0 || f.Link != linkEthernet {
			wrong++
		}
		n++
	})
	for i, f := range sent {
		if err := w.send(f); err != nil {
			t.Fatalf("frame %d of %d bytes: %v", i, len(f), err)
		}
	}
	s.Interrupt()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if n != len(sent) || wrong > 0 || tags == 0 || s.Stats().Dropped > 0 || s.Stats().Truncated > 0 {
		t.Errorf("%d frames seen of %d, %d wrong, %d with a tag, %+v", n, len(sent), wrong, tags, s.Stats())
	}
}

// tagged puts a VLAN tag into a frame.
func tagged(f []byte, kind, tci uint16) []byte {
	b := append([]byte(nil), f[:12]...)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, tci)
	return append(b, f[12:]...)
}

func tagType(f []byte) uint16 { return binary.BigEndian.Uint16(f[12:]) }

// TestRingFanout: both directions of each flow go to one ring of the group, and nothing is lost between them.
func TestRingFanout(t *testing.T) {
	w := newWire(t)
	const flows = 64
	var where [2][flows]int
	var rings []Source
	var ended []<-chan error
	for i := range where {
		s := w.open(RingOptions{Blocks: 4, FanoutID: 4711})
		rings = append(rings, s)
		ended = append(ended, collect(s, func(f *Frame) {
			ports := f.Data[34:38]
			where[i][min(binary.BigEndian.Uint16(ports), binary.BigEndian.Uint16(ports[2:]))]++
		}))
	}
	for i := range uint16(flows) {
		f := udpFrame(i, 1000+i, "x")
		for _, f := range [][]byte{f, mirrored(f)} {
			if err := w.send(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, s := range rings {
		s.Interrupt()
		if err := <-ended[i]; !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
	used := [2]int{}
	for i := range flows {
		x, y := where[0][i], where[1][i]
		if x+y != 2 || x == 1 {
			t.Errorf("flow %d: %d frames in one ring, %d in the other", i, x, y)
		}
		used[0], used[1] = used[0]+x, used[1]+y
	}
	if used[0] == 0 || used[1] == 0 {
		t.Errorf("all flows in one ring: %v", used)
	}
}

// TestRingLimits: frames are cut to the snap length and counted, frames beyond the ring are counted as dropped, and
// nothing is seen twice.
func TestRingLimits(t *testing.T) {
	w := newWire(t)
	s := w.open(RingOptions{BlockSize: 128 << 10, Blocks: 2, Snaplen: 100})
	if err := w.send(udpFrame(1, 2, strings.Repeat("x", 500))); err != nil {
		t.Fatal(err)
	}
	var b Batch
	for len(b.Frames) == 0 {
		if err := s.Receive(&b); err != nil {
			t.Fatal(err)
		}
	}
	if f := b.Frames[0]; len(f.Data) != 100 || f.WireLen != 542 || time.Since(time.Unix(0, f.Time)).Abs() > time.Minute {
		t.Errorf("%d bytes of %d at %v", len(f.Data), f.WireLen, time.Unix(0, f.Time))
	}
	_ = s.Release(&b)
	const frames = 10000
	for range frames {
		if err := w.send(udpFrame(1, 2, strings.Repeat("x", 500))); err != nil {
			t.Fatal(err)
		}
	}
	s.Interrupt()
	if err := <-collect(s, func(*Frame) {}); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	st := s.Stats()
	if st.Dropped == 0 || st.Received+st.Dropped != frames+1 || st.Truncated != st.Received {
		t.Errorf("%+v of %d frames", st, frames+1)
	}
}

// TestRingChecksum: TCP of this machine has no final checksum, and the ring says so.
func TestRingChecksum(t *testing.T) {
	g := nstest.NewGateway(t)
	l := g.B.Listen(t, "tcp", net.JoinHostPort(nstest.B4, "0"))
	go nstest.Echo(l)
	var s Source
	g.GW.Do(t, func() {
		var err error
		if s, err = OpenRing(RingOptions{Interface: nstest.GatewayIfaceA, Blocks: 2, Promisc: true}); err != nil {
			t.Fatal(err)
		}
	})
	defer s.Close()
	tcp, open := 0, 0
	ended := collect(s, func(f *Frame) {
		if len(f.Data) > 34 && f.Data[12] == 8 && f.Data[23] == 6 {
			tcp++
			if f.NoChecksum {
				open++
			}
		}
	})
	if _, err := g.A.Dial(t, "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	s.Interrupt()
	<-ended
	// One direction only: SYN and ACK come in here; the SYN/ACK leaves here and is ignored.
	if tcp != 2 || open != tcp {
		t.Errorf("%d TCP frames, %d without a final checksum, want 2", tcp, open)
	}
}

// TestRingGone: an interface that disappears ends the capture with an error that says so.
func TestRingGone(t *testing.T) {
	w := newWire(t)
	s := w.open(RingOptions{Blocks: 2})
	w.tap.Do(t, func() {
		l, err := netlink.LinkByName(tapIface)
		if err == nil {
			err = netlink.LinkDel(l)
		}
		if err != nil {
			t.Fatal(err)
		}
		// Receive looks the interface up, here.
		var b Batch
		for range 5 {
			if err = s.Receive(&b); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "the interface is gone") {
			t.Error(err)
		}
		if _, err := OpenRing(RingOptions{Interface: tapIface}); err == nil || !strings.Contains(err.Error(), "no such interface") {
			t.Error(err)
		}
	})
}

// TestRingAllocations: receiving allocates nothing once the batch has its size.
func TestRingAllocations(t *testing.T) {
	w := newWire(t)
	s := w.open(RingOptions{Blocks: 2})
	frame := udpFrame(1, 2, "x")
	var b Batch
	round := func() {
		if err := w.send(frame); err != nil {
			t.Fatal(err)
		}
		for b.Frames = b.Frames[:0]; len(b.Frames) == 0; {
			if err := s.Receive(&b); err != nil {
				t.Fatal(err)
			}
			_ = s.Release(&b)
		}
	}
	round()
	// Sending allocates for its address; only what Receive adds counts.
	sending := testing.AllocsPerRun(20, func() { _ = w.send(frame) })
	for len(b.Frames) > 0 {
		_ = s.Receive(&b)
		_ = s.Release(&b)
	}
	if n := testing.AllocsPerRun(20, round); n > sending {
		t.Errorf("%v allocations a round, sending alone makes %v", n, sending)
	}
}
