package sensor

import (
	"net/netip"
	"time"

	"picket/actions/shell"
	"picket/rules"
)

// spareThose has a jail pass over the failures of those whom its settings ignore: the list, this host, and whoever the
// ignorecommand says. Host names count as their addresses where usedns wants it.
func (s *Sensor) spareThose(p *jailPost, j *rules.Settings) {
	spared := rules.NewSpared(&j.Ignore, s.resolver.resolve, selfAddresses())
	command := newIgnoreCommand(&j.Ignore)
	p.jail.Engine().Ignored = func(f *rules.Failure) bool {
		return spared.Contains(f.ID, f.Addr) || command != nil && command.says(f)
	}
	switch j.Filter.UseDNS {
	case "raw":
		p.jail.Resolve = nil
	case "no":
		p.jail.Resolve = func(string) []netip.Addr { return nil }
	default: // yes, warn
		warn := j.Filter.UseDNS != "yes"
		p.jail.Resolve = func(name string) []netip.Addr {
			list := s.resolver.resolve(name)
			if warn && len(list) > 0 {
				s.log.Debug("a host name stands for addresses: who owns the name says which", "jail", j.Name, "name", name)
			}
			return list
		}
	}
}

// ignoreCommand asks a command of the administrator's whether a failure counts. The judge waits for it, as fail2ban does:
// ignorecache keeps it from being asked again and again.
type ignoreCommand struct {
	text  string
	cache rules.IgnoreCache
	known map[string]ignoreAnswer
}

type ignoreAnswer struct {
	yes   bool
	until time.Time
}

// ignoreTimeout is how long the command may take; then the failure counts.
const ignoreTimeout = 5 * time.Second

func newIgnoreCommand(i *rules.Ignoring) *ignoreCommand {
	if i.Command == "" {
		return nil
	}
	return &ignoreCommand{text: i.Command, cache: i.Cache, known: map[string]ignoreAnswer{}}
}

// says tells whether the command ends with 0 for a failure.
func (c *ignoreCommand) says(f *rules.Failure) bool {
	now := time.Now()
	if a, ok := c.known[f.ID]; ok && now.Before(a.until) {
		return a.yes
	}
	t := rules.Ticket{ID: f.ID, Since: time.Unix(0, f.Nanos), Failures: f.Attempts, Matches: f.Matches, Fields: map[string]string{}}
	if f.Addr.IsValid() {
		t.Prefix = netip.PrefixFrom(f.Addr, f.Addr.BitLen())
	}
	for _, field := range f.Fields {
		t.Fields[field.Name] = field.Text
	}
	yes := shell.Ask(c.text, &t, ignoreTimeout)
	if c.cache.Key != "" {
		if len(c.known) >= max(c.cache.Max, 1) {
			clear(c.known)
		}
		c.known[f.ID] = ignoreAnswer{yes, now.Add(time.Duration(c.cache.Seconds) * time.Second)}
	}
	return yes
}
