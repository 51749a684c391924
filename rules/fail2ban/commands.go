package fail2ban

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// Commands returns the configuration as fail2ban-client -d prints it: the messages a client would send to the server.
// Numbers are ints and switches bools, as there.
func (c *Config) Commands() [][]any {
	s := c.Server
	all := [][]any{
		{"set", "syslogsocket", s.SyslogSocket}, {"set", "loglevel", s.LogLevel}, {"set", "logtarget", s.LogTarget},
		{"set", "allowipv6", s.AllowIPv6}, {"set", "dbfile", s.DBFile},
	}
	if s.DBMaxMatches >= 0 {
		all = append(all, []any{"set", "dbmaxmatches", s.DBMaxMatches})
	}
	all = append(all, []any{"set", "dbpurgeage", s.DBPurgeAge})
	for _, j := range c.Jails {
		all = append(all, j.commands()...)
	}
	for _, j := range c.Jails {
		if j.Skipped == "" {
			all = append(all, []any{"start", j.Name})
		}
	}
	return all
}

func (j *Jail) commands() [][]any {
	if j.Skipped != "" {
		return [][]any{{"config-error", "Jail '" + j.Name + "' skipped, because of wrong configuration: " + j.Skipped}}
	}
	all := [][]any{{"add", j.Name, j.Backend}}
	all = append(all, j.filterCommands()...)
	all = append(all, j.limitCommands()...)
	if !strings.HasPrefix(j.Backend, "systemd") {
		for _, log := range j.Logs {
			where := "head"
			if log.Tail {
				where = "tail"
			}
			for _, path := range log.paths() {
				all = append(all, []any{"set", j.Name, "addlogpath", path, where})
			}
		}
	}
	for _, a := range j.Actions {
		all = append(all, a.commands(j.Name)...)
	}
	return all
}

// paths are the files that a log's pattern matches now, or the pattern if there is none.
func (l Log) paths() []string {
	if found, err := filepath.Glob(l.Pattern); err == nil && len(found) > 0 {
		return found
	}
	return []string{l.Pattern}
}

// readersOnly are limits that concern those who read the configuration; fail2ban's server does not know them.
var readersOnly = []string{"skip_if_nologs", "systemd_if_nologs"}

// limitCommands sets what is said of the jail's limits, in the order of jailOptions, among which ignoreip has its place.
func (j *Jail) limitCommands() [][]any {
	var all [][]any
	ignore := len(j.Ignore) > 0
	for _, p := range j.Limits {
		if slices.Contains(readersOnly, p.Name) {
			continue
		}
		if ignore && optionPlace(p.Name) > optionPlace("ignoreip") {
			all, ignore = append(all, strings2any([]string{"set", j.Name, "addignoreip"}, j.Ignore)), false
		}
		all = append(all, []any{"set", j.Name, p.Name, typed(p, jailOptions)})
	}
	if ignore {
		all = append(all, strings2any([]string{"set", j.Name, "addignoreip"}, j.Ignore))
	}
	return all
}

func optionPlace(name string) int {
	return slices.IndexFunc(jailOptions, func(o option) bool { return o.name == name })
}

func (j *Jail) filterCommands() [][]any {
	f := &j.Filter
	var all [][]any
	if f.UseDNS != "" {
		all = append(all, []any{"set", j.Name, "usedns", f.UseDNS})
	}
	if f.PrefRegex != "" {
		all = append(all, []any{"set", j.Name, "prefregex", f.PrefRegex})
	}
	if f.MaxLines != 0 {
		all = append(all, []any{"set", j.Name, "maxlines", f.MaxLines})
	}
	all = append(all, j.regexCommand("addignoreregex", f.IgnoreRegex)...)
	all = append(all, j.regexCommand("addfailregex", f.FailRegex)...)
	if f.DatePattern != "" {
		all = append(all, []any{"set", j.Name, "datepattern", f.DatePattern})
	}
	for _, m := range f.JournalMatch {
		all = append(all, strings2any([]string{"set", j.Name, "addjournalmatch"}, m))
	}
	return all
}

func (j *Jail) regexCommand(verb string, regexes []string) [][]any {
	switch len(regexes) {
	case 0:
		return nil
	case 1:
		return [][]any{{"set", j.Name, verb, regexes[0]}}
	}
	return [][]any{{"multi-set", j.Name, verb, strings2any(nil, regexes)}}
}

func (a *Action) commands(jail string) [][]any {
	if a.Script != "" {
		return [][]any{{"set", jail, "addaction", a.Name, a.Script, a.parameters()}}
	}
	var pairs []any
	for _, p := range a.Options {
		pairs = append(pairs, []any{p.Name, typed(Pair{p.Name, openly(p)}, actionOptions)})
	}
	return [][]any{{"set", jail, "addaction", a.Name}, {"multi-set", jail, "action", a.Name, pairs}}
}

// parameters are an action's options as Python's json writes them.
func (a *Action) parameters() string {
	var all []string
	for _, p := range a.Options {
		name, _ := json.Marshal(p.Name) // strings can always be written
		text, _ := json.Marshal(openly(p))
		all = append(all, string(name)+": "+string(text))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// Hidden is shown in the place of a password.
const Hidden = "***"

// openly is an option's text as everybody may see it.
func openly(p Pair) string {
	if p.Name == "password" && p.Text != "" {
		return Hidden
	}
	return p.Text
}

// typed turns the text of a switch or a number into one.
func typed(p Pair, options []option) any {
	for _, o := range options {
		if o.name != p.Name {
			continue
		}
		switch o.kind {
		case flag:
			return isTrue(p.Text)
		case number:
			n := 0
			for _, c := range p.Text {
				if c >= '0' && c <= '9' {
					n = n*10 + int(c-'0')
				}
			}
			return n
		}
	}
	return p.Text
}

func strings2any(head, tail []string) []any {
	var all []any
	for _, list := range [][]string{head, tail} {
		for _, s := range list {
			all = append(all, s)
		}
	}
	return all
}
