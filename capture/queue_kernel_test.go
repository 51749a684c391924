package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"picket/capture/nstest"
)

// inline is a queue under test on the gateway, with a worker that judges each frame by a function.
type inline struct {
	t     testing.TB
	net   *nstest.Gateway
	src   Source
	table *QueueTable
	ended chan error

	mu     sync.Mutex
	judge  func(*Frame)
	frames int
	large  int // longest frame
}

const testMark = 0x10000

// startInline opens the queue, starts a worker and installs the rules.
func startInline(t testing.TB, q QueueOptions, r QueueRules, judge func(*Frame)) *inline {
	t.Helper()
	in := &inline{t: t, net: nstest.NewGateway(t), judge: judge, ended: make(chan error, 1)}
	if len(r.Hooks) == 0 {
		r.Hooks = []Hook{HookForward}
	}
	in.net.GW.Do(t, func() {
		var err error
		if in.src, err = OpenQueue(q); err != nil {
			t.Fatal(err)
		}
		if in.table, err = InstallQueueRules(r); err != nil {
			in.src.Close()
			t.Fatal(err)
		}
	})
	go func() { in.ended <- in.work() }()
	return in
}

// work is the worker: until the end of the source or an error.
func (in *inline) work() error {
	var b Batch
	for {
		if err := in.src.Receive(&b); err != nil {
			return err
		}
		in.mu.Lock()
		for i := range b.Frames {
			in.frames++
			in.large = max(in.large, len(b.Frames[i].Data))
			if in.judge != nil {
				in.judge(&b.Frames[i])
			}
		}
		in.mu.Unlock()
		if err := in.src.Release(&b); err != nil {
			return err
		}
	}
}

func (in *inline) seen() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.frames
}

// longest returns the length of the longest frame since it was last asked.
func (in *inline) longest() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := in.large
	in.large = 0
	return n
}

// end stops in the right order.
func (in *inline) end() {
	in.t.Helper()
	in.net.GW.Do(in.t, func() {
		if err := in.table.Remove(); err != nil {
			in.t.Error(err)
		}
	})
	in.src.Interrupt()
	if err := <-in.ended; !errors.Is(err, io.EOF) {
		in.t.Errorf("the worker ended with %v", err)
	}
	if err := in.src.Close(); err != nil {
		in.t.Error(err)
	}
}

// path is a UDP socket pair over the gateway.
type path struct {
	t    *testing.T
	from net.Conn
	to   net.PacketConn
}

