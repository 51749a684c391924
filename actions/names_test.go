package actions

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"picket/actions/hostile"
)

// TestNameMovesToABan: a protected name that comes to stand for a banned address lifts that ban.
func TestNameMovesToABan(t *testing.T) {
	gate := NewGate(false, Rules{Names: []NamedParty{{"vpn.example.net", "on the allow list (vpn.example.net)"}}}, host, func(error) {})
	at := netip.MustParseAddr("198.51.100.7")
	gate.names.lookup = func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{at}, nil }
	k := newKernel()
	r, err := NewResponder(Options{StateDir: t.TempDir(), Gate: gate, Firewall: k, Max: 10, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r.handle([]message{{ban: &Request{Prefix: hostile.One(at)}}})
	r.tick()
	if !k.holds(at.String()) {
		t.Fatal("it is not banned")
	}
	gate.names.refresh(context.Background())
	r.tick()
	if k.holds(at.String()) {
		t.Error("the name's address is still banned")
	}
}

// TestSystemsAreProtected: a network of an allowed autonomous system is, in every prefix that holds a part of it.
func TestSystemsAreProtected(t *testing.T) {
	path := t.TempDir() + "/as.mmdb"
	database := hostile.Systems(map[netip.Prefix]uint32{
		netip.MustParsePrefix("198.51.100.0/24"): 64500, netip.MustParsePrefix("203.0.113.0/24"): 64501, netip.MustParsePrefix("2001:db8::/32"): 64500,
	})
	if err := os.WriteFile(path, database, 0o600); err != nil {
		t.Fatal(err)
	}
	systems, err := OpenSystems(path, []uint32{64500})
	if err != nil {
		t.Fatal(err)
	}
	gate := NewGate(false, Rules{Systems: systems}, host, func(error) {})
	for text, protected := range map[string]bool{
		"198.51.100.9": true, "198.51.100.0/25": true, "198.51.0.0/16": true, "203.0.113.8": false, "198.51.101.0/24": false, "2001:db8:1::/48": true, "2001:db9::1": false,
	} {
		if refusal := gate.Check(mustPrefix(text), time.Now()); (refusal != nil) != protected {
			t.Errorf("%s: %v, want protected %t", text, refusal, protected)
		}
	}
}
