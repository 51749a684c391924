// Package library is our own rules for the logs of common services, one file a service, each with sample lines: hits,
// which must be found with the right address, and misses, which must not. The test insists on both, and that every
// expression has a hit.
//
// They are meant for new installations. The addresses are taken from where the format puts them: what a client can write
// (user names, requests) never decides whose address is read.
package library

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/goccy/go-yaml"

	"picket/rules"
	"picket/rules/fail2ban"
)

//go:embed *.yaml
var files embed.FS

// Rule is one file.
type Rule struct {
	Name     string   `yaml:"name"`
	About    string   `yaml:"about"`
	Logs     []string `yaml:"logs"`    // paths with wildcards
	Journal  []string `yaml:"journal"` // journalctl's matches
	Ports    []string `yaml:"ports"`   // what a ban closes
	Dates    string   `yaml:"dates"`   // date pattern; "" for the default ones
	Prefix   string   `yaml:"prefix"`  // what every line must match; its <F-CONTENT> is what failures see
	Failures []string `yaml:"failures"`
	Ignore   []string `yaml:"ignore"`
	Lines    int      `yaml:"lines"` // that one expression may span
	Limits   Limits   `yaml:"limits"`
	Hit      []Sample `yaml:"hit"`
	Miss     []string `yaml:"miss"`
}

// Limits says when failures are too many. Times are as in 10m, 1h, 1d.
type Limits struct {
	Failures   int    `yaml:"failures"`
	Within     string `yaml:"within"`
	Ban        string `yaml:"ban"`
	PrefixIPv4 int    `yaml:"prefix-ipv4"` // addresses of one network count together
	PrefixIPv6 int    `yaml:"prefix-ipv6"`
}

// Sample is a line and what must be found in it.
type Sample struct {
	Line string `yaml:"line"`
	ID   string `yaml:"id"`
	User string `yaml:"user"` // "" if it does not matter
}

// Rules returns the shipped rules in the order of their names.
func Rules() ([]Rule, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Rule
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		r, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// maxRule bounds a rule file in bytes.
const maxRule = 1 << 20

// Parse reads a rule. Unknown keys are faults.
func Parse(text []byte) (r Rule, err error) {
	defer func() { // goccy/go-yaml v1.18.0 panics at a tag without a value (testdata/fuzz holds one)
		if recover() != nil {
			err = fmt.Errorf("read rule: the YAML can't be read (is there a tag, such as !x, without a value?)")
		}
	}()
	if len(text) > maxRule {
		return r, fmt.Errorf("read rule: %d bytes (at most %d)", len(text), maxRule)
	}
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
		return r, fmt.Errorf("read rule: %w", err)
	}
	if r.Name == "" || len(r.Failures) == 0 {
		return r, fmt.Errorf("read rule: name and failures are wanted")
	}
	return r, nil
}

// Definition returns the rule as the judge reads it.
func (r *Rule) Definition() rules.Definition {
	return rules.Definition{
		Name: r.Name, PrefRegex: r.Prefix, FailRegex: r.Failures, IgnoreRegex: r.Ignore,
		MaxLines: r.Lines, DatePattern: strings.TrimSpace(r.Dates),
	}
}

// EngineLimits returns the rule's limits; what it does not say is five failures in ten minutes, an hour of ban.
func (r *Rule) EngineLimits() (rules.Limits, error) {
	l := rules.Limits{
		Jail: r.Name, MaxRetry: 5, Window: 600, BanSeconds: 3600,
		PrefixIPv4: r.Limits.PrefixIPv4, PrefixIPv6: r.Limits.PrefixIPv6,
	}
	if r.Limits.Failures > 0 {
		l.MaxRetry = r.Limits.Failures
	}
	l.MaxMatches = l.MaxRetry
	if r.Limits.Within != "" {
		v, err := fail2ban.Seconds(r.Limits.Within)
		if err != nil {
			return l, fmt.Errorf("rule %s: within: %w", r.Name, err)
		}
		l.Window = int64(v)
	}
	if r.Limits.Ban != "" {
		v, err := fail2ban.Seconds(r.Limits.Ban)
		if err != nil {
			return l, fmt.Errorf("rule %s: ban: %w", r.Name, err)
		}
		l.BanSeconds = v
	}
	return l, nil
}
