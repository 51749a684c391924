package sensor

import (
	"io"
	"log/slog"
	"testing"

	"picket/rules/library"
)

// TestLogRulesBanTheirPorts: a rule of ours bans in the kernel, on the ports that it names, or on all.
func TestLogRulesBanTheirPorts(t *testing.T) {
	s := &Sensor{log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, c := range []struct {
		rule library.Rule
		want string
	}{
		{library.Rule{Ports: []string{"22"}}, "tcp/22"},
		{library.Rule{Ports: []string{"5060", "8000:8080"}, Protocol: []string{"udp", "tcp"}}, "tcp/5060,8000-8080 udp/5060,8000-8080"},
		{library.Rule{}, "all"},
	} {
		settings, _ := c.rule.Settings()
		if got := s.scopeOfJail(&settings).String(); got != c.want {
			t.Errorf("ports %v: %q, want %q", c.rule.Ports, got, c.want)
		}
	}
}
