package incidents

import (
	"net/netip"
	"time"
)

// key is something by which findings belong together.
type key struct {
	kind byte
	addr netip.Addr
	text string
	n    uint64
}

// Kinds of keys. Those of one case are registered for it alone: who came first keeps them as long as he is in memory.
const (
	byProcess  = 'p'
	byAttacker = 'a' // an IPv4 address, an IPv6 /64
	byFlow     = 'w'
	byFile     = 'f'
	byUser     = 'u' // on a host, since a login that belongs to the case
	byVictim   = 'v' // of the case that has come furthest with it
	byHost     = 'h' // of the case that has come furthest on it
	byCrowd    = 'c' // many attackers, one rule: see crowd
	byCause    = 'd' // of deviations on a host
)

// match finds the cases that a finding belongs to, and makes one of them when they are several; nil when there is none. In
// this order:
//
//  1. the same process, the same flow, the same attacker, the same file on the same host, the same cause of deviations;
//  2. a chain: who was attacked (at least an attempt to get in) attacks others himself, speaks to a command server or
//     breaks something; a user who has come in with a login that belongs to a case goes on; a process or a change on
//     a host that somebody has got into;
//  3. what a host has done that nobody had got into yet, when this is how a known attacker did.
func (c *Casebook) match(f *Finding, now time.Time) (*docket, []merger) {
	return c.join(c.gather(f), now)
}

// living tells whether a case may still grow: resolved ones only for a while.
func (c *Casebook) living(d *docket) bool {
	return d.State != Resolved || c.now().Sub(d.Closed) <= c.reopen
}

// strongKeys are those that bind without any doubt.
func strongKeys(to []key, f *Finding) []key {
	if p := f.Process; p != nil {
		to = append(to, key{kind: byProcess, text: f.Host, n: p.Start<<22 ^ uint64(p.PID)})
	}
	if f.FlowID != 0 {
		to = append(to, key{kind: byFlow, n: f.FlowID})
	}
	if f.Attacker.Addr.IsValid() {
		to = append(to, key{kind: byAttacker, addr: network(f.Attacker.Addr)})
	}
	if f.File != "" {
		to = append(to, key{kind: byFile, text: f.Host + "\x00" + f.File})
	}
	if f.Drift != nil {
		to = append(to, key{kind: byCause, text: f.Host + "\x00" + f.Drift.Cause})
	}
	return to
}

// network is one party: an IPv4 address, the /64 of an IPv6 address.
func network(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// chain finds the case whose intrusion goes on with the finding.
func (c *Casebook) chain(f *Finding) *docket {
	if f.Stage == NoStage {
		return nil
	}
	later := f.Stage >= Execution
	if d := c.attacked(key{kind: byVictim, addr: f.Attacker.Addr}, Access); d != nil {
		return d
	}
	if d := c.attacked(key{kind: byVictim, addr: f.Victim.Addr}, Access); d != nil && later {
		return d
	}
	if f.Host == "" {
		return nil
	}
	if d := c.attacked(key{kind: byUser, text: userKey(f)}, Foothold); d != nil && f.User != "" {
		return d
	}
	if d := c.attacked(key{kind: byHost, text: f.Host}, Foothold); d != nil && later {
		return d
	}
	return nil
}

// attacked is the case under a key if it has come as far as stage.
func (c *Casebook) attacked(k key, stage Stage) *docket {
	d := c.index[k]
	if d == nil || d.furthest() < stage || !c.living(d) {
		return nil
	}
	return d
}

func userKey(f *Finding) string { return f.Host + "\x00" + f.User }

// register makes a case findable by what its finding says.
func (c *Casebook) register(d *docket, f *Finding) {
	var buf [12]key
	keys := strongKeys(buf[:0], f)
	for _, k := range keys {
		c.claim(d, k, false)
	}
	if d.furthest() < Access {
		return
	}
	if f.Victim.Addr.IsValid() {
		c.claim(d, key{kind: byVictim, addr: f.Victim.Addr}, true)
	}
	if f.Host != "" {
		c.claim(d, key{kind: byHost, text: f.Host}, true)
	}
	if f.Stage == Foothold && f.User != "" && f.Host != "" {
		c.claim(d, key{kind: byUser, text: userKey(f)}, true)
	}
}

// claim enters a key for a case. A key that another living case holds stays there, unless contested and this one has
// come at least as far.
func (c *Casebook) claim(d *docket, k key, contested bool) {
	old := c.index[k]
	if old == d || old != nil && c.living(old) && !(contested && d.furthest() >= old.furthest()) {
		return
	}
	if len(d.keys) >= maxKeys {
		return
	}
	c.index[k] = d
	d.keys = append(d.keys, k)
}

// release takes a case out of the index.
func (c *Casebook) release(d *docket) {
	for _, k := range d.keys {
		if c.index[k] == d {
			delete(c.index, k)
		}
	}
	d.keys = nil
}

// crowdSize is how many cases one rule may open against one victim, or one host, at a time. A distributed attack has
// more attackers than an operator reads cases: the others share one.
const crowdSize = 100

// crowdKeys are the cases that findings share which are too many for one of their own: all attackers by one rule of one
// victim, then all by one rule, then all there is.
func crowdKeys(f *Finding) [3]key {
	rule := key{kind: byCrowd, text: f.Rule.ID}
	victim := rule
	victim.addr, victim.n = f.Victim.Addr, 1
	if !victim.addr.IsValid() {
		victim.text += "\x00" + f.Host
	}
	return [3]key{victim, rule, {kind: byCrowd}}
}

// adopt finds or opens the case of a finding that no case has claimed.
func (c *Casebook) adopt(f *Finding, now time.Time) *docket {
	keys := crowdKeys(f)
	if c.crowds[keys[0]] >= crowdSize {
		return c.crowd(f, keys[0], now)
	}
	if len(c.cases) >= c.max && !c.evict() {
		c.count.crowded.Add(1)
		if d := c.index[keys[1]]; d != nil || len(c.cases) < c.max+spare {
			return c.crowd(f, keys[1], now)
		}
		return c.crowd(f, keys[2], now)
	}
	d := c.open(f, now)
	c.crowds[keys[0]]++
	d.crowd = keys[0]
	return d
}

// spare is how many cases shared by rule there may be beyond the bound.
const spare = 256

// crowd is the shared case under a key.
func (c *Casebook) crowd(f *Finding, k key, now time.Time) *docket {
	if d := c.index[k]; d != nil && c.living(d) {
		return d
	}
	d := c.open(f, now)
	c.claim(d, k, false)
	return d
}
