package sensor

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/rules"
	"picket/watch"
)

// still is a firewall whose every element is in force.
type still struct{ actions.Firewall }

func (still) Apply([]actions.Entry, []actions.Target) error { return nil }
func (still) Replace([]actions.Entry) error                 { return nil }
func (still) Held(list []actions.Target) ([]actions.Holding, error) {
	return slices.Repeat([]actions.Holding{{Found: true, Left: time.Hour}}, len(list)), nil
}
func (still) Damaged() <-chan actions.Damage { return nil }
func (still) Cut([]actions.Target)           {}
func (still) Close() error                   { return nil }

// jailed is a sensor of one jail, with everything between its lines and the ban journal, in a state directory that
// outlives it. Nothing of it is closed: a test that lets it go has killed it.
type jailed struct {
	*Sensor
	post   *jailPost
	stop   context.CancelFunc
	lender *watch.Lender
}

const crashLog = "/var/log/crash.log"

func startJailed(t *testing.T, dir string, edit func(*rules.Settings)) *jailed {
	t.Helper()
	s := &Sensor{log: slog.New(slog.DiscardHandler), desk: &measure.Desk{}}
	s.gate = actions.NewGate(false, actions.Rules{}, func() ([]actions.Protected, error) {
		return []actions.Protected{{Prefix: netip.MustParsePrefix("2001:db8::53/128"), Why: "a resolver"}}, nil
	}, func(error) {})
	settings := rules.Settings{
		Name: "crash", Filter: rules.Definition{FailRegex: []string{`^bad <F-ID>user \S+</F-ID>$`, `^bad <ADDR> as <F-USER>\S+</F-USER>$`}, MaxLines: 1, DatePattern: "{NONE}"},
		Limits: rules.Limits{Jail: "crash", MaxRetry: 3, Window: 600, BanSeconds: 3600, MaxMatches: 5},
		Logs:   []rules.Log{{Pattern: crashLog}},
	}
	if edit != nil {
		edit(&settings)
	}
	s.judge = newJudge(s)
	if err := s.addJail(&settings); err != nil {
		t.Fatal(err)
	}
	if err := s.openPositions(dir); err != nil {
		t.Fatal(err)
	}
	var err error
	s.responder, err = actions.NewResponder(actions.Options{StateDir: dir, Gate: s.gate, Firewall: still{}, Max: 1000, Log: s.log, Changed: s.judged})
	if err != nil {
		t.Fatal(err)
	}
	return &jailed{Sensor: s, post: s.posted()[0], stop: func() {}, lender: watch.NewLender(1, 0, s.positions.Keep)}
}

// judged is how the responder tells the judge, without a casebook.
func (s *Sensor) judged(c actions.Change) { s.judge.news.put(c) }

// respond lets the responder work; what has waited is done when it returns.
func (j *jailed) respond(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.responder.Run(ctx) }()
	if _, err := j.responder.Bans(ctx); err != nil {
		t.Fatal(err)
	}
	j.stop = sync.OnceFunc(func() { stop(); <-ended })
	t.Cleanup(j.stop)
}

// read judges the lines of a log behind the position that is kept, and returns the batch, not acknowledged.
func (j *jailed) read(t *testing.T, lines []string) *watch.Batch {
	t.Helper()
	from := int64(0)
	for _, m := range j.positions.Marks() {
		from = m.Offset
	}
	ctx := context.Background()
	b, err := j.lender.Borrow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	origin := &watch.Origin{Source: filesSource, Path: crashLog}
	for _, line := range lines[from:] {
		b.Observations = append(b.Observations, watch.Observation{Kind: watch.Line, Origin: origin, Line: []byte(line), Time: time.Now().UnixNano()})
	}
	b.Mark = watch.Mark{Source: filesSource, Path: crashLog, Inode: 1, Offset: int64(len(lines))}
	out := make(chan *watch.Batch, 1)
	if err := j.lender.Send(ctx, out, b); err != nil {
		t.Fatal(err)
	}
	j.judge.judge(ctx, <-out)
	return b
}

