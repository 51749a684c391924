package sensor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/rules"
	"picket/rules/library"
	"picket/sensor/strict"
	"picket/signatures/language"
)

// discovered in logs.library stands for all shipped rules whose log or service is on this host.
const discovered = "discovered"

// settle takes the default back when the operator has said which logs are judged: fail2ban's sshd jail, or a rule of
// his own, and ours would count each failure twice.
func (c *LogsConfig) settle(places strict.Places) {
	if _, said := places["logs.library"]; !said && (c.Fail2ban != "" || len(c.Rules) > 0) {
		c.Library = nil
	}
}

// logRules checks what the configuration says of our own rules; the rules themselves are checked when they are read.
func (v *validation) logRules() {
	l := &v.c.Logs
	all, err := library.Rules()
	v.check(err == nil, "logs.library", "a fault of this program", "%v", err)
	names := []string{discovered}
	for i := range all {
		names = append(names, all[i].Name)
	}
	for i, name := range l.Library {
		v.check(slices.Contains(names, name), fmt.Sprintf("logs.library[%d]", i), nearest(name, names), "no shipped rule is called %q", name)
	}
	for i, pattern := range l.Rules {
		_, err := filepath.Match(pattern, "")
		v.check(err == nil, fmt.Sprintf("logs.rules[%d]", i), "[ and ] must match", "%q is not a file name pattern", pattern)
	}
	for name, a := range l.Adjust {
		key := "logs.adjust." + name
		i := slices.IndexFunc(all, func(r library.Rule) bool { return r.Name == name })
		v.check(i >= 0, key, nearest(name, names[1:]), "no shipped rule is called %q", name)
		if i < 0 {
			continue
		}
		a.apply(&all[i])
		for _, f := range all[i].Verify(time.Now()) {
			v.check(false, key+"."+f.Key, f.Hint, "%s", f.Cause)
		}
	}
}

func nearest(name string, names []string) string {
	if near := language.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(names, ", ")
}

// apply puts what the operator says over what the rule does. A log given takes the place of all the rule's sources.
func (a *LogRules) apply(r *library.Rule) {
	if len(a.Logs)+len(a.Journal)+len(a.Syslog) > 0 {
		r.Logs, r.Journal, r.Syslog = a.Logs, a.Journal, a.Syslog
	}
	if len(a.Ports) > 0 {
		r.Ports = a.Ports
	}
	r.Observe = r.Observe || a.Observe
	r.Limits = r.Limits.With(a.Limits)
}

// LogRule is a rule of our own, ready for a jail.
type LogRule struct {
	library.Rule
	From string // the file, or "library"
	// Found: its log or its service is on this host, or messages of its programs are received. A log may come later.
	Found bool
}

// LogRules reads the rules that a configuration asks for. All faults are told at once, those of a file with their
// place in it.
func (c *Config) LogRules() ([]LogRule, error) {
	shipped, err := library.Rules()
	if err != nil {
		return nil, err
	}
	var all []LogRule
	for _, r := range shipped {
		if a, ok := c.Logs.Adjust[r.Name]; ok {
			a.apply(&r)
		}
		l := LogRule{Rule: r, From: "library", Found: c.comesHere(&r)}
		if slices.Contains(c.Logs.Library, r.Name) || l.Found && slices.Contains(c.Logs.Library, discovered) {
			all = append(all, l)
		}
	}
	own, faults := c.ruleFiles()
	all = append(all, own...)
	if len(faults) > 0 {
		return all, faults
	}
	return all, nil
}

// ruleFiles reads the operator's own rules.
func (c *Config) ruleFiles() (all []LogRule, faults strict.Faults) {
	for i, pattern := range c.Logs.Rules {
		paths, _ := filepath.Glob(c.beside(pattern)) // validate has checked the pattern
		if len(paths) == 0 {
			faults = append(faults, c.places.Fault(c.path, fmt.Sprintf("logs.rules[%d]", i), "no file is called "+pattern, ""))
		}
		for _, path := range paths {
			r, wrong := readLogRule(path)
			if faults = append(faults, wrong...); len(wrong) == 0 {
				all = append(all, LogRule{Rule: *r, From: path, Found: c.comesHere(r)})
			}
		}
	}
	return all, faults
}

