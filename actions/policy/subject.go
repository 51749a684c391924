package policy

import (
	"strconv"

	"picket/incidents"
)

// subject is what policies are held against: a finding, and its case where it is known.
type subject struct {
	f     *incidents.Finding
	c     *incidents.Incident // nil: not known yet
	world World
	texts [2]string // memory for what selectors look at: many policies look at one finding
}

// party is the text that things are counted by; "" when the finding does not name such a party.
func (s *subject) party(p Party) string {
	f := s.f
	switch p {
	case "case":
		if s.c != nil {
			return strconv.FormatInt(int64(s.c.ID), 10)
		}
	case "source":
		return address(f.Attacker)
	case "destination":
		return address(f.Victim)
	case "user":
		return f.User
	case "host":
		return f.Host
	case "rule":
		return f.Rule.ID + f.Jail
	case "process":
		if f.Process == nil {
			return ""
		}
		return strconv.Itoa(f.Process.PID) + "@" + strconv.FormatUint(f.Process.Start, 10)
	}
	return ""
}

func address(e incidents.Endpoint) string {
	if !e.Addr.IsValid() {
		return ""
	}
	return e.Addr.Unmap().String()
}

// World is what policies ask this host about processes and containers, beside what a finding says.
type World interface {
	// Ancestors are the names of a process and all above it, nearest first; nil when it is gone.
	Ancestors(p *incidents.Process) []string
	// Labels are those of a container and its pod; nil when no runtime tells.
	Labels(container string) map[string]string
}
