package actions

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawBan draws one of few bans, so that they meet.
func drawBan(t *rapid.T, now time.Time) Ban {
	scope, _ := ParseScope(rapid.SampledFrom([]string{"all", "tcp/22"}).Draw(t, "scope"))
	b := Ban{
		Prefix: mustPrefix(rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.2", "192.0.2.0/24", "192.0.0.0/16", "2001:db8::/64"}).Draw(t, "prefix")),
		Jail:   rapid.SampledFrom([]string{"", "sshd"}).Draw(t, "jail"), Scope: scope,
		By: rapid.SampledFrom([]string{"cli", "jail sshd"}).Draw(t, "by"), Since: now,
		Observed: rapid.Bool().Draw(t, "observed"), Reason: "test",
	}
	if span := rapid.IntRange(0, 5).Draw(t, "seconds"); span > 0 {
		b.Until = now.Add(time.Duration(span) * time.Second)
	}
	return b
}

// sameBans compares lists in any order.
func sameBans(a, b []Ban) bool {
	set := make(map[Ban]bool, len(a))
	for _, one := range a {
		set[one] = true
	}
	return len(a) == len(b) && !slices.ContainsFunc(b, func(one Ban) bool { return !set[one] })
}

// TestLedgerHoldsWhatWasPut: whatever is put, renewed, dropped and runs out, the ledger holds what a plain list does.
func TestLedgerHoldsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := newLedger(), time.Unix(1_000_000, 0).UTC()
		var plain []Ban
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			b := drawBan(t, now)
			i := slices.IndexFunc(plain, func(o Ban) bool { return b.same(&o) })
			switch {
			case rapid.IntRange(0, 3).Draw(t, "drop") == 0:
				if l.drop(&b); i >= 0 {
					plain = slices.Delete(plain, i, i+1)
				}
			case i >= 0:
				plain[i] = b
				if !l.put(b) {
					t.Fatalf("%+v was not renewed", b)
				}
			default:
				if plain = append(plain, b); l.put(b) {
					t.Fatalf("%+v was renewed", b)
				}
			}
			over, _ := l.over(now, batchSize)
			var ended []Ban
			plain = slices.DeleteFunc(plain, func(b Ban) bool {
				if b.Expired(now) {
					ended = append(ended, b)
				}
				return b.Expired(now)
			})
			if !sameBans(ended, over) {
				t.Fatalf("over at %s: %v, want %v", now, over, ended)
			}
			if all := slices.Collect(l.all()); !sameBans(plain, all) || l.count != len(plain) {
				t.Fatalf("%d stand: %v, want %v", l.count, all, plain)
			}
			p := drawBan(t, now).Prefix
			near := slices.DeleteFunc(slices.Clone(plain), func(b Ban) bool { return !b.Prefix.Overlaps(p) })
			if got := l.touching(p); !sameBans(near, got) {
				t.Fatalf("touching %s: %v, want %v", p, got, near)
			}
		}
		if got, most := len(l.terms), len(plain); got > most {
			t.Fatalf("%d terms are kept for %d bans", got, most)
		}
	})
}

// TestDuesAreBounded: a ban that is renewed for ever takes no more room with each time.
func TestDuesAreBounded(t *testing.T) {
	l, now := newLedger(), time.Unix(1_000_000, 0)
	for i := range 10 * spareDues {
		l.put(Ban{Prefix: mustPrefix("192.0.2.1"), Until: now.Add(time.Hour + time.Duration(i)*time.Second)})
	}
	if len(l.dues) > 2*l.count+spareDues {
		t.Errorf("%d entries for %d bans", len(l.dues), l.count)
	}
}

// TestFloodOfExpiries: bans that all end in one second are told in portions, each once.
func TestFloodOfExpiries(t *testing.T) {
	const bans = 3 * batchSize
	now := time.Unix(1_000_000, 0)
	told := map[netip.Prefix]int{}
	gate := NewGate(false, Rules{}, func() ([]Protected, error) { return nil, nil }, func(error) {})
	r, err := NewResponder(Options{
		StateDir: t.TempDir(), Gate: gate, Firewall: newKernel(), Max: bans, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Changed: func(c Change) {
			if c.Kind == BanExpired {
				told[c.Ban.Prefix]++
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var batch []message
	for i := range bans {
		addr := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
		batch = append(batch, message{ban: &Request{Prefix: netip.PrefixFrom(addr, 32), For: time.Minute}})
	}
	r.banAll(batch)
	now = now.Add(time.Minute)
	r.tick()
	if r.stats.Expired != batchSize || r.more == nil {
		t.Fatalf("the first portion is of %d, more: %v", r.stats.Expired, r.more != nil)
	}
	for r.more != nil {
		r.expire()
	}
	if len(told) != bans || r.stats.Expired != bans || r.bans.count != 0 || len(r.bans.dues) != 0 || len(r.bans.terms) != 0 {
		t.Errorf("%d of %d bans told, %d counted, %d stand", len(told), bans, r.stats.Expired, r.bans.count)
	}
	for p, n := range told {
		if n != 1 {
			t.Fatalf("%s: told %d times", p, n)
		}
	}
}

// TestShorterBanShortensNothing: who is banned for good stays so when a rule bans it for an hour.
func TestShorterBanShortensNothing(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	k := newKernel()
	gate := NewGate(false, Rules{}, func() ([]Protected, error) { return nil, nil }, func(error) {})
	r, err := NewResponder(Options{StateDir: t.TempDir(), Gate: gate, Firewall: k, Max: 9, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	p := mustPrefix("198.51.100.7")
	for i, c := range []struct{ span, want time.Duration }{{time.Hour, time.Hour}, {time.Minute, time.Hour}, {2 * time.Hour, 2 * time.Hour}, {0, 0}, {time.Hour, 0}} {
		r.banAll([]message{{ban: &Request{Prefix: p, For: c.span}}})
		list := r.list()
		if len(list) != 1 || list[0].Left(now) != c.want || k.have[Target{Prefix: p}] != c.want {
			t.Errorf("ban %d, for %s: the ledger has %+v, the kernel %s; want %s", i, c.span, list, k.have[Target{Prefix: p}], c.want)
		}
	}
}
