package actions

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// A million ban requests, random and hostile, over random neighbourhoods, allow lists and modes. Whoever is protected is
// never in what the kernel is told or holds, and in observe mode the kernel is told nothing. The judge of that (covers)
// compares addresses as bytes and shares no code with the gate.

const (
	worlds   = 100 // neighbourhoods that the requests are divided among
	perBatch = 512
)

// world is one neighbourhood with its responder, driven by the test's goroutine in the place of Run.
type world struct {
	t         *testing.T
	rng       *rand.Rand
	protected []Protected
	allow     []netip.Prefix
	all       []netip.Prefix // everybody who is protected
	gate      *Gate
	responder *Responder
	commands  *commands
	clock     time.Time
}

// commands is a kernel that judges what it is told.
type commands struct {
	*kernel
	world *world
	ends  map[Target]time.Time // as the kernel's timeouts have it
	told  int
}

func (c *commands) judge(p netip.Prefix) {
	c.told++
	if c.world.gate.Observing() {
		c.world.t.Fatalf("observe mode: the kernel is told to ban %s", p)
	}
	for _, who := range c.world.all {
		if covers(p, who) {
			c.world.t.Fatalf("the kernel is told to ban %s, which covers %s", p, who)
		}
	}
}

func (c *commands) Apply(add []Entry, remove []Target) error {
	for _, e := range add {
		c.judge(e.Prefix)
		c.ends[e.Target] = c.world.clock.Add(e.Left)
	}
	return c.kernel.Apply(add, remove)
}

func (c *commands) Replace(all []Entry) error {
	for _, e := range all {
		c.judge(e.Prefix)
		c.ends[e.Target] = c.world.clock.Add(e.Left)
	}
	return c.kernel.Replace(all)
}

func (c *commands) Cut(list []Target) {
	for _, t := range list {
		c.judge(t.Prefix)
	}
}

// know lists everybody who is protected in a world.
func (w *world) know() {
	w.all = append([]netip.Prefix{}, w.allow...)
	for _, p := range w.protected {
		w.all = append(w.all, p.Prefix)
	}
	for _, p := range always {
		w.all = append(w.all, p.Prefix)
	}
}

