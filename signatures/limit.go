package signatures

import (
	"net/netip"

	"picket/traffic/packet"
)

// LimitRule is one line of a threshold.config: a limit, a rate filter or a suppression for some rules.
type LimitRule struct {
	GID, SID uint32 // 0: all
	Kind     LimitKind
	Track    Track
	Count    uint32
	Seconds  uint32
	Timeout  uint32 // of a rate filter's new action
	Action   Action // a rate filter's
	Nets     []netip.Prefix
	Not      []netip.Prefix
}

// LimitKind is what a limit does.
type LimitKind uint8

// The kinds: the first Count alerts of a period; each Count-th; one at the Count-th; matching begins behind Count
// (detection_filter); another action beyond Count; none; back-off by powers.
const (
	Limit LimitKind = iota
	Threshold
	Both
	DetectionFilter
	RateFilter
	Suppress
	Backoff
)

// Track is what a limit counts for.
type Track uint8

// Each rule alone; each source; each destination; each pair; each flow; source or destination (suppress).
const (
	TrackRule Track = iota
	TrackSource
	TrackDestination
	TrackPair
	TrackFlow
	TrackEither
)

// limits are a rule's own.
type limits struct {
	filter *limitSpec // detection_filter
	limit  *limitSpec // threshold
	extra  []*limitSpec
}

// limitSpec is a limit as it is applied.
type limitSpec struct {
	LimitRule
	multiplier uint32
	nets       *addrSet
}

// countKey says what a counter belongs to.
type countKey struct {
	gid, sid uint32
	kind     LimitKind
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
func (e *Engine) limitsFrom(rules []LimitRule) {
	for i := range rules {
		l := &limitSpec{LimitRule: rules[i]}
		if len(l.Nets) > 0 || len(l.Not) > 0 {
			set := compilePrefixes(l.Nets, l.Not)
			l.nets = &set
		}
		for _, s := range e.Signatures {
			if (l.GID == 0 || l.GID == s.GID) && (l.SID == 0 || l.SID == s.SID) {
				e.addLimit(s, l)
			}
		}
	}
}

// addLimit: a threshold by name replaces the rule's own; one for all rules leaves it alone.
func (e *Engine) addLimit(s *Signature, l *limitSpec) {
	switch l.Kind {
	case Suppress, RateFilter:
		s.limits.extra = append(s.limits.extra, l)
	case DetectionFilter:
		s.limits.filter = l
	default:
		if l.SID != 0 || s.limits.limit == nil && s.limits.filter == nil {
			s.limits.limit = l
		}
	}
}

// limit says whether an alert is shown, and whether its action is taken.
func (in *Inspector) limit(a *Alert) (show, act bool) {
	l := &a.Signature.limits
	show, act = true, true
	for _, x := range l.extra {
		if x.Kind == Suppress && in.suppressed(x) {
			in.Stats.Suppressed++
			return false, true
		}
	}
	if l.filter != nil && !in.count(a, l.filter) {
		return false, false
	}
	for _, x := range l.extra {
		if x.Kind == RateFilter && in.count(a, x) {
			a.action = x.Action
			if x.Action == Pass {
				return false, true
			}
		}
	}
	if l.limit != nil && !in.count(a, l.limit) {
		in.Stats.Suppressed++
		return false, l.limit.Kind == Limit || l.limit.Kind == Both
	}
	return show, act
}

func (in *Inspector) suppressed(l *limitSpec) bool {
	p := in.v.Packet
	switch l.Track {
	case TrackSource:
		return l.nets == nil || l.nets.has(&p.Src)
	case TrackDestination:
		return l.nets == nil || l.nets.has(&p.Dst)
	case TrackEither:
		return l.nets == nil || l.nets.has(&p.Src) || l.nets.has(&p.Dst)
	}
	return true
}

// count raises the limit's counter and says whether this alert is one to be shown (for a rate filter: whether the new
// action holds).
func (in *Inspector) count(a *Alert, l *limitSpec) bool {
	p := in.v.Packet
	k := countKey{gid: a.GID, sid: a.SID, kind: l.Kind}
	switch l.Track {
	case TrackSource:
		k.a = p.Src
	case TrackDestination:
		k.a = p.Dst
	case TrackPair:
		if k.a, k.b = p.Src, p.Dst; less(&k.b, &k.a) {
			k.a, k.b = k.b, k.a
		}
	case TrackFlow:
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

// step follows Suricata's detect-engine-threshold.c.
func (c *counter) step(l *limitSpec, now int64) bool {
	if l.Kind != Backoff && now-c.start > c.period && (l.Kind != RateFilter || c.until < now) {
		c.start, c.n = now, 0
	}
	switch l.Kind {
	case RateFilter:
		if c.until != 0 && now < c.until {
			return true
		}
		if c.n++; c.n > l.Count {
			c.until = now + int64(l.Timeout)*1e9
			c.n, c.start = 0, now
			if l.Timeout == 0 {
				c.until = 0
			}
			return true
		}
		return false
	case Backoff:
		if c.n++; c.n == c.next {
			c.next *= max(l.multiplier, 2)
			return true
		}
		return false
	}
	c.n++
	switch l.Kind {
	case Limit:
		return c.n <= l.Count
	case Threshold:
		if c.n >= l.Count {
			c.n, c.start = 0, now
			return true
		}
		return false
	case Both:
		return c.n == l.Count
	case DetectionFilter:
		return c.n > l.Count
	}
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
