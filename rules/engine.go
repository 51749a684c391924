package rules

import (
	"fmt"
	"net/netip"
)

// Limits says when failures are too many, and what follows.
type Limits struct {
	Jail       string
	MaxRetry   int     // failures within the window that lead to a ban
	Window     int64   // seconds: findtime
	BanSeconds float64 // Forever for no end
	MaxMatches int     // lines kept as evidence
	Escalation Escalation
	PrefixIPv4 int   // addresses of one network count together: its length; 0 means 32
	PrefixIPv6 int   // 0 means 128. A /64 is one customer
	Observe    bool  // breaches are marked so and nobody is to be banned
	ByUser     bool  // failures of one user name count together, whoever sends them
	Crowd      Crowd // networks are banned for their members
	Remember   int64 // seconds after its end that a ban is forgotten (dbpurgeage); 0: never
}

// The bounds of a jail's memory. An attacker chooses addresses, so both have an eviction rule: silent longest goes first.
const (
	maxCounters  = 200_000
	maxOffenders = 200_000
)

// Breach is somebody who failed too often: what a policy turns into a ban.
type Breach struct {
	Jail     string
	ID       string       // as counted: an address, a network or a name
	Addr     netip.Addr   // whose failure was one too many; valid if it has an address
	Prefix   netip.Prefix // valid if ID is an address or a network
	At       int64        // Unix seconds of the last failure
	Count    int          // failures, as counted
	Failures int          // lines behind them
	Before   int          // bans that went before: with those of other jails where the escalation counts them
	Seconds  float64      // how long to ban; Forever for no end
	Matches  []string
	Fields   map[string]string // what the expression captured of the first of the failures; nil without KeepFields
	Observe  bool
	Crowd    int    // addresses of the network Prefix that breached; 0: it is banned for its own failures
	User     string // whose name was tried, when that is what counts
}

// Reason says why, for people, behind the jail's name.
func (b *Breach) Reason() string {
	switch {
	case b.Crowd > 0:
		return fmt.Sprintf("%d parties of this network", b.Crowd)
	case b.User != "":
		return fmt.Sprintf("%d failures of user %q", b.Count, b.User)
	}
	return fmt.Sprintf("%d failures", b.Count)
}

// Engine counts the failures of one jail. It is pure: time comes with the failures. It belongs to one goroutine.
type Engine struct {
	Count   EngineCounters
	Ignored func(*Failure) bool // tells whether a failure never counts; nil: all count
	// Found is told of every failure that counts: when it was, in Unix seconds, how often its party was banned before
	// and for how many failures it counts therefore. nil: nobody is.
	Found func(f *Failure, at int64, before, weight int)
	// Standing tells whether the jail's ban of somebody stands: a breach is none of his bans then, and no longer for
	// them. nil: nobody's does.
	Standing func(id string) bool
	// Elsewhere returns how often other jails have banned somebody. nil: never.
	Elsewhere func(id string) int
	// KeepFields has breaches tell what the expression has captured.
	KeepFields bool
	// CountBans has bans counted even without escalation: for jails that ask what others have banned.
	CountBans bool

	limits    Limits
	counters  counters
	offenders offenders
	crowds    crowds
	notes     notebook
}

// EngineCounters is what an engine has done.
type EngineCounters struct{ Failures, Ignored, Breaches, Evicted uint64 }

// NewEngine returns an engine without failures.
func NewEngine(l Limits) *Engine {
	l.MaxRetry = max(l.MaxRetry, 1)
	return &Engine{
		limits:    l,
		counters:  counters{of: map[string]*counter{}, limit: maxCounters},
		offenders: offenders{of: map[string]offence{}, limit: maxOffenders},
		crowds:    newCrowds(l.Crowd),
	}
}

// Limits returns what the engine goes by.
func (e *Engine) Limits() Limits { return e.limits }

// SetLimits puts other limits in force; counters stay.
func (e *Engine) SetLimits(l Limits) {
	l.MaxRetry = max(l.MaxRetry, 1)
	if l.Crowd != e.limits.Crowd {
		e.crowds = newCrowds(l.Crowd)
	}
	e.limits = l
}

// Failures returns how many failures of somebody count now.
func (e *Engine) Failures(id string) int {
	if c, ok := e.counters.of[id]; ok {
		return c.count
	}
	return 0
}

// Sentence returns how long a ban by hand lasts, and counts it among the bans of its party; now is in Unix seconds. before
// is how many bans went before.
func (e *Engine) Sentence(id string, now int64) (seconds float64, before int) {
	before = e.before(id, now)
	seconds = e.limits.Escalation.Seconds(e.limits.BanSeconds, before)
	e.convict(id, before, now, seconds)
	return seconds, before
}

// before returns how often somebody was banned before, for the length of his next ban.
func (e *Engine) before(id string, now int64) int {
	before := e.offenders.before(id, now, e.limits.Remember)
	if e.limits.Escalation.OverAll && e.Elsewhere != nil {
		before += e.Elsewhere(id)
	}
	return before
}

// Bans returns how often this jail has banned somebody, as far as it is remembered now, in Unix seconds.
func (e *Engine) Bans(id string, now int64) int {
	return e.offenders.before(id, now, e.limits.Remember)
}

