package policy

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
)

// Options of Compile.
type Options struct {
	Doers  measure.Doers // the measures that there are
	Host   string        // this host's name, for templates
	Memory *Memory
	World  World
	Now    func() time.Time // nil: time.Now
}

const (
	forgetDefault = 30 * 24 * time.Hour
	windowDefault = 10 * time.Minute
	maxMeasures   = 32 // of a policy
	maxPolicies   = 4096
	maxLadder     = 32
)

// compiler turns what operators wrote into a Set, collecting every fault.
type compiler struct {
	o         Options
	zones     map[string][]netip.Prefix
	templates map[string]Template
	names     map[string]bool
	source    int
	faults    []Fault
	observe   bool
}

// Compile makes the policies of all sources one Set. Zones and templates of each are known in all. With faults there is
// no set.
func Compile(sources []Source, o Options) (*Set, []Fault) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &compiler{o: o, zones: map[string][]netip.Prefix{}, templates: map[string]Template{}, names: map[string]bool{}}
	for i, src := range sources {
		c.source = i
		c.observe = c.observe || src.Config.Mode == Observe
		c.readZones(src.Config.Zones)
		c.readTemplates(src.Config.Templates)
	}
	set := &Set{memory: o.Memory, world: o.World, now: o.Now}
	for i, src := range sources {
		c.source = i
		for n := range src.Config.List {
			set.policies = append(set.policies, c.policy(fmt.Sprintf("list[%d]", n), &src.Config.List[n]))
		}
	}
	if len(set.policies) > maxPolicies {
		c.fault("list", "join some", "%d policies, at most %d", len(set.policies), maxPolicies)
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return set, nil
}

func (c *compiler) fault(key, hint, cause string, args ...any) {
	c.faults = append(c.faults, Fault{Source: c.source, Key: key, Cause: fmt.Sprintf(cause, args...), Hint: hint})
}

func (c *compiler) readZones(zones map[string][]string) {
	for name, list := range zones {
		key := "zones." + name
		if _, err := actions.ParsePrefix(name); err == nil || strings.HasPrefix(name, "!") || name == "" {
			c.fault(key, "take a word", "%q cannot be told from an address", name)
		}
		if _, twice := c.zones[name]; twice {
			c.fault(key, "take another name", "the zone %q is known already", name)
		}
		c.zones[name] = []netip.Prefix{}
		for i, text := range list {
			p, err := actions.ParsePrefix(text)
			if err != nil {
				c.fault(fmt.Sprintf("%s[%d]", key, i), "", "%v", err)
				continue
			}
			c.zones[name] = append(c.zones[name], p)
		}
	}
}

func (c *compiler) readTemplates(templates map[string]Template) {
	for name, t := range templates {
		if _, twice := c.templates[name]; twice {
			c.fault("templates."+name, "take another name", "the template %q is known already", name)
		}
		c.templates[name] = t
		c.measures("templates."+name, &policy{name: name}, t.Default, t.Actions) // for its faults
	}
}

func (c *compiler) policy(key string, in *Policy) *policy {
	p := &policy{
		name: in.Name, audience: string(in.Audience), observe: c.observe || in.Mode == Observe,
		window: newWindow(&in.When, c.fault, key+".when"),
		match:  c.match(key+".match", &in.Match),
	}
	switch {
	case in.Name == "":
		c.fault(key+".name", "a name tells in lists who has ordered a measure", "no name is given")
	case c.names[in.Name]:
		c.fault(key+".name", "take another name", "the policy %q is known already", in.Name)
	}
	c.names[in.Name] = true
	c.threshold(key+".threshold", p, &in.Threshold)
	c.measures(key, p, in.Default, in.Actions)
	for i, name := range in.Templates {
		t, known := c.templates[name]
		if !known {
			c.fault(fmt.Sprintf("%s.templates[%d]", key, i), "known: "+strings.Join(c.templateNames(), ", "), "there is no template %q", name)
		}
		if hosts := newPatterns(t.Hosts); hosts.fit(c.o.Host) {
			faults := len(c.faults)
			c.measures(key, p, t.Default, t.Actions)
			c.faults = c.faults[:faults] // they are told where the template stands
		}
	}
	if len(in.Default)+len(in.Actions)+len(in.Templates) == 0 {
		c.fault(key, "give default, actions or templates", "the policy %q does nothing", in.Name)
	}
	if len(p.rules) > maxMeasures {
		c.fault(key, "divide it", "%d measures, at most %d", len(p.rules), maxMeasures)
	}
	return p
}

