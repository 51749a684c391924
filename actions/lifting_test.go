package actions

import (
	"errors"
	"log/slog"
	"testing"
	"time"
)

// TestUnbansShareATransaction: of unbans that wait together each has its own answer; what one has lifted is not there for the
// next, and when the kernel refuses all of it stands.
func TestUnbansShareATransaction(t *testing.T) {
	k := newKernel()
	gate := NewGate(false, Rules{}, func() ([]Protected, error) { return nil, nil }, func(error) {})
	r, err := NewResponder(Options{StateDir: t.TempDir(), Gate: gate, Firewall: k, Max: 9, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []Request{
		{Prefix: mustPrefix("198.51.100.1"), Jail: "sshd", For: time.Hour}, {Prefix: mustPrefix("198.51.100.1"), Jail: "nginx", For: 2 * time.Hour},
		{Prefix: mustPrefix("198.51.100.2")}, {Prefix: mustPrefix("198.51.100.3")},
	} {
		r.banAll([]message{{ban: &q}})
	}
	ask := func(list ...unban) (errs []error) {
		answers := make(chan answer, len(list))
		var batch []message
		for _, u := range list {
			batch = append(batch, message{unban: &u, answer: answers})
		}
		r.handle(batch)
		for range list {
			errs = append(errs, (<-answers).err)
		}
		return errs
	}
	one, two := mustPrefix("198.51.100.1"), mustPrefix("198.51.100.2")
	k.broken = errors.New("no")
	if errs := ask(unban{prefix: one}, unban{prefix: two}); errs[0] == nil || errs[1] == nil || r.bans.count != 4 {
		t.Errorf("the kernel refuses: %v, %d bans stand", errs, r.bans.count)
	}
	k.broken = nil
	errs := ask(unban{prefix: one, jail: "nginx", own: true}, unban{prefix: two}, unban{prefix: two})
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], ErrNotBanned) {
		t.Errorf("answers: %v", errs)
	}
	if left := k.have[Target{Prefix: one}]; left != time.Hour || k.holds("198.51.100.2") || r.bans.count != 2 || r.stats.Lifted != 2 {
		t.Errorf("the kernel holds %v, %d bans stand, %d lifted", k.have, r.bans.count, r.stats.Lifted)
	}
}

// TestLedgerEmptiesWhileWalked: bans of one prefix may go while all are gone over.
func TestLedgerEmptiesWhileWalked(t *testing.T) {
	l := newLedger()
	for _, jail := range []string{"", "sshd", "nginx"} {
		l.put(Ban{Prefix: mustPrefix("192.0.2.1"), Jail: jail})
		l.put(Ban{Prefix: mustPrefix("192.0.2.2"), Jail: jail})
	}
	for b := range l.all() {
		l.drop(&b)
	}
	if l.count != 0 || len(l.of) != 0 || len(l.terms) != 0 {
		t.Errorf("%d bans are left: %v", l.count, l.of)
	}
}