func newPath(t *testing.T, g *nstest.Gateway, addr string) path {
	t.Helper()
	to := g.B.ListenPacket(t, "udp", net.JoinHostPort(addr, "0"))
	from, err := g.A.Dial(t, "udp", to.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return path{t, from, to}
}

// send sends a datagram and returns what arrives; it waits long for it.
func (p path) send(s string) string {
	p.t.Helper()
	return p.sendWait(s, 2*time.Second)
}

// lost sends a datagram that should not arrive.
func (p path) lost(s string) bool {
	p.t.Helper()
	return p.sendWait(s, 100*time.Millisecond) == ""
}

func (p path) sendWait(s string, d time.Duration) string {
	p.t.Helper()
	if _, err := p.from.Write([]byte(s)); err != nil {
		p.t.Fatal(err)
	}
	return p.receive(d)
}

func (p path) receive(d time.Duration) string {
	b := make([]byte, 64<<10)
	_ = p.to.SetReadDeadline(time.Now().Add(d))
	n, _, err := p.to.ReadFrom(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

var bothFamilies = []string{nstest.B4, nstest.B6}

func TestQueueVerdicts(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 3, GSO: true}, QueueRules{Num: 3}, func(f *Frame) {
		switch {
		case bytes.Contains(f.Data, []byte("EVIL")):
			f.Verdict = Drop
		case bytes.Contains(f.Data, []byte("AAAA")):
			f.Replace = replaced(f.Data, "AAAA", "BBBB")
		}
	})
	defer in.end()
	for _, addr := range bothFamilies {
		p := newPath(t, in.net, addr)
		for _, c := range [][2]string{
			{"good", "good"}, {"say AAAA!", "say BBBB!"},
			{strings.Repeat("fragment", 500), strings.Repeat("fragment", 500)},
		} {
			if got := p.send(c[0]); got != c[1] {
				t.Errorf("%s: %.20q arrived as %.20q, want %.20q", addr, c[0], got, c[1])
			}
		}
		if !p.lost("some EVIL") {
			t.Error(addr, "a dropped packet arrived")
		}
		if n := in.longest(); n < 4000 {
			t.Errorf("%s: longest frame %d bytes: fragments came unassembled", addr, n)
		}
	}
	in.net.GW.Do(t, func() {
		if s := in.src.Stats(); s.Received == 0 || s.Refused+s.Errors+s.Dropped+s.Truncated != 0 {
			t.Errorf("%+v", s)
		}
		if n, err := in.table.Unseen(in.src); n != 0 || err != nil {
			t.Error("unseen", n, err)
		}
	})
	t.Log("native queue expression:", in.table.Native)
}

// replaced copies a UDP packet with a change of equal length and repairs the checksum.
func replaced(p []byte, old, text string) []byte {
	p = bytes.Replace(p, []byte(old), []byte(text), 1)
	head, addrs := int(p[0]&15)*4, p[12:20]
	if p[0]>>4 == 6 {
		head, addrs = 40, p[8:40]
	}
	udp := p[head:]
	udp[6], udp[7] = 0, 0
	sum := uint32(17) + uint32(len(udp))
	for _, part := range [][]byte{addrs, udp} {
		for i, c := range part {
			sum += uint32(c) << (8 * (1 - i%2))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(udp[6:], ^uint16(sum))
	return p
}

// TestQueueOffload: once a verdict carries the mark, the rest of the connection passes beside the queue, and another
// connection still comes.
func TestQueueOffload(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 4, Mark: testMark}, QueueRules{Num: 4, Offload: testMark}, func(f *Frame) {
		f.Mark = bytes.Contains(f.Data, []byte("clean"))
	})
	defer in.end()
	for _, addr := range bothFamilies {
		p := newPath(t, in.net, addr)
		before := in.seen()
		for _, s := range []string{"first", "clean", "third", "fourth"} {
			if got := p.send(s); got != s {
				t.Fatalf("%q arrived as %q", s, got)
			}
		}
		if n := in.seen() - before; n != 2 {
			t.Errorf("%s: the queue saw %d packets, want 2", addr, n)
		}
		if p := newPath(t, in.net, addr); p.send("again") != "again" || in.seen()-before != 3 {
			t.Errorf("%s: another connection was not queued", addr)
		}
	}
}

// TestQueueGSO sends bulk TCP, which arrives in large pieces, several packets in one.
func TestQueueGSO(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 5, GSO: true}, QueueRules{Num: 5}, nil)
	defer in.end()
	for _, addr := range bothFamilies {
		l := in.net.B.Listen(t, "tcp", net.JoinHostPort(addr, "0"))
		got := make(chan int64)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			c.Close()
			got <- n
		}()
		c, err := in.net.A.Dial(t, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		const size = 4 << 20
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if n := <-got; n != size {
			t.Errorf("%s: %d bytes of %d arrived", addr, n, size)
		}
		if n := in.longest(); n < 10000 {
			t.Errorf("%s: longest frame %d bytes, want super frames", addr, n)
		}
	}
}

// TestQueueBypass: without a listener packets pass with bypass and stop without it.
func TestQueueBypass(t *testing.T) {
	for _, bypass := range []bool{true, false} {
		in := startInline(t, QueueOptions{Num: 6}, QueueRules{Num: 6, Bypass: bypass}, nil)
		p := newPath(t, in.net, nstest.B4)
		if got := p.send("inspected"); got != "inspected" {
			t.Fatalf("%q", got)
		}
		in.src.Interrupt() // as when picket is killed: the rule stays
		<-in.ended
		in.src.Close()
		if p.lost("alone") == bypass {
			t.Errorf("bypass %v: a packet without a listener was treated otherwise", bypass)
		}
		in.net.GW.Do(t, func() {
			if n, err := in.table.Unseen(in.src); n != 1 || err != nil {
				t.Error("unseen", n, err)
			}
			// A new picket takes over what a dead one left.
			again, err := InstallQueueRules(QueueRules{Hooks: []Hook{HookForward}, Num: 6})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(again.Remove(), in.table.Remove()); err != nil {
				t.Error(err)
			}
		})
		if got := p.send("free"); got != "free" {
			t.Error("traffic does not pass after the rules are gone")
		}
	}
}

