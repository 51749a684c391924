package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// measuresSchema: until is when a measure ends by itself, in nanoseconds since 1970 UTC, and 0 for one that does not; such
// a one is over by then without a word.
const measuresSchema = `
CREATE TABLE measure (
	id       INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL, -- 0: none
	state    TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	created  INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	doc      TEXT    NOT NULL
);
CREATE INDEX measure_incident ON measure (incident, id);
CREATE INDEX measure_state    ON measure (state, id);
`

var _ measure.Store = (*Store)(nil)

// KeepMeasures implements measure.Store.
func (s *Store) KeepMeasures(list ...*measure.Measure) error {
	records := make([]record, len(list))
	for i, m := range list {
		var err error
		if records[i], err = newRecord(kindMeasure, int64(m.ID), m, nil); err != nil {
			return err
		}
	}
	return s.store(records...)
}

func applyMeasure(w *writer, r *record) error {
	m, err := decoded[measure.Measure](r)
	if err != nil {
		return err
	}
	var until int64
	if m.Ends && m.State == measure.Active && !m.Until.IsZero() {
		until = m.Until.UnixNano()
	}
	return w.exec("INSERT OR REPLACE INTO measure VALUES (?, ?, ?, ?, ?, ?, ?)",
		int64(m.ID), int64(m.Incident), string(m.State), m.Name, m.Created.UnixNano(), until, string(r.doc))
}

// notOver is the condition for measures of which more is to be expected.
const notOver = "state IN ('pending', 'pending approval', 'in process', 'active') AND (until = 0 OR until > ?)"

// openPage is how many open measures are read at a time: a hundred thousand bans may stand, and each is a measure.
const openPage = 1024

// OpenMeasures implements measure.Store.
func (s *Store) OpenMeasures(ctx context.Context, each func(*measure.Measure)) (last measure.ID, err error) {
	now := time.Now().UnixNano()
	for after := measure.ID(0); ; {
		var page []measure.Measure
		err := s.query(ctx, func(db *sql.DB) (err error) {
			page, err = openMeasures(ctx, db, now, after)
			if err == nil && after == 0 {
				err = db.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM measure").Scan(&last)
			}
			return err
		})
		if err != nil {
			return last, err
		}
		upTo := measure.ID(math.MaxInt64)
		if len(page) == openPage {
			upTo = page[len(page)-1].ID
		}
		page, last = s.overlayMeasures(page, after, upTo, last)
		for i := range page {
			each(&page[i])
		}
		if after = upTo; after == math.MaxInt64 {
			return last, nil
		}
	}
}

// openMeasures reads a page of the measures that are not over, by number, behind one.
func openMeasures(ctx context.Context, db *sql.DB, now int64, after measure.ID) (page []measure.Measure, err error) {
	// NOT INDEXED: by number at once, not sorted out of all that have a state.
	rows, err := db.QueryContext(ctx, "SELECT doc FROM measure NOT INDEXED WHERE id > ? AND "+notOver+" ORDER BY id LIMIT ?", int64(after), now, openPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m measure.Measure
		if err := scanJSON(rows, &m); err != nil {
			return nil, err
		}
		page = append(page, m)
	}
	return page, rows.Err()
}

// Measure implements measure.Store.
func (s *Store) Measure(ctx context.Context, id measure.ID) (*measure.Measure, error) {
	list, err := s.measures(ctx, "SELECT doc FROM measure WHERE id = ?", int64(id))
	waiting(s, kindMeasure, func(m measure.Measure) {
		if m.ID == id {
			list, err = []measure.Measure{m}, nil
		}
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("measure %d: %w (picket measures lists them)", id, measure.ErrUnknown)
	}
	return &list[0], nil
}

// MeasureFilter selects measures; zero fields select all.
type MeasureFilter struct {
	States   []measure.State `json:"states,omitempty"`
	Incident incidents.ID    `json:"incident,omitempty"`
	Name     string          `json:"name,omitempty"`
	Before   measure.ID      `json:"before,omitempty"` // page on: measures older than this one
	Limit    int             `json:"limit,omitempty"`
}

// Measures lists measures, the newest first.
func (s *Store) Measures(ctx context.Context, f MeasureFilter) ([]measure.Measure, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = listDefault
	}
	where, args := f.where(time.Now())
	return s.measures(ctx, "SELECT doc FROM measure"+where+" ORDER BY id DESC LIMIT ?", append(args, min(limit, listMost))...)
}

// MeasuresOf implements measure.Store.
func (s *Store) MeasuresOf(ctx context.Context, of incidents.ID, name string, states ...measure.State) ([]measure.Measure, error) {
	return s.Measures(ctx, MeasureFilter{Incident: of, Name: name, States: states, Limit: listMost})
}

// where is the filter as SQL. A measure that has ended by itself counts as expired.
func (f *MeasureFilter) where(now time.Time) (string, []any) {
	var all []string
	var args []any
	add := func(condition string, values ...any) {
		all, args = append(all, condition), append(args, values...)
	}
	if f.Incident != 0 {
		add("(incident = ? OR incident IN (SELECT part.value FROM incident i, json_each(i.doc, '$.absorbed') part WHERE i.id = ?))",
			int64(f.Incident), int64(f.Incident)) // and of those that turned out to be part of it
	}
	if f.Name != "" {
		add("name = ?", f.Name)
	}
	if f.Before != 0 {
		add("id < ?", int64(f.Before))
	}
	var states []string
	for _, state := range f.States {
		args = append(args, string(state))
		switch state {
		case measure.Active:
			states, args = append(states, "state = ? AND (until = 0 OR until > ?)"), append(args, now.UnixNano())
		case measure.Expired:
			states, args = append(states, "state = ? OR until <> 0 AND until <= ?"), append(args, now.UnixNano())
		default:
			states = append(states, "state = ?")
		}
	}
	if len(states) > 0 {
		all = append(all, "("+strings.Join(states, " OR ")+")")
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// measures reads measures as they are now.
func (s *Store) measures(ctx context.Context, query string, args ...any) (list []measure.Measure, err error) {
	now := time.Now()
	err = s.query(ctx, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = scanAll(rows, func(r *sql.Rows) (m measure.Measure, err error) {
			err = scanJSON(r, &m)
			if m.State == measure.Active && m.Ends && !m.Until.IsZero() && !now.Before(m.Until) {
				m.State = measure.Expired
			}
			return m, err
		})
		return err
	})
	return list, err
}

// maxLoose bounds the measures that belong to no incident; those of incidents go with them.
const maxLoose = 200_000

// removeMeasures removes what is over and belongs to no incident, past its age and its bound.
func (s *Store) removeMeasures(now time.Time) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.write == nil {
		return errNoDatabase
	}
	_, err := s.write.Exec(`DELETE FROM measure WHERE incident NOT IN (SELECT id FROM incident) AND NOT (`+notOver+`) AND
		id <> (SELECT max(id) FROM measure) AND
		(created < ? OR id <= coalesce((SELECT id FROM measure WHERE incident = 0 ORDER BY id DESC LIMIT 1 OFFSET ?), 0))`,
		now.UnixNano(), now.Add(-s.keep).UnixNano(), maxLoose)
	return err
}
