package sensor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"picket/actions"
	"picket/rules"
)

// TestApprovedLater: a ban that the gate asked about has its evidence when it is approved, by the same picket or after
// kill -9.
func TestApprovedLater(t *testing.T) {
	lines := []string{"bad 192.0.2.7 as a", "bad 192.0.2.7 as b"} // who was banned before fails twice, not thrice
	escalates := func(s *rules.Settings) { s.Limits.Escalation.On = true }
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed %v", killed), func(t *testing.T) {
			dir := t.TempDir()
			j := startJailed(t, dir, escalates)
			j.post.jail.Engine().Restore("192.0.2.7", 1, time.Now().Unix(), 60)
			j.gate.SetRules(actions.Rules{PerMinute: 1})
			j.respond(t)
			if _, err := j.responder.Ban(t.Context(), actions.Request{Prefix: netip.MustParsePrefix("198.51.100.1/32"), For: time.Hour, Approved: "cli"}); err != nil {
				t.Fatal(err)
			}
			j.judge.settle(j.read(t, lines))
			if _, err := j.responder.Bans(t.Context()); err != nil {
				t.Fatal(err)
			}
			j.judge.hear()
			j.judge.keep()
			if len(j.post.doubts) != 1 || len(j.post.tickets) != 0 {
				t.Fatalf("doubts %v, tickets %v", j.post.doubts, j.post.tickets)
			}
			if killed {
				j.stop()
				j = startJailed(t, dir, escalates)
				j.respond(t)
				j.restore(t)
			}
			q := actions.Request{Prefix: netip.MustParsePrefix("192.0.2.7/32"), For: time.Hour, Approved: "cli", Jail: "crash"} // as the desk does
			if _, err := j.responder.Ban(context.Background(), q); err != nil {
				t.Fatal(err)
			}
			j.judge.hear()
			got := j.post.tickets["192.0.2.7"]
			if got == nil || got.Count != 2 || got.Failures != 2 || !slices.Equal(got.Matches, lines) || len(j.post.doubts) != 0 {
				t.Errorf("ticket %+v, doubts %v", got, j.post.doubts)
			}
		})
	}
}

// TestDoubtsBounded: the oldest evidence goes when there is too much of it.
func TestDoubtsBounded(t *testing.T) {
	post := newPost(&rules.Settings{Name: "sshd"}, &rules.Filter{}, nil)
	for i := range maxDoubts + 1 {
		post.doubt(&note{Who: fmt.Sprint(i), Ticket: &rules.Ticket{Since: time.Unix(int64(i), 0)}})
	}
	if len(post.doubts) != maxDoubts || post.doubts["0"] != nil || post.doubts["1"] == nil {
		t.Errorf("%d doubts", len(post.doubts))
	}
	if last := post.notes[len(post.notes)-2]; last.Who != "0" || last.State != stateOver {
		t.Errorf("the journal says %+v", last)
	}
}
