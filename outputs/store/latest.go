package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"picket/incidents"
)

// Latest returns the findings among the newest lines of all timelines, at most so many and no older than within before
// the newest, oldest first, with their cases as they are now. Those of resolved cases are left out.
func (s *Store) Latest(ctx context.Context, lines int, within time.Duration) (list []incidents.Event, err error) {
	err = s.query(ctx, func(db *sql.DB) error {
		list, err = latest(ctx, db, lines, within)
		return err
	})
	slices.Reverse(list)
	return list, err
}

func latest(ctx context.Context, db *sql.DB, lines int, within time.Duration) (list []incidents.Event, err error) {
	// The bound on seq keeps it from reading on into the past of a long archive.
	rows, err := db.QueryContext(ctx, `SELECT incident, doc FROM entry, (SELECT seq AS newest, time AS last FROM entry ORDER BY seq DESC LIMIT 1)
		WHERE kind = 'finding' AND seq > newest - ? AND time >= last - ? ORDER BY seq DESC LIMIT ?`, 8*lines, within.Nanoseconds(), lines)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	cases := map[incidents.ID]*incidents.Incident{}
	for rows.Next() {
		var id incidents.ID
		var doc sql.RawBytes
		var e incidents.Entry
		if err := rows.Scan(&id, &doc); err != nil {
			return nil, err
		}
		if json.Unmarshal(doc, &e) != nil || e.Finding == nil {
			continue
		}
		c := cases[id]
		if c == nil {
			found, err := findIncident(ctx, db, id)
			if err != nil && !errors.Is(err, ErrNoIncident) {
				return nil, err
			}
			c = &found
			cases[id] = c
		}
		if c.State == incidents.Open || c.State == incidents.Acknowledged {
			list = append(list, incidents.Event{Kind: incidents.Grew, Incident: *c, Was: c.Severity, Finding: e.Finding})
		}
	}
	return list, rows.Err()
}
