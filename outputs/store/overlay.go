package store

import (
	"cmp"
	"slices"

	"picket/actions/measure"
	"picket/incidents"
)

// What waits for the database is the truth about what it replaces. Queries bring it into the database first; when that
// fails (another program holds a lock, the disk is full), what must not be mistaken is looked up here: a measure that is
// complete in the journal and pending in the database would be done twice.

// waiting calls f for what waits of one kind, newest last. Somebody must have tried to commit it before.
func waiting[T any](s *Store, k kind, f func(T)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range [][]record{s.flight, s.pending.records} {
		for i := range list {
			if list[i].kind != k {
				continue
			}
			if v, err := decoded[T](&list[i]); err == nil {
				f(v)
			}
		}
	}
}

// overlayMeasures puts the measures that wait and have numbers behind after, up to upTo, into a page of the open ones, which
// it returns by number, and returns the greatest number that is in use.
func (s *Store) overlayMeasures(open []measure.Measure, after, upTo, last measure.ID) ([]measure.Measure, measure.ID) {
	fresh := map[measure.ID]measure.Measure{}
	waiting(s, kindMeasure, func(m measure.Measure) {
		last = max(last, m.ID)
		if after < m.ID && m.ID <= upTo {
			fresh[m.ID] = m
		}
	})
	open = slices.DeleteFunc(open, func(old measure.Measure) bool { _, waits := fresh[old.ID]; return waits })
	for _, m := range fresh {
		if !m.State.Over() {
			open = append(open, m)
		}
	}
	slices.SortFunc(open, func(a, b measure.Measure) int { return cmp.Compare(a.ID, b.ID) })
	return open, last
}

// overlayIncidents does the same for cases, in their order.
func (s *Store) overlayIncidents(list []incidents.Incident, last incidents.ID) ([]incidents.Incident, incidents.ID) {
	waiting(s, kindIncident, func(c incidents.Incident) {
		last = max(last, c.ID)
		list = slices.DeleteFunc(list, func(old incidents.Incident) bool { return old.ID == c.ID })
		list = append([]incidents.Incident{c}, list...)
	})
	return list, last
}
