package sensor

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"picket/outputs/web"
	"picket/rules"
	"picket/rules/fail2ban"
	"picket/watch"
	"picket/watch/logs"
)

// jailPost is one jail at work: the lines it reads, and what it has counted, for other goroutines to see.
type jailPost struct {
	name                        string
	jail                        *rules.Jail
	patterns                    []string // globs of its files
	source                      string   // its journal source; "" for files
	failing, failures, breaches atomic.Uint64
	evicted                     atomic.Uint64
	evictions                   evictions
}

// reads tells whether the jail is to see what comes from an origin.
func (j *jailPost) reads(o *watch.Origin) bool {
	if j.source != "" {
		return o.Source == j.source
	}
	for _, p := range j.patterns {
		if ok, _ := filepath.Match(p, o.Path); ok && o.Source == filesSource {
			return true
		}
	}
	return false
}

// publish makes the counters visible; the judge calls it after each batch.
func (j *jailPost) publish(now time.Time) {
	e := j.jail.Engine()
	j.failing.Store(uint64(e.Failing(now.Unix())))
	j.failures.Store(e.Count.Failures)
	j.breaches.Store(e.Count.Breaches)
	j.evicted.Store(e.Count.Evicted)
}

func (j *jailPost) status() web.Jail {
	return web.Jail{Name: j.name, Failing: j.failing.Load(), Failures: j.failures.Load(), Breaches: j.breaches.Load(), Evicted: j.evicted.Load()}
}

// filesSource is the one source of all files: a log is read once for all jails.
const filesSource = "files"

// prepareJails reads fail2ban's configuration as it stands, and our own rules. What can't be kept is refused by name
// and told; the jails that can work do.
func (s *Sensor) prepareJails(o *RunOptions) error {
	all, err := s.fail2banJails(o.Config.Logs.Fail2ban)
	if err != nil {
		return err
	}
	own, err := s.ownJails(o.Config, all)
	if err != nil {
		return err
	}
	for _, j := range append(all, own...) {
		if err := s.addJail(&j); err != nil {
			s.log.Warn("jail not started", "jail", j.Name, "why", err)
		}
	}
	if len(s.jails) == 0 {
		return nil
	}
	if err := s.openPositions(o.Config.StateDir); err != nil {
		return err
	}
	s.prepareTakeover(o)
	return s.openLogs()
}

// fail2banJails returns the jails of a folder such as /etc/fail2ban, none if it is "".
func (s *Sensor) fail2banJails(dir string) (all []rules.Settings, err error) {
	if dir == "" {
		return nil, nil
	}
	config, err := fail2ban.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's configuration: %w", err)
	}
	for _, f := range config.Faults {
		s.log.Warn("fail2ban's configuration", "fault", f.Error())
	}
	for _, j := range config.Jails {
		if j.Skipped != "" {
			s.log.Warn("jail not started", "jail", j.Name, "why", j.Skipped)
			continue
		}
		settings, err := rules.SettingsOf(j)
		if err != nil {
			s.log.Warn("a part of the jail is not kept", "jail", j.Name, "why", err)
		}
		all = append(all, settings)
	}
	return all, nil
}

// addJail compiles one jail.
func (s *Sensor) addJail(j *rules.Settings) error {
	filter, err := rules.Compile(j.Filter, time.Now())
	if err != nil {
		return err
	}
	s.tellActions(j)
	post := &jailPost{name: j.Name, jail: rules.NewJail(filter, j.Limits, nil)}
	for _, l := range j.Logs {
		post.patterns = append(post.patterns, l.Pattern)
	}
	if len(post.patterns) == 0 && len(j.Journal) == 0 {
		return errors.New("neither a log file nor a journal match is known")
	}
	if len(post.patterns) == 0 {
		post.source = "journal " + j.Name
		s.journals = append(s.journals, logs.JournalConfig{Name: post.source, Matches: journalMatches(j.Journal)})
	}
	s.jails = append(s.jails, post)
	return nil
}

// journalMatches joins alternatives as journalctl wants them: with + between.
func journalMatches(alternatives [][]string) []string {
	var all []string
	for i, words := range alternatives {
		if i > 0 {
			all = append(all, "+")
		}
		all = append(all, words...)
	}
	return all
}

// nativeBans are the actions of fail2ban that picket's own bans replace.
var nativeBans = []string{rules.NativeAction, "nftables*", "iptables*", "ipset*", "ufw*", "firewallcmd*", "pf", "route", "hostsdeny", "shorewall*"}

// tellActions says what becomes of a jail's actions.
func (s *Sensor) tellActions(j *rules.Settings) {
	for _, a := range j.Actions {
		native := false
		for _, pattern := range nativeBans {
			ok, _ := filepath.Match(pattern, a.File)
			native = native || ok
		}
		if native {
			s.log.Info("action replaced by picket's own ban, on all ports", "jail", j.Name, "action", a.File)
		} else {
			s.log.Warn("action is not run: picket bans only, so far", "jail", j.Name, "action", a.File)
		}
	}
}

// openLogs makes the sources: one for all files, one for each jail that reads the journal.
func (s *Sensor) openLogs() error {
	var globs []string
	for _, j := range s.jails {
		globs = append(globs, j.patterns...)
	}
	if len(globs) > 0 {
		tail, err := logs.NewTail(logs.Config{
			Name: filesSource, Globs: globs, Start: logs.FromBeginning,
			Warn: func(err error) { s.log.Warn("log file", "error", err) },
		}, s.positions)
		if err != nil {
			return err
		}
		s.watchers = append(s.watchers, tail)
	}
	for _, c := range s.journals {
		c.Start, c.Since = logs.FromSince, time.Now().Add(-time.Hour)
		c.Warn = func(err error) { s.log.Warn("journal", "error", err) }
		journal, err := logs.NewJournal(c, s.positions)
		if err != nil {
			return err
		}
		s.watchers = append(s.watchers, journal)
	}
	return nil
}