// covers tells whether two prefixes share an address, byte by byte.
func covers(a, b netip.Prefix) bool {
	x, y := a.Addr().As16(), b.Addr().As16()
	if a.Addr().Unmap().Is4() != b.Addr().Unmap().Is4() {
		return false
	}
	bits := min(a.Bits()+128-a.Addr().BitLen(), b.Bits()+128-b.Addr().BitLen())
	whole := bits / 8
	if !bytes.Equal(x[:whole], y[:whole]) {
		return false
	}
	return bits%8 == 0 || (x[whole]^y[whole])>>(8-bits%8) == 0
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), clock: time.Unix(1_800_000_000, 0)}
	w.move()
	for range w.rng.IntN(6) {
		a := w.address()
		w.allow = append(w.allow, netip.PrefixFrom(a, 1+w.rng.IntN(a.BitLen())))
	}
	w.know()
	rules := Rules{Allow: w.allow, Private: Ruling(w.rng.IntN(3)), PerMinute: w.rng.IntN(2) * 500}
	w.gate = NewGate(w.rng.IntN(3) == 0, rules, func() ([]Protected, error) { return w.protected, nil }, func(error) {})
	w.commands = &commands{kernel: newKernel(), world: w, ends: map[Target]time.Time{}}
	var err error
	w.responder, err = NewResponder(Options{
		StateDir: t.TempDir(), Gate: w.gate, Firewall: w.commands, Max: 2000, Log: quiet, Now: func() time.Time { return w.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// move puts the host into another neighbourhood.
func (w *world) move() {
	w.protected = nil
	for range 1 + w.rng.IntN(20) {
		a := w.address()
		w.protected = append(w.protected, Protected{Prefix: netip.PrefixFrom(a, a.BitLen()), Why: "protected", Session: w.rng.IntN(4) == 0})
	}
	w.know()
}

// address is anybody's, now and then one of a few networks so that parties meet.
func (w *world) address() netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	if w.rng.IntN(2) == 0 {
		copy(b[:], []byte{198, 51, 100})
	}
	if w.rng.IntN(3) == 0 {
		copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8})
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// hostile is a prefix near somebody who is protected, in a form that may slip through.
func (w *world) hostile() netip.Prefix {
	a := w.all[w.rng.IntN(len(w.all))].Addr()
	bits := w.rng.IntN(a.BitLen() + 1)
	if w.rng.IntN(2) == 0 {
		bits = a.BitLen()
	}
	switch w.rng.IntN(6) {
	case 0: // the same in IPv6's clothes
		if a.Is4() {
			return netip.PrefixFrom(netip.AddrFrom16(a.As16()), 96+bits)
		}
	case 1: // a mapped prefix that is wider than IPv4
		if a.Is4() {
			return netip.PrefixFrom(netip.AddrFrom16(a.As16()), w.rng.IntN(97))
		}
	case 2: // a neighbour
		return netip.PrefixFrom(a.Next(), max(bits, 1))
	case 3: // no prefix at all
		return netip.PrefixFrom(a, 200)
	case 4:
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, bits)
}

func (w *world) request() *Request {
	q := &Request{Reason: "property", By: "test", For: time.Duration(w.rng.IntN(3)) * time.Minute}
	if w.rng.IntN(2) == 0 {
		q.Prefix = w.hostile()
	} else {
		a := w.address()
		q.Prefix = netip.PrefixFrom(a, a.BitLen()-w.rng.IntN(9))
	}
	if w.rng.IntN(3) == 0 {
		q.Approved = "an operator who is wrong"
	}
	q.Private = w.rng.IntN(3) == 0
	if w.rng.IntN(4) == 0 {
		q.Scope, q.Jail = Scope{Ports: "tcp/22"}, fmt.Sprint("jail ", w.rng.IntN(3))
	}
	return q
}

// step asks for a batch of bans, and lets something change now and then.
func (w *world) step() {
	batch := make([]message, perBatch)
	for i := range batch {
		batch[i] = message{ban: w.request()}
	}
	w.responder.handle(batch)
	w.clock = w.clock.Add(time.Duration(w.rng.IntN(30)) * time.Second)
	switch w.rng.IntN(8) {
	case 0:
		w.move()
		w.gate.look(w.clock)
		w.responder.tick()
		w.holdsNobody()
	case 1:
		if w.gate.Observing() && w.rng.IntN(2) == 0 {
			w.gate.SetObserve(false)
		}
	case 2:
		w.responder.repair(Damage{What: "a test"})
	case 3:
		w.responder.tick()
	}
}

// holdsNobody looks through what the kernel holds after everything that may have changed.
func (w *world) holdsNobody() {
	for target, left := range w.commands.have {
		if left != 0 && !w.clock.Before(w.commands.ends[target]) {
			delete(w.commands.have, target)
			continue
		}
		for _, who := range w.all {
			if covers(target.Prefix, who) {
				w.t.Fatalf("the kernel holds %v (%s), which covers %s", target, left, who)
			}
		}
	}
}

func TestMillionRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	told, banned, refused := 0, uint64(0), uint64(0)
	for seed := range worlds {
		w := newWorld(t, uint64(seed))
		for range manyRequests/worlds/perBatch + 1 {
			w.step()
		}
		s := w.responder.stats
		told, banned, refused = told+w.commands.told, banned+s.Banned+s.Renewed, refused+s.Refused
		if err := w.responder.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if told < manyRequests/20 || refused < manyRequests/10 {
		t.Errorf("the kernel was told of %d bans, %d were refused: that proves little", told, refused)
	}
	t.Logf("%d requests: %d bans, %d refused, the kernel was told of %d", manyRequests, banned, refused, told)
}
