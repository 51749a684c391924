package fail2ban

import (
	"context"

	"slices"
	"strings"
	"time"

	"picket/rules"
)

// prison is a Host that keeps its jails in memory and judges nothing.
type prison struct{ jails []*rules.Report }

func (p *prison) find(name string) (*rules.Report, error) {
	for _, r := range p.jails {
		if r.Settings.Name == name {
			return r, nil
		}
	}
	return nil, rules.NoJail(name)
}

func (p *prison) Jails(context.Context) (names []string, err error) {
	for _, r := range p.jails {
		names = append(names, r.Settings.Name)
	}
	return names, nil
}

func (p *prison) Jail(_ context.Context, name string) (rules.Report, error) {
	r, err := p.find(name)
	if err != nil {
		return rules.Report{}, err
	}
	c := *r
	c.Settings = r.Settings.Clone()
	for _, l := range r.Settings.Logs {
		c.Files = append(c.Files, l.Pattern)
	}
	return c, nil
}

func (p *prison) Change(_ context.Context, name string, change func(*rules.Settings) error) error {
	r, err := p.find(name)
	if err != nil {
		return err
	}
	s := r.Settings.Clone()
	if err := change(&s); err != nil {
		return err
	}
	r.Settings = s
	return nil
}

func (p *prison) BanIn(_ context.Context, jail string, ids []string) (n int, err error) {
	r, err := p.find(jail)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(r.Banned, func(t rules.Ticket) bool { return t.ID == id }) {
			r.Banned = append(r.Banned, ticket(id, r.Settings.Limits.BanSeconds))
			r.Bans++
			n++
		}
	}
	return n, nil
}

func ticket(id string, seconds float64) rules.Ticket {
	since := time.Date(2026, 11, 20, 23, 46, 30, 0, time.Local)
	return rules.Ticket{ID: id, Since: since, Seconds: seconds, Until: since.Add(time.Duration(seconds) * time.Second)}
}

func (p *prison) UnbanIn(_ context.Context, jail string, ids []string) (n int, absent []string, err error) {
	if _, err := p.find(jail); jail != "" && err != nil {
		return 0, nil, err
	}
	for _, id := range ids {
		before := n
		for _, r := range p.jails {
			if jail == "" || r.Settings.Name == jail {
				n += lift(r, func(t rules.Ticket) bool { return t.ID == id })
			}
		}
		if n == before {
			absent = append(absent, id)
		}
	}
	return n, absent, nil
}

func (p *prison) UnbanAll(_ context.Context, jail string) (n int, err error) {
	for _, r := range p.jails {
		if jail == "" || r.Settings.Name == jail {
			n += lift(r, func(rules.Ticket) bool { return true })
		}
	}
	return n, nil
}

func lift(r *rules.Report, which func(rules.Ticket) bool) int {
	before := len(r.Banned)
	r.Banned = slices.DeleteFunc(r.Banned, which)
	return before - len(r.Banned)
}

func (p *prison) Attempt(_ context.Context, jail, id string, _ []string) (int, error) {
	r, err := p.find(jail)
	if err != nil {
		return 0, err
	}
	r.Failing++
	r.Failures++
	return 1, nil
}

func (p *prison) AddJail(_ context.Context, s rules.Settings) error {
	p.jails = append(p.jails, &rules.Report{Settings: s})
	return nil
}

func (p *prison) StartJail(_ context.Context, name string) error {
	_, err := p.find(name)
	return err
}

func (p *prison) StopJail(_ context.Context, name string) error {
	_, err := p.find(name)
	p.jails = slices.DeleteFunc(p.jails, func(r *rules.Report) bool { return r.Settings.Name == name })
	return err
}

func (p *prison) ReloadJails(_ context.Context, o rules.ReloadOptions) error {
	if o.Jail == "" {
		return nil
	}
	_, err := p.find(o.Jail)
	return err
}

func (p *prison) FlushLogs(context.Context) error { return nil }
func (p *prison) BanLog() (path, level string)    { return "/var/log/fail2ban.log", "INFO" }
func (p *prison) StopJails(context.Context) error { p.jails = nil; return nil }

// twoJails is the prison that the kit's output was taken from.
func twoJails(failregex []string) *prison {
	limits := rules.Limits{MaxRetry: 3, Window: 600, BanSeconds: 3600, MaxMatches: 3}
	sshd := &rules.Report{Failing: 2, Failures: 8, Bans: 2, Settings: rules.Settings{
		Name: "sshd", Backend: "polling", Limits: limits, Filter: rules.Definition{FailRegex: failregex},
		Logs:    []rules.Log{{Pattern: "/var/log/auth.log"}},
		Ignore:  rules.Ignoring{Self: true, List: strings.Fields("127.0.0.1/8 ::1 10.0.0.0/8")},
		Actions: []rules.Action{{Name: "dummyban", Options: []rules.Option{{Name: "actionunban", Text: `echo "unban <ip> fam=<family>" >> /var/log/actions.txt`}}}},
	}}
	for _, id := range []string{"198.51.100.7", "2001:db8::5"} {
		t := ticket(id, 3600)
		sshd.Banned = append(sshd.Banned, t)
	}
	recidive := &rules.Report{Failing: 2, Failures: 2, Settings: rules.Settings{
		Name: "recidive", Backend: "polling", Limits: limits, Logs: []rules.Log{{Pattern: "/var/log/f2b.log"}},
	}}
	return &prison{[]*rules.Report{sshd, recidive}}
}
