package store

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket/incidents"
)

// start is the time at which tests begin.
var start = time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// sample is the n-th case.
func sample(n int) incidents.Incident {
	at := start.Add(time.Duration(n) * time.Second)
	attacker := netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)})
	states := []incidents.State{incidents.Open, incidents.Acknowledged, incidents.Resolved}
	return incidents.Incident{
		ID: incidents.ID(n), State: states[n%3], Title: fmt.Sprintf("ET SCAN sample %d", n), Severity: incidents.Severity(n % 5),
		Opened: at, Updated: at, Attackers: []netip.Addr{attacker}, Victims: []incidents.Endpoint{{Addr: netip.MustParseAddr("2001:db8::5"), Port: 22}},
		Rules: []incidents.RuleCount{{Rule: incidents.Rule{ID: fmt.Sprintf("1:%d", 2000000+n%7), Name: "ET SCAN sample"}, Kind: incidents.Alert, Count: 1, First: at, Last: at}},
		Tags:  []string{"mitre:T1110"}, Findings: 1,
	}
}

func change(n int) *incidents.Change {
	c := sample(n)
	return &incidents.Change{
		Incident: c,
		Entries:  []incidents.Entry{{Time: c.Opened, Kind: "opened", Text: c.Title}},
		Evidence: []incidents.Evidence{{Time: c.Opened, Kind: "line", Name: "/var/log/auth.log", Type: "text/plain", Data: []byte("Failed password\n")}},
	}
}

func TestKeepAndShow(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	if err := s.Keep(change(1)); err != nil {
		t.Fatal(err)
	}
	second := change(1)
	second.Incident.Findings = 7
	if err := s.Keep(second); err != nil {
		t.Fatal(err)
	}
	f, err := s.Incident(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(second.Incident, f.Incident, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if len(f.Timeline) != 2 || len(f.Evidence) != 2 || f.Evidence[0].Bytes != 16 {
		t.Errorf("timeline %v, evidence %v", f.Timeline, f.Evidence)
	}
	e, err := s.Evidence(t.Context(), 1, f.Evidence[1].Number)
	if err != nil || string(e.Data) != "Failed password\n" {
		t.Errorf("evidence %q, %v", e.Data, err)
	}
}

func TestFilters(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	for n := 1; n <= 60; n++ {
		if err := s.Keep(change(n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		f    incidents.Filter
		want int
	}{
		"all":         {incidents.Filter{}, 60},
		"state":       {incidents.Filter{States: []incidents.State{incidents.Open, incidents.Acknowledged}}, 40},
		"severity":    {incidents.Filter{Severity: incidents.High}, 24},
		"since":       {incidents.Filter{Since: start.Add(51 * time.Second)}, 10},
		"until":       {incidents.Filter{Until: start.Add(11 * time.Second)}, 10},
		"attacker":    {incidents.Filter{Attacker: netip.MustParsePrefix("203.0.0.9/32")}, 1},
		"network":     {incidents.Filter{Attacker: netip.MustParsePrefix("203.0.0.0/27")}, 31},
		"no attacker": {incidents.Filter{Attacker: netip.MustParsePrefix("2001:db8::5/128")}, 0},
		"victim":      {incidents.Filter{Victim: netip.MustParsePrefix("2001:db8::/32")}, 60},
		"rule":        {incidents.Filter{Rule: "1:2000003"}, 9},
		"text":        {incidents.Filter{Text: "sample 33"}, 1},
		"address":     {incidents.Filter{Text: "203.0.0.33"}, 1},
		"word begins": {incidents.Filter{Text: "samp"}, 60},
		"tag":         {incidents.Filter{Text: "mitre:T1110"}, 60},
		"signs":       {incidents.Filter{Text: `") OR (`}, 0},
		"page":        {incidents.Filter{Before: 21}, 20},
		"two":         {incidents.Filter{Text: "scan", Rule: "1:2000003", States: []incidents.State{incidents.Resolved}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			list, total, err := s.List(t.Context(), &c.f)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != c.want || total != c.want {
				t.Errorf("%d in the list, %d in all, want %d", len(list), total, c.want)
			}
		})
	}
}

func TestNextRunKnowsAll(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := 1; n <= 9; n++ {
		if err := s.Keep(change(n)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	s = open(t, dir)
	defer shut(t, s)
	list, last, err := s.Recent(8)
	if err != nil || last != 9 || len(list) != 8 || list[7].State != incidents.Resolved || list[5].State == incidents.Resolved {
		t.Errorf("last %d, %d cases, %v", last, len(list), err)
	}
	if _, err := s.Incident(context.Background(), 10); err == nil {
		t.Error("a case that was never kept is there")
	}
}

// TestReadOnly: what a picket has left can be read while none is running, and is not touched.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if s, err := OpenReadOnly(dir); err == nil {
		shut(t, s)
		t.Error("a store is read that is not there")
	}
	s := open(t, dir)
	if err := s.Keep(change(1)); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	s, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	if f, err := s.Incident(t.Context(), 1); err != nil || len(f.Timeline) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestLatest: the newest findings of open cases, in order, with their cases.
func TestLatest(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	if list, err := s.Latest(t.Context(), 10, time.Minute); err != nil || len(list) != 0 {
		t.Errorf("of an empty store: %v, %v", list, err)
	}
	for n := 1; n <= 100; n++ {
		c := change(n)
		f := incidents.Finding{Time: c.Incident.Opened, Rule: incidents.Rule{ID: "1:1"}}
		c.Entries = append(c.Entries, incidents.Entry{Time: f.Time, Kind: "finding", Finding: &f})
		if err := s.Keep(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ lines, want int }{{1000, 21}, {6, 4}} { // within 30 s; a third of the cases is resolved
		list, err := s.Latest(t.Context(), c.lines, 30*time.Second)
		if err != nil || len(list) != c.want || list[len(list)-1].Incident.ID != 100 || !list[0].Finding.Time.Before(list[1].Finding.Time) {
			t.Errorf("%d findings, want %d: %v %v", len(list), c.want, list, err)
		}
	}
}
