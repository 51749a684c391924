package sensor

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"picket/actions"
	"picket/actions/shell"
	"picket/rules/dates"
	"picket/rules/migration"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"picket/outputs/web"
	"picket/rules"
	"picket/rules/fail2ban"
	"picket/watch"
	"picket/watch/logs"
)

// jailPost is one jail at work: the lines it reads, what it does about breaches, and what it has counted. Only the atomic
// counters are for other goroutines than the judge.
type jailPost struct {
	name                        string
	settings                    rules.Settings
	jail                        *rules.Jail
	idle                        bool // it was added and not started
	files                       []jailFiles
	source                      string // its journal source; "" for files
	scope                       actions.Scope
	tickets                     map[string]*rules.Ticket // who is banned, by what is banned
	awaited                     map[string][]*note       // bans that are asked for and not answered, by what was asked for
	doubts                      doubts
	kept                        map[string]*note // what was read of bans at the start, until restoreTickets has it
	notes                       []note           // of bans, that are to be written
	pasts                       pasts
	wantsPasts                  bool // a command asks for earlier bans
	spared                      *rules.Spared
	command                     *ignoreCommand  // nil: none
	byName                      bool            // host names count as their addresses
	wasHeld                     []*heldFailure  // until restoreTickets has it
	lifted                      []rules.Ticket  // by its stop: they come back with its start
	named                       int             // tickets of parties without an address
	runner                      *shell.Runner   // of commands; nil: none are run
	stopping                    <-chan struct{} // closed when the commands of an earlier runner have ended; nil: none
	bans                        uint64          // since the start, with those restored
	failing, failures, breaches atomic.Uint64
	evicted                     atomic.Uint64
	evictions                   evictions
}

// jailFiles is a glob and the source that reads it.
type jailFiles struct{ pattern, source string }

