package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// kernel is a Firewall that keeps its elements in memory.
type kernel struct {
	mu      sync.Mutex
	have    map[Target]time.Duration
	cut     []Target
	damaged chan Damage
	broken  error // what Apply answers
	forget  bool  // Apply says yes and does nothing
}

func newKernel() *kernel {
	return &kernel{have: map[Target]time.Duration{}, damaged: make(chan Damage, 1)}
}

func (k *kernel) Apply(add []Entry, remove []Target) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != nil || k.forget {
		return k.broken
	}
	for _, e := range add {
		k.have[e.Target] = e.Left
	}
	for _, p := range remove {
		delete(k.have, p)
	}
	return nil
}

func (k *kernel) Replace(all []Entry) error {
	k.mu.Lock()
	clear(k.have)
	k.mu.Unlock()
	return k.Apply(all, nil)
}

func (k *kernel) Held(list []Target) ([]Holding, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := make([]Holding, len(list))
	for i, t := range list {
		held[i].Left, held[i].Found = k.have[t]
	}
	return held, nil
}

func (k *kernel) Cut(list []Target)      { k.cut = append(k.cut, list...) }
func (k *kernel) Damaged() <-chan Damage { return k.damaged }
func (k *kernel) Close() error           { return nil }
func (k *kernel) holds(text string) bool {
	held, _ := k.Held([]Target{{Prefix: mustPrefix(text)}})
	return held[0].Found
}

func mustPrefix(text string) netip.Prefix {
	p, err := ParsePrefix(text)
	if err != nil {
		panic(err)
	}
	return p
}

// host is a fixed neighbourhood.
func host() ([]Protected, error) {
	return []Protected{
		{Prefix: mustPrefix("192.0.2.1"), Why: "an address of this host"},
		{Prefix: mustPrefix("192.0.2.254"), Why: "a gateway of this host"},
		{Prefix: mustPrefix("2001:db8::53"), Why: "a resolver of this host"},
		{Prefix: mustPrefix("203.0.113.9"), Why: "the peer of a live SSH session", Session: true},
	}, nil
}

var quiet = slog.New(slog.DiscardHandler)