// TestQueueWatchdog: a worker that hangs is cut out, traffic goes on, and the worker learns of it.
func TestQueueWatchdog(t *testing.T) {
	hang := make(chan bool)
	in := startInline(t, QueueOptions{Num: 7, Watchdog: 100 * time.Millisecond}, QueueRules{Num: 7, Bypass: true},
		func(f *Frame) {
			if bytes.Contains(f.Data, []byte("hang")) {
				<-hang
			}
		})
	p := newPath(t, in.net, nstest.B4)
	time.Sleep(200 * time.Millisecond) // an idle worker is not a hung one
	if got := p.send("good"); got != "good" {
		t.Fatalf("%q", got)
	}
	if !p.lost("hang") {
		t.Error("a packet without a verdict passed")
	}
	time.Sleep(200 * time.Millisecond)
	if got := p.send("after"); got != "after" {
		t.Errorf("traffic has not been set free: %q", got)
	}
	close(hang)
	if err := <-in.ended; !errors.Is(err, ErrHung) {
		t.Errorf("the worker ended with %v", err)
	}
	var b Batch
	if err := in.src.Receive(&b); !errors.Is(err, ErrHung) {
		t.Errorf("Receive after the cut: %v", err)
	}
	if err := errors.Join(in.src.Close(), in.table.Remove()); err != nil {
		t.Error(err)
	}
}

// TestQueueDrain stops under traffic in the right order and loses no packet.
func TestQueueDrain(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 8}, QueueRules{Num: 8}, nil)
	p := newPath(t, in.net, nstest.B4)
	const packets = 800
	sent := make(chan error)
	go func() {
		var err error
		for i := 0; i < packets && err == nil; i++ {
			_, err = p.from.Write([]byte("x"))
			time.Sleep(50 * time.Microsecond)
		}
		sent <- err
	}()
	arrived, half := make(chan int), make(chan bool)
	go func() {
		n := 0
		for p.receive(500*time.Millisecond) != "" {
			if n++; n == packets/2 {
				close(half)
			}
		}
		arrived <- n
	}()
	<-half
	in.end()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if n := <-arrived; n != packets {
		t.Errorf("%d packets of %d arrived", n, packets)
	}
	if in.seen() < packets/2 || in.seen() == packets {
		t.Errorf("%d packets of %d went through the queue: not stopped under way", in.seen(), packets)
	}
}

// TestQueueFailOpen: a queue of four packets whose worker is slow lets the rest pass, counted as unseen.
func TestQueueFailOpen(t *testing.T) {
	hold := make(chan bool)
	in := startInline(t, QueueOptions{Num: 9, FailOpen: true, MaxLen: 4}, QueueRules{Num: 9}, func(*Frame) { <-hold })
	p := newPath(t, in.net, nstest.B4)
	const packets = 50
	for range packets {
		if _, err := p.from.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for p.receive(200*time.Millisecond) != "" {
		n++
	}
	if n != packets-4 {
		t.Errorf("%d packets passed a full queue, want %d", n, packets-4)
	}
	close(hold)
	for p.receive(200*time.Millisecond) != "" {
		n++
	}
	in.net.GW.Do(t, func() {
		if u, err := in.table.Unseen(in.src); u != packets-4 || err != nil {
			t.Errorf("unseen %d, %v, want %d", u, err, packets-4)
		}
	})
	if n != packets {
		t.Errorf("%d packets of %d arrived", n, packets)
	}
	in.end()
}

// TestQueueRefused: a verdict for a packet that the kernel does not know comes back and is counted.
func TestQueueRefused(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 10}, QueueRules{Num: 10}, func(f *Frame) {
		if bytes.Contains(f.Data, []byte("wrong")) {
			f.id += 1000
			f.Verdict = Drop
		}
	})
	p := newPath(t, in.net, nstest.B4)
	if p.send("good") != "good" || !p.lost("wrong") {
		t.Error("traffic differs")
	}
	in.end()
	if s := in.src.Stats(); s.Refused != 1 {
		t.Errorf("%+v, want one refused verdict", s)
	}
}

// TestQueueBusy: a queue has one owner.
func TestQueueBusy(t *testing.T) {
	in := startInline(t, QueueOptions{Num: 11}, QueueRules{Num: 11}, nil)
	defer in.end()
	in.net.GW.Do(t, func() {
		_, err := OpenQueue(QueueOptions{Num: 11})
		if err == nil || !strings.Contains(err.Error(), "another program holds this queue") {
			t.Error(err)
		}
	})
}

