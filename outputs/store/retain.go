package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

const (
	tidyEvery = 10 * time.Minute
	// tidyBatch is how many incidents one transaction removes: a commit waits no longer than that.
	tidyBatch = 200
)

// tidy keeps the bounds of age and size. Only resolved incidents are removed.
func (s *Store) tidy() {
	now := time.Now()
	if err := errors.Join(s.retain(now), s.removeMeasures(now)); err != nil {
		s.log.Error("old incidents are not removed", "error", err)
	}
}

// retain removes what is over the bounds, oldest first.
func (s *Store) retain(now time.Time) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.write == nil {
		return errNoDatabase
	}
	for {
		n, err := s.removeBatch("updated < ?", now.Add(-s.keep).UnixNano())
		if err != nil || n == 0 {
			break
		}
	}
	for {
		used, err := s.used()
		if err != nil || used <= s.max {
			return err
		}
		n, err := s.removeBatch("?", 1)
		if err != nil {
			return err
		}
		if n == 0 {
			s.log.Warn("the incident database is over its size and holds open incidents only", "bytes", used, "max", s.max)
			return nil
		}
	}
}

// used is the part of the file that holds something, in bytes.
func (s *Store) used() (bytes int64, err error) {
	return bytes, s.write.QueryRow(`SELECT (p.page_count - f.freelist_count) * z.page_size
		FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size z`).Scan(&bytes)
}

// removeBatch removes some of the oldest resolved incidents that meet a condition, with all that belongs to them, and
// gives their pages back to the file system.
func (s *Store) removeBatch(condition string, arg any) (int, error) {
	ctx := context.Background()
	rows, err := s.write.QueryContext(ctx, "SELECT id FROM incident WHERE state = 'resolved' AND "+condition+" ORDER BY updated LIMIT ?", arg, tidyBatch)
	if err != nil {
		return 0, err
	}
	ids, err := scanAll(rows, func(r *sql.Rows) (id int64, err error) { return id, r.Scan(&id) })
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	for _, id := range ids {
		if err := remove(ctx, tx, id); err != nil {
			return 0, err
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	s.count.removed.Add(uint64(len(ids)))
	_, err = s.write.ExecContext(ctx, "PRAGMA incremental_vacuum")
	return len(ids), err
}

// removals take an incident out of every table.
var removals = []string{
	"DELETE FROM words WHERE rowid = ?",
	"DELETE FROM evidence WHERE incident = ?",
	"DELETE FROM entry WHERE incident = ?",
	"DELETE FROM party WHERE incident = ?",
	"DELETE FROM broken WHERE incident = ?",
	"DELETE FROM incident WHERE id = ?",
}

func remove(ctx context.Context, tx *sql.Tx, id int64) error {
	for _, statement := range removals {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}
