package rules

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

// Settings is a jail as it is configured, whoever wrote it: fail2ban's files (SettingsOf) or a rule of our own. All of
// it can be changed while the jail is at work (Warden.Change).
type Settings struct {
	Name     string
	Backend  string     // as written: auto, polling, systemd …; a journal match decides, see Journal
	Idle     bool       // lines are read and not judged
	Filter   Definition // with usedns
	Limits   Limits
	Ignore   Ignoring
	Logs     []Log
	Journal  [][]string // alternatives of journalctl's matches; used when there are no Logs
	Syslog   []string   // programs whose received messages are judged beside them, see Hears
	Encoding string     // of the logs; "" and "auto" find out
	Zone     string     // of dates that name none: UTC+0200, Europe/Berlin; "" for the host's
	Actions  []Action
}

// Hears tells whether the jail judges the messages that a program sends by syslog (its tag, or APP-NAME). Names may have
// path.Match's wildcards; postfix is postfix/smtpd, too, as rsyslog's programname is.
func (s *Settings) Hears(program string) bool {
	first, _, _ := strings.Cut(program, "/")
	return slices.ContainsFunc(s.Syslog, func(name string) bool {
		whole, _ := path.Match(name, program) // a malformed pattern, which settings never hold, hears nothing
		part, _ := path.Match(name, first)
		return whole || part
	})
}

// CheckProgram refuses what can't be in Settings.Syslog.
func CheckProgram(name string) error {
	if _, err := path.Match(name, ""); err != nil || name == "" || strings.ContainsAny(name, " \t:") {
		return fmt.Errorf("%q is no name of a program in syslog", name)
	}
	return nil
}

// Log is where lines come from.
type Log struct {
	Pattern string // a path with wildcards
	Tail    bool   // begin at the end of what is there at the first start
}

// Ignoring says whose failures never count.
type Ignoring struct {
	Self    bool     // this host's addresses
	List    []string // addresses, networks, host names, file:/path of such a list
	Command string   // run with the failure's tags; exit code 0 means to ignore it
	Cache   IgnoreCache
}

// IgnoreCache remembers what the command has said.
type IgnoreCache struct {
	Key     string // tags that make the question: "<ip>"; "" for no cache
	Max     int    // answers kept
	Seconds int64  // how long
}

// Action is what a jail does about a ban: picket's own ban or somebody's commands.
type Action struct {
	Name    string // unique in its jail
	File    string // which action: a file of fail2ban's action.d without .conf, or NativeAction
	Script  string // the path of an action in Python: it can't be run
	Options []Option
}

// NativeAction is the File of picket's own ban. Its options are port ("22,80:90" or "all"), protocol ("tcp,udp" or "all")
// and answer (drop, port-unreachable … as actions.Answer has them).
const NativeAction = "picket"

// Option is a command or a parameter of an action.
type Option struct{ Name, Text string }

// Option returns the text of an option.
func (a *Action) Option(name string) (text string, ok bool) {
	for _, o := range a.Options {
		if o.Name == name {
			return o.Text, true
		}
	}
	return "", false
}

// Set sets an option.
func (a *Action) Set(name, text string) {
	for i := range a.Options {
		if a.Options[i].Name == name {
			a.Options[i].Text = text
			return
		}
	}
	a.Options = append(a.Options, Option{name, text})
}

// Clone copies settings so that nothing is shared.
func (s *Settings) Clone() Settings {
	c := *s
	c.Filter.FailRegex, c.Filter.IgnoreRegex = slices.Clone(s.Filter.FailRegex), slices.Clone(s.Filter.IgnoreRegex)
	c.Limits.Escalation.Multipliers = slices.Clone(s.Limits.Escalation.Multipliers)
	c.Ignore.List, c.Logs = slices.Clone(s.Ignore.List), slices.Clone(s.Logs)
	c.Journal = slices.Clone(s.Journal)
	for i := range c.Journal {
		c.Journal[i] = slices.Clone(c.Journal[i])
	}
	c.Syslog = slices.Clone(s.Syslog)
	c.Actions = slices.Clone(s.Actions)
	for i := range c.Actions {
		c.Actions[i].Options = slices.Clone(c.Actions[i].Options)
	}
	return c
}

// Report is a running jail at a moment.
type Report struct {
	Settings Settings
	Files    []string // that are read now; syslog:sshd is a program whose messages are received
	Failing  int      // who has failures that did not lead to a ban yet ("Currently failed")
	Failures uint64   // since the start ("Total failed")
	Bans     uint64   // since the start, with those restored ("Total banned")
	Banned   []Ticket // who is banned now, the earliest first
	Count    EngineCounters
	Lines    Counters
}

// Ticket is one party that a jail has banned.
type Ticket struct {
	ID       string       // an address, a network, or what the filter calls the party
	Prefix   netip.Prefix // valid if ID is an address or a network
	Since    time.Time
	Seconds  float64   // Forever for no end
	Until    time.Time // zero for no end
	Count    int       // the how manieth ban of the party it is, from 1
	Failures int       // lines behind it
	Matches  []string  // the last of them
	Fields   map[string]string
	Observed bool `json:",omitzero"` // nothing was done: observe mode, or the jail observes
	Restored bool `json:",omitzero"` // it was made before the last start

	// Merged is this ban with the earlier ones of the party, in all jails and in this one; nil: nobody has asked for it.
	Merged, JailMerged *MergedBans `json:",omitempty"`
}

// MergedBans are several bans of one party taken as one.
type MergedBans struct {
	Failures int
	Matches  []string // the last of all, the earliest first
}
