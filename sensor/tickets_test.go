package sensor

import (
	"net/netip"
	"testing"
	"time"

	"picket/actions"
	"picket/actions/shell"
	"picket/rules"
	"picket/rules/expression"
)

// TestTicketFields: what the expression captured goes to the commands of a jail that has some, and nowhere else.
func TestTicketFields(t *testing.T) {
	where := netip.MustParsePrefix("192.0.2.1/32")
	breach := rules.Breach{Prefix: where, Before: 1, Failures: 5, Fields: expression.Fields{{Name: "user", Text: "root"}}}
	for _, c := range []struct {
		runner *shell.Runner
		want   string
	}{{shell.New("sshd", nil), "root"}, {nil, ""}} {
		post := &jailPost{awaited: map[string]*rules.Ticket{}, runner: c.runner}
		post.await(&breach)
		got := post.ticket(&actions.Ban{Prefix: where})
		if got.Fields["user"] != c.want || got.Count != 2 || got.Failures != 5 {
			t.Errorf("ticket %+v, want user %q", got, c.want)
		}
	}
}

// TestIncreased: the line of fail2ban's observer, with spans as Python writes them.
func TestIncreased(t *testing.T) {
	until := time.Date(2026, 11, 21, 7, 0, 0, 0, time.Local)
	for _, c := range []struct {
		seconds float64
		count   int
		want    string
	}{
		{600, 1, ""}, {600, 2, ""}, {1200, 1, ""},
		{1200, 2, "Increase Ban 192.0.2.1 (2 # 0:20:00 -> 2026-11-21 07:00:00)"},
		{90061, 3, "Increase Ban 192.0.2.1 (3 # 1 day, 1:01:01 -> 2026-11-21 07:00:00)"},
		{172800, 4, "Increase Ban 192.0.2.1 (4 # 2 days, 0:00:00 -> 2026-11-21 07:00:00)"},
	} {
		if got := increased(&rules.Ticket{ID: "192.0.2.1", Seconds: c.seconds, Count: c.count, Until: until}, 600); got != c.want {
			t.Errorf("%v seconds, ban %d: %q, want %q", c.seconds, c.count, got, c.want)
		}
	}
}
