package store

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"picket/incidents"
)

// BenchmarkArchive answers questions about 100,000 incidents:
//
//	go test ./outputs/store -run xxx -bench Archive
func BenchmarkArchive(b *testing.B) {
	const n = 100_000
	s := open(b, b.TempDir())
	defer shut(b, s)
	for i := 1; i <= n; i++ {
		if err := s.Keep(change(i)); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			if err := s.flush(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	archiveQuestions(b, s, n)
}

// archiveQuestions measures questions to a store of n samples.
func archiveQuestions(b *testing.B, s *Store, n int) {
	b.Run("show", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Incident(b.Context(), incidents.ID(n/2)); err != nil {
				b.Fatal(err)
			}
		}
	})
	open := []incidents.State{incidents.Open, incidents.Acknowledged}
	for name, f := range map[string]incidents.Filter{
		"list":         {},
		"list open":    {States: open},
		"severity":     {States: open, Severity: incidents.Critical},
		"since":        {Since: sample(n / 2).Updated},
		"attacker":     {Attacker: netip.MustParsePrefix("203.0.77.9/32")},
		"network":      {Attacker: netip.MustParsePrefix("203.0.0.0/17")},
		"rule":         {Rule: "1:2000003"},
		"rare word":    {Text: fmt.Sprint(n - 7)},
		"common words": {Text: "scan sample"},
		"everything":   {Text: "scan", Rule: "1:2000003", States: open, Severity: incidents.Medium, Victim: netip.MustParsePrefix("2001:db8::/32")},
		"last page":    {Before: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.List(b.Context(), &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeep is what a finding waits for: the journal.
func BenchmarkKeep(b *testing.B) {
	s := open(b, b.TempDir())
	defer shut(b, s)
	c := change(1)
	c.Evidence = nil
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Keep(c); err != nil {
			b.Fatal(err)
		}
	}
}
