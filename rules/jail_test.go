package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"picket/watch"
)

// TestNetworkOfALine: a line that gives the address a length is the failure of the network, and bans it; no line bans everybody.
func TestNetworkOfALine(t *testing.T) {
	f, err := Compile(Definition{FailRegex: []string{"^bad <SUBNET>$"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.7/24": "192.0.2.0/24", "192.0.2.7/32": "192.0.2.7/32", "192.0.2.7/0": "192.0.2.7/32",
		"192.0.2.7/99": "192.0.2.7/32", "2001:db8::7/56": "2001:db8::/56",
	} {
		j := NewJail(f, Limits{MaxRetry: 1, Window: 60, BanSeconds: 60, PrefixIPv6: 64}, time.UTC)
		b, ok := j.Observe(&watch.Observation{Time: 1e18, When: 1e18, Line: []byte("bad " + from)}, Live)
		if !ok || b.Prefix.String() != want || netip.PrefixFrom(b.Addr, b.Addr.BitLen()).String() != want && b.ID != want {
			t.Errorf("%s: %v %+v", from, ok, b)
		}
	}
}

func TestHears(t *testing.T) {
	s := Settings{Syslog: []string{"sshd", "postfix", "ovpn-*"}}
	for program, want := range map[string]bool{
		"sshd": true, "sshd-session": false, "postfix/smtpd": true, "postfix-out/smtpd": false, "ovpn-a": true, "SSHD": false, "": false, "sshd[1": false,
	} {
		if s.Hears(program) != want {
			t.Errorf("%q: %v", program, !want)
		}
	}
	for _, name := range []string{"", "a[", "a b", "a:"} {
		if CheckProgram(name) == nil {
			t.Errorf("%q can be heard", name)
		}
	}
}

// TestJail: five failures within ten minutes lead to a breach, old lines do not count, and stamps far off are now.
func TestJail(t *testing.T) {
	f, err := Compile(Definition{Name: "x", FailRegex: []string{`^ srv sshd\[\d+\]: Failed password for \S+ from <HOST>`}}, time.Unix(1763000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	origin := &watch.Origin{Source: "auth", Path: "/var/log/auth.log"}
	now := time.Unix(1763510400, 0).UTC()
	feed := func(j *Jail, phase Phase, age time.Duration, n int) (breaches []Breach) {
		for range n {
			line := fmt.Appendf(nil, "%s srv sshd[1]: Failed password for root from 2001:db8::1", now.Add(-age).Format("Jan _2 15:04:05"))
			if b, ok := j.Observe(&watch.Observation{Origin: origin, Time: now.UnixNano(), Line: line}, phase); ok {
				breaches = append(breaches, b)
			}
		}
		return breaches
	}
	limits := Limits{Jail: "sshd", MaxRetry: 5, Window: 600, BanSeconds: 600, MaxMatches: 5}
	for _, c := range []struct {
		name  string
		phase Phase
		age   time.Duration
		n     int
		want  int
	}{
		{"recent at start", Starting, 5 * time.Minute, 5, 1},
		{"old at start", Starting, time.Hour, 50, 0},
		{"live", Live, 0, 5, 1},
		{"live with a wrong zone", Live, 2 * time.Hour, 5, 1},
		{"four only", Live, 0, 4, 0},
		{"ten", Live, 0, 10, 2},
	} {
		if got := feed(NewJail(f, limits, time.UTC), c.phase, c.age, c.n); len(got) != c.want {
			t.Errorf("%s: %d breaches, want %d", c.name, len(got), c.want)
		}
	}
}

func TestJailOfTheJournal(t *testing.T) {
	f, err := Compile(Definition{Name: "x", FailRegex: []string{`^srv sshd: bad <HOST>$`}}, time.Unix(1763000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	j := NewJail(f, Limits{Jail: "sshd", MaxRetry: 1, Window: 600}, nil)
	at := time.Unix(1763510400, 0)
	b, ok := j.Observe(&watch.Observation{Origin: &watch.Origin{}, Time: at.UnixNano(), When: at.UnixNano() - 1e9, Line: []byte("srv sshd: bad ::1")}, Live)
	if !ok || b.At != at.Unix()-1 || b.ID != "::1" {
		t.Errorf("breach %v %+v", ok, b)
	}
}
