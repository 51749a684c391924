package sensor

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"picket/actions"
	"picket/rules"
	"picket/watch/logs"
)

var _ rules.Warden = (*Sensor)(nil)

// onJail lets the judge do something with a jail.
func (s *Sensor) onJail(ctx context.Context, name string, do func(*jailPost) error) (err error) {
	asked := s.judge.ask(ctx, func() {
		if post := s.jailNamed(name); post != nil {
			err = do(post)
		} else {
			err = rules.NoJail(name)
		}
	})
	return errors.Join(asked, err)
}

// Jails implements rules.Warden.
func (s *Sensor) Jails(context.Context) ([]string, error) {
	var names []string
	for _, j := range s.posted() {
		names = append(names, j.name)
	}
	return names, nil
}

// Jail implements rules.Warden.
func (s *Sensor) Jail(ctx context.Context, name string) (r rules.Report, err error) {
	err = s.onJail(ctx, name, func(post *jailPost) error {
		r = post.report()
		return nil
	})
	slices.SortFunc(r.Banned, func(a, b rules.Ticket) int { return a.Since.Compare(b.Since) })
	return r, err
}

// Change implements rules.Warden.
func (s *Sensor) Change(ctx context.Context, name string, change func(*rules.Settings) error) error {
	return s.onJail(ctx, name, func(post *jailPost) error {
		next := post.settings.Clone()
		if err := change(&next); err != nil {
			return err
		}
		if err := logsAreThere(post.settings.Logs, next.Logs); err != nil {
			return err
		}
		return s.change(post, &next)
	})
}

// logsAreThere refuses logs that a verb adds while no file has their name: it is mistyped. A configuration may name logs
// that are to come.
func logsAreThere(old, next []rules.Log) error {
	for _, l := range next {
		if found, _ := filepath.Glob(l.Pattern); len(found) == 0 && !slices.Contains(old, l) {
			return &fs.PathError{Op: "open", Path: l.Pattern, Err: fs.ErrNotExist}
		}
	}
	return nil
}

// change puts settings in force as a whole, or leaves all as it was.
func (s *Sensor) change(post *jailPost, next *rules.Settings) error {
	old := post.settings
	if err := knownPorts(next); err != nil {
		return err
	}
	if _, err := logs.ParseEncoding(next.Encoding); err != nil && next.Encoding != old.Encoding {
		return err
	}
	if !reflect.DeepEqual(old.Filter, next.Filter) || old.Zone != next.Zone {
		filter, zone, err := compileJail(next)
		if err != nil {
			return err
		}
		post.jail.Refilter(filter, zone)
	}
	post.jail.Engine().SetLimits(next.Limits)
	if !reflect.DeepEqual(old.Actions, next.Actions) {
		s.stopRunner(post)
		defer s.startRunner(post)
	}
	s.arrange(post, next)
	if !reflect.DeepEqual(old.Logs, next.Logs) || !reflect.DeepEqual(old.Journal, next.Journal) || old.Encoding != next.Encoding {
		s.judge.wantLogs()
	}
	clear(s.judge.readers)
	return nil
}

// wantLogs has the watchers replaced by those that the jails want now.
func (j *judgeOfLines) wantLogs() {
	select {
	case j.reopen <- struct{}{}:
	default: // it is wanted already
	}
}

// BanIn implements rules.Warden.
func (s *Sensor) BanIn(ctx context.Context, jail string, ids []string) (n int, err error) {
	var first error
	for _, id := range ids {
		fresh, err := s.banOne(ctx, jail, id)
		if errors.Is(err, rules.ErrNoJail) {
			return 0, err
		}
		if fresh {
			n++
		}
		if first == nil {
			first = err
		}
	}
	return n, first
}

// banOne bans one party by hand; fresh tells that it was not banned before.
func (s *Sensor) banOne(ctx context.Context, jail, id string) (fresh bool, err error) {
	prefix, bad := actions.ParsePrefix(id)
	if bad != nil {
		return s.banNamedByHand(ctx, jail, id)
	}
	var q actions.Request
	err = s.onJail(ctx, jail, func(post *jailPost) error {
		_, stands := post.tickets[actions.Text(prefix)]
		fresh = !stands
		q = s.byHand(post, prefix)
		return nil
	})
	if err == nil {
		_, err = s.responder.Ban(ctx, q)
	}
	return fresh && err == nil, err
}

// byHand is the request for a ban that an operator orders: as long as the next one would be, or as the one that stands.
func (s *Sensor) byHand(post *jailPost, prefix netip.Prefix) actions.Request {
	q := post.request(prefix, "by hand")
	q.Approved = "cli"
	if t := post.standing(actions.Text(prefix)); t != nil {
		q.For = banTime(t.Seconds)
		return q
	}
	seconds, before := post.jail.Engine().Sentence(actions.Text(prefix), time.Now().Unix())
	q.For = banTime(seconds)
	b := rules.Breach{ID: actions.Text(prefix), Prefix: prefix, At: time.Now().Unix(), Before: before, Seconds: seconds}
	post.await(&b, &q)
	return q
}

// banNamedByHand bans what is no address; fresh tells that it was not banned before.
func (s *Sensor) banNamedByHand(ctx context.Context, jail, id string) (fresh bool, err error) {
	err = s.onJail(ctx, jail, func(post *jailPost) error {
		if fresh = post.tickets[id] == nil; !fresh {
			return nil
		}
		now := time.Now().Unix()
		seconds, before := post.jail.Engine().Sentence(id, now)
		return s.banNamed(post, post.ticketFor(&rules.Breach{ID: id, At: now, Before: before, Seconds: seconds}))
	})
	return fresh && err == nil, err
}

