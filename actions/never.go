package actions

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Protected is somebody who must never be banned, and why.
type Protected struct {
	Prefix  netip.Prefix
	Why     string
	Session bool // somebody is logged in from there
}

// Surroundings tells who is protected at this moment: this host, its gateways, resolvers, live sessions.
// Kinds that could not be read are told in err beside what could.
type Surroundings func() (list []Protected, err error)

// always lists what no unicast peer can be; banning it could only cut off the host itself.
var always = []Protected{
	{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Why: "loopback"},
	{Prefix: netip.MustParsePrefix("::1/128"), Why: "loopback"},
	{Prefix: netip.MustParsePrefix("224.0.0.0/4"), Why: "multicast"},
	{Prefix: netip.MustParsePrefix("ff00::/8"), Why: "multicast"},
	{Prefix: netip.MustParsePrefix("255.255.255.255/32"), Why: "broadcast"},
	{Prefix: netip.MustParsePrefix("0.0.0.0/32"), Why: "the unspecified address"},
	{Prefix: netip.MustParsePrefix("::/128"), Why: "the unspecified address"},
	{Prefix: netip.MustParsePrefix("fe80::/64"), Why: "link-local, where neighbours and routers are found"},
}

// private lists the ranges of networks that are somebody's own: RFC 1918, RFC 6598, RFC 3927, RFC 4193.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"),
}

// Rules are the operator's part of the gate; a value is immutable once given.
type Rules struct {
	Allow       []netip.Prefix // never banned
	Names       []NamedParty   // DNS names never banned, by their addresses of now
	Systems     *Systems       // autonomous systems never banned; nil: none
	Private     Ruling         // of private ranges
	FlowShare   float64        // who carries more than this share of all answered flows is asked about; 0: off
	PerMinute   int            // bans in a minute that go unasked; 0: any
	ClientShare float64        // of the known clients, banned within an hour, that go unasked; 0: any
	Processes   []string       // names (comm) of processes that are never touched
}

// Gate stands in front of every ban from every source, and of every process that is touched. Observe mode is a
// property of the gate.
type Gate struct {
	observe   atomic.Bool
	rules     atomic.Pointer[Rules]
	around    Surroundings
	names     *names
	history   *History
	decisions *Decisions // nil: none kept
	budget    budget     // the responder's
	known     atomic.Pointer[knowledge]
	changes   atomic.Uint64 // counts up when somebody else is protected than before
	looking   sync.Mutex
	fresh     []knownLogin // told lately, the oldest first; guarded by looking
	warn      func(error)
}

// knownLogin is a login that a log has told.
type knownLogin struct {
	who Protected
	at  time.Time
}

// knowledge is what one look around has found.
type knowledge struct {
	list []Protected
	at   time.Time
}

const (
	lookEvery = time.Second     // a login is protected within this time
	lookStale = 5 * time.Second // older knowledge is not trusted: the asker looks himself
	// loginFresh is how long a login is believed that a log tells: sshd writes the line before the session's process is
	// there to be found, and a ban that the line sets off must not come between.
	loginFresh = 3 * time.Second
	maxFresh   = 256
)

// NewGate makes a gate. warn is told when a part of the surroundings cannot be read; the rest still protects.
func NewGate(observe bool, rules Rules, around Surroundings, warn func(error)) *Gate {
	g := &Gate{around: around, warn: warn, history: NewHistory()}
	g.names = newNames(warn, func() { g.changes.Add(1) })
	g.observe.Store(observe)
	g.known.Store(&knowledge{})
	g.SetRules(rules)
	return g
}

// KeepDecisions makes the gate record what the responder decides by it. Call it before anything is asked.
func (g *Gate) KeepDecisions(d *Decisions) { g.decisions = d }

// History is what the gate knows of parties; sensors feed it.
func (g *Gate) History() *History { return g.history }