// convict counts a ban, where bans are counted.
func (e *Engine) convict(id string, before int, now int64, seconds float64) {
	if e.limits.Escalation.On || e.CountBans {
		e.offenders.banned(id, offence{before + 1, now, seconds})
		e.notes.change(id)
	}
}

// Add counts a failure; the breach is valid if ok. now is the clock's, in Unix seconds: a failure that a log dates later
// has happened now.
func (e *Engine) Add(f *Failure, now int64) (b Breach, ok bool) {
	id, prefix := e.identity(f)
	if id == "" || e.Ignored != nil && e.Ignored(f) {
		e.Count.Ignored++
		return Breach{}, false
	}
	e.Count.Failures++
	e.counters.expire(now, e.limits.Window)
	at := min(f.Nanos/1e9, now)
	known := e.offenders.before(id, now, e.limits.Remember)
	weight := e.limits.Escalation.Weight(known, e.limits.MaxRetry)
	if e.Found != nil {
		e.Found(f, at, known, weight)
	}
	user := e.user(f)
	c := e.counters.get(user.key(id), at)
	if e.KeepFields && c.fields == nil {
		c.fields = f.Fields.Map()
	}
	c.add(at, e.limits.Window, weight+max(f.Times-1, 0), f, e.limits.MaxMatches)
	e.notes.change(c.id)
	e.Count.Evicted = e.counters.Evicted + e.offenders.evicted + e.crowds.evicted
	if c.count < e.limits.MaxRetry {
		return Breach{}, false
	}
	b = e.breach(c, id, now)
	b.Prefix, b.Addr, b.User = prefix, f.Addr, string(user)
	if e.limits.Crowd.Addresses > 0 {
		e.notes.breach(Memory{Jail: e.limits.Jail, Member: prefix, Breached: now})
	}
	if network, many := e.crowds.breached(prefix, now); many {
		b.ID, b.Prefix, b.Crowd = network.String(), network, e.crowds.rule.Addresses
	}
	e.settle(c, user)
	return b, true
}

// settle forgets a counter that led to a breach. That of a user goes on one short of the limit: who tries the same name
// next, within the window, breaches at once.
func (e *Engine) settle(c *counter, user userName) {
	if user == "" {
		e.counters.drop(c)
		return
	}
	c.count, c.matches, c.fields = e.limits.MaxRetry-1, nil, nil
}

// userName is the user whose failures count together; "" if they count by address.
type userName string

// key is the name of a counter; the NUL keeps users apart from addresses and names.
func (u userName) key(id string) string {
	if u == "" {
		return id
	}
	return "user\x00" + string(u)
}

func (e *Engine) user(f *Failure) userName {
	if !e.limits.ByUser {
		return ""
	}
	return userName(f.Fields.Get("user"))
}

// breach makes the breach of a counter that is over the limit, and counts the ban.
func (e *Engine) breach(c *counter, id string, now int64) Breach {
	e.Count.Breaches++
	e.notes.change(id)
	before, seconds := 0, e.limits.BanSeconds
	if e.Standing == nil || !e.Standing(id) {
		before = e.before(id, now)
		seconds = e.limits.Escalation.Seconds(e.limits.BanSeconds, before)
		e.convict(id, before, now, seconds)
	}
	return Breach{
		Jail: e.limits.Jail, ID: id, At: c.last, Count: c.count, Failures: c.failures, Before: before,
		Seconds: seconds, Matches: c.matches, Fields: c.fields, Observe: e.limits.Observe,
	}
}

// identity returns under which name a failure counts: its address, the network of that, or its ID.
func (e *Engine) identity(f *Failure) (id string, prefix netip.Prefix) {
	if f.Network.IsValid() {
		return f.ID, f.Network
	}
	if !f.Addr.IsValid() || f.ID != f.Addr.String() {
		return f.ID, netip.Prefix{}
	}
	bits := e.limits.PrefixIPv4
	if f.Addr.Is6() {
		bits = e.limits.PrefixIPv6
	}
	if bits <= 0 || bits >= f.Addr.BitLen() {
		return f.ID, netip.PrefixFrom(f.Addr, f.Addr.BitLen())
	}
	prefix, err := f.Addr.Prefix(bits)
	if err != nil {
		return f.ID, netip.PrefixFrom(f.Addr, f.Addr.BitLen())
	}
	return prefix.String(), prefix
}

// Failing returns how many IDs have failures that did not lead to a ban yet, at a time.
func (e *Engine) Failing(now int64) int {
	e.counters.expire(now, e.limits.Window)
	return len(e.counters.of)
}

// Restore tells the engine how often somebody was banned before, the last time at a Unix second for so many seconds: from
// fail2ban's database.
func (e *Engine) Restore(id string, bans int, at int64, seconds float64) {
	e.offenders.banned(id, offence{bans, at, seconds})
	e.notes.change(id)
}

// Purge forgets bans that are over for longer than they are to be remembered; now is in Unix seconds.
func (e *Engine) Purge(now int64) { e.offenders.purge(now, e.limits.Remember) }

// Forgive forgets the failures and bans of somebody.
func (e *Engine) Forgive(id string) {
	if c, ok := e.counters.of[id]; ok {
		e.counters.drop(c)
	}
	delete(e.offenders.of, id)
	e.notes.change(id)
}
