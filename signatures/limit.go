package signatures

import (
	"math"
	"net/netip"

	"picket/signatures/language"
	"picket/traffic/packet"
)

// limits are a rule's own.
type limits struct {
	filter *limitSpec   // detection_filter
	limit  *limitSpec   // threshold
	extra  []*limitSpec // rate filters and suppressions
}

// limitSpec is a filter as it is applied.
type limitSpec struct {
	language.Filter
	action Action   // a rate filter's
	nets   *addrSet // a suppression's; nil: all addresses
}

// newLimit makes a filter ready for use.
func newLimit(f *language.Filter) *limitSpec {
	l := &limitSpec{Filter: *f, action: actionNames[f.NewAction]}
	if f.Kind == language.Suppress && !f.Addrs.Any {
		set := compilePrefixes(f.Addrs.In, f.Addrs.Not)
		l.nets = &set
	}
	return l
}

// countKey says what a counter belongs to.
type countKey struct {
	gid, sid uint32
	kind     language.FilterKind
	a, b     packet.Addr
	flow     uint64
}

// counter counts one rule's matches for one key.
type counter struct {
	start   int64 // ns, begin of the period
	until   int64 // ns, a rate filter's new action holds
	n, next uint32
	period  int64
}

// limitsFrom hangs the lines of a threshold.config on the rules that they name.
func (e *Engine) limitsFrom(filters []language.Filter) {
	for i := range filters {
		l := newLimit(&filters[i])
		for _, s := range e.Signatures {
			if (l.GID == 0 || l.GID == s.GID) && (l.SID == 0 || l.SID == s.SID) {
				s.limits.add(l)
			}
		}
	}
}

// add: a threshold by name replaces the rule's own; one for all rules leaves it alone.
func (o *limits) add(l *limitSpec) {
	switch {
	case l.Kind == language.Suppress || l.Kind == language.RateFilter:
		o.extra = append(o.extra, l)
	case l.SID != 0 || o.limit == nil && o.filter == nil:
		o.limit = l
	}
}

// limit says whether an alert is shown, and whether its action is taken.
func (in *Inspector) limit(a *Alert) (show, act bool) {
	l := &a.Signature.limits
	show, act = true, true
	for _, x := range l.extra {
		if x.Kind == language.Suppress && in.suppressed(x) {
			in.Stats.Suppressed++
			return false, true
		}
	}
	if l.filter != nil && !in.count(a, l.filter) {
		return false, false
	}
	for _, x := range l.extra {
		if x.Kind == language.RateFilter && in.count(a, x) {
			a.action = x.action
			if x.action == Pass {
				return false, true
			}
		}
	}
	if x := l.limit; x != nil && !in.count(a, x) {
		in.Stats.Suppressed++
		return false, x.Type == language.Limit || x.Type == language.Once
	}
	return show, act
}

func (in *Inspector) suppressed(l *limitSpec) bool {
	p := in.v.Packet
	switch {
	case l.nets == nil:
		return true
	case l.Track == language.BySource:
		return l.nets.has(&p.Src)
	case l.Track == language.ByDestination:
		return l.nets.has(&p.Dst)
	}
	return l.nets.has(&p.Src) || l.nets.has(&p.Dst)
}

// count raises the limit's counter and says whether this alert is one to be shown (for a rate filter: whether the new
// action holds).
func (in *Inspector) count(a *Alert, l *limitSpec) bool {
	p := in.v.Packet
	k := countKey{gid: a.GID, sid: a.SID, kind: l.Kind}
	switch l.Track {
	case language.BySource:
		k.a = p.Src
	case language.ByDestination:
		k.a = p.Dst
	case language.ByBoth:
		if k.a, k.b = p.Src, p.Dst; less(&k.b, &k.a) {
			k.a, k.b = k.b, k.a
		}
	case language.ByFlow:
		if in.v.Flow == nil {
			return false
		}
		k.flow = in.v.Flow.ID
	}
	return in.mem.count(k, l, p.Time)
}

func (m *Memory) count(k countKey, l *limitSpec, now int64) bool {
	s := m.ofCount(k)
	defer s.mu.Unlock()
	c := s.counts[k]
	if c == nil {
		if len(s.counts) >= maxHostEntries/shards {
			makeRoom(s.counts, func(c *counter) bool { return now-c.start > c.period && c.until < now }, &s.evicted)
		}
		c = &counter{start: now, period: int64(l.Seconds) * 1e9, next: l.Count}
		s.counts[k] = c
	}
	return c.step(l, now)
}

// step counts one match and says whether the filter lets it by (Suricata's detect-engine-threshold.c).
func (c *counter) step(l *limitSpec, now int64) bool {
	if l.Kind == language.RateFilter {
		return c.rate(l, now)
	}
	if l.Kind == language.Threshold && l.Type == language.Backoff {
		return c.backoff(l)
	}
	if now-c.start > c.period {
		c.start, c.n = now, 0
	}
	c.n++
	switch {
	case l.Kind == language.DetectionFilter:
		return c.n > l.Count
	case l.Type == language.Every:
		if c.n < l.Count {
			return false
		}
		c.n, c.start = 0, now
		return true
	case l.Type == language.Once:
		return c.n == l.Count
	}
	return c.n <= l.Count
}

// rate says whether a rate filter's new action holds.
func (c *counter) rate(l *limitSpec, now int64) bool {
	if c.until != 0 && now < c.until {
		return true
	}
	if now-c.start > c.period {
		c.start, c.n = now, 0
	}
	if c.n++; c.n <= l.Count {
		return false
	}
	c.n, c.start, c.until = 0, now, 0
	if l.Timeout != 0 {
		c.until = now + int64(l.Timeout)*1e9
	}
	return true
}

// backoff lets the Count-th match by, then the one that is Multiplier times as far away, and so on.
func (c *counter) backoff(l *limitSpec) bool {
	if c.n++; c.n != c.next {
		return false
	}
	c.next = uint32(min(uint64(c.next)*uint64(l.Multiplier), math.MaxUint32))
	return true
}

func compilePrefixes(in, not []netip.Prefix) addrSet {
	set := addrSet{toRanges(in)}
	if len(in) == 0 {
		set = addrSet{[]addrRange{everything()}}
	}
	for _, r := range toRanges(not) {
		set.ranges = subtract(set.ranges, r)
	}
	return set
}
