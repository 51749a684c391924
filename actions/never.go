package actions

import (
	"net/netip"
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
	fresh   time.Duration

	// owned by the responder
	known []Protected
	read  time.Time
	warn  func(error)
}

// surroundingsAge is how old the knowledge about this host may be: a login is protected within this time.
const surroundingsAge = time.Second

// NewGate makes a gate. warn is told when a part of the surroundings cannot be read; the rest still protects.
func NewGate(observe bool, allow []netip.Prefix, around Surroundings, warn func(error)) *Gate {
	g := &Gate{around: around, fresh: surroundingsAge, warn: warn}
	g.observe.Store(observe)
	g.SetAllow(allow)
	return g
}

// SetAllow replaces the allow list (on reload). Any goroutine may call it.
func (g *Gate) SetAllow(allow []netip.Prefix) {
	list := make([]Protected, len(allow))
	for i, p := range allow {
		list[i] = Protected{Normal(p), "on the allow list"}
	}
	g.allow.Store(&list)
}

// SetObserve switches observe mode. Any goroutine may call it.
func (g *Gate) SetObserve(on bool) { g.observe.Store(on) }

// Observing tells whether bans are kept from the kernel.
func (g *Gate) Observing() bool { return g.observe.Load() }

// Check returns the refusal for a prefix, or nil. It reads the surroundings anew when they are older than a
// second.
func (g *Gate) Check(p netip.Prefix, now time.Time) *Refusal {
	if g.read.IsZero() || now.Sub(g.read) >= g.fresh || now.Before(g.read) {
		g.look(now)
	}
	for _, list := range [][]Protected{always, *g.allow.Load(), g.known} {
		for _, who := range list {
			if who.Prefix.Overlaps(p) {
				return &Refusal{Prefix: p, Protected: who.Prefix, Why: who.Why}
			}
		}
	}
	return nil
}

// look renews what is known. After a failed look the older knowledge stays in force beside the new.
func (g *Gate) look(now time.Time) {
	g.read = now
	list, err := g.around()
	if err != nil {
		g.warn(err)
		list = append(list, g.known...)
		list = list[:min(len(list), maxKnown)]
	}
	for i := range list {
		list[i].Prefix = Normal(list[i].Prefix)
	}
	g.known = list
}

// maxKnown bounds the protected list when looks keep failing and older knowledge piles up.
const maxKnown = 4096
