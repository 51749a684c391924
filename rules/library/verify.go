package library

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"picket/rules"
	"picket/rules/dates"
)

// Verify says everything about a rule that cannot work: values, expressions, and samples that are judged otherwise than
// the rule says. now is when the samples are judged; it matters only for dates without a year.
func (r *Rule) Verify(now time.Time) []Fault {
	_, faults := r.Settings()
	c := reader{rule: r, faults: faults}
	c.wanted()
	f, err := rules.Compile(r.Definition(), now)
	if err != nil {
		c.expressions(now, err)
		return c.faults
	}
	c.samples(f, dates.Clock{Now: now, Zone: time.UTC})
	return c.faults
}

// wanted looks for what must be there.
func (c *reader) wanted() {
	r := c.rule
	if r.Name == "" {
		c.fault("name", "it names the jail", "is missing")
	}
	if len(r.Failures) == 0 {
		c.fault("failures", "one expression with <ADDR> at least", "is missing")
	}
	if len(r.Logs)+len(r.Journal)+len(r.Syslog) == 0 {
		c.fault("logs", "give logs, journal or syslog", "neither a log file nor a journal match nor a program is given")
	}
	for i, name := range r.Syslog {
		if err := rules.CheckProgram(name); err != nil {
			c.fault(fmt.Sprintf("syslog[%d]", i), "sshd, ovpn-*", "%v", err)
		}
	}
	for i, pattern := range r.Logs {
		if _, err := filepath.Match(pattern, ""); err != nil || !filepath.IsAbs(pattern) {
			c.fault(fmt.Sprintf("logs[%d]", i), "/var/log/x/*.log", "%q is not the pattern of an absolute path", pattern)
		}
	}
}

// expressions finds out which of them is at fault by compiling one at a time.
func (c *reader) expressions(now time.Time, all error) {
	before := len(c.faults)
	c.compile("dates", rules.Definition{FailRegex: []string{"<HOST>"}, DatePattern: c.rule.Dates}, now)
	c.compile("prefix", rules.Definition{FailRegex: []string{"<HOST>"}, PrefRegex: c.rule.Prefix}, now)
	for i, text := range c.rule.Ignore {
		c.compile(fmt.Sprintf("ignore[%d]", i), rules.Definition{FailRegex: []string{"<HOST>"}, IgnoreRegex: []string{text}}, now)
	}
	prefix := c.rule.Prefix
	if len(c.faults) > before {
		prefix = ""
	}
	for i, text := range c.rule.Failures {
		c.compile(fmt.Sprintf("failures[%d]", i), rules.Definition{FailRegex: []string{text}, PrefRegex: prefix}, now)
	}
	if len(c.faults) == before {
		c.fault("failures", "", "%v", all)
	}
}

func (c *reader) compile(key string, d rules.Definition, now time.Time) {
	if _, err := rules.Compile(d, now); err != nil {
		_, cause, ok := strings.Cut(err.Error(), " 1: ") // "filter : failregex 1: …", where the key says it already
		if !ok {
			cause = err.Error()
		}
		c.fault(key, "", "%s", cause)
	}
}

// samples judges each alone.
func (c *reader) samples(f *rules.Filter, clock dates.Clock) {
	used := make([]bool, len(c.rule.Failures))
	for i, s := range c.rule.Hit {
		key := fmt.Sprintf("hit[%d]", i)
		got, _, ok := rules.NewJudge(f, clock).Line([]byte(s.Line))
		switch user := got.Fields.Get("user"); {
		case !ok:
			c.fault(key, "", "no expression finds a failure in %q", s.Line)
		case got.ID != s.ID:
			c.fault(key, "", "the failure is that of %q, not %q, in %q", got.ID, s.ID, s.Line)
		case s.User != "" && user != s.User:
			c.fault(key, "", "the user is %q, not %q, in %q", user, s.User, s.Line)
		}
		if ok {
			used[got.Expression] = true
		}
	}
	for i, line := range c.rule.Miss {
		if got, _, ok := rules.NewJudge(f, clock).Line([]byte(line)); ok {
			c.fault(fmt.Sprintf("miss[%d]", i), "", "failures[%d] finds a failure of %q in %q", got.Expression, got.ID, line)
		}
	}
	c.unused(used)
}

// unused tells which expressions no sample hits, in rules that have samples.
func (c *reader) unused(used []bool) {
	if len(c.rule.Hit) == 0 {
		return
	}
	for i, u := range used {
		if !u {
			c.fault(fmt.Sprintf("failures[%d]", i), "add one to hit", "no sample line hits it")
		}
	}
}
