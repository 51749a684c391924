package main

import (
	"os"
	"path/filepath"
	"testing"

	f2b "picket/rules/fail2ban"
)

// TestHasLogs: fail2ban-client -t refuses the jails that fail2ban does not start with.
func TestHasLogs(t *testing.T) {
	there := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone, both := []f2b.Log{{Pattern: there + "x"}}, []f2b.Log{{Pattern: there + "x"}, {Pattern: filepath.Dir(there) + "/*.log"}}
	journal := f2b.Filter{JournalMatch: [][]string{{"_COMM=sshd"}}}
	for _, c := range []struct {
		name string
		jail f2b.Jail
		want bool
	}{
		{"no file", f2b.Jail{Backend: "auto", Logs: gone}, false},
		{"one of two", f2b.Jail{Backend: "auto", Logs: both}, true},
		{"the journal", f2b.Jail{Backend: "systemd", Logs: gone}, true},
		{"the journal instead", f2b.Jail{Backend: "auto", Logs: gone, Filter: journal}, true},
		{"polling has no journal", f2b.Jail{Backend: "polling", Logs: gone, Filter: journal}, false},
		{"not the journal", f2b.Jail{Backend: "auto", Logs: gone, Filter: journal, Limits: []f2b.Pair{{Name: "systemd_if_nologs", Text: "no"}}}, false},
		{"skipped", f2b.Jail{Backend: "polling", Logs: gone, Limits: []f2b.Pair{{Name: "skip_if_nologs", Text: "True"}}}, true},
	} {
		if got := hasLogs(&c.jail); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
