package migration

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/rules"
	"picket/rules/library"
)

// configuration writes a small configuration of fail2ban: two jails, one with an action of commands.
func configuration(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"jail.conf": `[DEFAULT]
findtime = 10m
bantime = 1h
maxretry = 5
backend = polling
dbfile = none
[web]
enabled = true
filter = web
logpath = /var/log/web.log
ignoreip = 192.0.2.0/24 ::1
bantime.increment = true
bantime.maxtime = 1w
action = nftables-multiport[port="http,https,8000:8080"]
[mail]
enabled = true
filter = web
logpath = /var/log/mail.log
action = nftables-allports
         tell[dest=root]
         python.py
[off]
filter = web
`,
		"fail2ban.conf":                    "[Definition]\ndbfile = None\n",
		"filter.d/web.conf":                "[Definition]\nfailregex = ^it's <HOST> \\[\\d+\\]$\n            ^bad \"<HOST>\"$\nignoreregex = ^fine\n",
		"action.d/nftables-multiport.conf": "[Definition]\nactionban = nft <port> <protocol>\n[Init]\nprotocol = tcp\nblocktype = reject\n",
		"action.d/nftables-allports.conf":  "[Definition]\nactionban = nft\n[Init]\nblocktype = drop\n",
		"action.d/tell.conf":               "[Definition]\nactionban = mail <dest>\n",
		"action.d/python.py":               "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestUnknownService: a port that no service is called by is an error of its jail, as it is for nft and iptables.
func TestUnknownService(t *testing.T) {
	f := FateOf(&rules.Action{Name: "nftables", File: "nftables", Options: []rules.Option{{Name: "port", Text: "ssh,no-such-service"}}})
	if f.Kind != Refused || !f.Unknown || !strings.Contains(f.Why, "no-such-service") || strings.Contains(f.Why, "ssh,") {
		t.Errorf("%+v", f)
	}
	if f := FateOf(&rules.Action{Name: "smtp", File: "smtp.py", Script: "x"}); f.Kind != Command {
		t.Errorf("%+v", f)
	}
}

func TestPlan(t *testing.T) {
	p, err := Read(configuration(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Fate{
		"web": {{Action: "nftables-multiport", Kind: Native, Ports: "80,443,8000:8080", Protocol: "tcp", Answer: "reject"}},
		"mail": {
			{Action: "nftables-allports", Kind: Native, Ports: "all", Protocol: "all", Answer: "drop"},
			{Action: "tell", Kind: Command},
			{Action: "python", Kind: Refused, Why: "it is written in Python, which picket does not run (write a command, or picket's own notifications)"},
		},
	}
	for _, j := range p.Jails {
		if diff := cmp.Diff(want[j.Name], j.Fates); diff != "" {
			t.Errorf("%s: %s", j.Name, diff)
		}
	}
	if len(p.Jails) != 2 || p.Database != nil {
		t.Errorf("%d jails, database %v", len(p.Jails), p.Database)
	}
	if got := p.Jails[0].Limits; got != "after 5 failures in 10m for 1h, longer for those who come again (at most 1w)" {
		t.Error(got)
	}
}

// TestAbsent: what is not there yet is said as that, not as a fault.
func TestAbsent(t *testing.T) {
	dir := configuration(t)
	log, database := filepath.Join(dir, "to-come.log"), filepath.Join(dir, "none.sqlite3")
	local := "[Definition]\ndbfile = " + database + "\n"
	jail := "[web]\nlogpath = " + log + "\n"
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "fail2ban.local"), []byte(local), 0o600),
		os.WriteFile(filepath.Join(dir, "jail.local"), []byte(jail), 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := Read(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Database; d == nil || !d.Absent || d.Error != "" || !slices.Equal(p.Jails[0].Absent, []string{log}) {
		t.Errorf("database %+v, absent logs %q", d, p.Jails[0].Absent)
	}
}

// TestWrite: what is written works as a rule of our own, and the jail that can't stays where it is.
func TestWrite(t *testing.T) {
	p, err := Read(configuration(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 { // the second time changes nothing
		if files, err := p.Write(dir); err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "rules", "web.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rule, err := library.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s, faults := rule.Settings()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	port, _ := s.Actions[0].Option("port")
	if port != "80,443,8000:8080" || s.Limits.MaxRetry != 5 || s.Limits.Escalation.MaxSeconds != 604800 {
		t.Errorf("ports %s, limits %+v", port, s.Limits)
	}
	if _, err := rules.Compile(s.Filter, time.Now()); err != nil {
		t.Error(err)
	}
	fragment, err := os.ReadFile(filepath.Join(dir, "picket.yaml"))
	if err != nil || !strings.Contains(string(fragment), "disabled: mail\n") {
		t.Errorf("%v\n%s", err, fragment)
	}
}

func TestTaken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, ok := TakenOn(dir); ok {
		t.Error("taken over before it was")
	}
	on := time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)
	if err := Remember(dir, Taken{On: on, Bans: 1}); err != nil {
		t.Fatal(err)
	}
	if got, ok := TakenOn(dir); !ok || !got.Equal(on) {
		t.Errorf("%v, %v", got, ok)
	}
}

func TestSpan(t *testing.T) {
	for seconds, want := range map[float64]string{-1: "good", 0: "0s", 30: "30s", 600: "10m", 5400: "1h30m", 604800: "1w", 90061: "1d1h1m1s"} {
		if got := Span(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}
