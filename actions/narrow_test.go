package actions

import (
	"context"
	"testing"
	"time"
)

// TestNarrow: when somebody protected lives in the network that is to be banned, the one party that is meant is banned
// alone; where that one is protected, nobody is.
func TestNarrow(t *testing.T) {
	k := newKernel()
	r := running(t, t.TempDir(), k, enforcing())
	for _, c := range []struct{ network, one, banned string }{
		{"2001:db8::/64", "2001:db8::bad", "2001:db8::bad"}, // a resolver lives there
		{"2001:db8:1::/64", "2001:db8:1::bad", "2001:db8:1::/64"},
		{"192.0.2.0/24", "192.0.2.1", ""},
	} {
		b, err := r.Ban(context.Background(), Request{Prefix: mustPrefix(c.network), Narrow: mustPrefix(c.one), For: time.Hour})
		if c.banned == "" {
			if err == nil {
				t.Errorf("%s banned", Text(b.Prefix))
			}
			continue
		}
		if err != nil || Text(b.Prefix) != c.banned || !k.holds(c.banned) {
			t.Errorf("%s: %s is banned, %v; want %s", c.network, Text(b.Prefix), err, c.banned)
		}
	}
	if k.holds("2001:db8::/64") || k.holds("192.0.2.0/24") {
		t.Error("a network with somebody protected in it is banned")
	}
}
