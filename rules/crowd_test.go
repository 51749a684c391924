package rules

import (
	"fmt"
	"net/netip"
	"testing"

	"picket/rules/expression"
)

// TestCrowd: the last address that breaches takes its network with it, once for each address and only within the window.
func TestCrowd(t *testing.T) {
	for name, c := range map[string]struct {
		addrs []string // one breach a minute
		want  string   // what the last breach bans
	}{
		"four of a /24":         {[]string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}, "192.0.2.0/24"},
		"one comes again":       {[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.4"}, "192.0.2.4/32"},
		"four networks":         {[]string{"192.0.2.1", "192.0.3.1", "192.0.4.1", "192.0.5.1"}, "192.0.5.1/32"},
		"four /64 of a /48":     {[]string{"2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"}, "2001:db8:1::/48"},
		"a /64 is one":          {[]string{"2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1::3", "2001:db8:1:1::4"}, "2001:db8:1:1::/64"},
		"the first is long ago": {[]string{"192.0.2.1", "", "", "", "", "", "192.0.2.2", "192.0.2.3", "192.0.2.4"}, "192.0.2.4/32"},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEngine(Limits{MaxRetry: 1, Window: 60, PrefixIPv6: 64, Crowd: Crowd{Addresses: 4, Window: 300, PrefixIPv4: 24, PrefixIPv6: 48}})
			var last Breach
			for i, a := range c.addrs {
				if a != "" {
					last, _ = e.Add(failure(a, int64(i)*60), int64(i)*60)
				}
			}
			if last.Prefix.String() != c.want {
				t.Errorf("%s is banned, want %s", last.Prefix, c.want)
			}
		})
	}
}

func TestCrowdsAreBounded(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 1, Window: 60, Crowd: Crowd{Addresses: 4, Window: 300, PrefixIPv4: 24}})
	for i := range maxCrowds + 1000 {
		e.Add(failure(fmt.Sprintf("%d.%d.%d.1", 1+i>>16, i>>8&255, i&255), 0), 0)
	}
	if n := len(e.crowds.of); n > maxCrowds || e.Count.Evicted < 900 {
		t.Errorf("%d networks, %d evicted", n, e.Count.Evicted)
	}
}

// TestByUser: many addresses that try one name are banned from the one that reaches the limit on; other names are not.
func TestByUser(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 3, Window: 600, ByUser: true})
	var banned []string
	for i, user := range []string{"root", "root", "joe", "root", "root", "joe"} {
		f := failure(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), int64(i))
		f.Fields = expression.Fields{{Name: "user", Text: user}}
		if b, ok := e.Add(f, int64(i)); ok {
			banned = append(banned, b.Reason()+": "+b.ID)
		}
	}
	want := []string{`3 failures of user "root": 192.0.2.3`, `3 failures of user "root": 192.0.2.4`}
	if fmt.Sprint(banned) != fmt.Sprint(want) {
		t.Errorf("banned %q, want %q", banned, want)
	}
}
