package migration

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"picket/rules"
	"picket/rules/library"
)

// foreign lists what a rule of our own cannot say; such a jail stays with fail2ban's configuration.
func foreign(s *rules.Settings, fates []Fate) (why []string) {
	for _, f := range fates {
		if f.Kind == Command {
			why = append(why, "action "+f.Action+" runs commands")
		}
	}
	if !slices.ContainsFunc(fates, func(f Fate) bool { return f.Kind == Native }) {
		why = append(why, "no action of it is a ban")
	}
	if s.Ignore.Command != "" {
		why = append(why, "ignorecommand runs a command")
	}
	if s.Filter.UseDNS == "raw" || s.Filter.UseDNS == "no" {
		why = append(why, "usedns = "+s.Filter.UseDNS)
	}
	if slices.ContainsFunc(s.Logs, func(l rules.Log) bool { return l.Tail }) {
		why = append(why, "a log is read from its end")
	}
	return why
}

// Rule returns the jail as a rule of our own.
func (j *Jail) Rule(dir string) library.Rule {
	s := &j.settings
	r := library.Rule{
		Name: j.Name, About: "jail " + j.Name + " of " + dir, Logs: j.Logs, Journal: j.Journal, Syslog: s.Syslog, Encoding: s.Encoding, Zone: s.Zone,
		Dates: s.Filter.DatePattern, Prefix: s.Filter.PrefRegex, Failures: s.Filter.FailRegex, Ignore: s.Filter.IgnoreRegex,
		Lines: s.Filter.MaxLines,
	}
	if r.Encoding == "auto" {
		r.Encoding = ""
	}
	if len(j.Logs) > 0 {
		r.Journal = nil // a jail reads one of them
	}
	r.Ports, r.Protocol = portsOf(j.Fates)
	l := &s.Limits
	r.Limits = library.Limits{
		Failures: l.MaxRetry, Within: library.Span(Span(float64(l.Window))), Ban: banSpan(l.BanSeconds),
		PrefixIPv6: 128, Ignore: s.Ignore.List,
	}
	if e := &l.Escalation; e.On {
		r.Limits.Escalation = library.Escalation{Increment: true, Factor: e.Factor, Multipliers: e.Table(l.BanSeconds)}
		if e.MaxSeconds > 0 {
			r.Limits.Escalation.Max = library.Span(Span(e.MaxSeconds))
		}
		if e.Jitter > 0 {
			r.Limits.Escalation.Jitter = library.Span(Span(e.Jitter))
		}
	}
	return r
}

func banSpan(seconds float64) library.Span {
	if seconds < 0 {
		return "-1"
	}
	return library.Span(Span(seconds))
}

// portsOf joins the ports of all native bans; none for all ports.
func portsOf(fates []Fate) (ports, protocols []string) {
	for _, f := range fates {
		if f.Kind != Native {
			continue
		}
		if f.Ports == "all" {
			return nil, nil
		}
		ports = append(ports, strings.Split(f.Ports, ",")...)
		protocols = append(protocols, strings.FieldsFunc(f.Protocol, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	slices.SortFunc(ports, func(a, b string) int { return number(a) - number(b) })
	slices.Sort(protocols)
	return slices.Compact(ports), slices.Compact(protocols)
}

func number(port string) int {
	first, _, _ := strings.Cut(port, ":")
	n, _ := strconv.Atoi(first) // FateOf lets only numbers through
	return n
}

var fileName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// Write writes the jails as rules into dir/rules, and dir/picket.yaml with what a configuration wants to use them. Jails that
// cannot be rules stay with fail2ban's configuration, and picket.yaml says so. Files that are there are written anew.
func (p *Plan) Write(dir string) (files []string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o755); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	for i := range p.Jails {
		j := &p.Jails[i]
		if j.Skipped != "" || len(j.Foreign) > 0 {
			continue
		}
		text, err := ruleText(j.Rule(p.Dir))
		if err != nil {
			return files, fmt.Errorf("write rule %s: %w", j.Name, err)
		}
		file := filepath.Join(dir, "rules", fileName.ReplaceAllString(j.Name, "_")+".yaml")
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return files, fmt.Errorf("write rule: %w", err)
		}
		files = append(files, file)
	}
	file := filepath.Join(dir, "picket.yaml")
	if err := os.WriteFile(file, []byte(p.fragment(len(files) > 0)), 0o644); err != nil {
		return files, fmt.Errorf("write configuration: %w", err)
	}
	return append(files, file), nil
}

// ruleText is the rule's YAML, read back to see that it says the same.
func ruleText(r library.Rule) ([]byte, error) {
	text := ruleYAML(&r)
	back, err := library.Parse(text)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(back, r) {
		return nil, fmt.Errorf("it does not survive YAML: keep the jail in fail2ban's configuration")
	}
	return text, nil
}

// fragment is the part of picket.yaml that takes fail2ban's place.
func (p *Plan) fragment(native bool) string {
	text := "# What takes fail2ban's place; add it to /etc/picket/picket.yaml. mode: enforce lets picket ban.\nmode: enforce\nlogs:\n"
	var stay []string
	for i := range p.Jails {
		if len(p.Jails[i].Foreign) > 0 {
			stay = append(stay, p.Jails[i].Name)
		}
	}
	if native {
		text += "  rules: [rules/*.yaml]\n"
	}
	if len(stay) > 0 || !native {
		text += "  # these jails can't be rules of their own and stay in fail2ban's configuration, where the others are to be\n" +
			"  # disabled: " + strings.Join(stay, ", ") + "\n  fail2ban: " + p.Dir + "\n"
	}
	return text + "  take-over: yes # fail2ban's bans, once\n"
}
