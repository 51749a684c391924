package sensor

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"picket/actions"
	"picket/rules"
	f2b "picket/rules/fail2ban"
	"picket/rules/fail2ban/database"
	"picket/rules/migration"
	"picket/watch"
)

// What fail2ban has remembered goes over to picket once, at the first start with logs.take-over:
//
//	bans      asked for through the gate, for the time that is left of them, when the responder is at work
//	counts    how often each party was banned goes to the jail's engine, which makes bans longer by it
//	positions a log goes on where fail2ban was, if its first line is the same still
//
// Only when the last ban was asked for is the take-over remembered: a start that fails before does it again.
type takeover struct {
	bans  []actions.Request
	taken migration.Taken
}

// prepareTakeover reads fail2ban's database, where it is wanted and was not done. That it can't be read is told: the jails
// work without it.
func (s *Sensor) prepareTakeover(o *RunOptions) {
	c := &o.Config.Logs
	if !c.TakeOver || c.Fail2ban == "" || len(s.posted()) == 0 {
		return
	}
	if _, done := migration.TakenOn(o.Config.StateDir); done {
		return
	}
	config, err := f2b.Load(c.Fail2ban)
	if err != nil {
		return // told with the jails
	}
	db, err := database.Read(config.Server.DBFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.log.Info("there is no database of fail2ban's, so no ban to take over", "dbfile", config.Server.DBFile)
		return
	case err != nil:
		s.log.Warn("fail2ban's bans are not taken over", "error", err)
		return
	}
	t := &takeover{taken: migration.Taken{Database: config.Server.DBFile}}
	scopes := scopesOf(config)
	now := time.Now()
	for i := range db.Bans {
		if post := s.jailNamed(db.Bans[i].Jail); post != nil {
			t.add(&db.Bans[i], post, scopes[post.name], now)
		}
	}
	s.takePositions(db)
	s.takeover = t
}

func (s *Sensor) jailNamed(name string) *jailPost {
	for _, j := range s.posted() {
		if j.name == name {
			return j
		}
	}
	return nil
}

// add takes over one party: its count, and its ban if that stands. To the jail's actions such a ban is a restored one:
// nobody gets mail about it again.
func (t *takeover) add(b *database.Ban, post *jailPost, scope actions.Scope, now time.Time) {
	e := post.jail.Engine()
	base := e.Limits().BanSeconds
	e.Restore(b.ID, b.Count, b.At, b.Length(base))
	t.taken.Known++
	if !b.Stands(now.Unix(), base) {
		return
	}
	prefix, err := actions.ParsePrefix(b.ID)
	if err != nil {
		return // a name: nothing to ban
	}
	q := actions.Request{
		Prefix: prefix, Scope: scope, Jail: b.Jail, By: "jail " + b.Jail,
		Reason: fmt.Sprintf("jail %s: taken over from fail2ban, ban %d since %s", b.Jail, b.Count, time.Unix(b.At, 0).Format(time.DateTime)),
	}
	if until, ends := b.Until(base); ends {
		q.For = time.Unix(until, 0).Sub(now)
	}
	post.ask(note{Who: actions.Text(prefix), State: stateAsked, Reason: "taken over from fail2ban", Ticket: &rules.Ticket{
		ID: b.ID, Prefix: prefix, Since: time.Unix(b.At, 0), Count: b.Count, Failures: b.Failures, Matches: b.Matches, Restored: true,
	}})
	t.bans = append(t.bans, q)
}

// scopesOf returns what the bans of each jail close: the ports of its first ban action.
func scopesOf(c *f2b.Config) map[string]actions.Scope {
	scopes := map[string]actions.Scope{}
	for _, j := range c.Jails {
		if j.Skipped != "" {
			continue
		}
		settings, _ := rules.SettingsOf(j) // its faults were told with the jails
		for i := range settings.Actions {
			if f := migration.FateOf(&settings.Actions[i]); f.Kind == migration.Native {
				scopes[j.Name] = scopeOf(&f)
				break
			}
		}
	}
	return scopes
}

// scopeOf turns ports as fail2ban writes them into a scope; everything if they can't be read.
func scopeOf(f *migration.Fate) actions.Scope {
	if f.Ports == "all" {
		return actions.Scope{}
	}
	var words []string
	for protocol := range strings.SplitSeq(f.Protocol, ",") {
		words = append(words, strings.TrimSpace(protocol)+"/"+strings.ReplaceAll(f.Ports, ":", "-"))
	}
	scope, err := actions.ParseScope(strings.Join(words, " "))
	if err != nil {
		return actions.Scope{}
	}
	return scope
}

// takePositions lets logs go on where fail2ban was: the least position of all jails that read a log.
func (s *Sensor) takePositions(db *database.Database) {
	least := map[string]int64{}
	for i := range db.Logs {
		l := &db.Logs[i]
		if s.jailNamed(l.Jail) == nil {
			continue
		}
		if same, err := l.Current(); err != nil || !same {
			continue
		}
		if have, known := least[l.Path]; !known || l.Position < have {
			least[l.Path] = l.Position
		}
	}
	for path, position := range least {
		m, err := markAt(path, position)
		if err == nil {
			err = s.positions.Keep(m)
		}
		if err != nil {
			s.log.Warn("a log is read from its beginning: fail2ban's position is not kept", "log", path, "error", err)
		}
	}
}

// headLength is how much of a file's beginning is its fingerprint, as in watch/logs.
const headLength = 256

// markAt is a position in a file as the reader of files keeps it.
func markAt(path string, position int64) (watch.Mark, error) {
	f, err := os.Open(path)
	if err != nil {
		return watch.Mark{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return watch.Mark{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return watch.Mark{}, errors.New("the file system tells no inode")
	}
	head := make([]byte, min(headLength, position))
	if _, err := io.ReadFull(f, head); err != nil {
		return watch.Mark{}, err
	}
	sum := fnv.New64a()
	sum.Write(head)
	return watch.Mark{
		Source: filesSource, Path: path, Device: uint64(stat.Dev), Inode: stat.Ino, Offset: position,
		HeadLen: len(head), HeadSum: sum.Sum64(),
	}, nil
}

// finishTakeover asks for the bans and remembers that it is done. Those that the gate refuses are told by it.
func (s *Sensor) finishTakeover(ctx context.Context) {
	t := s.takeover
	if t == nil {
		return
	}
	for _, q := range t.bans {
		if err := s.responder.Submit(ctx, q); err != nil {
			s.log.Error("a ban of fail2ban's is not taken over, and those behind it: it is tried again at the next start", "error", err)
			return
		}
	}
	t.taken.On, t.taken.Bans = time.Now(), len(t.bans)
	if err := migration.Remember(s.config.Load().StateDir, t.taken); err != nil {
		s.log.Error("fail2ban's bans are taken over again at the next start", "error", err)
		return
	}
	s.log.Info("fail2ban's database is taken over", "bans", t.taken.Bans, "known", t.taken.Known, "database", t.taken.Database)
}
