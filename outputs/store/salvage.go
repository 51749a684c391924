package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// replaceDatabase moves a damaged or locked database aside and begins a new one with what can be read of it. The old
// one stays for the operator ("sqlite3 FILE .recover" may find more).
func (s *Store) replaceDatabase(why error) error {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	_ = s.closeDatabase() // it is damaged: what closing says adds nothing
	if errors.Is(why, errNoDatabase) {
		return s.openDatabase()
	}
	aside := fmt.Sprintf("%s.%s-%s", s.Path(), asideWord(why), time.Now().UTC().Format("20060102T150405"))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(s.Path()+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("move the %s database aside: %w", asideWord(why), err)
		}
	}
	s.count.moved.Add(1)
	if err := s.openDatabase(); err != nil {
		return fmt.Errorf("begin a new database: %w", err)
	}
	if errors.Is(why, errNewer) {
		// What waits in it, and in its journal, is the newer picket's to do. Done here, it would be done twice when that
		// one is back.
		s.log.Error("the incident database was moved aside with its journal, and a new one begun: to go on with what is in it, run the newer picket with the files back in their place",
			"why", why, "moved", aside, "place", s.Path())
		return s.setJournalAside(aside)
	}
	saved, err := salvage(context.Background(), s.write, aside)
	s.log.Error("the incident database was moved aside, a new one holds what could be read of it (sqlite3 FILE .recover may find more)",
		"why", why, "moved", aside, "saved", saved, "unread", err)
	return nil
}

// setJournalAside gives the journal's segments the name of the database to which they belong, in front of their own.
func (s *Store) setJournalAside(aside string) error {
	paths, err := filepath.Glob(filepath.Join(s.dir, journalPrefix+"*"))
	for _, path := range paths {
		err = errors.Join(err, os.Rename(path, aside+"."+filepath.Base(path)))
	}
	return err
}

// asideWord says in a file's name why it is not used.
func asideWord(why error) string {
	switch {
	case errors.Is(why, errNewer):
		return "newer"
	case errors.Is(why, errForeign):
		return "foreign"
	case damaged(why):
		return "damaged"
	}
	return "locked"
}

// salvage copies the rows that can be read out of a database into a new one: each table from its beginning up to the
// first damaged page, then from its end back to it. The error says what could not be read.
func salvage(ctx context.Context, to *sql.DB, path string) (rows int, err error) {
	from, err := sql.Open("sqlite", dsn(path, "mode=ro"))
	if err != nil {
		return 0, err
	}
	defer from.Close()
	tables, err := plainTables(ctx, to)
	if err != nil {
		return 0, err
	}
	for _, t := range tables {
		for _, order := range []string{"ASC", "DESC"} {
			n, e := salvageTable(ctx, to, from, t, order)
			rows += n
			if e == nil {
				break
			}
			err = errors.Join(err, fmt.Errorf("table %s: %w", t.name, e))
		}
	}
	return rows, errors.Join(err, rewords(ctx, to))
}

type table struct {
	name, key string // key: what its rows are ordered by
	columns   int
}

// plainTables lists the tables that hold data themselves. words is made anew from the others.
func plainTables(ctx context.Context, db *sql.DB) ([]table, error) {
	rows, err := db.QueryContext(ctx, `SELECT m.name, (SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)),
		(SELECT count(*) FROM pragma_table_info(m.name)) FROM sqlite_schema m WHERE m.type = 'table' AND m.name NOT LIKE 'words%' AND m.name NOT LIKE 'sqlite_%'`)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(r *sql.Rows) (t table, err error) { return t, r.Scan(&t.name, &t.key, &t.columns) })
}

// salvageTable copies rows in one order until the first error.
func salvageTable(ctx context.Context, to, from *sql.DB, t table, order string) (n int, err error) {
	keys := strings.Split(t.key, ",")
	query := fmt.Sprintf("SELECT * FROM %s ORDER BY %s %s", t.name, strings.Join(keys, " "+order+", "), order)
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	tx, err := to.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	insert := fmt.Sprintf("INSERT OR REPLACE INTO %s VALUES (?%s)", t.name, strings.Repeat(", ?", t.columns-1))
	values, into := make([]any, t.columns), make([]any, t.columns)
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err = rows.Scan(into...); err != nil {
			break
		}
		if _, err = tx.ExecContext(ctx, insert, values...); err != nil {
			break
		}
		n++
	}
	return n, errors.Join(err, rows.Err(), tx.Commit())
}

// rewords makes the table of words anew.
func rewords(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT id, doc FROM incident")
	if err != nil {
		return err
	}
	list, err := scanAll(rows, func(r *sql.Rows) (c record, err error) { return c, r.Scan(&c.key, &c.doc) })
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	w := newWriter(ctx, tx)
	for i := range list {
		list[i].kind = kindIncident
		if err := applyIncident(w, &list[i]); err != nil && !errors.Is(err, errDocument) {
			return err
		}
	}
	return w.commit()
}
