package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// migrations bring a database from one schema version to the next: migrations[n] from n to n+1. A released one is never
// changed; what is wrong in it is put right by a later one. Each runs in a transaction of its own with its new number.
var migrations = []string{
	0: incidentsSchema,
	1: measuresSchema,
	2: secondsSchema,
}

// secondsSchema changes nothing here: from this version on documents tell spans of time in seconds, in fields that are named
// for it. Documents of before, of a journal too, are read as they are (measure.Measure, incidents.WantedBan); a picket of
// before must not read new ones, since it would take a ban for an hour for one without an end.
const secondsSchema = "SELECT 1"

// incidentsSchema: times are nanoseconds since 1970 UTC, doc is the whole thing as JSON; the other columns are what
// lists filter and sort by. meta holds the number of the last journal record that was applied.
const incidentsSchema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('applied', 0);

CREATE TABLE incident (
	id       INTEGER PRIMARY KEY,
	state    TEXT    NOT NULL,
	severity INTEGER NOT NULL,
	opened   INTEGER NOT NULL,
	updated  INTEGER NOT NULL,
	doc      TEXT    NOT NULL
);
-- Both hold all that lists filter by, so that a row, which is long, is read only when it is shown.
CREATE INDEX incident_updated ON incident (updated, state, severity);
CREATE INDEX incident_state   ON incident (state, severity, updated);

CREATE TABLE party (
	addr     BLOB    NOT NULL, -- 16 bytes; IPv4 is mapped
	attacker INTEGER NOT NULL, -- 1, or 0: a victim
	incident INTEGER NOT NULL,
	PRIMARY KEY (addr, attacker, incident)
) WITHOUT ROWID;
CREATE INDEX party_incident ON party (incident);

CREATE TABLE broken (
	rule     TEXT    NOT NULL, -- Rule.ID
	incident INTEGER NOT NULL,
	PRIMARY KEY (rule, incident)
) WITHOUT ROWID;
CREATE INDEX broken_incident ON broken (incident);

CREATE TABLE entry (
	seq      INTEGER PRIMARY KEY, -- of the journal
	incident INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	kind     TEXT    NOT NULL,
	doc      TEXT    NOT NULL
);
CREATE INDEX entry_incident ON entry (incident, seq);

CREATE TABLE evidence (
	seq      INTEGER PRIMARY KEY, -- of the journal
	incident INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	kind     TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	type     TEXT    NOT NULL,
	data     BLOB    NOT NULL
);
CREATE INDEX evidence_incident ON evidence (incident, seq);

CREATE VIRTUAL TABLE words USING fts5 (text, content='', contentless_delete=1);
`

// migrate brings the database to the newest version.
func migrate(ctx context.Context, db *sql.DB) error {
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have > len(migrations):
		return fmt.Errorf("schema version %d, this picket knows %d: %w", have, len(migrations), errNewer)
	case have < 0:
		return fmt.Errorf("schema version %d: %w", have, errForeign)
	}
	for ; have < len(migrations); have++ {
		err := step(ctx, db, have)
		if hasCode(err, codeError) { // what the version promises is not there, or is there already
			err = fmt.Errorf("%w: %w", errForeign, err)
		}
		if err != nil {
			return fmt.Errorf("migrate from schema version %d: %w", have, err)
		}
	}
	return nil
}

// Why a sound database is not ours to write to.
var (
	errNewer   = errors.New("a newer picket has written it")
	errForeign = errors.New("its version is not that of its tables: something else has written it")
)

func step(ctx context.Context, db *sql.DB, from int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, migrations[from]); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", from+1)); err != nil {
		return err
	}
	return tx.Commit()
}
