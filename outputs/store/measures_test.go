package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/actions/measure"
	"picket/incidents"
)

func measureOf(id measure.ID, of incidents.ID, state measure.State) *measure.Measure {
	return &measure.Measure{
		ID: id, Incident: of, State: state, Spec: measure.Spec{Name: "ban", Args: map[string]string{"who": "203.0.113.7"}},
		By: "policy ssh", Reason: "test", Created: time.Now().UTC().Round(0), Due: time.Now().UTC().Round(0),
	}
}

func keepMeasures(t *testing.T, s *Store, list ...*measure.Measure) {
	t.Helper()
	if err := s.KeepMeasures(list...); err != nil {
		t.Fatal(err)
	}
}

// openIDs are the measures that a desk takes up.
func openIDs(t *testing.T, s *Store) (ids []measure.ID, last measure.ID) {
	t.Helper()
	last, err := s.OpenMeasures(t.Context(), func(m *measure.Measure) { ids = append(ids, m.ID) })
	if err != nil {
		t.Fatal(err)
	}
	return ids, last
}

func TestMeasuresAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	over := measureOf(3, 0, measure.Active)
	over.Ends, over.Until = true, time.Now().Add(-time.Second)
	stands := measureOf(4, 9, measure.Active)
	stands.Ends, stands.Until = true, time.Now().Add(time.Hour)
	keepMeasures(t, s, measureOf(1, 0, measure.Pending), measureOf(2, 9, measure.Complete), over, stands)
	approved := measureOf(1, 0, measure.Pending)
	approved.Approved = "cli root"
	keepMeasures(t, s, approved)
	shut(t, s)

	s = open(t, dir)
	defer shut(t, s)
	ids, last := openIDs(t, s)
	if diff := cmp.Diff([]measure.ID{1, 4}, ids); diff != "" || last != 4 {
		t.Errorf("open: %s, last %d", diff, last)
	}
	m, err := s.Measure(t.Context(), 1)
	if err != nil || m.Approved != "cli root" {
		t.Errorf("measure 1: %+v, %v", m, err)
	}
	if _, err := s.Measure(t.Context(), 99); !errors.Is(err, measure.ErrUnknown) {
		t.Errorf("measure 99: %v", err)
	}
}

// TestOpenMeasuresComeInPages: more than a page of them is handed out by number, each once and none that is over.
func TestOpenMeasuresComeInPages(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	const measures = 2*openPage + openPage/2
	var all []*measure.Measure
	var want []measure.ID
	for id := measure.ID(1); id <= measures; id++ {
		state := measure.Active
		if id%5 == 0 {
			state = measure.Complete
		} else {
			want = append(want, id)
		}
		all = append(all, measureOf(id, 0, state))
	}
	keepMeasures(t, s, all...)
	ids, last := openIDs(t, s)
	if diff := cmp.Diff(want, ids); diff != "" || last != measures {
		t.Errorf("last %d, open (-want +got):\n%s", last, diff)
	}
}

func TestMeasuresAreListed(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	over := measureOf(3, 9, measure.Active)
	over.Ends, over.Until = true, time.Now().Add(-time.Second)
	keepMeasures(t, s, measureOf(1, 0, measure.Pending), measureOf(2, 9, measure.Complete), over, measureOf(4, 9, measure.Active))
	for _, c := range []struct {
		name   string
		filter MeasureFilter
		want   []measure.ID
	}{
		{"all, the newest first", MeasureFilter{}, []measure.ID{4, 3, 2, 1}},
		{"of a case", MeasureFilter{Incident: 9}, []measure.ID{4, 3, 2}},
		{"active is what stands", MeasureFilter{States: []measure.State{measure.Active}}, []measure.ID{4}},
		{"expired by itself", MeasureFilter{States: []measure.State{measure.Expired}}, []measure.ID{3}},
		{"two states", MeasureFilter{States: []measure.State{measure.Pending, measure.Expired}}, []measure.ID{3, 1}},
		{"states of a case", MeasureFilter{Incident: 9, States: []measure.State{measure.Complete, measure.Pending}}, []measure.ID{2}},
		{"the next page", MeasureFilter{Before: 3, Limit: 1}, []measure.ID{2}},
		{"another name", MeasureFilter{Name: "kill"}, nil},
	} {
		list, err := s.Measures(t.Context(), c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []measure.ID
		for _, m := range list {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if m, _ := s.Measure(t.Context(), 3); m.State != measure.Expired {
		t.Errorf("a ban whose time is over is %s", m.State)
	}
}

func TestOldMeasuresGo(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	old := measureOf(1, 0, measure.Complete)
	old.Created = time.Now().Add(-100 * 24 * time.Hour)
	waits := measureOf(2, 0, measure.PendingApproval)
	waits.Created = old.Created
	keepMeasures(t, s, old, waits, measureOf(3, 0, measure.Complete))
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.removeMeasures(time.Now()); err != nil {
		t.Fatal(err)
	}
	list, err := s.Measures(t.Context(), MeasureFilter{})
	if err != nil || len(list) != 2 || list[0].ID != 3 || list[1].ID != 2 {
		t.Errorf("kept: %v, %v", list, err)
	}
}
