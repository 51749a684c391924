package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"picket/incidents"
)

// Keep implements incidents.Journal: after it, what it was given survives kill -9. With an error it is kept in memory.
func (s *Store) Keep(c *incidents.Change) error {
	id := int64(c.Incident.ID)
	records := make([]record, 0, 1+len(c.Entries)+len(c.Evidence))
	var all error
	add := func(r record, err error) {
		records, all = append(records, r), errors.Join(all, err)
	}
	if !c.Incident.Opened.IsZero() {
		add(newRecord(kindIncident, id, &c.Incident, nil))
	}
	for i := range c.Entries {
		add(newRecord(kindEntry, id, &c.Entries[i], nil))
	}
	for _, e := range c.Evidence {
		data := e.Data
		e.Data = nil
		add(newRecord(kindEvidence, id, &e, data))
	}
	if all != nil {
		return all
	}
	return s.store(records...)
}

// Recent implements incidents.Journal: the cases that are not resolved, and of the others those with the newest
// findings, newest first.
func (s *Store) Recent(limit int) (list []incidents.Incident, last incidents.ID, err error) {
	ctx := context.Background()
	err = s.query(ctx, func(db *sql.DB) error {
		if err := db.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM incident").Scan(&last); err != nil {
			return err
		}
		list, err = scanIncidents(db.QueryContext(ctx, "SELECT doc FROM incident ORDER BY state = 'resolved', updated DESC LIMIT ?", limit))
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	list, last = s.overlayIncidents(list, last)
	return list, last, nil
}

// Find implements incidents.Journal.
func (s *Store) Find(ctx context.Context, id incidents.ID) (c incidents.Incident, err error) {
	err = s.query(ctx, func(db *sql.DB) error {
		c, err = findIncident(ctx, db, id)
		return err
	})
	waiting(s, kindIncident, func(newer incidents.Incident) {
		if newer.ID == id {
			c, err = newer, nil
		}
	})
	return c, err
}

func findIncident(ctx context.Context, db *sql.DB, id incidents.ID) (incidents.Incident, error) {
	list, err := scanIncidents(db.QueryContext(ctx, "SELECT doc FROM incident WHERE id = ?", int64(id)))
	if err != nil {
		return incidents.Incident{}, err
	}
	if len(list) == 0 {
		return incidents.Incident{}, fmt.Errorf("incident %d: %w", id, ErrNoIncident)
	}
	return list[0], nil
}

func scanIncidents(rows *sql.Rows, err error) ([]incidents.Incident, error) {
	return scanDocuments[incidents.Incident](rows, err)
}

// scanDocuments reads rows of one document. One that is damaged is left out: it must not hide the others.
func scanDocuments[T any](rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var doc sql.RawBytes
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		var v T
		if json.Unmarshal(doc, &v) == nil {
			all = append(all, v)
		}
	}
	return all, rows.Err()
}

// ErrNoIncident is the answer to a question about a case that is not there.
var ErrNoIncident = errors.New("there is no such incident (picket incidents lists them)")

// ErrNoEvidence is the answer to a question for a piece of evidence that is not there.
var ErrNoEvidence = errors.New("there is no such piece (picket incidents show lists them)")

// Incident returns one case with its timeline and evidence, both in order. Evidence has no data: see Evidence.
func (s *Store) Incident(ctx context.Context, id incidents.ID) (f incidents.File, err error) {
	err = s.query(ctx, func(db *sql.DB) error {
		f.Incident, err = findIncident(ctx, db, id)
		if err != nil {
			return err
		}
		whose, ids := ownedBy(&f.Incident)
		f.Timeline, err = scanDocuments[incidents.Entry](db.QueryContext(ctx, "SELECT doc FROM entry WHERE "+whose+" ORDER BY seq", ids...))
		if err != nil {
			return err
		}
		f.Evidence, err = pieces(ctx, db, &f.Incident)
		return err
	})
	return f, err
}

