package sensor

import (
	"testing"
	"time"
)

func TestLoginsAreRead(t *testing.T) {
	for line, want := range map[string]string{
		"Nov 21 05:00:00 host sshd[7]: Accepted publickey for bob from 192.0.2.1 port 4711 ssh2":                     "bob publickey 192.0.2.1:4711",
		"2026-11-21T05:00:00.1+01:00 host sshd-session[7]: Accepted password for a b from ::ffff:192.0.2.1 port 1 x": "a b password 192.0.2.1:1",
		"Nov 21 05:00:00 host sshd[7]: Failed password for bob from 192.0.2.1 port 4711 ssh2":                        "",
		"Nov 21 05:00:00 host sudo[7]: x sshd[8]: Accepted password for bob from 192.0.2.1 port 4711 ssh2":           "",
		"Nov 21 05:00:00 host sshd[7]: Accepted password for bob from somewhere port 4711 ssh2":                      "",
		"Nov 21 05:00:00 host sshd[7]: Accepted ":                                                                    "",
	} {
		got := ""
		if l, ok := sshLogin([]byte(line)); ok {
			got = l.user + " " + l.method + " " + l.from.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestLinesOfThisMoment(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 5, 0, time.Local)
	for line, want := range map[string]bool{
		"Jan  1 00:00:03 host sshd[7]: x":                 true,
		"Dec 31 23:59:59 host sshd[7]: x":                 false, // of the year that begins, as it seems
		now.UTC().Format(time.RFC3339Nano) + " host x":    true,
		now.Add(-time.Hour).Format(time.RFC3339) + " h x": false,
		"sshd[7]: x": false, "": false,
	} {
		if got := ofNow([]byte(line), now); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
