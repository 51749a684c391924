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

// maxAwaited is how many bans of a jail may be asked for and not answered before the judge looks for answers.
const maxAwaited = 4096

// await remembers the evidence of a breach, and that its ban is asked for, until the responder has decided.
func (j *jailPost) await(b *rules.Breach, q *actions.Request) {
	n := note{Who: actions.Text(b.Prefix), State: stateAsked, Ticket: j.ticketFor(b), Narrow: q.Narrow, Reason: strings.TrimPrefix(q.Reason, q.By+": ")}
	j.ask(n)
}

func (j *jailPost) ask(n note) {
	j.awaited[n.Who] = append(j.awaited[n.Who], &n)
	n.Ticket = keptTicket(n.Ticket)
	j.noted(n)
}

// ticketFor is the ticket of a ban that a breach leads to.
func (j *jailPost) ticketFor(b *rules.Breach) *rules.Ticket {
	t := &rules.Ticket{
		ID: b.ID, Prefix: b.Prefix, Since: time.Unix(b.At, 0), Seconds: b.Seconds, Count: 1,
		Failures: b.Failures, Matches: b.Matches, Fields: b.Fields,
	}
	if length := banTime(b.Seconds); length > 0 {
		t.Until = time.Now().Add(length)
	}
	if j.settings.Limits.Escalation.On {
		t.Count = b.Before + 1
	}
	return t
}

// standing is the ban of somebody that stands, or is asked for; nil if there is none.
func (j *jailPost) standing(id string) *rules.Ticket {
	if t := j.tickets[id]; t != nil {
		return t
	}
	if asked := j.awaited[id]; len(asked) > 0 {
		return asked[len(asked)-1].Ticket
	}
	return nil
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
		s.jailBanned(post, post.ticket(c))
	case actions.BanLifted, actions.BanExpired:
		if t, ok := post.tickets[id]; ok {
			s.jailUnbanned(post, t)
		}
	default:
		post.answered(c)
	}
}

// answered takes the first request for a ban that is answered off the list; nil if nobody waits.
func (j *jailPost) answered(c *actions.Change) *note {
	id := actions.Text(c.Asked)
	asked := j.awaited[id]
	if len(asked) == 0 {
		return nil
	}
	if j.awaited[id] = asked[1:]; len(asked) == 1 {
		delete(j.awaited, id)
	}
	switch banned := c.Kind == actions.BanMade || c.Kind == actions.BanRenewed; {
	case banned && c.Asked == c.Ban.Prefix:
		j.noted(note{Who: id, State: stateBanned})
	case doubted(c) && j.tickets[id] == nil:
		j.doubt(asked[0])
	case j.tickets[id] == nil:
		j.noted(note{Who: id, State: stateOver})
	default: // what stands goes on
		j.noted(note{Who: id, State: stateBanned, Ticket: keptTicket(j.tickets[id])})
	}
	return asked[0]
}

// ticket makes a jail's record of a ban out of the ledger's and of what the judge remembers of the breach.
func (j *jailPost) ticket(c *actions.Change) *rules.Ticket {
	b := &c.Ban
	t := &rules.Ticket{Count: 1}
	if n := j.answered(c); n != nil {
		t = n.Ticket
	} else if approved := j.approved(actions.Text(b.Prefix)); approved != nil {
		t = approved
	}
	t.ID, t.Prefix = actions.Text(b.Prefix), b.Prefix
	if !t.Restored { // see restored
		t.Since = b.Since
	}
	t.Until, t.Observed, t.Seconds = b.Until, b.Observed, rules.Forever
	if !b.Until.IsZero() {
		t.Seconds = b.Until.Sub(t.Since).Seconds()
	}
	if c.Asked != b.Prefix {
		j.noted(note{Who: t.ID, State: stateBanned, Ticket: keptTicket(t)})
	}
	return t
}

// jailBanned records a ban that was made, or that stood already and may last longer now.
func (s *Sensor) jailBanned(post *jailPost, t *rules.Ticket) {
	old, stood := post.tickets[t.ID]
	if stood && old.Observed == t.Observed {
		s.jailProlonged(post, old, t)
		return
	}
	post.tickets[t.ID] = t
	post.bans++
	if !t.Prefix.IsValid() {
		post.named++
	}
	if !t.Restored {
		s.remember(post, t, time.Now())
	} else if post.wantsPasts {
		s.merge(post, t, time.Now())
	}
	s.tellBan(post, t)
	if post.runner != nil && !t.Observed {
		post.runner.Ban(*t)
		if s.isLonger(post, t) {
			post.runner.Prolong(*t)
		}
	}
}

// jailProlonged gives a ban that stands the end of one that was asked for in addition. What it was made for stays.
func (s *Sensor) jailProlonged(post *jailPost, old, longer *rules.Ticket) {
	old.Until, old.Seconds = longer.Until, rules.Forever
	if !old.Until.IsZero() {
		old.Seconds = old.Until.Sub(old.Since).Seconds()
	}
	post.noted(note{Who: old.ID, State: stateBanned, Ticket: keptTicket(old)})
	if post.runner != nil && !old.Observed {
		post.runner.Prolong(*old)
	}
}

func (s *Sensor) jailUnbanned(post *jailPost, t *rules.Ticket) {
	delete(post.tickets, t.ID)
	if !t.Prefix.IsValid() {
		post.named--
	}
	post.noted(note{Who: t.ID, State: stateOver})
	s.tellUnban(post, t)
}

