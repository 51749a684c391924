package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"picket/actions"
)

// The ledger says what is banned, the kernel does it: whatever is banned, renewed and lifted, in whatever order, by whatever
// jails, over prefixes that lie in one another and within scopes, both say the same, and what a plain model says.

// party is what a ban is of.
type party struct {
	actions.Target
	jail string
}

// books is a model of the ledger: until when each ban stands; the zero time: for good.
type books map[party]time.Time

var (
	modelPrefixes = []string{"192.0.2.1", "192.0.2.0/24", "192.0.0.0/20", "192.0.0.0/16", "2001:db8::1", "2001:db8::/64", "2001:db8::/47", "2001:db8::/36"}
	modelScopes   = []string{"all", "tcp/22,80", "tcp/22 reject=tcp-reset"}
	modelJails    = []string{"", "sshd", "nginx"}
	modelSpans    = []time.Duration{0, 10 * time.Minute, time.Hour, 24 * time.Hour}
)

// banned enters a ban. None ends sooner because another one of the same is asked for.
func (b books) banned(p party, until time.Time) {
	old, stands := b[p]
	if stands && (old.IsZero() || !until.IsZero() && old.After(until)) {
		return
	}
	b[p] = until
}

func (b books) lifted(of netip.Prefix, mine func(jail string) bool) (n int) {
	for p := range b {
		if p.Prefix == of && mine(p.jail) {
			delete(b, p)
			n++
		}
	}
	return n
}

// holds is until when the kernel must hold a target. The prefixes of odd lengths share a set: who lies within another is held
// as long as the longer of both.
func (b books) holds(t actions.Target) (until time.Time, held bool) {
	odd := kinds[kindOf(t.Prefix)].bits == 0
	for p, end := range b {
		over := p.Target == t || odd && p.Scope == t.Scope && kindOf(p.Prefix) == kindOf(t.Prefix) && p.Prefix.Bits() < t.Prefix.Bits() && p.Prefix.Overlaps(t.Prefix)
		if !over {
			continue
		}
		if !held || end.IsZero() || !until.IsZero() && end.After(until) {
			until = end
		}
		held = true
	}
	return until, held
}

// ledgerTrial is a responder on a real kernel beside the model.
type ledgerTrial struct {
	table     *Table
	responder *actions.Responder
	model     books
}

const modelSlack = 5 * time.Second

func near(a, b time.Time) bool {
	return a.IsZero() == b.IsZero() && a.Sub(b).Abs() < modelSlack
}

func (l *ledgerTrial) ban(ctx context.Context, t *rapid.T) {
	scope, _ := actions.ParseScope(rapid.SampledFrom(modelScopes).Draw(t, "scope"))
	p := party{actions.Target{Prefix: prefix(rapid.SampledFrom(modelPrefixes).Draw(t, "prefix")), Scope: scope}, rapid.SampledFrom(modelJails).Draw(t, "jail")}
	span := rapid.SampledFrom(modelSpans).Draw(t, "span")
	b, err := l.responder.Ban(ctx, actions.Request{Prefix: p.Prefix, Scope: p.Scope, Jail: p.jail, For: span, By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var until time.Time
	if span > 0 {
		until = time.Now().Add(span)
	}
	if l.model.banned(p, until); !near(b.Until, l.model[p]) {
		t.Fatalf("ban %v for %s: answered until %s, want %s", p, span, b.Until, l.model[p])
	}
}

func (l *ledgerTrial) lift(ctx context.Context, t *rapid.T) {
	of := prefix(rapid.SampledFrom(modelPrefixes).Draw(t, "prefix"))
	mine, err, jail := func(string) bool { return true }, error(nil), "all"
	if rapid.Bool().Draw(t, "of one jail") {
		jail = rapid.SampledFrom(modelJails).Draw(t, "jail")
		mine = func(j string) bool { return j == jail }
		err = l.responder.UnbanOf(ctx, jail, of)
	} else {
		err = l.responder.Unban(ctx, of, "test")
	}
	if n := l.model.lifted(of, mine); (n == 0) != errors.Is(err, actions.ErrNotBanned) || n > 0 && err != nil {
		t.Fatalf("unban %s of %s: %d bans, %v", of, jail, n, err)
	}
}

// check holds the ledger and the kernel against the model.
func (l *ledgerTrial) check(ctx context.Context, t *rapid.T) {
	list, err := l.responder.Bans(ctx)
	if err != nil || len(list) != len(l.model) {
		t.Fatalf("%d bans in the ledger, want %d: %v", len(list), len(l.model), err)
	}
	for _, b := range list {
		if until, stands := l.model[party{b.Target(), b.Jail}]; !stands || !near(until, b.Until) {
			t.Fatalf("the ledger has %+v, want until %s: %v", b, until, stands)
		}
	}
	now := time.Now()
	for _, name := range modelPrefixes {
		for _, text := range modelScopes {
			scope, _ := actions.ParseScope(text)
			target := actions.Target{Prefix: prefix(name), Scope: scope}
			until, want := l.model.holds(target)
			left, found, err := l.table.Lookup(target)
			if err != nil || found != want || found && (left == 0) != until.IsZero() || found && left > 0 && !near(now.Add(left), until) {
				t.Fatalf("the kernel holds %v: %v for %s, %v; want %v until %s\n%v", target, found, left, err, want, until, l.model)
			}
		}
	}
}

func TestKernelAndLedgerAgree(t *testing.T) {
	table := open(t, true)
	gate := actions.NewGate(false, actions.Rules{}, func() ([]actions.Protected, error) { return nil, nil }, func(error) {})
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		dir := fmt.Sprintf("%s/%d", t.TempDir(), round)
		responder, err := actions.NewResponder(actions.Options{StateDir: dir, Gate: gate, Firewall: unclosed{table}, Max: 1000, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			rt.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- responder.Run(ctx) }()
		defer func() {
			stop()
			if err := <-ended; err != nil {
				rt.Error(err)
			}
		}()
		l := &ledgerTrial{table, responder, books{}}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
				l.lift(ctx, rt)
			} else {
				l.ban(ctx, rt)
			}
			l.check(ctx, rt)
		}
	})
}

// unclosed is a table that outlives its responder.
type unclosed struct{ *Table }

func (unclosed) Close() error { return nil }