// ownedBy is the condition on rows that belong to a case, or to one that turned out to be part of it.
func ownedBy(c *incidents.Incident) (where string, ids []any) {
	ids = []any{int64(c.ID)}
	for _, id := range c.Absorbed {
		ids = append(ids, int64(id))
	}
	return "incident IN (?" + strings.Repeat(",?", len(c.Absorbed)) + ")", ids
}

// pieces lists the evidence of a case.
func pieces(ctx context.Context, db *sql.DB, c *incidents.Incident) ([]incidents.Piece, error) {
	whose, ids := ownedBy(c)
	rows, err := db.QueryContext(ctx, "SELECT seq, time, kind, name, type, length(data) FROM evidence WHERE "+whose+" ORDER BY seq", ids...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(r *sql.Rows) (p incidents.Piece, err error) {
		var nanos int64
		err = r.Scan(&p.Number, &nanos, &p.Kind, &p.Name, &p.Type, &p.Bytes)
		p.Time = time.Unix(0, nanos).UTC()
		return p, err
	})
}

// Evidence returns the bytes of one piece.
func (s *Store) Evidence(ctx context.Context, id incidents.ID, number int64) (e incidents.Evidence, err error) {
	err = s.query(ctx, func(db *sql.DB) error {
		c, err := findIncident(ctx, db, id)
		if err != nil {
			return err
		}
		var nanos int64
		whose, ids := ownedBy(&c)
		row := db.QueryRowContext(ctx, "SELECT time, kind, name, type, data FROM evidence WHERE "+whose+" AND seq = ?", append(ids, number)...)
		err = row.Scan(&nanos, &e.Kind, &e.Name, &e.Type, &e.Data)
		if errors.Is(err, sql.ErrNoRows) {
			err = ErrNoEvidence
		}
		if err != nil {
			return fmt.Errorf("evidence %d of incident %d: %w", number, id, err)
		}
		e.Time = time.Unix(0, nanos).UTC()
		return nil
	})
	return e, err
}

type party struct {
	addr     [16]byte
	attacker int
}

func partiesOf(c *incidents.Incident) []party {
	var all []party
	for _, a := range c.Attackers {
		all = append(all, party{a.As16(), 1})
	}
	for _, v := range c.Victims {
		if v.Addr.IsValid() {
			all = append(all, party{v.Addr.As16(), 0})
		}
	}
	return all
}

// wordsOf is what a case is found by when somebody searches for text.
func wordsOf(c *incidents.Incident) string {
	all := []string{c.Title, c.Host, c.Assignee}
	for i := range c.Rules {
		all = append(all, c.Rules[i].ID, c.Rules[i].Name, c.Rules[i].Class, c.Rules[i].Jail)
	}
	for _, a := range c.Attackers {
		all = append(all, a.String())
	}
	for _, v := range c.Victims {
		all = append(all, v.Addr.String())
	}
	for i := range c.Processes {
		p := &c.Processes[i]
		all = append(all, p.Exe, p.Name, p.User, p.Container)
	}
	all = append(append(append(all, c.Users...), c.Files...), c.Tags...)
	return strings.Join(append(all, c.Communities...), " ")
}

// Stats tells what the store has done and what waits.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	waiting := s.pending.len()
	s.mu.Unlock()
	out := Stats{
		Commits: s.count.commits.Load(), Retries: s.count.retries.Load(), Waiting: waiting, Unjournaled: s.count.unjournaled.Load(),
		Lost: s.count.lost.Load(), Removed: s.count.removed.Load(), Moved: s.count.moved.Load(),
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(s.Path() + suffix); err == nil {
			out.Bytes += info.Size()
		}
	}
	return out
}

// scanJSON reads a row of one document.
func scanJSON(r *sql.Rows, into any) error {
	var doc sql.RawBytes
	if err := r.Scan(&doc); err != nil {
		return err
	}
	return json.Unmarshal(doc, into)
}