// restore does what a start does with what was kept.
func (j *jailed) restore(t *testing.T) {
	t.Helper()
	bans, err := j.bansOf(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	j.restorePost(context.Background(), j.post, bans)
	if _, err := j.responder.Bans(context.Background()); err != nil {
		t.Fatal(err)
	}
	j.judge.hear()
}

// The points at which the process is killed, each behind what the one before it has done.
var crashPoints = []struct {
	name string
	do   func(t *testing.T, j *jailed, b *watch.Batch)
}{
	{"judged, not acknowledged", func(*testing.T, *jailed, *watch.Batch) {}},
	{"acknowledged, the responder has not looked", func(t *testing.T, j *jailed, b *watch.Batch) { j.judge.settle(b) }},
	{"in the ban journal, the judge has not heard", func(t *testing.T, j *jailed, b *watch.Batch) { j.judge.settle(b); j.respond(t) }},
	{"banned before the batch is acknowledged", func(t *testing.T, j *jailed, b *watch.Batch) { j.respond(t); j.judge.hear() }},
	{"the judge has heard and not written", func(t *testing.T, j *jailed, b *watch.Batch) { j.judge.settle(b); j.respond(t); j.judge.hear() }},
	{"all is written", func(t *testing.T, j *jailed, b *watch.Batch) {
		j.judge.settle(b)
		j.respond(t)
		j.judge.hear()
		j.judge.keep()
	}},
}

// TestCrashPoints: wherever picket is killed between the lines of a breach and its ban, the party is banned after the
// next start, once, with all the evidence, and no line counts twice.
func TestCrashPoints(t *testing.T) {
	lines := []string{"bad 192.0.2.7 as root", "bad 192.0.2.8 as x", "bad 192.0.2.7 as admin", "bad 192.0.2.7 as guest", "bad 192.0.2.9 as x", "bad 192.0.2.9 as y"}
	for _, point := range crashPoints {
		t.Run(point.name, func(t *testing.T) {
			dir := t.TempDir()
			first := startJailed(t, dir, nil)
			point.do(t, first, first.read(t, lines))
			first.stop()

			second := startJailed(t, dir, nil)
			second.respond(t)
			second.restore(t)
			second.judge.settle(second.read(t, lines))
			if _, err := second.responder.Bans(context.Background()); err != nil {
				t.Fatal(err)
			}
			second.judge.hear()
			bans, _ := second.bansOf(context.Background(), "crash")
			if len(bans) != 1 || bans[0].Prefix.Addr().String() != "192.0.2.7" {
				t.Fatalf("bans %v", bans)
			}
			ticket := second.post.tickets["192.0.2.7"]
			if ticket == nil || ticket.Failures != 3 || !slices.Equal(ticket.Matches, []string{lines[0], lines[2], lines[3]}) {
				t.Errorf("ticket %+v", ticket)
			}
			e := second.post.jail.Engine()
			if e.Failures("192.0.2.8") != 1 || e.Failures("192.0.2.9") != 2 || e.Failures("192.0.2.7") != 0 {
				t.Errorf("counted %d, %d and %d", e.Failures("192.0.2.8"), e.Failures("192.0.2.9"), e.Failures("192.0.2.7"))
			}
			if len(second.post.awaited) != 0 {
				t.Errorf("still awaited: %v", second.post.awaited)
			}
		})
	}
}

// TestLiftedStaysLifted: a ban that was lifted is not asked for again after a crash.
func TestLiftedStaysLifted(t *testing.T) {
	dir := t.TempDir()
	j := startJailed(t, dir, nil)
	j.judge.settle(j.read(t, []string{"bad 192.0.2.7 as a", "bad 192.0.2.7 as b", "bad 192.0.2.7 as c"}))
	j.respond(t)
	if err := j.responder.UnbanOf(context.Background(), "crash", netip.MustParsePrefix("192.0.2.7/32")); err != nil {
		t.Fatal(err)
	}
	j.judge.hear()
	j.judge.keep()
	j.stop()

	again := startJailed(t, dir, nil)
	again.respond(t)
	again.restore(t)
	if bans, _ := again.bansOf(context.Background(), ""); len(bans) != 0 || len(again.post.tickets) != 0 {
		t.Errorf("bans %v, tickets %v", bans, again.post.tickets)
	}
}

// TestNamedBans: a party without an address is banned by the jail's commands, its ban survives a restart, its evidence
// with it, and ends in time.
func TestNamedBans(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	withCommands := func(s *rules.Settings) {
		s.Actions = []rules.Action{{Name: "tell", File: "tell", Options: []rules.Option{
			{Name: "actionban", Text: fmt.Sprintf("echo 'ban <F-ID> <failures> <restored>' >> %s", out)},
			{Name: "actionunban", Text: fmt.Sprintf("echo 'unban <ip>' >> %s", out)},
		}}}
	}
	j := startJailed(t, dir, withCommands)
	j.startRunner(j.post)
	j.judge.settle(j.read(t, []string{"bad user eve", "bad user eve", "bad user eve", "bad user bob"}))
	j.judge.keep()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && !wrote(out, "ban user eve 3 0\n"); {
		time.Sleep(time.Millisecond)
	}
	if got := j.post.report().Banned; len(got) != 1 || got[0].ID != "user eve" {
		t.Fatalf("banned %+v", got)
	}
	j.stopRunner(j.post)
	<-j.post.stopping

	again := startJailed(t, dir, withCommands)
	again.respond(t)
	again.restore(t)
	again.startRunner(again.post)
	ticket := again.post.tickets["user eve"]
	if ticket == nil || !ticket.Restored || len(ticket.Matches) != 3 {
		t.Fatalf("ticket %+v", ticket)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && !wrote(out, "ban user eve 3 1\n"); {
		time.Sleep(time.Millisecond)
	}
	again.endNamed(time.Now().Add(2 * time.Hour))
	if len(again.post.tickets) != 0 || again.post.named != 0 {
		t.Errorf("tickets %v", again.post.tickets)
	}
	again.stopRunner(again.post)
	<-again.post.stopping
	wantFile(t, out, "ban user eve 3 0\nunban user eve\nban user eve 3 1\nunban user eve\n")
}

// TestOverAllJails: with bantime.overalljails the bans of other jails make a ban longer.
func TestOverAllJails(t *testing.T) {
	j := startJailed(t, t.TempDir(), func(s *rules.Settings) {
		s.Limits.Escalation = rules.Escalation{On: true, OverAll: true}
	})
	other := rules.Settings{Name: "other", Filter: rules.Definition{FailRegex: []string{"^<ADDR>$"}, MaxLines: 1}, Limits: rules.Limits{Jail: "other", MaxRetry: 1, Window: 600, BanSeconds: 60}, Logs: []rules.Log{{Pattern: "/x"}}}
	if err := j.addJail(&other); err != nil {
		t.Fatal(err)
	}
	j.respond(t)
	now := time.Now()
	a := netip.MustParseAddr("192.0.2.7")
	f := rules.Failure{ID: a.String(), Host: a.String(), Addr: a, Nanos: now.UnixNano()}
	for range 2 {
		if _, ok := j.jailNamed("other").jail.Engine().Add(&f, now.Unix()); !ok {
			t.Fatal("no breach")
		}
	}
	seconds, before := j.post.jail.Engine().Sentence(a.String(), now.Unix())
	if before != 2 || seconds != 4*3600 {
		t.Errorf("after %d bans %v seconds", before, seconds)
	}
}

// wrote tells whether a file ends in a text.
func wrote(path, text string) bool {
	got, err := os.ReadFile(path)
	return err == nil && strings.HasSuffix(string(got), text)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got := readFile(t, path); got != want {
		t.Errorf("%s: %q, want %q", path, got, want)
	}
}
