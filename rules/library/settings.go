package library

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"picket/rules"
	"picket/rules/fail2ban"
)

// Definition returns the rule as the judge reads it.
func (r *Rule) Definition() rules.Definition {
	return rules.Definition{
		Name: r.Name, PrefRegex: r.Prefix, FailRegex: r.Failures, IgnoreRegex: r.Ignore,
		MaxLines: r.Lines, DatePattern: strings.TrimSpace(r.Dates),
	}
}

// Settings returns the rule as a jail, and what in it cannot work. What a rule does not say is five failures in ten
// minutes, a ban of an hour, a /64 of IPv6 as one party.
func (r *Rule) Settings() (rules.Settings, []Fault) {
	c := reader{rule: r}
	s := rules.Settings{
		Name: r.Name, Backend: "auto", Filter: r.Definition(), Limits: c.limits(), Encoding: r.Encoding, Zone: r.Zone,
		Ignore:  rules.Ignoring{Self: true, List: r.Limits.Ignore},
		Syslog:  r.Syslog,
		Actions: []rules.Action{c.ban()},
	}
	for _, pattern := range r.Logs {
		s.Logs = append(s.Logs, rules.Log{Pattern: pattern})
	}
	for i, alternative := range r.Journal {
		words := strings.Fields(alternative)
		c.checkMatches(i, words)
		s.Journal = append(s.Journal, words)
	}
	c.zone()
	c.ignores()
	return s, c.faults
}

// reader turns the texts of a rule into numbers and gathers what is wrong with them.
type reader struct {
	rule   *Rule
	faults []Fault
}

func (c *reader) fault(key, hint, cause string, args ...any) {
	c.faults = append(c.faults, Fault{Key: key, Cause: fmt.Sprintf(cause, args...), Hint: hint})
}

// span reads a time span; otherwise holds when nothing is written.
func (c *reader) span(key string, text Span, otherwise float64) float64 {
	if text == "" {
		return otherwise
	}
	v, err := fail2ban.Seconds(string(text))
	if err != nil {
		c.fault(key, "", "%v", err)
		return otherwise
	}
	return v
}

func (c *reader) limits() rules.Limits {
	w := &c.rule.Limits
	l := rules.Limits{
		Jail: c.rule.Name, MaxRetry: orDefault(w.Failures, 5), Observe: c.rule.Observe, ByUser: w.Count == "user",
		Window: int64(c.span("limits.within", w.Within, 600)), BanSeconds: c.span("limits.ban", w.Ban, 3600),
		PrefixIPv4: c.prefix("limits.prefix-ipv4", w.PrefixIPv4, 0, 32), PrefixIPv6: c.prefix("limits.prefix-ipv6", w.PrefixIPv6, 64, 128),
		Crowd: c.crowd(), Escalation: c.escalation(),
	}
	l.MaxMatches = l.MaxRetry
	if w.Failures < 0 || w.Failures > 10_000 {
		c.fault("limits.failures", "5 is usual", "%d failures", w.Failures)
	}
	if l.Window < 1 {
		c.fault("limits.within", "10m is usual", "no time")
	}
	if l.BanSeconds < 1 && l.BanSeconds != rules.Forever {
		c.fault("limits.ban", "1h is usual, -1 is for good", "no time")
	}
	if w.Count != "" && w.Count != "address" && w.Count != "user" {
		c.fault("limits.count", "write address or user", "%q", w.Count)
	}
	if l.ByUser && !strings.Contains(strings.Join(c.rule.Failures, "")+c.rule.Prefix, "<F-USER>") {
		c.fault("limits.count", "an expression wants <F-USER>…</F-USER>", "failures of a user are to be counted, but no expression reads one")
	}
	return l
}

func (c *reader) crowd() rules.Crowd {
	w := &c.rule.Limits.Crowd
	if w.Addresses < 0 || w.Addresses == 1 {
		c.fault("limits.crowd.addresses", "8 is usual, 0 is never", "%d addresses are no crowd", w.Addresses)
	}
	return rules.Crowd{
		Addresses: w.Addresses, Window: int64(c.span("limits.crowd.within", w.Within, 3600)),
		PrefixIPv4: c.prefix("limits.crowd.prefix-ipv4", w.PrefixIPv4, 24, 32), PrefixIPv6: c.prefix("limits.crowd.prefix-ipv6", w.PrefixIPv6, 48, 128),
	}
}

