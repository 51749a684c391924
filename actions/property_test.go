package actions

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"picket/actions/hostile"
)

// A million ban requests, random and hostile, over random neighbourhoods, allow lists and modes: addresses, prefixes, DNS
// names whose answers change, autonomous systems, sessions that begin later, parties that carry much of the traffic.
// Whoever is protected is never in what the kernel is told or holds; whom an operator must be asked about is in it only
// when one has approved; and in observe mode the kernel is told nothing. The judge of that compares addresses as bytes,
// counts for itself, and shares no code with the gate.

const (
	someRequests = 20_000 // in make test; make property makes a million
	perWorld     = 1000   // requests in one neighbourhood, at least
	mostWorlds   = 200
	perBatch     = 128
)

// world is one neighbourhood with its responder, driven by the test's goroutine in the place of Run.
type world struct {
	*hostile.Source
	t         *testing.T
	protected []Protected
	answers   map[string][]netip.Addr // what the resolver says now; none: it fails
	named     map[string][]netip.Addr // what it has said last
	fixed     []netip.Prefix          // allowed prefixes, networks of allowed systems, and what no peer can be
	everybody []netip.Prefix          // who must not be touched
	rules     Rules
	gate      *Gate
	responder *Responder
	commands  *commands
	clock     time.Time

	flows    map[netip.Prefix]int // answered, by party
	total    int
	broke    map[netip.Prefix]bool // parties that have broken a rule
	approved map[netip.Prefix]bool // what an operator has approved, ever
	private  map[netip.Prefix]bool // what a jail's configuration covers
	minute   spent
	hour     spent
}

// spent counts what was banned unasked in a span of time.
type spent struct{ span, n int64 }

func (s *spent) add(span, n int64) int64 {
	if span != s.span {
		*s = spent{span: span}
	}
	s.n += n
	return s.n
}

// commands is a kernel that judges what it is told.
type commands struct {
	*kernel
	world *world
	ends  map[Target]time.Time // as the kernel's timeouts have it
	told  int
	doubt int // of them, those that an operator had to be asked about
}

func (c *commands) judge(p netip.Prefix) {
	c.told++
	if c.world.gate.Observing() {
		c.world.t.Fatalf("observe mode: the kernel is told to ban %s", p)
	}
	for _, who := range c.world.everybody {
		if hostile.Covers(p, who) {
			c.world.t.Fatalf("the kernel is told to ban %s, which covers %s", p, who)
		}
	}
}