// beside is a file name as the configuration file means it: relative to itself.
func (c *Config) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.path), name)
}

// maxLogRule bounds a rule file in bytes.
const maxLogRule = 1 << 20

// readLogRule reads and verifies one file.
func readLogRule(path string) (*library.Rule, strict.Faults) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > maxLogRule {
		err = fmt.Errorf("%d bytes (at most %d)", len(text), maxLogRule)
	}
	if err != nil {
		return nil, strict.Faults{{File: path, Cause: err.Error()}}
	}
	r := &library.Rule{}
	places, faults := strict.Decode(path, text, r)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, f := range r.Verify(time.Now()) {
		faults = append(faults, places.Fault(path, f.Key, f.Cause, f.Hint))
	}
	return r, faults
}

// comesHere tells whether one of a rule's logs, or a unit that its journal matches name, is here, or its messages are received.
func (c *Config) comesHere(r *library.Rule) bool {
	return logIsHere(r) || unitIsHere(r) || len(c.Logs.Syslog) > 0 && len(r.Syslog) > 0
}

func logIsHere(r *library.Rule) bool {
	return slices.ContainsFunc(r.Logs, func(pattern string) bool {
		paths, err := filepath.Glob(pattern)
		return err == nil && len(paths) > 0
	})
}

// unitFolders are where systemd finds the units of packages and administrators.
var unitFolders = [...]string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unitIsHere tells whether the journal can be read, and has a unit of the rule.
func unitIsHere(r *library.Rule) bool {
	if _, err := exec.LookPath("journalctl"); err != nil || !journalIsHere() {
		return false
	}
	for _, alternative := range r.Journal {
		_, unit, ok := strings.Cut(alternative, "_SYSTEMD_UNIT=")
		unit, _, _ = strings.Cut(unit, " ")
		if ok && slices.ContainsFunc(unitFolders[:], func(dir string) bool { return exists(filepath.Join(dir, unit)) }) {
			return true
		}
	}
	return false
}

func journalIsHere() bool { return exists("/run/log/journal") || exists("/var/log/journal") }

// ownJails turns our own rules into jails. fail2ban's jail of the same name goes first. A rule whose log is not there
// yet waits for it; when only the default asked for it, it is left out.
func (s *Sensor) ownJails(c *Config, taken []rules.Settings) (jails []rules.Settings, err error) {
	list, err := c.LogRules()
	var faults strict.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			s.log.Warn("rule for logs refused", "fault", f.Error())
		}
	} else if err != nil {
		return nil, err
	}
	for _, r := range list {
		named := func(j rules.Settings) bool { return j.Name == r.Name }
		if slices.ContainsFunc(taken, named) || slices.ContainsFunc(jails, named) {
			s.log.Warn("rule for logs left out: a jail of this name is there already", "rule", r.Name, "from", r.From)
			continue
		}
		if !r.Found && c.Logs.byDefault() {
			s.log.Info("no log to judge", "rule", r.Name, "looked for", strings.Join(r.Logs, " "))
			continue
		}
		j, _ := r.Settings() // its faults were told by LogRules
		r.settleSource(&j)
		c.Logs.settleSyslog(&j)
		jails = append(jails, j)
		s.log.Info("log judged", "rule", r.Name, "from", r.From, "found", r.Found)
	}
	return jails, nil
}

// byDefault tells whether nobody has asked for any log.
func (c *LogsConfig) byDefault() bool {
	return c.Fail2ban == "" && len(c.Rules) == 0 && slices.Equal(c.Library, Default().Logs.Library)
}

// settleSource chooses between files and journal: files that are here, else the journal if there is one, else the files
// that may come.
func (r *LogRule) settleSource(j *rules.Settings) {
	switch {
	case len(j.Journal) > 0 && !logIsHere(&r.Rule) && (len(j.Logs) == 0 || unitIsHere(&r.Rule)):
		j.Logs = nil
	default:
		j.Journal = nil
	}
}
