package fail2ban

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	f2b "picket/rules/fail2ban"
	"picket/rules/formula"
)

// set answers set OPTION VALUE and set JAIL OPTION …; with many (multi-set) values are lists.
func (a answerer) set(ctx context.Context, args words, many bool) (any, error) {
	name, err := args.word(0)
	if err != nil {
		return nil, err
	}
	option, err := args.word(1)
	if err != nil {
		return nil, err
	}
	if v, ok := a.global(name); ok {
		return v, unset(name, v, option)
	}
	rest := args[2:]
	if do, ok := deeds[option]; ok {
		v, err := do(a, ctx, name, rest.texts(0))
		return v, named(name, err)
	}
	if option == "action" {
		return a.setAction(ctx, name, rest, many)
	}
	return a.change(ctx, name, option, rest, many)
}

// unset refuses another value for a setting of fail2ban's server; the one that it has is fine.
func unset(name string, is any, want string) error {
	if strings.EqualFold(pickle.Text(is), want) {
		return nil
	}
	return valueError("%s is not set here: picket's configuration says where its logs and its state are (logs.ban-log, state-dir)", name)
}

// deeds are the options that are no settings.
var deeds = map[string]func(a answerer, ctx context.Context, jail string, args []string) (any, error){
	"banip": func(a answerer, ctx context.Context, jail string, ids []string) (any, error) {
		return a.ban(ctx, jail, ids)
	},
	"unbanip": func(a answerer, ctx context.Context, jail string, ids []string) (any, error) {
		return a.unbanIn(ctx, jail, ids)
	},
	"attempt": func(a answerer, ctx context.Context, jail string, args []string) (any, error) {
		if len(args) == 0 {
			return nil, errMissing
		}
		_, err := a.host.Attempt(ctx, jail, args[0], args[1:])
		return 1, err
	},
}

func (a answerer) ban(ctx context.Context, jail string, ids []string) (any, error) {
	n, err := a.host.BanIn(ctx, jail, ids)
	return n, err
}

func (a answerer) unbanIn(ctx context.Context, jail string, ids []string) (any, error) {
	report := len(ids) > 0 && ids[0] == "--report-absent"
	if report {
		ids = ids[1:]
	}
	if len(ids) == 0 {
		return nil, errMissing
	}
	n, absent, err := a.host.UnbanIn(ctx, jail, ids)
	if err == nil && report && len(absent) > 0 {
		err = valueError("not banned: %s", pickle.Repr(absent))
	}
	return n, err
}

// change changes one setting and returns its new value.
func (a answerer) change(ctx context.Context, jail, option string, rest words, many bool) (any, error) {
	edit, shows, err := editor(option, rest, many)
	if err != nil {
		return nil, err
	}
	if err := a.host.Change(ctx, jail, edit); err != nil {
		return nil, named(jail, err)
	}
	if many {
		return true, nil
	}
	r, err := a.host.Jail(ctx, jail)
	if err != nil {
		return nil, named(jail, err)
	}
	switch {
	case option == "addaction", option == "bantime.overalljails":
		return rest.word(0)
	case shows == "":
		return nil, nil
	}
	return attribute(&r, shows, nil)
}

// editor returns what changes the settings, and the attribute that the answer shows.
func editor(option string, rest words, many bool) (edit func(*rules.Settings) error, shows string, err error) {
	args := rest.texts(0)
	if many && len(rest) == 1 {
		if list, ok := listOf(rest[0]); ok {
			args = words(list).texts(0)
		}
	}
	if len(args) == 0 {
		return nil, "", errMissing
	}
	if set, ok := scalars[option]; ok {
		return func(s *rules.Settings) error { return set(s, args[0]) }, option, nil
	}
	if extra, ok := strings.CutPrefix(option, "bantime."); ok {
		return func(s *rules.Settings) error { return setEscalation(&s.Limits.Escalation, extra, args[0]) }, option, nil
	}
	if l, ok := lists[option]; ok {
		return func(s *rules.Settings) error { return l.edit(s, args) }, l.shows, nil
	}
	return nil, "", &pickled{pickle.Exception("Exception",
		fmt.Sprintf("Invalid command %s (no set action or not yet implemented)", pickle.Quote(option)))}
}