// reads tells whether the jail is to see what comes from an origin.
func (j *jailPost) reads(o *watch.Origin) bool {
	if o.Source == syslogSource {
		return len(j.settings.Syslog) > 0 && !j.idle
	}
	if j.source != "" {
		return o.Source == j.source && !j.idle
	}
	for _, f := range j.files {
		if ok, _ := filepath.Match(f.pattern, o.Path); (ok || f.pattern == o.Path) && o.Source == f.source {
			return !j.idle
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
	all, err := s.configuredJails(o.Config)
	if err != nil {
		return err
	}
	for _, j := range all {
		if err := s.addJail(&j); err != nil {
			s.log.Warn("jail not started", "jail", j.Name, "why", err)
		}
	}
	if unheard(&o.Config.Logs, all) {
		s.log.Warn(noHearer)
	}
	if len(s.posted()) == 0 {
		return nil
	}
	s.judge = newJudge(s)
	s.openBanLog(&o.Config.Logs)
	if err := s.openPositions(o.Config.StateDir); err != nil {
		return err
	}
	s.prepareTakeover(o)
	if err := s.openSyslog(&o.Config.Logs); err != nil {
		return err
	}
	return s.openLogs()
}

// configuredJails returns all jails that the configuration wants.
func (s *Sensor) configuredJails(c *Config) ([]rules.Settings, error) {
	all, err := s.fail2banJails(&c.Logs)
	if err != nil {
		return nil, err
	}
	own, err := s.ownJails(c, all)
	return append(all, own...), err
}

// fail2banJails returns the jails of a folder such as /etc/fail2ban, none if there is none.
func (s *Sensor) fail2banJails(c *LogsConfig) (all []rules.Settings, err error) {
	if c.Fail2ban == "" {
		return nil, nil
	}
	config, err := fail2ban.Load(c.Fail2ban)
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
		settings.Limits.Remember = int64(config.Server.PurgeAge())
		if err != nil {
			s.log.Warn("a part of the jail is not kept", "jail", j.Name, "why", err)
		}
		if c.settleSyslog(&settings) {
			s.log.Warn("a part of the jail is not kept", "jail", j.Name, "why", "its logpath names messages of syslog, and logs.syslog no address where they are received")
		}
		all = append(all, settings)
	}
	return all, nil
}

// posted returns the jails at work. Any goroutine may call it; the list is never changed, only replaced.
func (s *Sensor) posted() []*jailPost {
	if list := s.jails.Load(); list != nil {
		return *list
	}
	return nil
}

// addJail compiles one jail and posts it.
func (s *Sensor) addJail(j *rules.Settings) error {
	filter, zone, err := compileJail(j)
	if err != nil {
		return err
	}
	post := newPost(j, filter, zone)
	if err := errors.Join(checkSource(j), knownPorts(j)); err != nil {
		return err
	}
	s.arrange(post, j)
	list := append(slices.Clone(s.posted()), post)
	s.jails.Store(&list)
	return nil
}

func newPost(j *rules.Settings, filter *rules.Filter, zone *time.Location) *jailPost {
	return &jailPost{
		name: j.Name, jail: rules.NewJail(filter, j.Limits, zone), tickets: map[string]*rules.Ticket{},
		awaited: map[string][]*note{}, doubts: doubts{}, kept: map[string]*note{},
	}
}

// knownPorts refuses a jail whose bans would be for ports that nobody knows.
func knownPorts(j *rules.Settings) error {
	for i := range j.Actions {
		if f := migration.FateOf(&j.Actions[i]); f.Unknown {
			return fmt.Errorf("action %s: %s", f.Action, f.Why)
		}
	}
	return nil
}

// compileJail makes what a jail judges lines with.
func compileJail(j *rules.Settings) (*rules.Filter, *time.Location, error) {
	filter, err := rules.Compile(j.Filter, time.Now())
	if err != nil {
		return nil, nil, err
	}
	zone, err := dates.ParseZone(j.Zone)
	return filter, zone, err
}

// arrange puts settings in force, except for the filter.
func (s *Sensor) arrange(p *jailPost, j *rules.Settings) {
	p.settings = j.Clone()
	p.files, p.source = nil, ""
	for _, l := range j.Logs {
		p.files = append(p.files, jailFiles{l.Pattern, p.group(l, s.log).name()})
	}
	if len(p.files) == 0 && len(j.Journal) > 0 {
		p.source = "journal " + j.Name
	}
	p.scope = s.scopeOfJail(j)
	p.wantsPasts, p.pasts.keep = wantsPasts(j), time.Duration(j.Limits.Remember)*time.Second
	p.jail.Engine().KeepFields = mentions(j, "<F-")
	s.spareThose(p, &p.settings)
	s.wireEngine(p)
	s.countBans(p)
}

// countBans has the bans of all jails counted when one of them, or the new one, wants to know (bantime.overalljails).
func (s *Sensor) countBans(p *jailPost) {
	all := append(slices.Clone(s.posted()), p)
	wanted := slices.ContainsFunc(all, func(j *jailPost) bool { return j.settings.Limits.Escalation.OverAll })
	for _, j := range all {
		j.jail.Engine().CountBans = wanted
	}
}

// wireEngine connects what counts a jail's failures with the bans that stand, the other jails and the log of bans.
func (s *Sensor) wireEngine(p *jailPost) {
	e := p.jail.Engine()
	e.Standing = func(id string) bool { return p.standing(id) != nil }
	e.Elsewhere = func(id string) (n int) {
		now := time.Now().Unix()
		for _, other := range s.posted() {
			if other != p {
				n += other.jail.Engine().Bans(id, now)
			}
		}
		return n
	}
	e.Found = func(f *rules.Failure, at int64, before, weight int) { s.tellFound(p, f, at, before, weight) }
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

// scopeOfJail returns what the jail's bans close, and says what becomes of each of its actions. Without an action of
// a firewall the ban stands in the ledger alone and is its commands' work.
func (s *Sensor) scopeOfJail(j *rules.Settings) actions.Scope {
	var terms []actions.Term
	var native, all bool
	answer := actions.Drop
	for i := range j.Actions {
		a := &j.Actions[i]
		f := migration.FateOf(a)
		switch f.Kind {
		case migration.Refused:
			s.log.Warn("action is not run", "jail", j.Name, "action", a.Name, "why", f.Why)
			continue
		case migration.Command:
			continue
		}
		scope := scopeOf(&f)
		if !native {
			answer = answerOf(a)
		}
		native, all = true, all || scope.All()
		terms = append(terms, scope.Terms()...)
		s.log.Info("action is picket's own ban", "jail", j.Name, "action", a.Name, "scope", scope, "answer", answerOf(a), "note", f.Why)
	}
	switch {
	case !native && len(j.Actions) > 0:
		return actions.Scope{Answer: actions.Commands}
	case all:
		terms = nil
	}
	scope, err := actions.NewScope(terms, answer)
	if err != nil {
		s.log.Warn("bans of the jail close all ports", "jail", j.Name, "why", err)
	}
	return scope
}

// rejections are how commands of firewalls say what a banned peer hears; what is listed before another wins.
var rejections = []struct {
	word   string
	answer actions.Answer
}{
	{"tcp-reset", actions.Reset}, {"tcp reset", actions.Reset}, {"admin-prohib", actions.Prohibited}, {"host-prohib", actions.Prohibited},
	{"host-unreach", actions.HostUnreachable}, {"net-unreach", actions.NetUnreachable}, {"no-route", actions.NetUnreachable},
	{"REJECT", actions.PortUnreachable}, {"reject", actions.PortUnreachable},
}

// answerOf reads out of a firewall's action whether it rejects or drops.
func answerOf(a *rules.Action) actions.Answer {
	if text, ok := a.Option("answer"); ok && a.File == rules.NativeAction {
		return actions.Answer(strings.TrimPrefix(text, "drop"))
	}
	text, said := a.Option("blocktype")
	if !said {
		ban, _ := a.Option("actionban")
		start, _ := a.Option("actionstart")
		text = ban + start
	}
	for _, r := range rejections {
		if strings.Contains(text, r.word) {
			return r.answer
		}
	}
	return actions.Drop
}

// openLogs makes the sources: one for all files of one encoding and start, one for each jail that reads the journal.
func (s *Sensor) openLogs() error {
	s.watchers = nil
	groups := map[fileGroup][]string{}
	var order []fileGroup
	for _, j := range s.posted() {
		for _, l := range j.settings.Logs {
			g := j.group(l, s.log)
			if groups[g] == nil {
				order = append(order, g)
			}
			groups[g] = append(groups[g], l.Pattern)
		}
	}
	for _, g := range order {
		if err := s.openFiles(g, groups[g]); err != nil {
			return err
		}
	}
	for _, j := range s.posted() {
		if j.source == "" {
			continue
		}
		journal, err := logs.NewJournal(logs.JournalConfig{
			Name: j.source, Matches: journalMatches(j.settings.Journal), Start: logs.FromSince,
			Since: time.Now().Add(-time.Duration(j.settings.Limits.Window) * time.Second),
			Warn:  func(err error) { s.log.Warn("journal", "error", err) },
		}, s.positions)
		if err != nil {
			return err
		}
		s.watchers = append(s.watchers, journal)
	}
	return nil
}

// fileGroup is the files that one source reads.
type fileGroup struct {
	encoding logs.Encoding
	tail     bool
}

// name is the source's; positions are kept under it.
func (g fileGroup) name() string {
	name := filesSource
	if g.encoding != logs.Auto {
		name += fmt.Sprintf(" encoding %d", g.encoding)
	}
	if g.tail {
		name += " tail"
	}
	return name
}

// group is which source reads a log of the jail; an encoding that is not known is found out.
func (j *jailPost) group(l rules.Log, log *slog.Logger) fileGroup {
	e, err := logs.ParseEncoding(j.settings.Encoding)
	if err != nil {
		log.Warn("encoding of the jail's logs is found out instead", "jail", j.name, "why", err)
	}
	return fileGroup{encoding: e, tail: l.Tail}
}

func (s *Sensor) openFiles(g fileGroup, globs []string) error {
	start := logs.FromBeginning
	if g.tail {
		start = logs.FromEnd
	}
	tail, err := logs.NewTail(logs.Config{
		Name: g.name(), Globs: globs, Start: start, Encoding: g.encoding,
		Warn: func(err error) { s.log.Warn("log file", "error", err) },
	}, s.positions)
	if err == nil {
		s.watchers = append(s.watchers, tail)
	}
	return err
}