func (c *commands) Apply(add []Entry, remove []Target) error {
	for _, e := range add {
		c.judge(e.Prefix)
		c.world.asked(e.Prefix)
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

// know lists who must not be touched from now on, as far as can be known.
func (w *world) know() {
	list := slices.Clone(w.fixed)
	for _, p := range w.protected {
		if !p.Session || !w.broke[carrier(p.Prefix)] {
			list = append(list, p.Prefix)
		}
	}
	for _, addrs := range w.named {
		for _, a := range addrs {
			list = append(list, hostile.One(a))
		}
	}
	w.everybody = list
}

// carrier is whom traffic is counted for: an IPv4 address, or a /64.
func carrier(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4() {
		return hostile.One(a)
	}
	wide, _ := p.Addr().Prefix(64) // an IPv6 address has one
	return wide
}

// asked judges a new ban by whom an operator must be asked about.
func (w *world) asked(p netip.Prefix) {
	var doubts []string
	doubt := func(of bool, what string) {
		if of {
			doubts = append(doubts, what)
		}
	}
	inPrivate := slices.ContainsFunc(private, func(r netip.Prefix) bool { return hostile.Covers(p, r) })
	if inPrivate && w.rules.Private == Refused && !w.private[p] {
		w.t.Fatalf("%s is banned, in a private range, which is refused", p)
	}
	doubt(inPrivate && w.rules.Private == AskFirst && !w.private[p], "a private range")
	for _, s := range w.protected {
		doubt(s.Session && hostile.Covers(p, s.Prefix), "a session")
	}
	carried, parties := 0, int64(0)
	for who, n := range w.flows {
		if hostile.Covers(p, who) {
			carried += n
			parties++
		}
	}
	doubt(w.rules.FlowShare > 0 && w.total >= 1000 && float64(carried) > w.rules.FlowShare*float64(w.total), "a share of the flows")
	if w.approved[p] {
		w.commands.doubt += min(len(doubts), 1)
		return
	}
	banned, clients := w.minute.add(w.clock.Unix()/60, 1), w.hour.add(w.clock.Unix()/3600, parties)
	doubt(w.rules.PerMinute > 0 && banned > int64(w.rules.PerMinute), "too many in a minute")
	known := len(w.flows)
	for who := range w.broke {
		if w.flows[who] == 0 {
			known++
		}
	}
	doubt(w.rules.ClientShare > 0 && known >= 20 && parties > 0 && float64(clients) > w.rules.ClientShare*float64(known), "too many clients in an hour")
	if len(doubts) > 0 {
		w.t.Fatalf("%s is banned, and nobody was asked: %q", p, doubts)
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		Source: hostile.New(seed), t: t, clock: time.Unix(1_800_000_000, 0), answers: map[string][]netip.Addr{}, named: map[string][]netip.Addr{},
		flows: map[netip.Prefix]int{}, broke: map[netip.Prefix]bool{}, approved: map[netip.Prefix]bool{}, private: map[netip.Prefix]bool{},
	}
	w.move()
	w.rules = Rules{Private: Ruling(w.IntN(3)), PerMinute: w.IntN(2) * 500, FlowShare: float64(w.IntN(2)) * 0.2, ClientShare: float64(w.IntN(2)) * 0.4}
	for _, p := range always {
		w.fixed = append(w.fixed, p.Prefix)
	}
	for range w.IntN(6) {
		w.rules.Allow = append(w.rules.Allow, w.Network(1))
	}
	w.fixed = append(w.fixed, w.rules.Allow...)
	for n := range w.IntN(4) {
		w.rules.Names = append(w.rules.Names, NamedParty{Name: fmt.Sprintf("host%d.example.net", n), Why: "on the allow list"})
	}
	w.systems()
	w.gate = NewGate(w.Often(3), w.rules, func() ([]Protected, error) { return w.protected, nil }, func(error) {})
	w.gate.names.lookup = w.lookup
	w.resolve()
	w.traffic()
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

// systems gives some networks to autonomous systems, and protects a few of those.
func (w *world) systems() {
	of, allowed := map[netip.Prefix]uint32{}, []uint32{64500, 64501}
	for range w.IntN(30) {
		p, number := w.Network(16).Masked(), 64500+uint32(w.IntN(8))
		inside := func(other netip.Prefix) bool { return hostile.Covers(p, other) }
		for other := range of {
			if inside(other) {
				p = netip.Prefix{}
				break
			}
		}
		if !p.IsValid() {
			continue
		}
		of[p] = number
		if slices.Contains(allowed, number) {
			w.fixed = append(w.fixed, p)
		}
	}
	path := filepath.Join(w.t.TempDir(), "as.mmdb")
	err := os.WriteFile(path, hostile.Systems(of), 0o600)
	if err == nil {
		w.rules.Systems, err = OpenSystems(path, allowed)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// lookup is the resolver.
func (w *world) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	if len(w.answers[name]) == 0 {
		return nil, errors.New("the resolver does not answer")
	}
	w.named[name] = w.answers[name]
	return w.answers[name], nil
}

// resolve lets names move, and the gate look them up.
func (w *world) resolve() {
	for _, n := range w.rules.Names {
		var addrs []netip.Addr
		for range w.IntN(4) {
			addrs = append(addrs, w.Address())
		}
		w.answers[n.Name] = addrs
	}
	w.gate.names.refresh(context.Background())
	w.know()
}

// traffic lets parties be answered, a few of them much.
func (w *world) traffic() {
	for range w.IntN(30) {
		a, n := w.Address(), 1+w.IntN(20)
		if w.Often(6) {
			n = 400
		}
		for range n {
			w.gate.History().Flow(a, w.clock.UnixNano())
		}
		w.flows[carrier(hostile.One(a))] += n
		w.total += n
	}
}

// move puts the host into another neighbourhood.
func (w *world) move() {
	w.protected = nil
	for range 1 + w.IntN(20) {
		w.protected = append(w.protected, Protected{Prefix: hostile.One(w.Address()), Why: "protected", Session: w.Often(4)})
	}
}

// login has somebody log in, from where rules were broken before, or a ban stands, now and then.
func (w *world) login() {
	who := hostile.One(w.Address())
	for t := range w.commands.have {
		if w.Often(2) {
			who = hostile.One(t.Prefix.Addr())
		}
		break
	}
	if w.Often(3) {
		w.gate.History().Breach(who.Addr(), w.clock.UnixNano())
		w.broke[carrier(who)] = true
	}
	w.protected = append(w.protected, Protected{Prefix: who, Why: "a session", Session: true})
	w.gate.LoggedIn(who.Addr(), w.clock)
	w.know()
}

func (w *world) request() *Request {
	q := &Request{Reason: "property", By: "test", For: time.Duration(w.IntN(3)) * time.Minute}
	if w.Often(2) {
		q.Prefix = w.Near(w.everybody)
	} else {
		a := w.Address()
		q.Prefix = netip.PrefixFrom(a, a.BitLen()-w.IntN(9))
	}
	if w.Often(8) {
		q.Narrow = hostile.One(w.Address())
	}
	if w.Often(3) {
		q.Approved = "an operator who is wrong"
	}
	q.Private = w.Often(3)
	if w.Often(4) {
		q.Scope, q.Jail = Scope{Ports: "tcp/22"}, fmt.Sprint("jail ", w.IntN(3))
	}
	for _, p := range []netip.Prefix{Normal(q.Prefix), Normal(q.Narrow)} {
		w.approved[p] = w.approved[p] || q.Approved != ""
		w.private[p] = w.private[p] || q.Private
	}
	return q
}

// step asks for a batch of bans, and lets something change now and then: also between a look at the gate and the bans.
func (w *world) step() {
	batch := make([]message, perBatch)
	for i := range batch {
		batch[i] = message{ban: w.request()}
	}
	w.gate.Check(Normal(batch[0].ban.Prefix), w.clock)
	if w.Often(3) {
		w.resolve()
	}
	w.responder.handle(batch)
	w.clock = w.clock.Add(time.Duration(w.IntN(30)) * time.Second)
	switch w.IntN(10) {
	case 0:
		w.move()
		w.gate.look(w.clock)
		w.know()
	case 1:
		if w.gate.Observing() && w.Often(2) {
			w.gate.SetObserve(false)
		}
	case 2:
		w.responder.tick()
		w.responder.repair(Damage{What: "a test"})
	case 3, 4:
		w.login()
	case 5:
		w.traffic()
	}
	w.responder.tick()
	w.holdsNobody()
}

// holdsNobody looks through what the kernel holds after everything that may have changed.
func (w *world) holdsNobody() {
	for target, left := range w.commands.have {
		if left != 0 && !w.clock.Before(w.commands.ends[target]) {
			delete(w.commands.have, target)
			continue
		}
		for _, who := range w.everybody {
			if hostile.Covers(target.Prefix, who) {
				w.t.Fatalf("the kernel holds %v (%s), which covers %s", target, left, who)
			}
		}
	}
}

func TestMillionRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	many := hostile.Requests(t, someRequests)
	worlds := min(many/perWorld, mostWorlds)
	told, doubted, banned, refused := 0, 0, uint64(0), uint64(0)
	for seed := range worlds {
		w := newWorld(t, uint64(seed))
		for range many/worlds/perBatch + 1 {
			w.step()
		}
		s := w.responder.stats
		told, doubted, banned, refused = told+w.commands.told, doubted+w.commands.doubt, banned+s.Banned+s.Renewed, refused+s.Refused
		if err := w.responder.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if told < many/20 || refused < uint64(many/10) || doubted < many/2000 {
		t.Errorf("the kernel was told of %d bans, %d of them after approval, %d were refused: that proves little", told, doubted, refused)
	}
	t.Logf("%d requests: %d bans, %d refused, the kernel was told of %d, an operator was asked about %d of them", many, banned, refused, told, doubted)
}
