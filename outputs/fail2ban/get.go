package fail2ban

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	"picket/rules/dates"
	"picket/rules/expression"
	f2b "picket/rules/fail2ban"
)

// global returns a setting of fail2ban's server; ok tells that the name is one. The log is the one in fail2ban's words, which
// logs.ban-log or fail2ban.conf have named. There is no database of fail2ban's: picket keeps its own state.
func (a answerer) global(name string) (v any, ok bool) {
	switch name {
	case "loglevel":
		_, level := a.host.BanLog()
		return level, true
	case "logtarget":
		path, _ := a.host.BanLog()
		return path, true
	case "syslogsocket":
		return "auto", true
	case "thread":
		return pickle.Dict{{Key: "stacksize", Value: 0}}, true
	case "dbfile", "dbmaxmatches", "dbpurgeage":
		return nil, true
	}
	return nil, false
}

// get answers get OPTION and get JAIL OPTION ….
func (a answerer) get(ctx context.Context, args words) (any, error) {
	name, err := args.word(0)
	if err != nil {
		return nil, err
	}
	if v, ok := a.global(name); ok {
		return v, nil
	}
	option, err := args.word(1)
	if err != nil {
		return nil, err
	}
	r, err := a.host.Jail(ctx, name)
	if err != nil {
		return nil, named(name, err)
	}
	return attribute(&r, option, args[2:])
}

// attribute returns one attribute of a jail.
func attribute(r *rules.Report, option string, rest words) (any, error) {
	if get, ok := attributes[option]; ok {
		return get(&r.Settings), nil
	}
	if extra, ok := strings.CutPrefix(option, "bantime."); ok {
		return escalation(&r.Settings.Limits.Escalation, extra), nil
	}
	switch option {
	case "logpath":
		return r.Files, nil
	case "banned":
		return isBanned(r, rest.texts(0)), nil
	case "banip":
		return banList(r, len(rest) > 0 && rest[0] == "--with-time"), nil
	case "action", "actionproperties", "actionmethods":
		return actionAttribute(r, option, rest)
	}
	return nil, errInvalidGet
}

// attributes are those that come from the settings alone.
var attributes = map[string]func(*rules.Settings) any{
	"findtime":      func(s *rules.Settings) any { return int(s.Limits.Window) },
	"bantime":       func(s *rules.Settings) any { return seconds(s.Limits.BanSeconds) },
	"maxretry":      func(s *rules.Settings) any { return s.Limits.MaxRetry },
	"maxmatches":    func(s *rules.Settings) any { return s.Limits.MaxMatches },
	"maxlines":      func(s *rules.Settings) any { return max(s.Filter.MaxLines, 1) },
	"usedns":        func(s *rules.Settings) any { return useDNS(s) },
	"prefregex":     func(s *rules.Settings) any { return shown(s, s.Filter.PrefRegex) },
	"failregex":     func(s *rules.Settings) any { return allShown(s, s.Filter.FailRegex) },
	"ignoreregex":   func(s *rules.Settings) any { return allShown(s, s.Filter.IgnoreRegex) },
	"datepattern":   datePattern,
	"logtimezone":   func(s *rules.Settings) any { return textOrNone(s.Zone) },
	"logencoding":   func(s *rules.Settings) any { return encoding(s) },
	"journalmatch":  func(s *rules.Settings) any { return matches(s) },
	"ignoreself":    func(s *rules.Settings) any { return s.Ignore.Self },
	"ignoreip":      func(s *rules.Settings) any { return ignored(s.Ignore.List) },
	"ignorecommand": func(s *rules.Settings) any { return s.Ignore.Command },
	"ignorecache":   ignoreCache,
	"idle":          func(s *rules.Settings) any { return s.Idle },
	"actions":       func(s *rules.Settings) any { return actionNames(s) },
}

// seconds is a span as Python would hold it: an int where it is whole.
func seconds(v float64) any {
	if v == math.Trunc(v) && math.Abs(v) < math.MaxInt32 {
		return int(v)
	}
	return v
}

