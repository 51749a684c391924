package rules

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/rules/fail2ban"
)

func failure(addr string, at int64) *Failure {
	a := netip.MustParseAddr(addr)
	return &Failure{ID: a.String(), Host: addr, Addr: a, Nanos: at * 1e9, Matches: []string{"line"}, Attempts: 1}
}

func TestEngine(t *testing.T) {
	e := NewEngine(Limits{Jail: "j", MaxRetry: 3, Window: 600, BanSeconds: 60, MaxMatches: 2})
	spared := NewSpared(&Ignoring{List: []string{"10.0.0.0/8"}}, nil, nil)
	e.Ignored = func(f *Failure) bool { return spared.Contains(f.ID, f.Addr) }
	for at := range int64(2) {
		if _, ok := e.Add(failure("192.0.2.1", at), at); ok {
			t.Fatal("too early")
		}
	}
	if _, ok := e.Add(failure("10.0.0.1", 2), 2); ok || e.Count.Ignored != 1 {
		t.Error("an ignored address counts")
	}
	b, ok := e.Add(failure("192.0.2.1", 2), 2)
	if !ok || b.ID != "192.0.2.1" || b.Count != 3 || b.Seconds != 60 || len(b.Matches) != 2 || b.Prefix.Bits() != 32 {
		t.Errorf("breach %v %+v", ok, b)
	}
	if _, ok := e.Add(failure("192.0.2.1", 3), 3); ok {
		t.Error("the count goes on behind a breach")
	}
}

// TestBreachFields: a breach has what was captured of the first of its failures, as fail2ban's tickets do.
func TestBreachFields(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 2, Window: 600})
	e.KeepFields = true
	for i, user := range []string{"root", "admin"} {
		f := failure("192.0.2.1", int64(i))
		f.Fields.Set("user", user)
		if b, ok := e.Add(f, int64(i)); ok && b.Fields["user"] != "root" {
			t.Errorf("fields %v", b.Fields)
		}
	}
	if e.Count.Breaches != 1 {
		t.Errorf("%d breaches", e.Count.Breaches)
	}
}

// TestSlowAttacker: failures are scaled to the window, so that a steady slow rate never leads to a ban.
func TestSlowAttacker(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 5, Window: 600, BanSeconds: 60})
	for i := range int64(100) {
		if _, ok := e.Add(failure("192.0.2.1", i*200), i*200); ok {
			t.Fatalf("banned at failure %d", i)
		}
	}
	if e.Failing(100*200+1000) != 0 {
		t.Error("counters do not expire")
	}
}

func TestPrefixes(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 3, Window: 600, PrefixIPv6: 64})
	e.Add(failure("2001:db8::1", 0), 0)
	e.Add(failure("2001:db8::2", 0), 0)
	b, ok := e.Add(failure("2001:db8::3", 0), 0)
	if !ok || b.ID != "2001:db8::/64" || b.Prefix != netip.MustParsePrefix("2001:db8::/64") {
		t.Errorf("breach %v %+v", ok, b)
	}
}

func TestEngineIsBounded(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 2, Window: 600, Escalation: Escalation{On: true}})
	e.counters.limit, e.offenders.limit = 100, 50
	for i := range 1000 {
		addr := fmt.Sprintf("10.%d.%d.1", i/256, i%256)
		e.Add(failure(addr, 1), 1)
		if i%2 == 0 {
			e.Add(failure(addr, 1), 1)
		}
	}
	if len(e.counters.of) != 100 || len(e.offenders.of) != 50 || e.Count.Evicted == 0 {
		t.Errorf("%d counters, %d offenders, %d evicted", len(e.counters.of), len(e.offenders.of), e.Count.Evicted)
	}
}

