package sensor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/actions"
	"picket/rules"
)

// maxAwaited bounds what is remembered of breaches whose ban was asked for and is not answered yet: more than an inbox
// holds can't wait.
const maxAwaited = 16384

// await remembers the evidence of a breach until the responder has decided about its ban.
func (j *jailPost) await(b *rules.Breach) {
	if len(j.awaited) >= maxAwaited {
		clear(j.awaited)
	}
	t := &rules.Ticket{Count: b.Before + 1, Failures: b.Failures, Matches: b.Matches}
	if j.runner != nil {
		t.Fields = fieldsFor(b)
	}
	j.awaited[actions.Text(b.Prefix)] = t
}

// fieldsFor is what the tags <F-USER> and the like stand for in the commands of a ban.
func fieldsFor(b *rules.Breach) map[string]string {
	fields := make(map[string]string, len(b.Fields))
	for _, f := range b.Fields {
		fields[f.Name] = strings.Clone(f.Text) // not the whole line, for as long as the ban stands
	}
	return fields
}

// jailChanged is told by the responder what became of a jail's ban. The judge calls it.
func (s *Sensor) jailChanged(c *actions.Change) {
	post := s.jailNamed(c.Ban.Jail)
	if post == nil {
		return
	}
	id := actions.Text(c.Ban.Prefix)
	switch c.Kind {
	case actions.BanMade, actions.BanRenewed:
		t := post.ticket(&c.Ban)
		_, stood := post.tickets[id]
		post.tickets[id] = t
		if !stood {
			post.bans++
		}
		s.tellBan(post, t, stood)
	case actions.BanLifted, actions.BanExpired:
		if t, ok := post.tickets[id]; ok {
			delete(post.tickets, id)
			s.tellUnban(post, t)
		}
	default:
		delete(post.awaited, id)
	}
}

// ticket makes a jail's record of a ban out of the ledger's and of what the judge remembers of the breach.
func (j *jailPost) ticket(b *actions.Ban) *rules.Ticket {
	id := actions.Text(b.Prefix)
	t := j.awaited[id]
	delete(j.awaited, id)
	if t == nil {
		t = &rules.Ticket{Count: 1}
	}
	t.ID, t.Prefix, t.Since, t.Until, t.Observed, t.Seconds = id, b.Prefix, b.Since, b.Until, b.Observed, rules.Forever
	if !b.Until.IsZero() {
		t.Seconds = b.Until.Sub(b.Since).Seconds()
	}
	return t
}

// restoreTickets gives the jails back the bans that the ledger has kept over the restart, and starts their commands.
func (s *Sensor) restoreTickets(ctx context.Context) {
	if s.judge == nil {
		return
	}
	bans, err := s.bansOf(ctx, "")
	if err == nil {
		err = s.judge.ask(ctx, func() {
			for i := range bans {
				s.restoreTicket(&bans[i])
			}
			for _, post := range s.posted() {
				s.startRunner(post)
			}
		})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the jails do not know of the bans that stood before the start", "error", err)
	}
}

func (s *Sensor) restoreTicket(b *actions.Ban) {
	post := s.jailNamed(b.Jail)
	if post == nil || post.tickets[actions.Text(b.Prefix)] != nil {
		return
	}
	t := post.ticket(b)
	t.Restored = true
	post.tickets[t.ID] = t
	post.bans++
	if !t.Observed {
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Restore Ban "+t.ID)
	}
}

// tellBan writes a ban down in fail2ban's words. One that is only observed is no ban to those who read on.
func (s *Sensor) tellBan(post *jailPost, t *rules.Ticket, stood bool) {
	switch {
	case t.Observed:
		s.banLog.write("fail2ban.actions", "INFO", post.name, "Would ban "+t.ID+" (observed only)")
	case stood:
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, t.ID+" already banned")
	case t.Restored:
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Restore Ban "+t.ID)
	default:
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Ban "+t.ID)
		if text := increased(t, post.settings.Limits.BanSeconds); text != "" {
			s.banLog.write("fail2ban.observer", "NOTICE", post.name, text)
		}
	}
	if post.runner != nil && !stood {
		post.runner.Ban(*t)
	}
}

// increased says in fail2ban's words that a ban is longer than the jail's first ones, which last base seconds: the how
// manieth it is, how long it lasts and until when. It is "" for one that is not.
func increased(t *rules.Ticket, base float64) string {
	if t.Seconds <= base || t.Count < 2 || base < 0 || t.Until.IsZero() {
		return ""
	}
	left := int(t.Seconds)
	span := fmt.Sprintf("%d:%02d:%02d", left/3600%24, left/60%60, left%60)
	switch days := left / 86400; {
	case days == 1:
		span = "1 day, " + span
	case days > 1:
		span = fmt.Sprintf("%d days, %s", days, span)
	}
	return fmt.Sprintf("Increase Ban %s (%d # %s -> %s)", t.ID, t.Count, span, t.Until.Local().Format(time.DateTime))
}

func (s *Sensor) tellUnban(post *jailPost, t *rules.Ticket) {
	if t.Observed {
		return
	}
	s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Unban "+t.ID)
	if post.runner != nil {
		post.runner.Unban(*t)
	}
}

// report describes a jail; the judge calls it.
func (j *jailPost) report() rules.Report {
	e := j.jail.Engine()
	r := rules.Report{
		Settings: j.settings.Clone(), Files: j.filesHere(), Failing: e.Failing(time.Now().Unix()), Failures: e.Count.Failures,
		Bans: j.bans, Count: e.Count, Lines: j.jail.Lines(),
	}
	for _, t := range j.tickets {
		r.Banned = append(r.Banned, *t)
	}
	return r
}

// filesHere lists the files that the jail's logs are now.
func (j *jailPost) filesHere() (files []string) {
	for _, f := range j.files {
		here, _ := filepath.Glob(f.pattern) // a pattern that is none matches nothing
		for _, path := range here {
			if !slices.Contains(files, path) {
				files = append(files, path)
			}
		}
	}
	slices.Sort(files)
	return files
}

// bansOf lists the bans of a jail, or of all jails if it is "".
func (s *Sensor) bansOf(ctx context.Context, jail string) ([]actions.Ban, error) {
	all, err := s.responder.Bans(ctx)
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, b := range all {
		if b.Jail != "" && (jail == "" || b.Jail == jail) {
			kept = append(kept, b)
		}
	}
	return kept, nil
}
