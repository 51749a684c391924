package fail2ban

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Jail is an enabled section of jail.conf.
type Jail struct {
	Name    string
	Backend string // auto, polling, systemd …; what it means is decided where logs are opened
	Filter  Filter
	Logs    []Log
	Ignore  []string // addresses, prefixes, names, file:… that are never banned
	Actions []*Action
	Limits  []Pair // maxretry, findtime, bantime, bantime.*, ignorecommand, logencoding … as written, in order
	Skipped string // why the jail can't be used; "" for a good one
}

// Log is where a jail's lines come from.
type Log struct {
	Pattern string // a path with wildcards
	Tail    bool   // begin at the end of the file
}

// Limit returns an option of the jail as written.
func (j *Jail) Limit(name string) (text string, ok bool) {
	for _, p := range j.Limits {
		if p.Name == name {
			return p.Text, true
		}
	}
	return "", false
}

// firstOptions are what must be known of a jail before its filter is read.
var firstOptions = []option{
	{name: "enabled", kind: flag, want: "false", has: true},
	{name: "backend", want: "auto", has: true},
	{name: "filter", has: true},
}

// jailOptions are all options of a jail.
var jailOptions = append([]option{
	{name: "enabled", kind: flag, want: "false", has: true},
	{name: "backend", want: "auto", has: true},
	{name: "maxretry", kind: number}, {name: "maxmatches", kind: number}, {name: "findtime"}, {name: "bantime"},
	{name: "bantime.increment", kind: flag}, {name: "bantime.factor"}, {name: "bantime.formula"},
	{name: "bantime.multipliers"}, {name: "bantime.maxtime"}, {name: "bantime.rndtime"},
	{name: "bantime.overalljails", kind: flag}, {name: "ignorecommand"}, {name: "ignoreself", kind: flag},
	{name: "ignoreip"}, {name: "ignorecache"}, {name: "filter", has: true}, {name: "logtimezone"},
	{name: "logencoding"}, {name: "logpath"}, {name: "skip_if_nologs", kind: flag}, {name: "systemd_if_nologs", kind: flag},
	{name: "action", has: true},
}, filterOptions...)

// notLimits are the options of a jail that have a field of their own.
var notLimits = map[string]bool{
	"action": true, "filter": true, "enabled": true, "backend": true, "logpath": true, "ignoreip": true,
	"usedns": true, "prefregex": true, "ignoreregex": true,
	"failregex": true, "maxlines": true, "datepattern": true, "journalmatch": true,
}

// jailError is a jail that can't be used while others can; other errors are fatal for fail2ban.
type jailError struct{ problem string }

func (e *jailError) Error() string { return e.problem }

// readJail reads one section. The jail is nil if it isn't enabled. A *jailError comes with a jail that says so.
func (l *library) readJail(conf *layers, name string) (*Jail, error) {
	first, err := l.readOptions(conf, name, firstOptions)
	if err != nil {
		return nil, err
	}
	if v, _ := first.get("enabled"); !isTrue(v.text) {
		return nil, nil
	}
	j := &Jail{Name: name}
	if err := l.fillJail(j, conf, first); err != nil {
		var bad *jailError
		if errors.As(err, &bad) {
			return &Jail{Name: name, Skipped: bad.problem}, nil
		}
		return nil, err
	}
	return j, nil
}

func (l *library) fillJail(j *Jail, conf *layers, first *table) error {
	filter, err := l.jailFilter(j, conf, first)
	if err != nil {
		return err
	}
	opts, err := l.readOptions(conf, j.Name, jailOptions)
	if err != nil {
		return err
	}
	if filter != nil {
		if err := filter.read(opts, false); err != nil {
			return err
		}
		combined, err := filter.combined()
		if err != nil {
			return &jailError{err.Error()}
		}
		l.fillFilter(&j.Filter, combined)
	}
	l.fillFilter(&j.Filter, opts)
	l.fillLimits(j, opts)
	return l.fillActions(j, opts)
}

// jailFilter opens the jail's filter and makes its options known to the jail as known/….
func (l *library) jailFilter(j *Jail, conf *layers, first *table) (*definition, error) {
	v, _ := first.get("filter")
	if v.text == "" {
		l.fault(v.at, fmt.Sprintf("no filter set for jail %s", j.Name))
		return nil, nil
	}
	name, params, err := splitParameters(v.text)
	if err != nil {
		return nil, &jailError{fmt.Sprintf("Invalid filter definition '%s': %s", v.text, err)}
	}
	j.Filter.Name = name
	backend, _ := first.get("backend")
	filter, err := l.openFilter(name, params, backend.text)
	if err != nil {
		return nil, &jailError{err.Error()}
	}
	if err := filter.read(first, true); err != nil {
		return nil, err
	}
	combined, err := filter.combined()
	if err != nil {
		return nil, &jailError{err.Error()}
	}
	section := conf.section(j.Name)
	for _, n := range combined.names {
		if !strings.HasPrefix(n, "known/") {
			section.set("known/"+n, combined.of[n])
		}
	}
	return filter, nil
}

// readOptions reads known options of a section; wrong numbers are faults and count as not said.
func (l *library) readOptions(conf *layers, section string, options []option) (*table, error) {
	t := newTable()
	for _, o := range options {
		v, err := conf.getAny(section, o.name, nil)
		switch {
		case err == nil && l.fits(o, v):
			t.set(o.name, v)
		case err == nil || isMissing(err):
			if o.has {
				t.setText(o.name, o.want)
			}
		default:
			return nil, err
		}
	}
	return t, nil
}

// fits tells whether a value is of its option's type, and reports the one that isn't.
func (l *library) fits(o option, v value) bool {
	if o.kind != number {
		return true
	}
	const never = -1 << 31
	return l.number(o.name, v, never) != never
}

func (l *library) fillLimits(j *Jail, opts *table) {
	for _, name := range opts.names {
		v := opts.of[name]
		switch name {
		case "backend":
			j.Backend = v.text
		case "logpath":
			for _, p := range lines(v.text) {
				j.Logs = append(j.Logs, parseLog(p))
			}
		case "ignoreip":
			j.Ignore = splitWords(v.text)
		}
		if !notLimits[name] {
			j.Limits = append(j.Limits, Pair{name, v.text})
		}
	}
}

// parseLog reads a line of logpath: a path, and "tail" or "head" behind the last space.
func parseLog(text string) Log {
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		return Log{Pattern: text[:i], Tail: text[i+1:] == "tail"}
	}
	return Log{Pattern: text}
}

func (l *library) fillActions(j *Jail, opts *table) error {
	v, _ := opts.get("action")
	for _, entry := range splitActions(v.text) {
		a, err := l.readAction(j.Name, opts, entry)
		if err != nil {
			var fatal *interpolationError
			if errors.As(err, &fatal) {
				return err
			}
			return &jailError{err.Error()}
		}
		j.Actions = append(j.Actions, a)
	}
	if len(j.Actions) == 0 {
		l.fault(v.at, fmt.Sprintf("no actions were defined for %s", j.Name))
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	sort.Strings(all)
	return all
}
