package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"

	"picket/actions"
	"picket/incidents"
)

// selector is one condition of a match.
type selector struct {
	name string // as in the configuration
	want string
	fit  func(s *subject) bool
	have func(s *subject) string // for people, only when they ask
	slow bool                    // it needs the case, or reads /proc: not for bans at once
}

// build makes selectors and collects what is wrong.
type build struct {
	zones map[string][]netip.Prefix
	fault func(key, hint, cause string, args ...any)
	key   string // of the match
	out   []selector
}

// add takes a selector on if it was given.
func (b *build) add(given bool, s selector) {
	if given {
		b.out = append(b.out, s)
	}
}

// match turns a Match into selectors, in the order in which explanations show them.
func (b *build) match(m *Match) []selector {
	b.texts("kind", m.Kind, func(f *incidents.Finding, to []string) []string { return append(to, string(f.Kind)) })
	b.nets("source", m.Source, func(f *incidents.Finding) netip.Addr { return f.Attacker.Addr })
	b.nets("destination", m.Destination, func(f *incidents.Finding) netip.Addr { return f.Victim.Addr })
	b.ports(m.Port)
	b.texts("proto", m.Proto, func(f *incidents.Finding, to []string) []string { return one(to, f.Proto) })
	b.texts("app", m.App, func(f *incidents.Finding, to []string) []string { return one(to, f.App) })
	b.texts("user", m.User, func(f *incidents.Finding, to []string) []string { return one(to, f.User) })
	b.texts("host", m.Host, func(f *incidents.Finding, to []string) []string { return one(to, f.Host) })
	b.texts("file", m.File, func(f *incidents.Finding, to []string) []string { return one(to, f.File) })
	b.process(&m.Process)
	b.containers(m)
	b.sids(m.SID)
	b.texts("classtype", m.Classtype, func(f *incidents.Finding, to []string) []string { return one(to, f.Rule.Class) })
	b.metadata(m.Metadata)
	b.levels(m)
	b.texts("rule", m.Rule, func(f *incidents.Finding, to []string) []string { return append(to, f.Rule.ID, f.Rule.Name) })
	b.texts("jail", m.Jail, func(f *incidents.Finding, to []string) []string { return one(to, f.Jail) })
	b.texts("tags", m.Tags, func(f *incidents.Finding, _ []string) []string { return f.Tags })
	b.ofCase(&m.Case)
	return b.out
}

func one(to []string, text string) []string {
	if text == "" {
		return to
	}
	return append(to, text)
}

// texts selects by texts of a finding, which of appends to an empty list; one that has none fits only what excludes.
func (b *build) texts(name string, list []string, of func(f *incidents.Finding, to []string) []string) {
	p := newPatterns(list)
	b.add(len(list) > 0, selector{
		name: name, want: strings.Join(list, ", "),
		fit:  func(s *subject) bool { return p.fit(of(s.f, s.texts[:0])...) },
		have: func(s *subject) string { return strings.Join(of(s.f, nil), ", ") },
	})
	for i, text := range list {
		if strings.Trim(text, "!") == "" {
			b.fault(fmt.Sprintf("%s.%s[%d]", b.key, name, i), "write a text, * and ? are wild", "an empty pattern fits nothing")
		}
	}
}

// nets selects by an address: prefixes and zones.
func (b *build) nets(name string, list []string, of func(f *incidents.Finding) netip.Addr) {
	var n networks
	for i, text := range list {
		not := strings.HasPrefix(text, "!")
		found, ok := b.zones[strings.TrimPrefix(text, "!")]
		if p, err := actions.ParsePrefix(strings.TrimPrefix(text, "!")); err == nil {
			found, ok = []netip.Prefix{p}, true
		}
		switch {
		case !ok:
			b.fault(fmt.Sprintf("%s.%s[%d]", b.key, name, i), "zones: "+strings.Join(b.zoneNames(), ", "), "%q is no address, prefix or zone", text)
		case not:
			n.no = append(n.no, found...)
		default:
			n.yes = append(n.yes, found...)
		}
	}
	b.add(len(list) > 0, selector{
		name: name, want: strings.Join(list, ", "),
		fit: func(s *subject) bool { return n.fit(of(s.f)) },
		have: func(s *subject) string {
			if a := of(s.f); a.IsValid() {
				return a.String()
			}
			return ""
		},
	})
}

