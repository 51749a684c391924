package rules

import "net/netip"

// Crowd bans a whole network when several of its addresses breach: one attacker who rents a range and stays below the
// limit with each address, or comes back with the next one.
type Crowd struct {
	Addresses  int   // of one network that breach within the window; 0: networks are never banned for their members
	Window     int64 // seconds
	PrefixIPv4 int   // length of the network: 24
	PrefixIPv6 int   // 48: what one customer is usually given
}

// maxCrowds bounds the networks that have a breach, maxCrowd the addresses that one may be asked for.
const (
	maxCrowds = 50_000
	maxCrowd  = 1024
)

// crowds remembers by network which addresses breached. Networks whose last breach is oldest are forgotten first.
type crowds struct {
	rule    Crowd
	of      map[netip.Prefix][]member // at most rule.Addresses each
	order   []netip.Prefix            // by first breach, with gone ones
	evicted uint64
}

// member is an address, or what counts as one, that breached.
type member struct {
	prefix netip.Prefix
	at     int64 // Unix seconds
}

func newCrowds(c Crowd) crowds {
	c.Addresses = min(c.Addresses, maxCrowd)
	return crowds{rule: c, of: map[netip.Prefix][]member{}}
}

// breached notes a breach and returns the network that has reached the number with it. Who breaches twice counts once.
func (c *crowds) breached(p netip.Prefix, now int64) (network netip.Prefix, ok bool) {
	network, ok = c.network(p)
	if !ok {
		return netip.Prefix{}, false
	}
	members := c.of[network]
	if members == nil {
		c.room()
		c.order = append(c.order, network)
	}
	kept := members[:0]
	for _, m := range members {
		if m.prefix != p && m.at+c.rule.Window >= now {
			kept = append(kept, m)
		}
	}
	kept = append(kept, member{p, now})
	if len(kept) >= c.rule.Addresses {
		delete(c.of, network)
		return network, true
	}
	c.of[network] = kept
	return netip.Prefix{}, false
}

// network is the one that p belongs to; none when networks are not counted or p is no part of one.
func (c *crowds) network(p netip.Prefix) (netip.Prefix, bool) {
	if c.rule.Addresses <= 0 || !p.IsValid() {
		return netip.Prefix{}, false
	}
	bits := c.rule.PrefixIPv4
	if p.Addr().Is6() {
		bits = c.rule.PrefixIPv6
	}
	if bits <= 0 || bits >= p.Bits() {
		return netip.Prefix{}, false
	}
	network, err := p.Addr().Prefix(bits)
	return network, err == nil
}

// room makes space for one network.
func (c *crowds) room() {
	for len(c.of) >= maxCrowds && len(c.order) > 0 {
		if _, there := c.of[c.order[0]]; there {
			delete(c.of, c.order[0])
			c.evicted++
		}
		c.order = c.order[1:]
	}
	if len(c.order) > 2*maxCrowds {
		c.compact()
	}
}

// compact drops from the order what is gone.
func (c *crowds) compact() {
	kept, seen := make([]netip.Prefix, 0, len(c.of)), map[netip.Prefix]bool{}
	for _, p := range c.order {
		if _, there := c.of[p]; there && !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	c.order = kept
}