// restoreTickets gives the jails back the bans that stood before the start, with what led to them; asks again for those
// whose request a crash has cut off; and starts the commands.
func (s *Sensor) restoreTickets(ctx context.Context) {
	if s.judge == nil {
		return
	}
	bans, err := s.bansOf(ctx, "")
	if err == nil {
		err = s.judge.ask(ctx, func() {
			for _, post := range s.posted() {
				s.restorePost(ctx, post, bans)
				s.startRunner(post)
			}
		})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the jails do not know of the bans that stood before the start", "error", err)
	}
}

func (s *Sensor) restorePost(ctx context.Context, post *jailPost, bans []actions.Ban) {
	now := time.Now()
	own := map[string]*actions.Ban{}
	for i := range bans {
		if bans[i].Jail == post.name {
			own[actions.Text(bans[i].Prefix)] = &bans[i]
		}
	}
	lost := post.unanswered(own, now)
	for id, b := range own {
		if post.tickets[id] == nil {
			s.restoreTicket(post, post.restored(b))
		}
	}
	for _, n := range post.kept {
		if t := n.Ticket; !t.Prefix.IsValid() && (t.Until.IsZero() || t.Until.After(now)) {
			s.restoreTicket(post, t)
		}
	}
	post.recallDoubts(own)
	clear(post.kept)
	for i := range lost {
		s.log.Info("ban asked for again: picket was stopped before it was made", "jail", post.name, "prefix", lost[i].Who)
		s.askAgain(ctx, post, &lost[i], "", now)
	}
	s.judge.resume(post)
}

// restored is the ticket of a ban that the ledger has kept.
func (j *jailPost) restored(b *actions.Ban) *rules.Ticket {
	t := &rules.Ticket{Count: 1}
	if n := j.kept[actions.Text(b.Prefix)]; n != nil {
		t = n.Ticket
	}
	if !t.Restored { // else it goes on from when it was made first: before a stop of its jail, or by fail2ban
		t.Since = b.Since
	}
	t.ID, t.Prefix, t.Until, t.Observed, t.Seconds = actions.Text(b.Prefix), b.Prefix, b.Until, b.Observed, rules.Forever
	if !b.Until.IsZero() {
		t.Seconds = b.Until.Sub(t.Since).Seconds()
	}
	return t
}

func (s *Sensor) restoreTicket(post *jailPost, t *rules.Ticket) {
	t.Restored = true
	post.tickets[t.ID] = t
	post.bans++
	if !t.Prefix.IsValid() {
		post.named++
	}
	if post.wantsPasts {
		s.merge(post, t, time.Now())
	}
	if !t.Observed {
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Restore Ban "+t.ID)
	}
}

// askAgain asks for a ban that was asked for before, for the time that is left of it. approved says who has approved it.
func (s *Sensor) askAgain(ctx context.Context, post *jailPost, n *note, approved string, now time.Time) {
	q := post.request(n.Ticket.Prefix, n.Reason)
	q.Narrow, q.Approved = n.Narrow, approved
	if !n.Ticket.Until.IsZero() {
		q.For = n.Ticket.Until.Sub(now)
	}
	post.ask(*n)
	if err := s.responder.Submit(ctx, q); err != nil {
		s.log.Error("ban not asked for", "jail", post.name, "prefix", n.Who, "error", err)
	}
}

// tellFound writes a failure that counts down in fail2ban's words.
func (s *Sensor) tellFound(post *jailPost, f *rules.Failure, at int64, before, weight int) {
	when := time.Unix(at, 0).Format(time.DateTime)
	s.banLog.add("fail2ban.filter", "INFO", post.name, "Found "+f.ID+" - "+when)
	if weight <= 1 {
		return
	}
	text := fmt.Sprintf("Found %s, bad - %s, %d # -> %d", f.ID, when, before, weight)
	if weight >= post.settings.Limits.MaxRetry {
		text += ", Ban"
	}
	s.banLog.add("fail2ban.observer", "INFO", post.name, text)
}

// tellBan writes a ban down in fail2ban's words. One that is only observed is no ban to those who read on.
func (s *Sensor) tellBan(post *jailPost, t *rules.Ticket) {
	switch {
	case t.Observed:
		s.banLog.write("fail2ban.actions", "INFO", post.name, "Would ban "+t.ID+" (observed only)")
	case t.Restored:
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Restore Ban "+t.ID)
	default:
		s.banLog.write("fail2ban.actions", "NOTICE", post.name, "Ban "+t.ID)
		if text := increased(t, post.settings.Limits.BanSeconds); text != "" {
			s.banLog.write("fail2ban.observer", "NOTICE", post.name, text)
		}
	}
}

// tellAgain writes down that somebody failed too often, the last time at a Unix second, whose ban stands: the longer ago
// that was made, the more something is wrong with it.
func (s *Sensor) tellAgain(post *jailPost, t *rules.Ticket, at int64) {
	late, level := time.Unix(at, 0).Sub(t.Since), "DEBUG"
	switch {
	case late >= time.Minute:
		level = "WARNING"
	case late >= 3*time.Second:
		level = "NOTICE"
	}
	s.banLog.write("fail2ban.actions", level, post.name, t.ID+" already banned")
	if post.runner != nil && late > 3*time.Second {
		post.runner.Check(*t)
	}
}

// isLonger tells whether a ban lasts longer than the jail's first ones.
func (s *Sensor) isLonger(post *jailPost, t *rules.Ticket) bool {
	return increased(t, post.settings.Limits.BanSeconds) != ""
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

// tellUnban writes the end of a ban down and has the commands undo it.
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
		Settings: j.settings.Clone(), Files: append(j.filesHere(), programs(&j.settings)...), Failing: e.Failing(time.Now().Unix()), Failures: e.Count.Failures,
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
