package policy

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
)

// Set is policies in force. It never changes; a reload makes a new one with the same Memory and swaps it.
type Set struct {
	policies []*policy
	memory   *Memory
	world    World
	now      func() time.Time
}

var _ measure.Policies = (*Set)(nil)

// policy is a Policy, compiled.
type policy struct {
	name      string
	observe   bool
	audience  string
	window    window
	match     []selector
	threshold threshold
	rules     []rule // its measures: those of default first
	lanes     [2]bool
}

type threshold struct {
	count    int // 0: none
	window   time.Duration
	by       Party
	severity incidents.Severity
}

// rule is one measure of a policy, with what narrows it.
type rule struct {
	n      int // within its policy, for the memory
	match  []selector
	spec   measure.Spec
	ban    *measure.BanArgs // of a ban
	ladder []time.Duration  // of what lasts: at least one rung
	forget time.Duration
	each   Party
	repeat time.Duration
	lane   lane
}

// lane is the way of a measure: bans that need nothing but the finding go at once, all others through the case.
type lane uint8

const (
	throughCase lane = iota
	atOnce
)

// Len is the number of policies.
func (s *Set) Len() int { return len(s.policies) }

// Bans implements measure.Policies. Of several bans of the same party within the same scope the longest is ordered.
func (s *Set) Bans(f *incidents.Finding, order func(actions.Request)) {
	if f.Own {
		return
	}
	var list []actions.Request
	sub := subject{f: f, world: s.world}
	for _, p := range s.policies {
		if p.lanes[atOnce] {
			s.eachRule(p, &sub, atOnce, func(r *rule) { list = s.ban(list, p, r, &sub) })
		}
	}
	for _, q := range list {
		order(q)
	}
}

// ban adds a ban to a list of those that one finding wants.
func (s *Set) ban(list []actions.Request, p *policy, r *rule, sub *subject) []actions.Request {
	prefix, ok := r.ban.Party(sub.f)
	if !ok {
		return list
	}
	span, again := s.memory.climb(r.banKey(p, prefix), r.ladder, r.forget, s.now().UnixNano(), atOnce)
	if !again {
		return list
	}
	q := actions.Request{Prefix: prefix, For: span, Reason: reason(sub.f), By: "policy " + p.name, Scope: r.ban.Scope}
	for i := range list {
		if list[i].Prefix == q.Prefix && list[i].Scope == q.Scope {
			if q.For == 0 || list[i].For != 0 && q.For > list[i].For {
				list[i] = q
			}
			return list
		}
	}
	return append(list, q)
}

func (r *rule) banKey(p *policy, party netip.Prefix) markKey {
	return markKey{p.name, r.n, actions.Text(actions.Normal(party))}
}

// Propose implements measure.Policies.
func (s *Set) Propose(e *incidents.Event) (list []measure.Proposal) {
	if e.Finding == nil || e.Finding.Own {
		return nil
	}
	sub := subject{f: e.Finding, c: &e.Incident, world: s.world}
	for _, p := range s.policies {
		if p.lanes[throughCase] {
			s.eachRule(p, &sub, throughCase, func(r *rule) {
				if spec, ok := s.due(p, r, &sub); ok {
					list = append(list, measure.Proposal{Spec: spec, Reason: reason(e.Finding)})
				}
			})
		}
	}
	return list
}

// Kept implements measure.Policies: from now on it is remembered over a crash that they were proposed.
func (s *Set) Kept() error { return s.memory.kept() }

// due decides whether a measure is due for whom it is for, and notes that it is proposed.
func (s *Set) due(p *policy, r *rule, sub *subject) (measure.Spec, bool) {
	spec, now := r.spec, s.now().UnixNano()
	if r.ban != nil {
		prefix, ok := r.ban.Party(sub.f)
		if !ok {
			return spec, false
		}
		span, ok := s.memory.climb(r.banKey(p, prefix), r.ladder, r.forget, now, throughCase)
		spec.For = incidents.Seconds(span)
		return spec, ok
	}
	key := r.key(p, sub)
	s.inherit(p, r, sub, key)
	if len(r.ladder) > 1 {
		span, ok := s.memory.climb(key, r.ladder, r.forget, now, throughCase)
		spec.For = incidents.Seconds(span)
		return spec, ok
	}
	return spec, r.each == "finding" || s.memory.once(key, r.repeat, now)
}

