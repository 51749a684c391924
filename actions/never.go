package actions

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Protected is somebody who must never be banned, and why.
type Protected struct {
	Prefix netip.Prefix
	Why    string
}

// Surroundings tells who is protected at this moment: this host, its gateways, resolvers, live sessions.
// Kinds that could not be read are told in err beside what could.
type Surroundings func() (list []Protected, err error)

// always lists what no unicast peer can be; banning it could only cut off the host itself.
var always = []Protected{
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("0.0.0.0/32"), "the unspecified address"},
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("fe80::/64"), "link-local, where neighbours and routers are found"},
}

// Gate stands in front of every ban from every source. Observe mode is a property of the gate.
type Gate struct {
	observe atomic.Bool
	allow   atomic.Pointer[[]Protected]
	around  Surroundings
	known   atomic.Pointer[knowledge]
	changes atomic.Uint64 // counts up when somebody else is protected than before
	looking sync.Mutex
	warn    func(error)
}

// knowledge is what one look around has found.
type knowledge struct {
	list []Protected
	at   time.Time
}

const (
	lookEvery = time.Second     // a login is protected within this time
	lookStale = 5 * time.Second // older knowledge is not trusted: the asker looks himself
)

// NewGate makes a gate. warn is told when a part of the surroundings cannot be read; the rest still protects.
func NewGate(observe bool, allow []netip.Prefix, around Surroundings, warn func(error)) *Gate {
	g := &Gate{around: around, warn: warn}
	g.observe.Store(observe)
	g.known.Store(&knowledge{})
	g.SetAllow(allow)
	return g
}

// Run looks around every second until ctx ends, so that asking costs nothing. A gate that is not run looks when it is
// asked.
func (g *Gate) Run(ctx context.Context) {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			g.look(now)
		}
	}
}

// SetAllow replaces the allow list (on reload). Any goroutine may call it.
func (g *Gate) SetAllow(allow []netip.Prefix) {
	list := make([]Protected, len(allow))
	for i, p := range allow {
		list[i] = Protected{Normal(p), "on the allow list"}
	}
	g.allow.Store(&list)
	g.changes.Add(1)
}

// SetObserve switches observe mode. Any goroutine may call it.
func (g *Gate) SetObserve(on bool) { g.observe.Store(on) }

// Observing tells whether bans are kept from the kernel.
func (g *Gate) Observing() bool { return g.observe.Load() }

// Changes counts how often the protected have changed: a ban that stands need not be asked about again before.
func (g *Gate) Changes() uint64 { return g.changes.Load() }

// Check returns the refusal for a prefix, or nil. Any goroutine may call it.
func (g *Gate) Check(p netip.Prefix, now time.Time) *Refusal {
	known := g.known.Load()
	if age := now.Sub(known.at); age >= lookStale || age < 0 {
		known = g.look(now)
	}
	for _, list := range [...][]Protected{always, *g.allow.Load(), known.list} {
		for i := range list {
			if who := &list[i]; who.Prefix.Overlaps(p) {
				return &Refusal{Prefix: p, Protected: who.Prefix, Why: who.Why}
			}
		}
	}
	return nil
}

// look renews what is known. After a failed look the older knowledge stays in force beside the new.
func (g *Gate) look(now time.Time) *knowledge {
	g.looking.Lock()
	defer g.looking.Unlock()
	old := g.known.Load()
	list, err := g.around()
	if err != nil {
		g.warn(err)
		list = append(list, old.list...)
		list = list[:min(len(list), maxKnown)]
	}
	for i := range list {
		list[i].Prefix = Normal(list[i].Prefix)
	}
	fresh := &knowledge{list, now}
	g.known.Store(fresh)
	if !slices.Equal(list, old.list) {
		g.changes.Add(1)
	}
	return fresh
}

// maxKnown bounds the protected list when looks keep failing and older knowledge piles up.
const maxKnown = 4096
