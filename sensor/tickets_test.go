package sensor

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"picket/actions"
	"picket/rules"
)

// TestTicketOfANetwork: when the one party that was meant is banned in the place of its network, it has the evidence.
func TestTicketOfANetwork(t *testing.T) {
	network, one := netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("2001:db8::1/128")
	breach := rules.Breach{ID: network.String(), Prefix: network, Before: 1, Failures: 5, Fields: map[string]string{"user": "root"}}
	post := newPost(&rules.Settings{Name: "sshd", Limits: rules.Limits{Escalation: rules.Escalation{On: true}}}, &rules.Filter{}, nil)
	post.settings.Limits.Escalation.On = true
	post.await(&breach, &actions.Request{Prefix: network, Narrow: one})
	got := post.ticket(&actions.Change{Kind: actions.BanMade, Ban: actions.Ban{Prefix: one}, Asked: network})
	if got.ID != "2001:db8::1" || got.Fields["user"] != "root" || got.Count != 2 || got.Failures != 5 || len(post.awaited) != 0 {
		t.Errorf("ticket %+v", got)
	}
	var states []banState
	for _, n := range post.notes {
		states = append(states, n.State)
	}
	if !slices.Equal(states, []banState{stateAsked, stateOver, stateBanned}) || post.notes[2].Who != "2001:db8::1" {
		t.Errorf("notes %+v", post.notes)
	}
}

// TestRestoredTwice: a ban that was taken over, or came back with its jail, is as old as it was over every start.
func TestRestoredTwice(t *testing.T) {
	post := newPost(&rules.Settings{Name: "sshd"}, &rules.Filter{}, nil)
	first, later := time.Unix(1000, 0), time.Unix(2000, 0)
	ban := actions.Ban{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Since: later, Until: first.Add(time.Hour)}
	for _, test := range []struct {
		restored bool
		want     float64
	}{{true, 3600}, {false, 2600}} {
		post.kept["192.0.2.1"] = &note{Ticket: &rules.Ticket{Since: first, Restored: test.restored}}
		if got := post.restored(&ban); got.Seconds != test.want {
			t.Errorf("restored before %v: since %v for %v s, want %v", test.restored, got.Since, got.Seconds, test.want)
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
