package sensor

import (
	"slices"
	"strings"
	"time"

	"picket/rules"
)

// pastBan is one ban of the past, as fail2ban's database keeps it for the tags <ipmatches>, <ipfailures> and the like.
type pastBan struct {
	At       int64    `json:"at"` // Unix seconds
	Failures int      `json:"failures"`
	Matches  []string `json:"matches,omitempty"`
}

// pasts are the bans of a jail's parties, as long as dbpurgeage says. They are kept where a command asks for them only.
type pasts struct {
	of    map[string][]pastBan // the earliest first
	order []string             // by first ban, with gone ones
	keep  time.Duration
}

// The bounds of what is remembered; the party that came first is forgotten first.
const (
	maxPasts    = 20_000 // parties
	maxPastBans = 20     // of one party
)

func (p *pasts) add(id string, b pastBan, now time.Time) {
	if p.keep > 0 && b.At < now.Add(-p.keep).Unix() {
		return
	}
	if p.of == nil {
		p.of = map[string][]pastBan{}
	}
	if p.of[id] == nil {
		p.order = append(p.order, id)
	}
	list := append(p.of[id], b)
	p.of[id] = list[max(len(list)-maxPastBans, 0):]
	for len(p.of) > maxPasts {
		delete(p.of, p.order[0])
		p.order = p.order[1:]
	}
}

// since returns a party's bans that are remembered still, the latest first.
func (p *pasts) since(id string, now time.Time) (list []pastBan) {
	for _, b := range slices.Backward(p.of[id]) {
		if p.keep == 0 || b.At >= now.Add(-p.keep).Unix() {
			list = append(list, b)
		}
	}
	return list
}

// purge forgets what is too old.
func (p *pasts) purge(now time.Time) {
	kept := p.order[:0]
	for _, id := range p.order {
		if list := p.since(id, now); len(list) > 0 {
			slices.Reverse(list)
			p.of[id] = list
			kept = append(kept, id)
			continue
		}
		delete(p.of, id)
	}
	p.order = kept
}

func (p *pasts) every(to []byte, jail string) []byte {
	for _, id := range p.order {
		for i := range p.of[id] {
			to = appendNote(to, &note{Memory: rules.Memory{Jail: jail}, Who: id, Past: &p.of[id][i]})
		}
	}
	return to
}

// mergedTags are the tags of commands that tell of more than one ban.
var mergedTags = [...]string{"<ipmatches>", "<ipjailmatches>", "<ipfailures>", "<ipjailfailures>"}

// wantsPasts tells whether a command of the jail asks for bans of the past.
func wantsPasts(s *rules.Settings) bool {
	return slices.ContainsFunc(mergedTags[:], func(tag string) bool { return mentions(s, tag) })
}

// mentions tells whether an action of the jail has a text in it.
func mentions(s *rules.Settings, text string) bool {
	for i := range s.Actions {
		for _, o := range s.Actions[i].Options {
			if strings.Contains(o.Text, text) {
				return true
			}
		}
	}
	return false
}

// remember keeps a ban for the merged tags, and adds to its ticket what it merges to, where some jail's commands ask.
func (s *Sensor) remember(post *jailPost, t *rules.Ticket, now time.Time) {
	if !slices.ContainsFunc(s.posted(), func(j *jailPost) bool { return j.wantsPasts }) {
		return
	}
	b := pastBan{At: t.Since.Unix(), Failures: t.Failures, Matches: keptTicket(t).Matches}
	post.pasts.add(t.ID, b, now)
	post.noted(note{Who: t.ID, Past: &b})
	if post.wantsPasts {
		s.merge(post, t, now)
	}
}

// merge puts what is remembered of a party's bans into a ticket.
func (s *Sensor) merge(post *jailPost, t *rules.Ticket, now time.Time) {
	var all []pastBan
	for _, j := range s.posted() {
		all = append(all, j.pasts.since(t.ID, now)...)
	}
	slices.SortStableFunc(all, func(a, b pastBan) int { return int(b.At - a.At) })
	t.Merged, t.JailMerged = mergedBans(all), mergedBans(post.pasts.since(t.ID, now))
}

// mergedBans adds bans up, the latest of which is first, as fail2ban's database does: the last lines of all, the earliest
// first.
func mergedBans(list []pastBan) *rules.MergedBans {
	if len(list) == 0 {
		return nil
	}
	m := &rules.MergedBans{}
	for _, b := range list {
		m.Failures += b.Failures
		if room := maxKeptMatches - len(m.Matches); room > 0 {
			m.Matches = append(slices.Clone(b.Matches[max(len(b.Matches)-room, 0):]), m.Matches...)
		}
	}
	return m
}