func (c *reader) escalation() rules.Escalation {
	w := &c.rule.Limits.Escalation
	for i, m := range w.Multipliers {
		if m <= 0 {
			c.fault(fmt.Sprintf("limits.escalation.multipliers[%d]", i), "", "%v is not above 0", m)
		}
	}
	if w.Factor < 0 {
		c.fault("limits.escalation.factor", "", "%v is below 0", w.Factor)
	}
	return rules.Escalation{
		On: w.Increment, Factor: w.Factor, Multipliers: w.Multipliers,
		MaxSeconds: c.span("limits.escalation.max", w.Max, 0), Jitter: c.span("limits.escalation.jitter", w.Jitter, 0),
	}
}

func (c *reader) prefix(key string, bits, otherwise, most int) int {
	if bits < 0 || bits > most {
		c.fault(key, "", "/%d is no length of a network (at most %d)", bits, most)
	}
	return orDefault(bits, otherwise)
}

func orDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// portText is a port, or a range of ports.
var portText = regexp.MustCompile(`^\d{1,5}(:\d{1,5})?$`)

// ban is picket's own, on the rule's ports.
func (c *reader) ban() rules.Action {
	a := rules.Action{Name: rules.NativeAction, File: rules.NativeAction}
	for i, p := range c.rule.Ports {
		if !portText.MatchString(p) {
			c.fault(fmt.Sprintf("ports[%d]", i), "write 22 or 8000:8080", "%q is no port", p)
		}
	}
	for i, p := range c.rule.Protocol {
		if p != "tcp" && p != "udp" {
			c.fault(fmt.Sprintf("protocols[%d]", i), "write tcp or udp", "%q", p)
		}
	}
	if len(c.rule.Ports) == 0 {
		a.Set("port", "all")
		a.Set("protocol", "all")
		return a
	}
	a.Set("port", strings.Join(c.rule.Ports, ","))
	a.Set("protocol", "tcp")
	if len(c.rule.Protocol) > 0 {
		a.Set("protocol", strings.Join(c.rule.Protocol, ","))
	}
	return a
}

// checkMatches insists on fields that the journal daemon vouches for: everybody can write the others.
func (c *reader) checkMatches(i int, words []string) {
	key := fmt.Sprintf("journal[%d]", i)
	trusted := false
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" || value == "" {
			c.fault(key, "write FIELD=value", "%q is no match of the journal", w)
		}
		trusted = trusted || strings.HasPrefix(name, "_")
	}
	if !trusted {
		c.fault(key, "name one that journald vouches for, such as _SYSTEMD_UNIT=ssh.service", "any user can write lines with these fields and have others banned")
	}
}

func (c *reader) zone() {
	if _, err := time.LoadLocation(c.rule.Zone); err != nil {
		c.fault("time-zone", "write Europe/Berlin, UTC …", "%q is no time zone", c.rule.Zone)
	}
}

func (c *reader) ignores() {
	for i, text := range c.rule.Limits.Ignore {
		if _, err := netip.ParsePrefix(text); strings.Contains(text, "/") && !strings.HasPrefix(text, "file:/") && err != nil {
			c.fault(fmt.Sprintf("limits.ignore[%d]", i), "192.0.2.0/24, 2001:db8::/32", "%q is no network", text)
		}
	}
}

// With returns the limits with everything that o says in their place.
func (l Limits) With(o Limits) Limits {
	if o.Failures != 0 {
		l.Failures = o.Failures
	}
	for _, text := range [...]struct{ to, from *Span }{{&l.Within, &o.Within}, {&l.Ban, &o.Ban}} {
		if *text.from != "" {
			*text.to = *text.from
		}
	}
	if o.Count != "" {
		l.Count = o.Count
	}
	l.PrefixIPv4, l.PrefixIPv6 = orDefault(o.PrefixIPv4, l.PrefixIPv4), orDefault(o.PrefixIPv6, l.PrefixIPv6)
	l.Ignore = append(l.Ignore[:len(l.Ignore):len(l.Ignore)], o.Ignore...)
	if o.Crowd != (Crowd{}) {
		l.Crowd = o.Crowd
	}
	if o.Escalation.set() {
		l.Escalation = o.Escalation
	}
	return l
}

// set tells whether anything is said.
func (e *Escalation) set() bool {
	return e.Increment || e.Factor != 0 || len(e.Multipliers) > 0 || e.Max != "" || e.Jitter != ""
}