// Run looks around every second until ctx ends, so that asking costs nothing. A gate that is not run looks when it is
// asked.
func (g *Gate) Run(ctx context.Context) {
	resolving := make(chan struct{})
	go func() {
		defer close(resolving)
		g.names.run(ctx)
	}()
	defer func() { <-resolving }()
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

// SetRules replaces the operator's part (on reload). Any goroutine may call it.
func (g *Gate) SetRules(rules Rules) {
	rules.Allow = slices.Clone(rules.Allow)
	for i, p := range rules.Allow {
		rules.Allow[i] = Normal(p)
	}
	g.rules.Store(&rules)
	g.names.set(rules.Names)
	g.changes.Add(1)
}

// SetObserve switches observe mode. Any goroutine may call it.
func (g *Gate) SetObserve(on bool) { g.observe.Store(on) }

// Observing tells whether bans are kept from the kernel.
func (g *Gate) Observing() bool { return g.observe.Load() }

// Changes counts how often the protected have changed: a ban that stands need not be asked about again before.
func (g *Gate) Changes() uint64 { return g.changes.Load() }

// Check returns why a prefix is protected, or nil. Nobody can approve it then. Any goroutine may call it.
func (g *Gate) Check(p netip.Prefix, now time.Time) *Refusal {
	who, why := g.protects(p, now)
	if why == "" {
		return nil
	}
	return &Refusal{Prefix: p, Protected: who, Why: why}
}

// protects finds who in a prefix is protected, and why.
func (g *Gate) protects(p netip.Prefix, now time.Time) (netip.Prefix, string) {
	rules := g.rules.Load()
	for _, a := range rules.Allow {
		if a.Overlaps(p) {
			return a, "on the allow list"
		}
	}
	for _, list := range [...][]Protected{always, g.lately(now).list, g.names.addresses()} {
		for i := range list {
			if who := &list[i]; who.Prefix.Overlaps(p) && !g.suspect(who, now) {
				return who.Prefix, who.Why
			}
		}
	}
	return rules.Systems.protects(p)
}

// suspect tells whether a session belongs to somebody who has broken a rule before: such a session may be an
// intruder's, which is for an operator to say.
func (g *Gate) suspect(who *Protected, now time.Time) bool {
	return who.Session && g.history.Broke(who.Prefix.Addr(), now)
}

// LoggedIn tells of a login at the moment when a log does. Any goroutine may call it.
func (g *Gate) LoggedIn(from netip.Addr, now time.Time) {
	g.looking.Lock()
	defer g.looking.Unlock()
	if len(g.fresh) >= maxFresh {
		g.fresh = slices.Delete(g.fresh, 0, 1)
	}
	from = from.Unmap().WithZone("")
	who := Protected{Prefix: netip.PrefixFrom(from, from.BitLen()), Why: "the peer of a new SSH session", Session: true}
	g.fresh = append(g.fresh, knownLogin{who, now})
	old := g.known.Load()
	g.known.Store(&knowledge{append(slices.Clone(old.list), who), old.at})
	g.changes.Add(1)
}

// freshLogins are the logins that are too new to be found by a look around. The caller holds looking.
func (g *Gate) freshLogins(now time.Time) (list []Protected) {
	g.fresh = slices.DeleteFunc(g.fresh, func(l knownLogin) bool { return now.Sub(l.at) >= loginFresh })
	for _, l := range g.fresh {
		list = append(list, l.who)
	}
	return list
}

// lately is what a look around has found not long ago.
func (g *Gate) lately(now time.Time) *knowledge {
	known := g.known.Load()
	if age := now.Sub(known.at); age >= lookStale || age < 0 {
		return g.look(now)
	}
	return known
}

// Decide rules on a ban without making it: who is protected is refused; what may hit others than an attacker is asked
// about, unless somebody has approved. Only the responder's goroutine may call it: it reads the budget.
func (g *Gate) Decide(q *Request, now time.Time) Decision {
	d := Decision{Time: now.UTC(), Prefix: q.Prefix, By: q.By, Reason: q.Reason, Approved: q.Approved, Observed: g.Observing()}
	if d.Protected, d.Why = g.protects(q.Prefix, now); d.Why != "" {
		d.Ruling = Refused
		return d
	}
	if blast := g.history.Blast(q.Prefix); !blast.Empty() {
		d.Blast = &blast
	}
	if d.Ruling, d.Why = g.doubts(q, d.Blast, now); q.Approved != "" && d.Ruling == AskFirst {
		d.Ruling = Allowed
	}
	return d
}

// privateRange is the private range that a prefix shares addresses with.
func privateRange(p netip.Prefix) (netip.Prefix, bool) {
	for _, r := range private {
		if r.Overlaps(p) {
			return r, true
		}
	}
	return netip.Prefix{}, false
}

// minFlows is the number of answered flows below which a share of them says nothing.
const minFlows = 1000

// doubts tells what an operator should be asked about before a prefix is banned.
func (g *Gate) doubts(q *Request, blast *Blast, now time.Time) (Ruling, string) {
	rules, p := g.rules.Load(), q.Prefix
	inRange, is := privateRange(p)
	if is = is && !q.Private; is && rules.Private == Refused { // before what an approval would answer
		return Refused, "it is in the private range " + inRange.String() + " (gate.private)"
	}
	for _, who := range g.lately(now).list {
		if who.Session && who.Prefix.Overlaps(p) {
			return AskFirst, "somebody is logged in from " + Text(who.Prefix) + ", after failures from there"
		}
	}
	if is && rules.Private == AskFirst {
		return AskFirst, "it is in the private range " + inRange.String() + " (gate.private)"
	}
	known, flows := g.history.Known()
	if rules.FlowShare > 0 && flows >= minFlows && !blast.Empty() && blast.Share > rules.FlowShare {
		return AskFirst, fmt.Sprintf("it carries %.0f %% of the %d answered flows that were seen (gate.flow-share)", blast.Share*100, flows)
	}
	if why := g.budget.left(rules, blast, known, now); why != "" {
		return AskFirst, why
	}
	return Allowed, ""
}

// made counts a ban that the responder has made by a decision.
func (g *Gate) made(d *Decision) {
	if !d.Observed {
		g.budget.spend(d.Blast, d.Time)
	}
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
	list = append(list, g.freshLogins(now)...)
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

// Record keeps decisions for those who ask why. Any goroutine may call it.
func (g *Gate) Record(list ...Decision) {
	if g.decisions != nil && len(list) > 0 {
		g.decisions.Add(list...)
	}
}