func textOrNone(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func useDNS(s *rules.Settings) string {
	if s.Filter.UseDNS == "" {
		return "warn"
	}
	return s.Filter.UseDNS
}

func encoding(s *rules.Settings) string {
	if s.Encoding == "" || s.Encoding == "auto" {
		return "UTF-8"
	}
	return s.Encoding
}

func shown(s *rules.Settings, text string) string { return expression.Shown(text, useDNS(s) != "no") }

func allShown(s *rules.Settings, list []string) pickle.List {
	all := pickle.List{}
	for _, text := range list {
		all = append(all, shown(s, text))
	}
	return all
}

// datePattern is (pattern, name), (None, name) for the default ones, None if dates are not looked for.
func datePattern(s *rules.Settings) any {
	templates, err := dates.Parse(s.Filter.DatePattern, time.Now().Year())
	switch {
	case err != nil:
		return nil
	case s.Filter.DatePattern == "" || len(templates) == 0 || len(templates) > 2:
		return pickle.Tuple{nil, "Default Detectors"}
	}
	return pickle.Tuple{textOrNone(templates[0].Pattern()), templates[0].Shown()}
}

// matches is empty for a jail that reads files: it does not look at the journal.
func matches(s *rules.Settings) pickle.List {
	all := pickle.List{}
	if len(s.Logs) > 0 {
		return all
	}
	for _, m := range s.Journal {
		all = append(all, m)
	}
	return all
}

func ignoreCache(s *rules.Settings) any {
	c := s.Ignore.Cache
	if c.Key == "" {
		return nil
	}
	return pickle.List{c.Key, c.Max, int(c.Seconds)}
}

// ignored lists networks and names as they were written first, then addresses in their order, as fail2ban keeps them.
func ignored(list []string) []string {
	var nets, names []string
	var addrs []netip.Addr
	for _, text := range list {
		a, err := netip.ParseAddr(text)
		p, err2 := netip.ParsePrefix(text)
		switch {
		case err == nil:
			addrs = append(addrs, a.Unmap())
		case err2 == nil:
			nets = append(nets, p.Masked().String())
		default:
			nets = append(nets, text)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range slices.Compact(addrs) {
		names = append(names, a.String())
	}
	return append(nets, names...)
}

func isBanned(r *rules.Report, ids []string) any {
	list := banned(r)
	if len(ids) == 0 {
		return list
	}
	flags := pickle.List{}
	for _, id := range sameIDs(ids) {
		flag := 0
		if slices.Contains(list, id) {
			flag = 1
		}
		flags = append(flags, flag)
	}
	if len(flags) == 1 {
		return flags[0]
	}
	return flags
}

// sameIDs returns addresses and networks in their usual form, as bans have them, and names as they are.
func sameIDs(ids []string) []string {
	same := slices.Clone(ids)
	for i, id := range ids {
		if p, err := netip.ParsePrefix(id); err == nil {
			same[i] = p.Masked().String()
		} else if a, err := netip.ParseAddr(id); err == nil {
			same[i] = a.Unmap().String()
		}
	}
	return same
}

// forever is the end that fail2ban shows of a ban without one.
const forever = "9999-12-31 23:59:59"

// banList lists who is banned, the earliest end first.
func banList(r *rules.Report, times bool) []string {
	tickets := slices.Clone(r.Banned)
	slices.SortStableFunc(tickets, func(a, b rules.Ticket) int {
		if a.Until.IsZero() || b.Until.IsZero() {
			return boolOrder(a.Until.IsZero(), b.Until.IsZero())
		}
		return a.Until.Compare(b.Until)
	})
	list := make([]string, 0, len(tickets))
	for _, t := range tickets {
		text := t.ID
		if times {
			text = fmt.Sprintf("%s \t%s + %d = %s", t.ID, clock(t.Since), int64(t.Seconds), clock(t.Until))
		}
		list = append(list, text)
	}
	return list
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func clock(t time.Time) string {
	if t.IsZero() {
		return forever
	}
	return t.Local().Format(time.DateTime)
}

// escalation returns an option of bantime.increment; None for what is not said.
func escalation(e *rules.Escalation, option string) any {
	switch option {
	case "increment":
		return e.On
	case "overalljails":
		if e.OverAll {
			return true
		}
	case "factor":
		if e.Factor != 0 {
			return pickle.Repr(seconds(e.Factor))
		}
	case "maxtime":
		if e.MaxSeconds != 0 {
			return seconds(e.MaxSeconds)
		}
	case "rndtime":
		if e.Jitter != 0 {
			return seconds(e.Jitter)
		}
	case "formula":
		return textOrNone(e.Formula)
	case "multipliers":
		var texts []string
		for _, m := range e.Multipliers {
			texts = append(texts, pickle.Repr(seconds(m)))
		}
		return textOrNone(strings.Join(texts, " "))
	}
	return nil
}

func actionNames(s *rules.Settings) []string {
	names := make([]string, 0, len(s.Actions))
	for i := range s.Actions {
		names = append(names, s.Actions[i].Name)
	}
	return names
}

// commandProperties are what every action of fail2ban that runs commands has, said or not.
var commandProperties = []string{
	"actionban", "actioncheck", "actionflush", "actionreban", "actionreload", "actionrepair", "actionstart", "actionstop",
	"actionunban", "timeout",
}

// defaultTimeout is how long a command may run, in seconds (fail2ban's action.py).
const defaultTimeout = 60

// actionAttribute answers get JAIL action NAME PROPERTY, and the lists of an action's properties and methods.
func actionAttribute(r *rules.Report, option string, rest words) (any, error) {
	name, err := rest.word(0)
	if err != nil {
		return nil, err
	}
	action := actionOf(&r.Settings, name)
	if action == nil {
		return nil, noAction(name)
	}
	switch option {
	case "actionproperties":
		return properties(action), nil
	case "actionmethods":
		return pickle.List{}, nil
	}
	property, err := rest.word(1)
	if err != nil {
		return nil, err
	}
	if text, ok := action.Option(property); ok {
		return shownProperty(property, text), nil
	}
	if property == "timeout" {
		return defaultTimeout, nil
	}
	if slices.Contains(commandProperties, property) {
		return "", nil
	}
	return nil, &pickled{pickle.Exception("AttributeError", fmt.Sprintf("'CommandAction' object has no attribute %s", pickle.Quote(property)))}
}

// shownProperty is a property with the type that fail2ban gives it.
func shownProperty(property, text string) any {
	switch property {
	case "norestored":
		return isTrue(text)
	case "password": // everybody who sees a terminal or a log would know it
		return f2b.Hidden
	case "timeout":
		if n, err := f2b.Seconds(text); err == nil {
			return seconds(n)
		}
	}
	return text
}

func actionOf(s *rules.Settings, name string) *rules.Action {
	for i := range s.Actions {
		if s.Actions[i].Name == name {
			return &s.Actions[i]
		}
	}
	return nil
}

func noAction(name string) error {
	return &pickled{pickle.Exception("KeyError", "Invalid Action name: "+name)}
}

func properties(a *rules.Action) []string {
	names := slices.Clone(commandProperties)
	for _, o := range a.Options {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