// TestQueueSelectors: only the chosen interface, address and hook are queued.
func TestQueueSelectors(t *testing.T) {
	here := nstest.GatewayA4
	for name, c := range map[string]struct {
		rules QueueRules
		to    string // b or the gateway itself
		want  bool
	}{
		"other interface": {QueueRules{Interfaces: []string{"nil"}}, nstest.B4, false},
		"its interface":   {QueueRules{Interfaces: []string{"nil", nstest.GatewayIfaceB}}, nstest.B4, true},
		"other address":   {QueueRules{Addresses: prefixes("10.99.0.0/16", "fd99::/16")}, nstest.B6, false},
		"its address 4":   {QueueRules{Addresses: prefixes("10.91.2.0/24")}, nstest.B4, true},
		"its address 6":   {QueueRules{Addresses: prefixes("fd91:1::2/128")}, nstest.B6, true},
		"input":           {QueueRules{Hooks: []Hook{HookInput}}, here, true},
		"input, forward":  {QueueRules{Hooks: []Hook{HookInput}}, nstest.B4, false},
		"output":          {QueueRules{Hooks: []Hook{HookOutput}, Interfaces: []string{nstest.GatewayIfaceA}}, here, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.rules.Num = 12
			in := startInline(t, QueueOptions{Num: 12}, c.rules, nil)
			host := in.net.B
			if c.to == here {
				host = in.net.GW
			}
			l := host.Listen(t, "tcp", net.JoinHostPort(c.to, "0"))
			go nstest.Echo(l)
			if _, err := in.net.A.Dial(t, "tcp", l.Addr().String()); err != nil {
				t.Fatal(err)
			}
			in.end()
			if got := in.seen() > 0; got != c.want {
				t.Errorf("queued: %v, want %v", got, c.want)
			}
		})
	}
}

// TestQueueSeveral: rules over several queues, each with its source.
func TestQueueSeveral(t *testing.T) {
	g := nstest.NewGateway(t)
	var sources []Source
	var table *QueueTable
	g.GW.Do(t, func() {
		for i := range uint16(2) {
			s, err := OpenQueue(QueueOptions{Num: 20 + i})
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, s)
		}
		var err error
		if table, err = InstallQueueRules(QueueRules{Hooks: []Hook{HookForward}, Num: 20, Queues: 2}); err != nil {
			t.Fatal(err)
		}
	})
	var done sync.WaitGroup
	for _, s := range sources {
		done.Go(func() { _ = (&inline{src: s}).work() })
	}
	for _, addr := range bothFamilies {
		if p := newPath(t, g, addr); p.send("x") != "x" {
			t.Error(addr, "nothing arrived")
		}
	}
	g.GW.Do(t, func() {
		if n, err := table.Unseen(sources...); n != 0 || err != nil {
			t.Error(n, err)
		}
		if err := table.Remove(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range sources {
		s.Interrupt()
	}
	done.Wait()
	for _, s := range sources {
		s.Close()
	}
}

// TestQueueEarly starts queues under traffic that a leftover rule already sends: no start fails, no packet is stuck.
func TestQueueEarly(t *testing.T) {
	g := nstest.NewGateway(t)
	p := newPath(t, g, nstest.B4)
	stop := make(chan bool)
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = p.from.Write([]byte("x"))
			}
			if i%20 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	g.GW.Do(t, func() {
		table, err := InstallQueueRules(QueueRules{Hooks: []Hook{HookForward}, Num: 21, Bypass: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			s, err := OpenQueue(QueueOptions{Num: 21})
			if err != nil {
				t.Fatal(err)
			}
			var b Batch
			for range 5 {
				if err := errors.Join(s.Receive(&b), s.Release(&b)); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
		}
		if err := table.Remove(); err != nil {
			t.Error(err)
		}
	})
	close(stop)
	sender.Wait()
}

func TestQueueRulesValidate(t *testing.T) {
	err := QueueRules{
		Hooks: []Hook{"sideways", HookInput, HookInput}, Num: 65535, Queues: 2, Offload: 3,
		Interfaces: []string{"a-name-that-is-too-long"}, Addresses: prefixes(""),
	}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{
		`hook "sideways" (choose from forward, input, output)`,
		`hook "input" is there twice`,
		"2 queues from 65535 on exceed 65535",
		"offload mark 0x3 has more than one bit",
		`interface name "a-name-that-is-too-long" (1 to 15 bytes)`,
		"an address is not valid",
	}
	if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func prefixes(text ...string) (all []netip.Prefix) {
	for _, s := range text {
		p, _ := netip.ParsePrefix(s)
		all = append(all, p)
	}
	return all
}

// TestQueueStatement: what stands in the rule, for kernels with and without the native expression.
func TestQueueStatement(t *testing.T) {
	t1 := &QueueTable{Native: true, rules: QueueRules{Num: 7, Queues: 2, Bypass: true}}
	if got, want := t1.queueExpr(), (&expr.Queue{Num: 7, Total: 2, Flag: expr.QueueFlagBypass}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	t1.Native = false
	info := make([]byte, 8)
	for i, v := range []uint16{7, 2, 1} {
		binary.NativeEndian.PutUint16(info[2*i:], v)
	}
	u := xt.Unknown(info)
	if got, want := t1.queueExpr(), (&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &u}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
