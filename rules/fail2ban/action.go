package fail2ban

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Action is an action.d file as a jail uses it.
type Action struct {
	Name    string // unique in its jail
	File    string // the action.d file, without .conf
	Script  string // the path of an action in Python, "" for others; these can't be run here
	Options []Pair // commands (actionban …) and parameters, all tags replaced that are known before a ban
}

// Pair is an option of an action and its text.
type Pair struct{ Name, Text string }

// Option returns the text of an option.
func (a *Action) Option(name string) (text string, ok bool) {
	for _, p := range a.Options {
		if p.Name == name {
			return p.Text, true
		}
	}
	return "", false
}

// actionOptions are the commands of an action, and the switches of how to run them.
var actionOptions = []option{
	{name: "actionstart"}, {name: "actionstart_on_demand", kind: flag}, {name: "actionstop"}, {name: "actionflush"},
	{name: "actionreload"}, {name: "actioncheck"}, {name: "actionrepair"}, {name: "actionrepair_on_unban", kind: flag},
	{name: "actionban"}, {name: "actionprolong"}, {name: "actionreban"}, {name: "actionunban"}, {name: "norestored", kind: flag},
}

// bannedLater are the tags that only a ban fills in.
var bannedLater = []string{"matches", "ipmatches", "ipjailmatches", "timeout", "bantime"}

// readAction reads one entry of a jail's list of actions.
func (l *library) readAction(jail string, jailOptions *table, entry string) (*Action, error) {
	name, params, err := splitParameters(entry)
	if err != nil {
		//lint:ignore ST1005 fail2ban's own words, which others parse
		return nil, fmt.Errorf("Invalid action definition '%s': %w", entry, err)
	}
	if strings.HasSuffix(name, ".py") {
		return scriptAction(l.dir, name, params), nil
	}
	layers := l.read(filepath.Join("action.d", name))
	if layers == nil {
		//lint:ignore ST1005 fail2ban's own words, which others parse
		return nil, fmt.Errorf("Unable to read action '%s'", name)
	}
	a := &Action{File: name, Name: nameAction(jail, name, params)}
	def := definition{layers: layers, options: actionOptions, init: params}
	if err := def.read(jailOptions, false); err != nil {
		return nil, err
	}
	opts, err := def.combined(bannedLater...)
	if err != nil {
		return nil, err
	}
	a.Options = chooseOptions(opts, params)
	return a, nil
}

func scriptAction(dir, file string, params *table) *Action {
	a := &Action{File: file, Name: strings.TrimSuffix(file, ".py"), Script: filepath.Join(dir, "action.d", file)}
	for _, n := range params.names {
		if n == "actname" {
			a.Name = params.of[n].text
			continue
		}
		a.Options = append(a.Options, Pair{n, params.of[n].text})
	}
	return a
}

// nameAction sets the parameters name (the jail, if not said) and actname (the file, and what name adds to the jail's).
func nameAction(jail, file string, params *table) string {
	name, said := params.get("name")
	if !said {
		name = value{text: jail}
		params.set("name", name)
	}
	act, said := params.get("actname")
	if !said {
		act = value{text: file}
		switch {
		case name.text == jail:
		case strings.HasPrefix(name.text, jail):
			act.text += name.text[len(jail):]
		default:
			act.text += "-" + name.text
		}
		params.set("actname", act)
	}
	return act.text
}

// chooseOptions takes the commands as they came out, and all other parameters as they were given.
func chooseOptions(opts, params *table) []Pair {
	command := map[string]bool{}
	for _, o := range actionOptions {
		command[o.name] = true
	}
	var all []Pair
	for _, n := range opts.names {
		if command[n] {
			all = append(all, Pair{n, opts.of[n].text})
		}
	}
	for _, n := range params.names {
		if !command[n] && !strings.HasPrefix(n, "known/") {
			all = append(all, Pair{n, params.of[n].text})
		}
	}
	return all
}
