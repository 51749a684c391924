package store

import (
	"context"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// TestMerged: a case shows the timeline, evidence and measures of those that turned out to be part of it.
func TestMerged(t *testing.T) {
	s := open(t, t.TempDir())
	at := time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)
	for id := incidents.ID(1); id <= 2; id++ {
		c := incidents.Incident{ID: id, State: incidents.Open, Opened: at, Updated: at, Title: "case"}
		if id == 1 {
			c.Absorbed = []incidents.ID{2}
		} else {
			c.State, c.Merged = incidents.Resolved, 1
		}
		err := s.Keep(&incidents.Change{
			Incident: c, Entries: []incidents.Entry{{Time: at, Kind: "note", Text: "of " + string('0'+rune(id))}},
			Evidence: []incidents.Evidence{{Time: at, Kind: "line", Name: "line", Type: "text/plain", Data: []byte{byte(id)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.KeepMeasures(&measure.Measure{ID: measure.ID(id), Incident: id, State: measure.Complete, Created: at}); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	for id, want := range map[incidents.ID]int{1: 2, 2: 1} {
		f, err := s.Incident(ctx, id)
		if err != nil || len(f.Timeline) != want || len(f.Evidence) != want {
			t.Errorf("incident %d: %d entries, %d pieces, %v; want %d", id, len(f.Timeline), len(f.Evidence), err, want)
		}
		for _, p := range f.Evidence {
			if e, err := s.Evidence(ctx, id, p.Number); err != nil || len(e.Data) != 1 {
				t.Errorf("evidence %d of incident %d: %v", p.Number, id, err)
			}
		}
		list, err := s.Measures(ctx, MeasureFilter{Incident: id})
		if err != nil || len(list) != want {
			t.Errorf("incident %d: %d measures, %v; want %d", id, len(list), err, want)
		}
	}
}