func (c *compiler) templateNames() []string {
	var names []string
	for name := range c.templates {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (c *compiler) match(key string, m *Match) []selector {
	b := build{zones: c.zones, fault: c.fault, key: key}
	return b.match(m)
}

func (c *compiler) threshold(key string, p *policy, in *Threshold) {
	t := threshold{count: in.Count, window: time.Duration(in.Window), by: in.By, severity: in.Severity}
	if t.by == "" {
		t.by = "source"
	}
	if t.window == 0 {
		t.window = windowDefault
	}
	if t.count < 0 || t.count > maxCount {
		c.fault(key+".count", fmt.Sprintf("1 to %d", maxCount), "%d matches", t.count)
		t.count = 1
	}
	if t.by == "finding" {
		c.fault(key+".by", "count by source, case, user …", "each finding is seen once: nothing can be counted by it")
	}
	p.threshold = t
}

// measures adds the measures of a policy, or of a template that it uses.
func (c *compiler) measures(key string, p *policy, always []Measure, some []Action) {
	for i := range always {
		c.measure(fmt.Sprintf("%s.default[%d]", key, i), p, nil, &always[i])
	}
	for i := range some {
		at := fmt.Sprintf("%s.actions[%d]", key, i)
		match := c.match(at+".match", &some[i].Match)
		if len(some[i].Do) == 0 {
			c.fault(at+".do", "name a measure", "nothing is to be done")
		}
		for n := range some[i].Do {
			c.measure(fmt.Sprintf("%s.do[%d]", at, n), p, match, &some[i].Do[n])
		}
	}
}

func (c *compiler) measure(key string, p *policy, match []selector, in *Measure) {
	r := rule{
		n: len(p.rules), match: match, forget: time.Duration(in.Forget), each: in.Each, repeat: time.Duration(in.Repeat),
		spec: measure.Spec{
			Name: in.Do, Args: in.With, Delay: incidents.Seconds(in.Delay), For: incidents.Seconds(in.For), Approval: in.Approval,
			Policy: p.name, Audience: p.audience, Observe: p.observe,
		},
	}
	if r.forget == 0 {
		r.forget = forgetDefault
	}
	if r.each == "" {
		r.each = "case"
	}
	r.ladder = c.ladder(key, in)
	c.known(key, in)
	if in.Do == "ban" {
		args, _ := measure.ParseBan(in.With) // known tells its faults
		r.ban = &args
	}
	if r.ban != nil && in.Delay == 0 && !in.Approval && !p.observe && !anySlow(match) && !anySlow(p.match) && p.threshold.by != "case" {
		r.lane = atOnce
	}
	p.lanes[r.lane] = true
	p.rules = append(p.rules, r)
}

// known checks that there is such a measure and that it takes its arguments.
func (c *compiler) known(key string, in *Measure) {
	doer := c.o.Doers[in.Do]
	if doer == nil {
		c.fault(key+".do", "known: "+strings.Join(c.doerNames(), ", "), "there is no measure %q", in.Do)
		return
	}
	if checker, ok := doer.(measure.ArgsChecker); ok {
		if err := checker.CheckArgs(in.With); err != nil {
			c.fault(key+".with", "", "%v", err)
		}
	}
}

func (c *compiler) doerNames() []string {
	var names []string
	for name := range c.o.Doers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// ladder are the times of what lasts; for alone is a ladder of one rung.
func (c *compiler) ladder(key string, in *Measure) []time.Duration {
	if len(in.Ladder) == 0 {
		return []time.Duration{time.Duration(in.For)}
	}
	if in.For != 0 {
		c.fault(key+".for", "the ladder says it", "both for and ladder are given")
	}
	if len(in.Ladder) > maxLadder {
		c.fault(key+".ladder", "fewer will do", "%d rungs, at most %d", len(in.Ladder), maxLadder)
	}
	var list []time.Duration
	for i, s := range in.Ladder {
		d := time.Duration(s)
		if i > 0 && d != 0 && d < list[i-1] || i > 0 && list[i-1] == 0 {
			c.fault(fmt.Sprintf("%s.ladder[%d]", key, i), "write 10m, 1h, 24h, 7d; 0 is for good and comes last", "a rung must be no shorter than the one below it")
		}
		list = append(list, d)
	}
	return list
}

// Unable tells of each measure that the policies use and this host cannot do, why.
func (s *Set) Unable(doers measure.Doers) map[string]error {
	unable := map[string]error{}
	for _, p := range s.policies {
		for i := range p.rules {
			name := p.rules[i].spec.Name
			if doer := doers[name]; doer != nil {
				if err := doer.Able(); err != nil {
					unable[name] = err
				}
			}
		}
	}
	return unable
}
