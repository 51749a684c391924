package sensor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"picket/actions/shell"
	"picket/rules"
	"picket/rules/migration"
)

// errObserving is why no command is run in observe mode.
var errObserving = errors.New("observe mode")

// startRunner starts the commands of a jail's actions, where it has some, and hands it the bans that stand. The judge
// calls it.
func (s *Sensor) startRunner(post *jailPost) {
	var list []rules.Action
	for i := range post.settings.Actions {
		if a := &post.settings.Actions[i]; migration.FateOf(a).Kind == migration.Command {
			list = append(list, *a)
		}
	}
	if len(list) == 0 || post.runner != nil || post.settings.Limits.Observe {
		return
	}
	r := shell.New(post.name, list)
	r.Allowed = s.commandAllowed
	r.Tell = func(level, text string) {
		s.log.Warn("action", "jail", post.name, "level", level, "text", text)
		s.banLog.write("fail2ban.actions", level, post.name, text)
	}
	r.Lookup = func(tag string, a netip.Addr) string { return hostName(tag, a, s.host) }
	r.Count = post.count
	r.Start(post.stopping)
	post.runner = r
	for _, t := range post.tickets {
		if !t.Observed {
			again := *t
			again.Restored = true
			r.Ban(again)
		}
	}
}

// stopRunner has the commands of a jail ended: they undo what they did, and the bans stand in the ledger. It does not wait;
// the jail's next runner does.
func (s *Sensor) stopRunner(post *jailPost) {
	if post.runner != nil {
		post.stopping = post.runner.Stop()
		post.runner = nil
	}
}

// stopRunners ends the commands of all jails and waits for them.
func (s *Sensor) stopRunners() {
	for _, post := range s.posted() {
		s.stopRunner(post)
	}
	for _, post := range s.posted() {
		if post.stopping != nil {
			<-post.stopping
		}
	}
}

// commandAllowed is the gate in front of every command: observe mode runs none, and who has become protected since the
// ban was asked for is left alone.
func (s *Sensor) commandAllowed(p netip.Prefix) error {
	if s.gate.Observing() {
		return errObserving
	}
	if !p.IsValid() {
		return nil
	}
	if refusal := s.gate.Check(p, time.Now()); refusal != nil {
		return refusal
	}
	return nil
}

// count answers the tags that count for a jail.
func (j *jailPost) count(name string) (uint64, bool) {
	switch name {
	case "jail.found", "jail.found_total":
		return j.failures.Load(), true
	case "jail.banned", "jail.banned_total":
		return j.breaches.Load(), true
	}
	return 0, false
}

// hostName answers <ip-host> by DNS, the address itself if there is no name, and <fq-hostname> for this host.
func hostName(tag string, a netip.Addr, host string) string {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	if tag == "fq-hostname" {
		name, _ := net.DefaultResolver.LookupCNAME(ctx, host)
		return strings.TrimSuffix(name, ".")
	}
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return a.String()
	}
	return strings.TrimSuffix(names[0], ".")
}