func (b *build) zoneNames() []string {
	var names []string
	for name := range b.zones {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (b *build) ports(list []string) {
	spans, err := parseSpans(list, 65535)
	if err != nil {
		b.fault(b.key+".port", "write 22 or 80-90", "%v", err)
	}
	b.add(len(list) > 0, selector{
		name: "port", want: strings.Join(list, ", "),
		fit:  func(s *subject) bool { return anySpan(spans, uint64(s.f.Victim.Port)) },
		have: func(s *subject) string { return strconv.Itoa(int(s.f.Victim.Port)) },
	})
}

// process selects by the process of a finding; a finding without one fits nothing of it.
func (b *build) process(m *ProcessMatch) {
	field := func(name string, list []string, of func(p *incidents.Process) string) {
		p := newPatterns(list)
		b.add(len(list) > 0, selector{
			name: "process." + name, want: strings.Join(list, ", "),
			fit: func(s *subject) bool { return s.f.Process != nil && p.fit(of(s.f.Process)) },
			have: func(s *subject) string {
				if s.f.Process == nil {
					return ""
				}
				return of(s.f.Process)
			},
		})
	}
	field("exe", m.Exe, func(p *incidents.Process) string { return p.Exe })
	field("name", m.Name, func(p *incidents.Process) string { return p.Name })
	field("user", m.User, func(p *incidents.Process) string { return p.User })
	field("command", m.Command, func(p *incidents.Process) string { return p.Command })
	p := newPatterns(m.Tree)
	tree := func(s *subject) []string {
		if s.f.Process == nil {
			return nil
		}
		return s.world.Ancestors(s.f.Process)
	}
	b.add(len(m.Tree) > 0, selector{
		name: "process.tree", want: strings.Join(m.Tree, ", "), slow: true,
		fit:  func(s *subject) bool { names := tree(s); return len(names) > 0 && p.fit(names...) },
		have: func(s *subject) string { return strings.Join(tree(s), " < ") },
	})
}

func container(s *subject) string {
	if s.f.Process == nil {
		return ""
	}
	return s.f.Process.Container
}

func (b *build) containers(m *Match) {
	b.texts("container", m.Container, func(f *incidents.Finding, to []string) []string {
		if f.Process == nil {
			return nil
		}
		return one(to, f.Process.Container)
	})
	for _, key := range sortedKeys(m.Labels) {
		p := newPatterns([]string{m.Labels[key]})
		b.add(true, selector{
			name: "labels." + key, want: m.Labels[key], slow: true,
			fit: func(s *subject) bool {
				value, ok := s.world.Labels(container(s))[key]
				return ok && p.fit(value)
			},
			have: func(s *subject) string { return s.world.Labels(container(s))[key] },
		})
	}
}

// sids selects by the numbers of signatures; without a generator it is 1.
func (b *build) sids(list []string) {
	var ids []string
	var spans []span
	for i, text := range list {
		if gid, sid, both := strings.Cut(text, ":"); both && digits(gid) && digits(sid) {
			ids = append(ids, text)
			continue
		}
		s, err := parseSpans([]string{text}, 1<<32-1)
		if err != nil {
			b.fault(fmt.Sprintf("%s.sid[%d]", b.key, i), "write 2019401, 1:2019401 or 2000000-2999999", "%v", err)
		}
		spans = append(spans, s...)
	}
	b.add(len(list) > 0, selector{
		name: "sid", want: strings.Join(list, ", "),
		fit: func(s *subject) bool {
			if s.f.Kind != incidents.Alert {
				return false
			}
			gid, text, _ := strings.Cut(s.f.Rule.ID, ":")
			sid, err := strconv.ParseUint(text, 10, 32)
			return slices.Contains(ids, s.f.Rule.ID) || err == nil && gid == "1" && anySpan(spans, sid)
		},
		have: func(s *subject) string { return s.f.Rule.ID },
	})
}

func digits(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil
}

func (b *build) metadata(m map[string]string) {
	for _, key := range sortedKeys(m) {
		p := newPatterns([]string{m[key]})
		b.add(true, selector{
			name: "metadata." + key, want: m[key],
			fit: func(s *subject) bool {
				value, ok := s.f.Rule.Metadata[key]
				return ok && p.fit(value)
			},
			have: func(s *subject) string { return s.f.Rule.Metadata[key] },
		})
	}
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// levels selects by what has an order: this much and more.
func (b *build) levels(m *Match) {
	b.add(m.Severity > 0, selector{
		name: "severity", want: m.Severity.String() + " and worse",
		fit:  func(s *subject) bool { return s.f.Severity >= m.Severity },
		have: func(s *subject) string { return s.f.Severity.String() },
	})
	b.add(m.Confidence > 0, selector{
		name: "confidence", want: fmt.Sprintf("%d %% and more", m.Confidence),
		fit:  func(s *subject) bool { return s.f.Confidence >= m.Confidence },
		have: func(s *subject) string { return fmt.Sprintf("%d %%", s.f.Confidence) },
	})
	b.add(m.Stage > 0, selector{
		name: "stage", want: stageName(m.Stage) + " and later",
		fit:  func(s *subject) bool { return s.f.Stage >= m.Stage },
		have: func(s *subject) string { return stageName(s.f.Stage) },
	})
	if m.Confidence > 100 {
		b.fault(b.key+".confidence", "0 to 100 percent", "%d is no percentage", m.Confidence)
	}
}

func stageName(s incidents.Stage) string {
	text, err := s.MarshalText()
	if err != nil {
		return ""
	}
	return string(text)
}

// ofCase selects by the case; before it is known nothing fits.
func (b *build) ofCase(m *CaseMatch) {
	add := func(given bool, name, want string, fit func(c *incidents.Incident) bool, have func(c *incidents.Incident) string) {
		b.add(given, selector{
			name: "case." + name, want: want, slow: true,
			fit: func(s *subject) bool { return s.c != nil && fit(s.c) },
			have: func(s *subject) string {
				if s.c == nil {
					return ""
				}
				return have(s.c)
			},
		})
	}
	add(m.Severity > 0, "severity", m.Severity.String()+" and worse",
		func(c *incidents.Incident) bool { return c.Severity >= m.Severity },
		func(c *incidents.Incident) string { return c.Severity.String() })
	add(m.Findings > 0, "findings", fmt.Sprintf("%d and more", m.Findings),
		func(c *incidents.Incident) bool { return c.Findings >= m.Findings },
		func(c *incidents.Incident) string { return strconv.FormatUint(c.Findings, 10) })
	add(m.Stages > 0, "stages", fmt.Sprintf("%d and more", m.Stages),
		func(c *incidents.Incident) bool { return len(c.Stages) >= m.Stages },
		func(c *incidents.Incident) string { return strconv.Itoa(len(c.Stages)) })
}

// fitAll tells whether every selector fits.
func fitAll(list []selector, s *subject) bool {
	for i := range list {
		if !list[i].fit(s) {
			return false
		}
	}
	return true
}

// anySlow tells whether a selector needs more than the finding.
func anySlow(list []selector) bool {
	return slices.ContainsFunc(list, func(s selector) bool { return s.slow })
}
