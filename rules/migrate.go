package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"picket/rules/fail2ban"
	"picket/rules/formula"
)

// DefinitionOf is a filter of fail2ban in the judge's terms.
func DefinitionOf(f *fail2ban.Filter) Definition {
	return Definition{
		Name: f.Name, UseDNS: f.UseDNS, PrefRegex: f.PrefRegex, FailRegex: f.FailRegex,
		IgnoreRegex: f.IgnoreRegex, MaxLines: f.MaxLines, DatePattern: f.DatePattern,
	}
}

// SettingsOf is a jail of fail2ban in our terms. The error names every option that can't be kept; the settings hold the
// rest.
func SettingsOf(j *fail2ban.Jail) (Settings, error) {
	limits, err := LimitsOf(j)
	s := Settings{
		Name: j.Name, Backend: j.Backend, Filter: DefinitionOf(&j.Filter), Limits: limits, Journal: j.Filter.JournalMatch,
		Ignore: Ignoring{List: j.Ignore, Self: true},
	}
	s.readOptions(j)
	err = errors.Join(err, s.readLogs(j))
	for _, a := range j.Actions {
		action := Action{Name: a.Name, File: a.File, Script: a.Script}
		for _, p := range a.Options {
			action.Options = append(action.Options, Option(p))
		}
		s.Actions = append(s.Actions, action)
	}
	return s, err
}

// SyslogPrefix is what a logpath begins with that stands for a program whose messages picket receives itself:
// "syslog:sshd". fail2ban takes it for a file that is not there, and goes on with the others.
const SyslogPrefix = "syslog:"

// readLogs reads logpath. A jail that reads messages alone reads no journal unless its backend says so.
func (s *Settings) readLogs(j *fail2ban.Jail) (err error) {
	for _, l := range j.Logs {
		program, received := strings.CutPrefix(l.Pattern, SyslogPrefix)
		switch fault := CheckProgram(program); {
		case !received:
			s.Logs = append(s.Logs, Log(l))
		case fault != nil:
			err = errors.Join(err, fmt.Errorf("jail %s: logpath %s: %w", j.Name, l.Pattern, fault))
		default:
			s.Syslog = append(s.Syslog, program)
		}
	}
	if len(s.Logs) == 0 && len(s.Syslog) > 0 && !strings.HasPrefix(j.Backend, "systemd") {
		s.Journal = nil
	}
	return err
}

// LimitsOf returns a fail2ban jail's limits. The error names every option that can't be kept; the limits hold the rest.
func LimitsOf(j *fail2ban.Jail) (Limits, error) {
	r := jailReader{jail: j, limits: Limits{Jail: j.Name, MaxRetry: 3, Window: 600, BanSeconds: 600}}
	r.seconds("findtime", func(v float64) { r.limits.Window = int64(v) })
	r.seconds("bantime", func(v float64) { r.limits.BanSeconds = v })
	r.number("maxretry", &r.limits.MaxRetry)
	r.limits.MaxMatches = r.limits.MaxRetry
	r.number("maxmatches", &r.limits.MaxMatches)
	r.escalation()
	return r.limits, errors.Join(r.faults...)
}

// jailReader turns the texts of a jail's options into numbers.
type jailReader struct {
	jail   *fail2ban.Jail
	limits Limits
	faults []error
}

func (r *jailReader) fault(option string, err error) {
	r.faults = append(r.faults, fmt.Errorf("jail %s: %s: %w", r.jail.Name, option, err))
}

func (r *jailReader) seconds(option string, set func(float64)) {
	text, ok := r.jail.Limit(option)
	if !ok || text == "" {
		return
	}
	v, err := fail2ban.Seconds(text)
	if err != nil {
		r.fault(option, err)
		return
	}
	set(v)
}

func (r *jailReader) number(option string, to *int) {
	text, ok := r.jail.Limit(option)
	if !ok {
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		r.fault(option, err)
		return
	}
	*to = n
}

// plainFormula is fail2ban's own formula, which is what Escalation computes.
const plainFormula = "ban.Time*(1<<(ban.Countifban.Count<20else20))*banFactor"

func (r *jailReader) escalation() {
	e := &r.limits.Escalation
	text, _ := r.jail.Limit("bantime.increment")
	e.On = isTrue(text)
	text, _ = r.jail.Limit("bantime.overalljails")
	e.OverAll = isTrue(text)
	r.seconds("bantime.maxtime", func(v float64) { e.MaxSeconds = v })
	r.seconds("bantime.rndtime", func(v float64) { e.Jitter = v })
	r.seconds("bantime.factor", func(v float64) { e.Factor = v })
	if text, ok := r.jail.Limit("bantime.multipliers"); ok {
		for _, word := range strings.Fields(text) {
			m, err := strconv.ParseFloat(word, 64)
			if err != nil {
				r.fault("bantime.multipliers", err)
				return
			}
			e.Multipliers = append(e.Multipliers, m)
		}
	}
	r.formula()
}

// formula takes a formula that is not fail2ban's own, if there is a result for a first ban.
func (r *jailReader) formula() {
	text, _ := r.jail.Limit("bantime.formula")
	plain := strings.Join(strings.Fields(text), "")
	if plain == "" || plain == plainFormula || len(r.limits.Escalation.Multipliers) > 0 {
		return
	}
	if _, err := formula.Seconds(text, formula.Ban{Time: 600, Factor: 1}); err != nil {
		r.fault("bantime.formula", fmt.Errorf("%q can't be kept: %w (bantime.factor, bantime.multipliers and bantime.maxtime can); bans are doubled instead", text, err))
		return
	}
	r.limits.Escalation.Formula = text
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

// readOptions reads what a jail says of its logs and of whom it ignores.
func (s *Settings) readOptions(j *fail2ban.Jail) {
	s.Encoding, _ = j.Limit("logencoding")
	s.Zone, _ = j.Limit("logtimezone")
	if text, said := j.Limit("ignoreself"); said {
		s.Ignore.Self = isTrue(text)
	}
	s.Ignore.Command, _ = j.Limit("ignorecommand")
	text, _ := j.Limit("ignorecache")
	if text == "" {
		return
	}
	_, options, err := fail2ban.ParseSpec("cache[" + text + "]")
	if err != nil {
		return
	}
	s.Ignore.Cache = IgnoreCache{Key: options["key"], Max: 100, Seconds: 300}
	if n, err := strconv.Atoi(options["max-count"]); err == nil {
		s.Ignore.Cache.Max = n
	}
	if v, err := fail2ban.Seconds(options["max-time"]); err == nil {
		s.Ignore.Cache.Seconds = int64(v)
	}
}

// parsePrefix reads 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, [2001:db8::1], ::ffff:192.0.2.1, 2001:db8::/32.
func parsePrefix(text string) (netip.Prefix, bool) {
	host, mask, masked := strings.Cut(text, "/")
	a := parseAddr(host)
	if !a.IsValid() {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if masked {
		n, ok := maskBits(mask)
		if !ok || n > bits {
			return netip.Prefix{}, false
		}
		bits = n
	}
	return netip.PrefixFrom(a, bits).Masked(), true
}

// maskBits reads the length of a prefix, or a netmask.
func maskBits(text string) (bits int, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 0
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return 0, false
	}
	ended := false
	for _, b := range a.AsSlice() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && ended {
				return 0, false
			}
			ended = ended || !one
			if one {
				bits++
			}
		}
	}
	return bits, true
}