// scalars are the settings with one value.
var scalars = map[string]func(*rules.Settings, string) error{
	"findtime": func(s *rules.Settings, v string) error {
		return span(v, func(n float64) { s.Limits.Window = int64(n) })
	},
	"bantime":       func(s *rules.Settings, v string) error { return span(v, func(n float64) { s.Limits.BanSeconds = n }) },
	"maxretry":      func(s *rules.Settings, v string) error { return number(v, &s.Limits.MaxRetry) },
	"maxmatches":    func(s *rules.Settings, v string) error { return number(v, &s.Limits.MaxMatches) },
	"maxlines":      setMaxLines,
	"usedns":        setUseDNS,
	"prefregex":     func(s *rules.Settings, v string) error { s.Filter.PrefRegex = v; return nil },
	"datepattern":   func(s *rules.Settings, v string) error { s.Filter.DatePattern = v; return nil },
	"logtimezone":   func(s *rules.Settings, v string) error { s.Zone = v; return nil },
	"logencoding":   func(s *rules.Settings, v string) error { s.Encoding = v; return nil },
	"ignoreself":    func(s *rules.Settings, v string) error { s.Ignore.Self = isTrue(v); return nil },
	"ignorecommand": func(s *rules.Settings, v string) error { s.Ignore.Command = v; return nil },
	"ignorecache":   setIgnoreCache,
	"idle":          setIdle,
}

func span(text string, set func(float64)) error {
	v, err := f2b.Seconds(text)
	if err != nil {
		return valueError("%s", err)
	}
	set(v)
	return nil
}

func number(text string, to *int) error {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return valueError("invalid literal for int() with base 10: %s", pickle.Quote(text))
	}
	*to = n
	return nil
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

func setMaxLines(s *rules.Settings, v string) error {
	n := 0
	if err := number(v, &n); err != nil {
		return err
	}
	if n < 1 {
		return valueError("maxlines must be integer greater than zero")
	}
	s.Filter.MaxLines = n
	return nil
}

func setUseDNS(s *rules.Settings, v string) error {
	v = strings.ToLower(v)
	switch v {
	case "yes", "warn", "no", "raw":
		s.Filter.UseDNS = v
		return nil
	}
	return valueError("usedns %s is none of yes, warn, no, raw", pickle.Quote(v))
}

func setIdle(s *rules.Settings, v string) error {
	switch v {
	case "on", "off":
		s.Idle = v == "on"
		return nil
	}
	return &pickled{pickle.Exception("Exception", "Invalid idle option, must be 'on' or 'off'")}
}

// setIgnoreCache reads key="<ip>", max-count=100, max-time=5m.
func setIgnoreCache(s *rules.Settings, v string) error {
	_, options, err := f2b.ParseSpec("cache[" + v + "]")
	if err != nil {
		return valueError("%s", err)
	}
	c := rules.IgnoreCache{Key: options["key"], Max: 100, Seconds: 300}
	if text, ok := options["max-count"]; ok {
		if err := number(text, &c.Max); err != nil {
			return err
		}
	}
	if text, ok := options["max-time"]; ok {
		if err := span(text, func(n float64) { c.Seconds = int64(n) }); err != nil {
			return err
		}
	}
	s.Ignore.Cache = c
	return nil
}

func setEscalation(e *rules.Escalation, option, v string) error {
	switch option {
	case "increment":
		e.On = isTrue(v)
		return nil
	case "factor":
		return span(v, func(n float64) { e.Factor = n })
	case "maxtime":
		return span(v, func(n float64) { e.MaxSeconds = n })
	case "rndtime":
		return span(v, func(n float64) { e.Jitter = n })
	case "multipliers":
		return setMultipliers(e, v)
	case "overalljails":
		e.OverAll = isTrue(v)
		return nil
	case "formula":
		return setFormula(e, v)
	}
	return valueError("bantime.%s is no option of a jail (increment, factor, maxtime, rndtime, multipliers, formula, overalljails)", option)
}

func setFormula(e *rules.Escalation, v string) error {
	if _, err := formula.Seconds(v, formula.Ban{Time: 600, Factor: 1}); err != nil && v != "" {
		return valueError("bantime.formula %s: %s", pickle.Quote(v), err)
	}
	e.Formula = v
	return nil
}

func setMultipliers(e *rules.Escalation, v string) error {
	var list []float64
	for word := range strings.FieldsSeq(v) {
		m, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return valueError("could not convert string to float: %s", pickle.Quote(word))
		}
		list = append(list, m)
	}
	e.Multipliers = list
	return nil
}

// list is a setting that grows and shrinks.
type list struct {
	shows string
	edit  func(*rules.Settings, []string) error
}

var lists = map[string]list{
	"addignoreip":     {"ignoreip", addIgnore},
	"delignoreip":     {"ignoreip", delIgnore},
	"addlogpath":      {"logpath", addLog},
	"dellogpath":      {"logpath", delLog},
	"addjournalmatch": {"journalmatch", addMatch},
	"deljournalmatch": {"journalmatch", delMatch},
	"addfailregex":    {"failregex", func(s *rules.Settings, v []string) error { return add(&s.Filter.FailRegex, v) }},
	"delfailregex":    {"failregex", func(s *rules.Settings, v []string) error { return del(&s.Filter.FailRegex, v[0]) }},
	"addignoreregex":  {"ignoreregex", func(s *rules.Settings, v []string) error { return add(&s.Filter.IgnoreRegex, v) }},
	"delignoreregex":  {"ignoreregex", func(s *rules.Settings, v []string) error { return del(&s.Filter.IgnoreRegex, v[0]) }},
	"addaction":       {"", addAction},
	"delaction":       {"", delAction},
}

