package sensor

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket/rules"
)

// slowNames is a name server that answers when it is let.
func slowNames(j *jailed) (answer chan<- struct{}) {
	let := make(chan struct{})
	j.resolver.lookUp = func(_ context.Context, _, name string) ([]netip.Addr, error) {
		<-let
		return []netip.Addr{netip.MustParseAddr(map[string]string{"evil.example": "192.0.2.66", "home.example": "192.0.2.1"}[name])}, nil
	}
	return let
}

func named(s *rules.Settings) {
	s.Filter = rules.Definition{FailRegex: []string{`^bad <HOST>$`}, MaxLines: 1, DatePattern: "{NONE}", UseDNS: "yes"}
	s.Limits.MaxRetry = 2
	s.Ignore.List = []string{"home.example"}
}

func (j *jailed) hearAnswer() { j.judge.answered(context.Background(), <-j.judge.inquiries.answers) }

// TestSlowNames: while a name server does not answer, other parties are judged and the failures that wait keep their order;
// who is found to be on the ignore list then is ignored.
func TestSlowNames(t *testing.T) {
	j := startJailed(t, t.TempDir(), named)
	let := slowNames(j)
	lines := []string{"bad evil.example", "bad 192.0.2.1", "bad evil.example", "bad 192.0.2.1", "bad 2001:db8::1"}
	j.judge.settle(j.read(t, lines))
	q := &j.judge.inquiries
	if q.count != 5 || len(q.held) != 3 || j.post.jail.Engine().Count.Failures != 0 {
		t.Fatalf("%d failures of %d parties are held, %d counted", q.count, len(q.held), j.post.jail.Engine().Count.Failures)
	}
	close(let)
	for range 3 {
		j.hearAnswer()
	}
	e := j.post.jail.Engine()
	if q.count != 0 || e.Count.Failures != 3 || e.Count.Ignored != 2 || e.Failures("2001:db8::1") != 1 {
		t.Errorf("%d held, %+v", q.count, e.Count)
	}
	if asked := j.post.awaited["192.0.2.66"]; len(asked) != 1 || !slices.Equal(asked[0].Ticket.Matches, []string{lines[0], lines[2]}) {
		t.Errorf("awaited %v", j.post.awaited)
	}
	// Now that both names are known, nothing waits any more.
	j.judge.settle(j.read(t, append(lines, "bad evil.example")))
	if q.count != 0 || e.Failures("192.0.2.66") != 1 {
		t.Errorf("%d held, %d counted", q.count, e.Failures("192.0.2.66"))
	}
}

// TestHeldSurvive: failures that wait for an answer when picket is killed are judged after the next start, once.
func TestHeldSurvive(t *testing.T) {
	dir := t.TempDir()
	j := startJailed(t, dir, named)
	let := slowNames(j)
	defer close(let)
	lines := []string{"bad evil.example", "bad evil.example", "bad 192.0.2.7"}
	j.judge.settle(j.read(t, lines))

	again := startJailed(t, dir, named)
	close(slowNames(again))
	again.respond(t)
	again.restore(t)
	again.judge.settle(again.read(t, lines))
	for range 2 {
		again.hearAnswer()
	}
	again.judge.keep()
	if _, err := again.responder.Bans(context.Background()); err != nil {
		t.Fatal(err)
	}
	again.judge.hear()
	if again.post.tickets["192.0.2.66"] == nil || again.post.jail.Engine().Failures("192.0.2.7") != 1 {
		t.Errorf("tickets %v, %d failures", again.post.tickets, again.post.jail.Engine().Failures("192.0.2.7"))
	}
	again.judge.keep()
	again.stop()
	third := startJailed(t, dir, named)
	if len(third.post.wasHeld) != 0 {
		t.Errorf("still held: %v", third.post.wasHeld)
	}
}

// TestIgnoreCommandAside: the command is asked aside of the judge, once for each failure without a cache and once for each
// key with one.
func TestIgnoreCommandAside(t *testing.T) {
	for cache, want := range map[string]int{"": 4, "<ip>": 2} {
		asked := filepath.Join(t.TempDir(), "asked")
		j := startJailed(t, t.TempDir(), func(s *rules.Settings) {
			s.Ignore.Command = "echo <ip> >> " + asked + "; test <ip> = 192.0.2.1"
			s.Ignore.Cache = rules.IgnoreCache{Key: cache, Max: 100, Seconds: 300}
		})
		j.judge.settle(j.read(t, []string{"bad 192.0.2.1 as x", "bad 192.0.2.1 as x", "bad 192.0.2.2 as x", "bad 192.0.2.2 as x"}))
		for j.judge.inquiries.count > 0 {
			j.hearAnswer()
		}
		e := j.post.jail.Engine()
		if e.Count.Ignored != 2 || e.Failures("192.0.2.2") != 2 {
			t.Errorf("cache %q: %+v", cache, e.Count)
		}
		text := readFile(t, asked)
		if n := strings.Count(text, "\n"); n != want {
			t.Errorf("cache %q: asked %d times, want %d", cache, n, want)
		}
	}
}

// TestHeldAreBounded: when too many failures wait, the judge waits for an answer.
func TestHeldAreBounded(t *testing.T) {
	j := startJailed(t, t.TempDir(), func(s *rules.Settings) { named(s); s.Limits.MaxRetry = 1 << 20 })
	close(slowNames(j))
	var lines []string
	for range 3 * maxHeld {
		lines = append(lines, "bad evil.example")
	}
	j.judge.settle(j.read(t, lines))
	for j.judge.inquiries.count > 0 {
		j.hearAnswer()
	}
	if n := j.post.jail.Engine().Failures("192.0.2.66"); n != len(lines) {
		t.Errorf("%d of %d failures counted", n, len(lines))
	}
}
