package sensor

import (
	"context"
	"errors"
	"slices"
	"time"

	"picket/actions"
	"picket/rules"
)

// A jail that is stopped rests: its bans are lifted and its commands ended, but what it has counted stays, and the bans
// come back for the time that is left of them when it starts again, as fail2ban's do out of its database. Over a restart
// of picket counters stay and the bans do not: who stopped a jail wanted them lifted.

// remembering are all jails that have something to remember: those at work and those that rest. The judge calls it.
func (s *Sensor) remembering() []*jailPost {
	all := slices.Clone(s.posted())
	for _, post := range s.judge.resting {
		all = append(all, post)
	}
	return all
}

// StopJail implements rules.Warden.
func (s *Sensor) StopJail(ctx context.Context, name string) error {
	var lifted []rules.Ticket
	err := s.onJail(ctx, name, func(post *jailPost) error {
		lifted, post.idle = post.report().Banned, true
		clear(s.judge.readers)
		s.stopRunner(post) // it undoes all bans at once, where they have an actionflush
		return nil
	})
	if err != nil {
		return err
	}
	err = s.withdraw(ctx, name)
	return errors.Join(err, s.onJail(ctx, name, func(post *jailPost) error {
		for _, c := range s.judge.news.take() {
			s.jailChanged(&c)
		}
		s.unbanAllNamed(name)
		post.lifted = lifted
		s.judge.resting[name] = post
		list := slices.DeleteFunc(slices.Clone(s.posted()), func(j *jailPost) bool { return j == post })
		s.jails.Store(&list)
		clear(s.judge.readers)
		s.judge.wantLogs()
		return nil
	}))
}

// withdraw lifts the bans of a jail that have an address. Their parties are not forgiven.
func (s *Sensor) withdraw(ctx context.Context, jail string) error {
	bans, err := s.bansOf(ctx, jail)
	for _, b := range bans {
		if e := s.responder.UnbanOf(ctx, jail, b.Prefix); !errors.Is(e, actions.ErrNotBanned) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// newOrRested returns a jail's post without settings: the one that rests under its name, or a new one.
func (s *Sensor) newOrRested(j *rules.Settings) *jailPost {
	post := s.judge.resting[j.Name]
	if post == nil {
		post = newPost(j, &rules.Filter{}, nil)
		post.jail.Engine().Note()
		return post
	}
	delete(s.judge.resting, j.Name)
	post.settings = rules.Settings{}
	post.jail.Refilter(&rules.Filter{}, nil)
	return post
}

// banAgain makes the bans again that a stop of the jail has lifted. They were admitted once, so nobody is asked.
func (s *Sensor) banAgain(ctx context.Context, post *jailPost) {
	now := time.Now()
	for i := range post.lifted {
		t := &post.lifted[i]
		t.Restored = true
		switch {
		case !t.Until.IsZero() && !t.Until.After(now):
		case t.Prefix.IsValid():
			s.askAgain(ctx, post, &note{Who: t.ID, State: stateAsked, Ticket: t, Reason: "banned again, the jail is back at work"}, "cli", now)
		default:
			if err := s.banNamed(post, t); err != nil {
				s.log.Warn("ban not made again", "error", err)
			}
		}
	}
	post.lifted = nil
}