func add(to *[]string, values []string) error {
	*to = append(*to, values...)
	return nil
}

func del(from *[]string, index string) error {
	var i int
	if err := number(index, &i); err != nil {
		return err
	}
	if i < 0 || i >= len(*from) {
		return &pickled{pickle.Exception("ValueError",
			fmt.Sprintf("Cannot remove regular expression. Index %d is not valid", i))}
	}
	*from = slices.Delete(*from, i, i+1)
	return nil
}

func addIgnore(s *rules.Settings, values []string) error {
	for _, v := range values {
		if v != "" && !slices.Contains(s.Ignore.List, v) {
			s.Ignore.List = append(s.Ignore.List, v)
		}
	}
	return nil
}

// delIgnore takes an entry out, written as it was or as fail2ban shows it.
func delIgnore(s *rules.Settings, values []string) error {
	want := ignored(values[:1])
	i := slices.IndexFunc(s.Ignore.List, func(have string) bool {
		return have == values[0] || slices.Equal(ignored([]string{have}), want)
	})
	if i < 0 {
		return valueError("%s is not in the ignore list", values[0])
	}
	s.Ignore.List = slices.Delete(s.Ignore.List, i, i+1)
	return nil
}

func addLog(s *rules.Settings, values []string) error {
	l := rules.Log{Pattern: values[0]}
	switch {
	case len(values) > 2:
		return valueError("Only one file can be added at a time")
	case len(values) == 2 && strings.EqualFold(values[1], "tail"):
		l.Tail = true
	case len(values) == 2 && !strings.EqualFold(values[1], "head"):
		return valueError("File option must be 'head' or 'tail'")
	}
	if !slices.ContainsFunc(s.Logs, func(have rules.Log) bool { return have.Pattern == l.Pattern }) {
		s.Logs = append(s.Logs, l)
	}
	return nil
}

func delLog(s *rules.Settings, values []string) error {
	s.Logs = slices.DeleteFunc(s.Logs, func(l rules.Log) bool { return l.Pattern == values[0] })
	return nil
}

func addMatch(s *rules.Settings, values []string) error {
	if len(s.Logs) > 0 {
		return nil // the jail reads files
	}
	s.Journal = append(s.Journal, values)
	return nil
}

func delMatch(s *rules.Settings, values []string) error {
	if len(s.Logs) > 0 {
		return nil // the jail reads files
	}
	n := len(s.Journal)
	s.Journal = slices.DeleteFunc(s.Journal, func(m []string) bool { return slices.Equal(m, values) })
	if len(s.Journal) == n {
		return valueError("Match %s not found", pickle.Quote(strings.Join(values, " ")))
	}
	return nil
}

func addAction(s *rules.Settings, values []string) error {
	if len(values) > 1 {
		return valueError("actions in Python can't be run by picket: %s", values[1])
	}
	if actionOf(s, values[0]) != nil {
		return valueError("Action %s already exists", values[0])
	}
	s.Actions = append(s.Actions, rules.Action{Name: values[0], File: values[0]})
	return nil
}

func delAction(s *rules.Settings, values []string) error {
	if actionOf(s, values[0]) == nil {
		return noAction(values[0])
	}
	s.Actions = slices.DeleteFunc(s.Actions, func(a rules.Action) bool { return a.Name == values[0] })
	return nil
}

// setAction answers set JAIL action NAME PROPERTY VALUE, and multi-set JAIL action NAME [[PROPERTY, VALUE], …].
func (a answerer) setAction(ctx context.Context, jail string, rest words, many bool) (any, error) {
	pairs, err := propertyPairs(rest, many)
	if err != nil {
		return nil, err
	}
	name := pickle.Text(rest[0])
	err = a.host.Change(ctx, jail, func(s *rules.Settings) error {
		action := actionOf(s, name)
		if action == nil {
			return noAction(name)
		}
		for _, p := range pairs {
			action.Set(p[0], p[1])
		}
		return nil
	})
	if err != nil || many {
		return err == nil, named(jail, err)
	}
	return shownProperty(pairs[0][0], pairs[0][1]), nil
}

func propertyPairs(rest words, many bool) ([][2]string, error) {
	if !many {
		property, err := rest.word(1)
		if err != nil {
			return nil, err
		}
		v, err := rest.word(2)
		return [][2]string{{property, v}}, err
	}
	if len(rest) < 2 {
		return nil, errMissing
	}
	var pairs [][2]string
	list, _ := listOf(rest[1])
	for _, item := range list {
		pair, _ := listOf(item)
		if len(pair) != 2 {
			return nil, errMissing
		}
		pairs = append(pairs, [2]string{pickle.Text(pair[0]), pickle.Text(pair[1])})
	}
	return pairs, nil
}
