package sensor

import (
	"net/netip"
	"time"

	"picket/actions/shell"
	"picket/rules"
)

// spareThose has a jail pass over the failures of those whom its settings ignore: the list, this host, and whoever the
// ignorecommand says. Host names count as their addresses where usedns wants it. Nothing of it waits: what must be asked
// is asked before a failure comes here (inquiry.go).
func (s *Sensor) spareThose(p *jailPost, j *rules.Settings) {
	p.spared = rules.NewSpared(&j.Ignore, s.resolver.addresses, selfAddresses())
	p.command = newIgnoreCommand(&j.Ignore)
	p.jail.Hold = func(f *rules.Failure, now int64) bool { return s.judge.hold(p, f, now) }
	p.jail.Engine().Ignored = func(f *rules.Failure) bool {
		by := p.spared.By(f.ID, f.Addr)
		if by == "" && p.command != nil && p.command.says(f) {
			by = "command"
		}
		if by != "" {
			s.banLog.add("fail2ban.filter", "INFO", p.name, "Ignore "+f.ID+" by "+by)
		}
		return by != ""
	}
	p.byName = j.Filter.UseDNS != "raw" && j.Filter.UseDNS != "no"
	switch {
	case p.byName:
		p.jail.Resolve = s.resolver.addresses
	case j.Filter.UseDNS == "raw":
		p.jail.Resolve = nil
	default:
		p.jail.Resolve = func(string) []netip.Addr { return nil }
	}
}

// ignoreCommand asks a command of the administrator's whether a failure counts, and remembers the answers: for as long
// as ignorecache says, else until the failure that was asked about is judged. The judge owns what it remembers.
type ignoreCommand struct {
	text  string
	cache rules.IgnoreCache
	known map[string]ignoreAnswer
}

type ignoreAnswer struct {
	yes   bool
	until time.Time
}

const (
	// ignoreTimeout is how long the command may take; then the failure counts.
	ignoreTimeout = 5 * time.Second
	// maxIgnoreAnswers bounds what is remembered, whatever ignorecache says.
	maxIgnoreAnswers = 65536
)

func newIgnoreCommand(i *rules.Ignoring) *ignoreCommand {
	if i.Command == "" {
		return nil
	}
	return &ignoreCommand{text: i.Command, cache: i.Cache, known: map[string]ignoreAnswer{}}
}

// key is what the answer about a failure is kept under: the cache's key with its tags filled in.
func (c *ignoreCommand) key(f *rules.Failure) string {
	if c.cache.Key == "" {
		return f.ID
	}
	return shell.Fill(c.cache.Key, failureTicket(f))
}

// fresh tells whether the answer about a failure is known.
func (c *ignoreCommand) fresh(f *rules.Failure) bool {
	a, ok := c.known[c.key(f)]
	return ok && time.Now().Before(a.until)
}

// says tells what is known: whether the command ended with 0 for a failure.
func (c *ignoreCommand) says(f *rules.Failure) bool { return c.known[c.key(f)].yes }

// run asks the command and waits for it. Any goroutine may.
func (c *ignoreCommand) run(f *rules.Failure) bool {
	return shell.Ask(c.text, failureTicket(f), ignoreTimeout)
}

// learn remembers an answer.
func (c *ignoreCommand) learn(key string, yes bool) {
	most := maxIgnoreAnswers
	if c.cache.Max > 0 {
		most = min(most, c.cache.Max)
	}
	if len(c.known) >= most {
		clear(c.known)
	}
	c.known[key] = ignoreAnswer{yes, time.Now().Add(time.Duration(c.cache.Seconds) * time.Second)}
}

// forget drops an answer that is for one failure only.
func (c *ignoreCommand) forget(key string) {
	if c.cache.Key == "" {
		delete(c.known, key)
	}
}

// failureTicket is a failure as the tags of commands see it.
func failureTicket(f *rules.Failure) *rules.Ticket {
	t := &rules.Ticket{ID: f.ID, Since: time.Unix(0, f.Nanos), Failures: f.Attempts, Matches: f.Matches, Fields: f.Fields.Map()}
	if f.Addr.IsValid() {
		t.Prefix = netip.PrefixFrom(f.Addr, f.Addr.BitLen())
	}
	return t
}