// inherit lets a case have what is noted of those that turned out to be part of it. It is looked for whenever it is
// needed, not when they become one: a crash right after that changes nothing.
func (s *Set) inherit(p *policy, r *rule, sub *subject, key markKey) {
	if r.each != "case" || sub.c == nil {
		return
	}
	for _, id := range sub.c.Absorbed {
		s.memory.inherit(key, markKey{p.name, r.n, wholeCase(id)})
	}
}

// key says for whom a measure is, to tell what is the same again.
func (r *rule) key(p *policy, sub *subject) markKey {
	return markKey{p.name, r.n, string(r.each) + " " + sub.party(r.each)}
}

// wholeCase is for whom a measure of the whole case is, as key has it.
func wholeCase(id incidents.ID) string { return "case " + strconv.FormatInt(int64(id), 10) }

// eachRule calls f for every measure of a policy on one lane that is to be taken for a subject. It counts.
func (s *Set) eachRule(p *policy, sub *subject, l lane, f func(*rule)) {
	if !fitAll(p.match, sub) || !p.window.open(s.now()) || !s.reached(p, sub, l) {
		return
	}
	for i := range p.rules {
		if r := &p.rules[i]; r.lane == l && fitAll(r.match, sub) {
			f(r)
		}
	}
}

// reached counts a match and tells whether the policy's threshold is reached. Each lane counts for itself, since each sees
// every finding once.
func (s *Set) reached(p *policy, sub *subject, l lane) bool {
	t := &p.threshold
	if sub.f.Severity < t.severity {
		return false
	}
	if t.count <= 1 {
		return true
	}
	n := 1 + int(min(sub.f.Repeats, maxCount))
	return s.memory.matched(t.key(p, sub, l), n, t.count, t.window, s.now().UnixNano())
}

func (t *threshold) key(p *policy, sub *subject, l lane) countKey {
	party := sub.party(t.by)
	if l == atOnce {
		party += " at once"
	}
	return countKey{p.name, party}
}

// Released implements measure.Policies.
func (s *Set) Released(b actions.Ban) { s.eachMark(&b, s.memory.release) }

// Failed implements measure.Policies.
func (s *Set) Failed(b actions.Ban) { s.eachMark(&b, s.memory.retract) }

// eachMark calls f for whatever is noted of a policy's ban.
func (s *Set) eachMark(b *actions.Ban, f func(key markKey, now int64)) {
	now := s.now().UnixNano()
	for _, p := range s.policies {
		if b.By != "policy "+p.name {
			continue
		}
		for i := range p.rules {
			if r := &p.rules[i]; r.ban != nil {
				f(r.banKey(p, b.Prefix), now)
			}
		}
	}
}

// Reconcile holds what is remembered of bans at once against the bans that stand, after a start: whoever is remembered as
// banned and is not may be banned again. (Picket was killed between the proposal and the ban, or with the ban made and
// the proposal not noted, which climb puts right.)
func (s *Set) Reconcile(stand []actions.Ban) {
	banned := map[string]bool{}
	for i := range stand {
		banned[actions.Text(stand[i].Prefix)] = true
	}
	now := s.now().UnixNano()
	for _, p := range s.policies {
		for i := range p.rules {
			if r := &p.rules[i]; r.ban != nil && r.lane == atOnce {
				for _, key := range s.memory.standing(p.name, r.n, now) {
					if !banned[key.Whom] {
						s.memory.retract(key, now)
					}
				}
			}
		}
	}
}

// reason is what a measure tells its readers about its finding.
func reason(f *incidents.Finding) string {
	switch {
	case f.Kind == incidents.Alert:
		return "sid " + strings.TrimPrefix(f.Rule.ID, "1:") + ": " + f.Rule.Name
	case f.Jail != "":
		return "jail " + f.Jail + ": " + cmp.Or(f.Text, f.Rule.Name)
	}
	return f.Rule.Name
}