// UnbanIn implements rules.Warden.
func (s *Sensor) UnbanIn(ctx context.Context, jail string, ids []string) (lifted int, absent []string, err error) {
	if jail != "" {
		if err := s.onJail(ctx, jail, func(*jailPost) error { return nil }); err != nil {
			return 0, nil, err
		}
	}
	bans, err := s.bansOf(ctx, jail)
	for _, id := range ids {
		n := 0
		if p, bad := actions.ParsePrefix(id); bad == nil {
			n, err = s.liftAll(ctx, bans, func(q netip.Prefix) bool { return p.Bits() <= q.Bits() && p.Contains(q.Addr()) })
		} else {
			n, err = s.unbanNamedIn(ctx, jail, id)
		}
		if n == 0 {
			absent = append(absent, id)
		}
		lifted += n
	}
	return lifted, absent, err
}

// UnbanAll implements rules.Warden.
func (s *Sensor) UnbanAll(ctx context.Context, jail string) (int, error) {
	bans, err := s.bansOf(ctx, jail)
	if err != nil {
		return 0, err
	}
	n, err := s.liftAll(ctx, bans, func(netip.Prefix) bool { return true })
	asked := s.judge.ask(ctx, func() { n += s.unbanAllNamed(jail) })
	return n, errors.Join(err, asked)
}

// liftAll lifts those bans of jails whose prefix is meant, and forgives their parties.
func (s *Sensor) liftAll(ctx context.Context, bans []actions.Ban, meant func(netip.Prefix) bool) (n int, err error) {
	for _, b := range bans {
		if !meant(b.Prefix) {
			continue
		}
		e := s.responder.UnbanOf(ctx, b.Jail, b.Prefix)
		if errors.Is(e, actions.ErrNotBanned) {
			continue // it ended in between, or was lifted with another scope of the same jail
		}
		if e == nil {
			n++
			e = s.onJail(ctx, b.Jail, func(post *jailPost) error {
				post.jail.Engine().Forgive(actions.Text(b.Prefix))
				return nil
			})
		}
		err = errors.Join(err, e)
	}
	return n, err
}

// Attempt implements rules.Warden.
func (s *Sensor) Attempt(ctx context.Context, jail, id string, matches []string) (count int, err error) {
	err = s.onJail(ctx, jail, func(post *jailPost) error {
		f := rules.Failure{ID: id, Host: id, Nanos: time.Now().UnixNano(), Matches: matches, Attempts: max(len(matches), 1), Times: len(matches)}
		if a, bad := netip.ParseAddr(id); bad == nil {
			f.Addr, f.ID = a.Unmap(), a.Unmap().String()
		}
		b, breached := post.jail.Engine().Add(&f, time.Now().Unix())
		if breached {
			count = b.Count
			s.judge.breach(ctx, post, &b)
			s.judge.report(ctx)
			return nil
		}
		count = post.jail.Engine().Failures(f.ID)
		return nil
	})
	return count, err
}

// AddJail implements rules.Warden.
func (s *Sensor) AddJail(ctx context.Context, j rules.Settings) (err error) {
	asked := s.judge.ask(ctx, func() {
		if s.jailNamed(j.Name) != nil {
			err = rules.HaveJail(j.Name)
			return
		}
		post := s.newOrRested(&j)
		post.idle = true
		if len(j.Filter.FailRegex) > 0 {
			if err = s.change(post, &j); err != nil {
				return
			}
		} else {
			s.arrange(post, &j)
		}
		list := append(slices.Clone(s.posted()), post)
		s.jails.Store(&list)
	})
	return errors.Join(asked, err)
}

// StartJail implements rules.Warden.
func (s *Sensor) StartJail(ctx context.Context, name string) error {
	return s.onJail(ctx, name, func(post *jailPost) error {
		if !post.idle {
			return nil
		}
		post.idle = false
		s.startRunner(post)
		s.banAgain(ctx, post)
		s.judge.wantLogs()
		clear(s.judge.readers)
		return nil
	})
}

// ReloadJails implements rules.Warden.
func (s *Sensor) ReloadJails(ctx context.Context, o rules.ReloadOptions) error {
	wanted, err := s.configuredJails(s.config.Load())
	if err != nil {
		return err
	}
	named := func(j rules.Settings) bool { return j.Name == o.Jail }
	if o.Jail != "" && !o.IfExists && !slices.ContainsFunc(wanted, named) && s.jailNamed(o.Jail) == nil {
		return rules.NoJail(o.Jail)
	}
	for _, post := range s.posted() {
		if o.Jail != "" && post.name != o.Jail {
			continue
		}
		if o.Unban {
			_, e := s.UnbanAll(ctx, post.name)
			err = errors.Join(err, e)
		}
		if !slices.ContainsFunc(wanted, func(j rules.Settings) bool { return j.Name == post.name }) {
			err = errors.Join(err, s.StopJail(ctx, post.name))
		}
	}
	for _, j := range wanted {
		if o.Jail == "" || j.Name == o.Jail {
			err = errors.Join(err, s.reloadJail(ctx, j, o.Restart))
		}
	}
	return err
}

// reloadJail brings one jail to its settings.
func (s *Sensor) reloadJail(ctx context.Context, j rules.Settings, restart bool) error {
	if s.jailNamed(j.Name) == nil {
		return errors.Join(s.AddJail(ctx, j), s.StartJail(ctx, j.Name))
	}
	return s.onJail(ctx, j.Name, func(post *jailPost) error {
		if restart {
			s.stopRunner(post)
			defer s.startRunner(post)
		}
		return s.change(post, &j)
	})
}

// FlushLogs implements rules.Warden.
func (s *Sensor) FlushLogs(context.Context) error {
	s.banLog.reopen()
	return nil
}