func TestEscalation(t *testing.T) {
	text, err := os.ReadFile(kit + "vectors.json")
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	var v struct {
		Increment map[string]json.RawMessage `json:"bantime_increment"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]struct {
		base float64
		Escalation
	}{
		"default formula, factor 1, base 600, count 0..25":              {600, Escalation{On: true}},
		"multipliers 1 5 30 60 300 720 1440 2880, base 60, count 0..10": {60, Escalation{On: true, Multipliers: []float64{1, 5, 30, 60, 300, 720, 1440, 2880}}},
	} {
		var want, got []float64
		if err := json.Unmarshal(v.Increment[name], &want); err != nil {
			t.Fatal(err)
		}
		for n := range want {
			got = append(got, e.Seconds(e.base, n))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	f := Escalation{On: true, Factor: 2, Formula: "ban.Time * (ban.Count + 1) * banFactor"}
	if got := f.Seconds(600, 2); got != 3600 || f.Table(600)[2] != 3 {
		t.Errorf("by formula %v, multipliers %v", got, f.Table(600))
	}
	f.Formula = "ban.Time / (ban.Count - 2)" // it has no result for this ban
	if got := f.Seconds(600, 2); got != 600*4*2 {
		t.Errorf("a formula without a result gives %v", got)
	}
	e := Escalation{On: true, MaxSeconds: 1000, Jitter: 10}
	if got := e.Seconds(600, 5); got < 1000 || got > 1010 {
		t.Errorf("%v is beyond limit and jitter", got)
	}
	if e.Seconds(Forever, 3) != Forever || e.Weight(3, 4) != 4 || e.Weight(1, 5) != 2 {
		t.Error("forever, or the weight of known offenders")
	}
}

func TestPrefixVectors(t *testing.T) {
	text, err := os.ReadFile(kit + "vectors.json")
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	var v struct {
		IP map[string]struct {
			Str    string
			Family *string
			Plen   int
		}
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for text, want := range v.IP {
		p, ok := parsePrefix(text)
		switch {
		case ok != (want.Family != nil):
			t.Errorf("%q is an address: %v", text, ok)
		case ok && (p.Bits() != want.Plen || p.Addr().String() != trimMask(want.Str)):
			t.Errorf("%q is %v, want %s", text, p, want.Str)
		}
	}
}

func trimMask(text string) string {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	return p.Addr().String()
}

func TestLimitsOf(t *testing.T) {
	c, err := fail2ban.Load(kitConfig)
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	if len(c.Jails) != 0 {
		t.Fatal("stock jails are enabled")
	}
	l, err := LimitsOf(&fail2ban.Jail{Name: "x", Ignore: []string{"10.0.0.0/8", "file:/x", "office.example.com"}, Limits: []fail2ban.Pair{
		{Name: "bantime", Text: "1h"}, {Name: "findtime", Text: "60*10"}, {Name: "maxretry", Text: "4"}, {Name: "bantime.increment", Text: "true"},
		{Name: "bantime.multipliers", Text: "1 2"}, {Name: "bantime.maxtime", Text: "soon"},
	}})
	if l.BanSeconds != 3600 || l.Window != 600 || l.MaxRetry != 4 || l.MaxMatches != 4 || !l.Escalation.On {
		t.Errorf("limits %+v", l)
	}
	if err == nil {
		t.Error("a wrong time span is kept")
	}
}

func TestSpared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "friends")
	if err := os.WriteFile(path, []byte("203.0.113.0/24 # office\n2001:db8::1, root\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	resolve := func(name string) []netip.Addr {
		if name == "home.example.com" {
			return []netip.Addr{netip.MustParseAddr("198.51.100.9")}
		}
		return nil
	}
	self := func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.0.2.2")} }
	l := NewSpared(&Ignoring{Self: true, List: []string{"10.0.0.0/255.0.0.0", "home.example.com", "file:" + path}}, resolve, self)
	for text, want := range map[string]bool{
		"10.1.2.3": true, "11.0.0.1": false, "198.51.100.9": true, "203.0.113.77": true, "2001:db8::1": true, "192.0.2.2": true, "192.0.2.3": false,
	} {
		if got := l.Contains(text, netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !l.Contains("root", netip.Addr{}) || l.Contains("joe", netip.Addr{}) {
		t.Error("names")
	}
}

// TestRemembered: bans are forgotten dbpurgeage after their end, those that stand and those for good never.
func TestRemembered(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 1, Window: 600, BanSeconds: 100, Remember: 1000, Escalation: Escalation{On: true}})
	for _, c := range []struct{ at, before int64 }{{0, 0}, {1099, 1}, {1099 + 200 + 1000, 2}, {1e6, 0}} {
		b, ok := e.Add(failure("192.0.2.1", c.at), c.at)
		if !ok || int64(b.Before) != c.before {
			t.Errorf("at %d: %d bans before, want %d", c.at, b.Before, c.before)
		}
	}
	e.Restore("192.0.2.2", 3, 1, Forever)
	if e.Purge(2e6); e.Bans("192.0.2.1", 2e6) != 0 || e.Bans("192.0.2.2", 2e6) != 3 {
		t.Errorf("%d and %d bans", e.Bans("192.0.2.1", 2e6), e.Bans("192.0.2.2", 2e6))
	}
}

// TestStanding: who fails on while he is banned is not banned once more.
func TestStanding(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 1, Window: 600, BanSeconds: 100, Escalation: Escalation{On: true}})
	e.Standing = func(string) bool { return true }
	for at := range int64(3) {
		if b, ok := e.Add(failure("192.0.2.1", at), at); !ok || b.Before != 0 || b.Seconds != 100 {
			t.Errorf("breach %v %+v", ok, b)
		}
	}
	if n := e.Bans("192.0.2.1", 3); n != 0 {
		t.Errorf("%d bans", n)
	}
}

// TestLateStamp: a failure that a log dates later than now has happened now.
func TestLateStamp(t *testing.T) {
	e := NewEngine(Limits{MaxRetry: 2, Window: 600})
	e.Found = func(_ *Failure, at int64, _, _ int) {
		if at != 50 {
			t.Errorf("found at %d", at)
		}
	}
	e.Add(failure("192.0.2.1", 5000), 50)
}
