package policy

import (
	"fmt"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// Report tells what a policy makes of a finding, and of each of its selectors why.
type Report struct {
	Policy    string          `json:"policy"`
	Observe   bool            `json:"observe,omitempty"`
	Matches   bool            `json:"matches"` // all of it agrees: its measures are looked at
	Checks    []Check         `json:"checks,omitempty"`
	Measures  []MeasureReport `json:"measures,omitempty"`
	Threshold string          `json:"threshold,omitempty"`
}

// Check is one selector's answer.
type Check struct {
	Selector string `json:"selector"`
	Want     string `json:"want"`
	Have     string `json:"have"`
	OK       bool   `json:"ok"`
}

// MeasureReport is what would become of one measure.
type MeasureReport struct {
	Spec   measure.Spec `json:"measure"`
	Taken  bool         `json:"taken"`
	AtOnce bool         `json:"at_once,omitempty"` // without waiting for the case
	Checks []Check      `json:"checks,omitempty"`
	Why    string       `json:"why,omitempty"` // it is not taken now, or which rung of its ladder
}

// Explain tells what every policy would do about a finding of a case now. Nothing is counted, and nothing new is noted.
func (s *Set) Explain(f *incidents.Finding, c *incidents.Incident) []Report {
	sub := subject{f: f, c: c, world: s.world}
	var list []Report
	for _, p := range s.policies {
		list = append(list, s.explain(p, &sub))
	}
	return list
}

func (s *Set) explain(p *policy, sub *subject) Report {
	now := s.now()
	r := Report{Policy: p.name, Observe: p.observe}
	r.Checks, r.Matches = checks(p.match, sub)
	add := func(c Check) {
		r.Checks, r.Matches = append(r.Checks, c), r.Matches && c.OK
	}
	if sub.f.Own {
		add(Check{"own", "not what our own block has caused", "a consequence of our own block", false})
	}
	if p.window.text != "" {
		add(Check{"when", p.window.text, now.In(p.window.zone).Format("Mon 15:04 MST"), p.window.open(now)})
	}
	t := &p.threshold
	if t.severity > 0 {
		add(Check{"threshold.severity", t.severity.String() + " and worse", sub.f.Severity.String(), sub.f.Severity >= t.severity})
	}
	if t.count > 1 {
		n := max(s.memory.counted(t.key(p, sub, throughCase), t.window, now.UnixNano()), s.memory.counted(t.key(p, sub, atOnce), t.window, now.UnixNano()))
		r.Threshold = fmt.Sprintf("%d matches by %s within %s are wanted; %d stand now, one like this would be one more", t.count, t.by, Span(t.window), n)
	}
	for i := range p.rules {
		r.Measures = append(r.Measures, s.explainRule(p, &p.rules[i], sub, r.Matches))
	}
	return r
}

func checks(list []selector, sub *subject) (out []Check, all bool) {
	all = true
	for i := range list {
		sel := &list[i]
		c := Check{sel.name, sel.want, sel.have(sub), sel.fit(sub)}
		out, all = append(out, c), all && c.OK
	}
	return out, all
}

func (s *Set) explainRule(p *policy, r *rule, sub *subject, matches bool) MeasureReport {
	out := MeasureReport{Spec: r.spec, AtOnce: r.lane == atOnce}
	var fits bool
	out.Checks, fits = checks(r.match, sub)
	if out.Taken = matches && fits; !out.Taken {
		return out
	}
	key := r.keyFor(p, sub)
	if key.Whom == "" {
		out.Taken, out.Why = false, "the finding does not name whom to ban"
		return out
	}
	s.inherit(p, r, sub, key)
	now := s.now()
	rung, again, last, known := s.memory.peek(key, len(r.ladder), r.forget, now.UnixNano())
	switch {
	case r.ban == nil && len(r.ladder) == 1:
		if known && now.UnixNano() < last.Until && r.each != "finding" {
			out.Taken, out.Why = false, "it was proposed for this "+string(r.each)+" already, at "+time.Unix(0, last.Since).UTC().Format(time.RFC3339)
		}
	case !again:
		out.Taken, out.Why = false, "it was ordered at "+time.Unix(0, last.Since).UTC().Format(time.RFC3339)+" and stands"
	default:
		out.Spec.For = incidents.Seconds(r.ladder[rung])
		if len(r.ladder) > 1 {
			out.Why = fmt.Sprintf("rung %d of %d of its ladder", rung+1, len(r.ladder))
		}
	}
	return out
}

// keyFor is the memory's key of a measure; without Whom when the finding does not name anybody.
func (r *rule) keyFor(p *policy, sub *subject) markKey {
	if r.ban == nil {
		return r.key(p, sub)
	}
	if prefix, ok := r.ban.Party(sub.f); ok {
		return r.banKey(p, prefix)
	}
	return markKey{}
}
