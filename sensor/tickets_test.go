package sensor

import (
	"net/netip"
	"testing"

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
