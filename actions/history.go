package actions

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// History remembers what each party has been doing that is no attack: answered flows without an alert, and logins. It
// is what the blast radius of a ban is computed from. A party is an IPv4 address or an IPv6 /64. The table is bounded:
// when it is full, one of a few parties picked at random goes, the one with least to lose.
type History struct {
	mu      sync.Mutex
	parties map[netip.Addr]*party
	flows   uint64 // of all parties, those evicted too
	evicted uint64
	max     int
}

type party struct {
	flows, bytes, logins uint64
	first, last          int64 // ns
	broke                int64 // ns, when it last broke a rule; 0: never
	users                []string
}

const (
	maxParties      = 1 << 16
	maxUsers        = 8 // names remembered of a party
	evictionSamples = 8
)

// NewHistory makes an empty history.
func NewHistory() *History { return &History{parties: map[netip.Addr]*party{}, max: maxParties} }

// Flow notes that a flow of this party was answered; at is its time in nanoseconds. Any goroutine may call it.
func (h *History) Flow(a netip.Addr, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flows++
	h.of(a, at).flows++
}

// Ended notes the bytes of a flow that is over. alerted takes the flow back: it was an attack.
func (h *History) Ended(a netip.Addr, at int64, bytes uint64, alerted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.parties[partyOf(a)]
	switch {
	case p == nil: // it was evicted
	case alerted:
		p.flows = max(p.flows, 1) - 1
		h.flows = max(h.flows, 1) - 1
	default:
		p.bytes += bytes
		p.last = max(p.last, at)
	}
}

// Login notes a successful login of user from a.
func (h *History) Login(a netip.Addr, at int64, user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.of(a, at)
	p.logins++
	if len(p.users) < maxUsers && !slices.Contains(p.users, user) {
		p.users = append(p.users, user)
	}
}

// LoggedIn tells whether somebody is known to have logged in from a who may be user now: root may have been another one at
// first, and a number is a user of some container, whose names are not this host's.
func (h *History) LoggedIn(a netip.Addr, user string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.parties[partyOf(a)]
	_, err := strconv.Atoi(user)
	return p != nil && p.logins > 0 && (user == "root" || err == nil || slices.Contains(p.users, user))
}

// Breach notes that a party has broken a rule of log lines: failed logins, mostly.
func (h *History) Breach(a netip.Addr, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(a, at).broke = at
}

// suspectFor is how long a breach throws doubt on a party's sessions.
const suspectFor = 24 * time.Hour

// Broke tells whether the party has broken a rule not long ago.
func (h *History) Broke(a netip.Addr, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.parties[partyOf(a)]
	return p != nil && p.broke > 0 && now.Sub(time.Unix(0, p.broke)) < suspectFor
}

// of returns the party's record. The caller holds the lock.
func (h *History) of(a netip.Addr, at int64) *party {
	key := partyOf(a)
	p := h.parties[key]
	if p == nil {
		if len(h.parties) >= h.max {
			h.evict()
		}
		p = &party{first: at}
		h.parties[key] = p
	}
	p.last = max(p.last, at)
	return p
}

// evict forgets the least of a few parties; ranging over a map begins at a random one.
func (h *History) evict() {
	worst, least, seen := netip.Addr{}, uint64(math.MaxUint64), 0
	for key, p := range h.parties {
		if worth := p.flows + p.logins<<32; worth < least {
			worst, least = key, worth
		}
		if seen++; seen == evictionSamples {
			break
		}
	}
	delete(h.parties, worst)
	h.evicted++
}

func partyOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, _ := a.Prefix(64) // cannot fail: the address is IPv6
	return p.Addr()
}

// Blast is what is known of the parties in a prefix. A single party is a lookup, a wider prefix a walk over the table.
func (h *History) Blast(prefix netip.Prefix) Blast {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b Blast
	if prefix.IsSingleIP() || prefix.Addr().Is6() && prefix.Bits() >= 64 {
		if p := h.parties[partyOf(prefix.Addr())]; p != nil {
			b.add(p)
		}
	} else {
		for key, p := range h.parties {
			if prefix.Contains(key) {
				b.add(p)
			}
		}
	}
	if h.flows > 0 {
		b.Share = float64(b.Flows) / float64(h.flows)
	}
	return b
}

func (b *Blast) add(p *party) {
	first, last := time.Unix(0, p.first).UTC(), time.Unix(0, p.last).UTC()
	if b.Parties == 0 || first.Before(b.First) {
		b.First = first
	}
	if last.After(b.Last) {
		b.Last = last
	}
	b.Parties++
	b.Flows += p.flows
	b.Bytes += p.bytes
	b.Logins += p.logins
	for _, u := range p.users {
		if len(b.Users) < maxUsers && !slices.Contains(b.Users, u) {
			b.Users = append(b.Users, u)
		}
	}
}

// Known is the number of parties with something to lose, and of all answered flows.
func (h *History) Known() (clients int, flows uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.parties), h.flows
}

// Evicted is the number of parties that were forgotten because the table was full.
func (h *History) Evicted() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.evicted
}