// running starts a responder that stops with the test.
func running(t *testing.T, dir string, k Firewall, gate *Gate) *Responder {
	t.Helper()
	r, err := NewResponder(Options{StateDir: dir, Gate: gate, Firewall: k, Max: 1000, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

func enforcing(allow ...netip.Prefix) *Gate {
	return NewGate(false, Rules{Allow: allow}, host, func(error) {})
}

func TestGateRefuses(t *testing.T) {
	r := running(t, t.TempDir(), newKernel(), enforcing(mustPrefix("198.51.100.0/24")))
	for text, why := range map[string]string{
		"192.0.2.1":          "an address of this host",
		"192.0.2.0/24":       "it covers 192.0.2.1",
		"192.0.2.254":        "gateway",
		"::ffff:192.0.2.254": "gateway",
		"2001:db8::53":       "resolver",
		"2001:db8::/32":      "resolver",
		"203.0.113.9":        "SSH session",
		"203.0.113.8/29":     "SSH session",
		"198.51.100.77":      "allow list",
		"198.51.0.0/16":      "allow list",
		"127.0.0.1":          "loopback",
		"::1":                "loopback",
		"0.0.0.0/0":          "it covers",
		"::/0":               "it covers",
		"224.0.0.1":          "multicast",
		"ff02::1":            "multicast",
		"fe80::1":            "link-local",
		"255.255.255.255":    "broadcast",
	} {
		_, err := r.Ban(context.Background(), Request{Prefix: mustPrefix(text), For: time.Hour})
		var refused *Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), why) {
			t.Errorf("ban %s: %v, want a refusal with %q", text, err, why)
		}
	}
}

func TestBanIsProvenKeptAndLifted(t *testing.T) {
	dir, k := t.TempDir(), newKernel()
	r := running(t, dir, k, enforcing())
	ctx := context.Background()
	b, err := r.Ban(ctx, Request{Prefix: mustPrefix("198.51.100.7"), For: time.Hour, Reason: "sid 1", By: "rule"})
	if err != nil || b.Observed || !k.holds("198.51.100.7") {
		t.Fatalf("ban: %+v, %v", b, err)
	}
	if err := r.Unban(ctx, mustPrefix("198.51.100.7"), "test"); err != nil || k.holds("198.51.100.7") {
		t.Errorf("unban: %v", err)
	}
	if err := r.Unban(ctx, mustPrefix("198.51.100.7"), "test"); !errors.Is(err, ErrNotBanned) {
		t.Errorf("second unban: %v", err)
	}
}

func TestNoEffectIsAnError(t *testing.T) {
	k := newKernel()
	r := running(t, t.TempDir(), k, enforcing())
	k.forget = true
	if _, err := r.Ban(context.Background(), Request{Prefix: mustPrefix("198.51.100.7")}); err == nil {
		t.Error("a ban that the kernel does not hold was reported as made")
	}
	if l, _ := r.Bans(context.Background()); len(l) != 0 {
		t.Errorf("the ledger holds %v", l)
	}
}

func TestObserveNeverReachesTheKernel(t *testing.T) {
	k := newKernel()
	gate := enforcing()
	gate.SetObserve(true)
	r := running(t, t.TempDir(), k, gate)
	b, err := r.Ban(context.Background(), Request{Prefix: mustPrefix("198.51.100.7"), For: time.Hour})
	if err != nil || !b.Observed || len(k.have) != 0 {
		t.Errorf("observed ban: %+v, %v; the kernel holds %v", b, err, k.have)
	}
}

func TestRestartKeepsBansWithTheirTime(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first, err := NewResponder(Options{StateDir: dir, Gate: enforcing(), Firewall: newKernel(), Max: 10, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	first.banAll([]message{
		{ban: &Request{Prefix: mustPrefix("198.51.100.1"), For: time.Hour}},
		{ban: &Request{Prefix: mustPrefix("198.51.100.2")}},
		{ban: &Request{Prefix: mustPrefix("198.51.100.3"), For: time.Minute}},
	}) // and then kill -9: nothing is closed
	k := newKernel()
	later := func() time.Time { return now.Add(10 * time.Minute) }
	if _, err := NewResponder(Options{StateDir: dir, Gate: enforcing(), Firewall: k, Max: 10, Log: quiet, Now: later}); err != nil {
		t.Fatal(err)
	}
	if len(k.have) != 2 || k.have[Target{Prefix: mustPrefix("198.51.100.2")}] != 0 {
		t.Fatalf("the kernel holds %v", k.have)
	}
	if left := k.have[Target{Prefix: mustPrefix("198.51.100.1")}]; left < 49*time.Minute || left > 50*time.Minute {
		t.Errorf("%s left, want 50 minutes", left)
	}
}

func TestRestartLiftsWhatIsProtectedNow(t *testing.T) {
	dir := t.TempDir()
	first, err := NewResponder(Options{StateDir: dir, Gate: enforcing(), Firewall: newKernel(), Max: 10, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	first.banAll([]message{{ban: &Request{Prefix: mustPrefix("198.51.100.1")}}})
	k := newKernel()
	if _, err := NewResponder(Options{StateDir: dir, Gate: enforcing(mustPrefix("198.51.100.0/24")), Firewall: k, Max: 10, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	if len(k.have) != 0 {
		t.Errorf("the kernel holds %v", k.have)
	}
}

func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	text := `{"prefix":"198.51.100.1/32","since":"2026-01-01T00:00:00Z"}
garbage
{"prefix":"198.51.100.2/32","since":"2026-01-01T00:00:00Z"}
{"prefix":"198.51.100.1/32","since":"0001-01-01T00:00:00Z","lifted":true}
{"prefix":"198.51.100.3/32","since":"2026-01-`
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var warned []error
	j, bans, err := openJournal(dir, time.Now(), func(err error) { warned = append(warned, err) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if bans.count != 1 || len(warned) != 1 {
		t.Errorf("bans %v, warnings %v", bans, warned)
	}
}

func TestRepairPutsEverythingBack(t *testing.T) {
	k := newKernel()
	r := running(t, t.TempDir(), k, enforcing())
	if _, err := r.Ban(context.Background(), Request{Prefix: mustPrefix("198.51.100.1")}); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	clear(k.have)
	k.mu.Unlock()
	k.damaged <- Damage{What: "flushed"}
	for range 200 {
		if k.holds("198.51.100.1") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the ban was not put back")
}

// TestNobodyProtectedIsEverBanned asks in every way for everything; no protected address may reach the kernel.
func TestNobodyProtectedIsEverBanned(t *testing.T) {
	protected, _ := host()
	rapid.Check(t, func(t *rapid.T) {
		k := newKernel()
		allow := rapid.SliceOfN(prefixes(), 0, 3).Draw(t, "allow")
		gate := enforcing(allow...)
		observe := rapid.Bool().Draw(t, "observe")
		gate.SetObserve(observe)
		dir, err := os.MkdirTemp("", "gate")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		r, err := NewResponder(Options{StateDir: dir, Gate: gate, Firewall: k, Max: 100, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer r.journal.close()
		for _, p := range rapid.SliceOfN(prefixes(), 1, 20).Draw(t, "asked") {
			r.banAll([]message{{ban: &Request{Prefix: p, For: time.Hour}}})
		}
		if observe && len(k.have) > 0 {
			t.Fatalf("observe mode, but the kernel holds %v", k.have)
		}
		for held := range k.have {
			p := held.Prefix
			for _, who := range append(protected, always...) {
				if p.Overlaps(who.Prefix) {
					t.Fatalf("%s is banned, %s is %s", p, who.Prefix, who.Why)
				}
			}
			for _, a := range allow {
				if p.Overlaps(Normal(a)) {
					t.Fatalf("%s is banned, %s is on the allow list", p, a)
				}
			}
		}
	})
}

// prefixes draws prefixes of which many lie near protected ones.
func prefixes() *rapid.Generator[netip.Prefix] {
	near := rapid.SampledFrom([]string{"192.0.2.0", "203.0.113.8", "2001:db8::50", "::ffff:192.0.2.0", "127.0.0.0", "10.0.0.0", "::", "fe80::"})
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := netip.MustParseAddr(near.Draw(t, "near"))
		b := a.AsSlice()
		b[len(b)-1] += rapid.Byte().Draw(t, "last")
		a, _ = netip.AddrFromSlice(b)
		return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
	})
}

func TestThisHost(t *testing.T) {
	list, err := ThisHost()()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Prefix.Addr().IsLoopback() && strings.Contains(p.Why, "address of this host") {
			return
		}
	}
	t.Errorf("this host's loopback address is not in %v", list)
}

func TestFullLedgerRefuses(t *testing.T) {
	r := running(t, t.TempDir(), newKernel(), enforcing())
	r.max = 3
	var failed int
	for i := range 5 {
		if _, err := r.Ban(context.Background(), Request{Prefix: mustPrefix(fmt.Sprintf("198.51.100.%d", i))}); err != nil {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d of 5 refused, want 2", failed)
	}
}
