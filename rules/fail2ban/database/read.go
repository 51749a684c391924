package database

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The bounds of a database.
const (
	maxRows = 1_000_000
	maxData = 1 << 20 // bytes of a ban's data: its lines and fields
)

// Database is what fail2ban remembers.
type Database struct {
	Version int // of the schema
	Logs    []Log
	Bans    []Ban // the last ban of each party in each jail, the earliest first
}

// Log is how far a jail has read a log.
type Log struct {
	Jail, Path string
	FirstLine  string // hexadecimal MD5 of the log's first line with its line end; SHA-1 where MD5 is forbidden
	Position   int64
}

// Ban is the last ban of a party in a jail, over or not.
type Ban struct {
	Jail, ID string
	At       int64   // Unix seconds
	Seconds  float64 // -1 for good; Unknown if the schema was too old to say
	Count    int     // how many bans of the party there were in this jail
	Failures int
	Matches  []string // lines behind it
}

// Unknown is the length of a ban that an old database does not tell: the jail's own is meant.
const Unknown = -2

// Length returns how many seconds the ban lasts, for a jail whose bans last base seconds; -1 for good.
func (b *Ban) Length(base float64) float64 {
	if b.Seconds == Unknown {
		return base
	}
	return b.Seconds
}

// Until returns the Unix second at which the ban ends, for a jail whose bans last base seconds; ok is false for one
// without an end.
func (b *Ban) Until(base float64) (second int64, ok bool) {
	seconds := b.Length(base)
	if seconds < 0 {
		return 0, false
	}
	return b.At + int64(seconds), true
}

// Stands tells whether the ban is in force at a time, for a jail whose bans last base seconds.
func (b *Ban) Stands(now int64, base float64) bool {
	until, ends := b.Until(base)
	return !ends || until > now
}

// Read reads a database file.
func Read(path string) (*Database, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's database: %w (dbfile in fail2ban.conf says where it is)", err)
	}
	uri := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's database %s: %w", path, err)
	}
	defer db.Close()
	d := &Database{}
	if err := d.read(db); err != nil {
		return nil, fmt.Errorf("read fail2ban's database %s: %w (is it one of fail2ban's, and not damaged?)", path, err)
	}
	return d, nil
}

func (d *Database) read(db *sql.DB) error {
	if err := db.QueryRow("SELECT version FROM fail2banDb LIMIT 1").Scan(&d.Version); err != nil {
		return err
	}
	if err := d.readLogs(db); err != nil {
		return err
	}
	table := "bans"
	if d.Version >= 4 {
		table = "bips"
	}
	return d.readBans(db, table)
}

func (d *Database) readLogs(db *sql.DB) error {
	rows, err := db.Query("SELECT jail, path, firstlinemd5, lastfilepos FROM logs ORDER BY jail, path LIMIT ?", maxRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l Log
		var path, first sql.NullString
		var at sql.NullInt64
		if err := rows.Scan(&l.Jail, &path, &first, &at); err != nil {
			return err
		}
		l.Path, l.FirstLine, l.Position = path.String, first.String, max(at.Int64, 0)
		d.Logs = append(d.Logs, l)
	}
	return rows.Err()
}

// readBans reads the last ban of each: table bips holds it, table bans all of them in the order in which they were made.
func (d *Database) readBans(db *sql.DB, table string) error {
	lengths := "bantime, bancount"
	if d.Version < 3 {
		lengths = fmt.Sprintf("%d, 0", Unknown)
	}
	rows, err := db.Query("SELECT jail, ip, timeofban, "+lengths+", data FROM "+table+" WHERE ip IS NOT NULL ORDER BY timeofban LIMIT ?", maxRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	last := map[[2]string]int{}
	for rows.Next() {
		var b Ban
		var data []byte
		if err := rows.Scan(&b.Jail, &b.ID, &b.At, &b.Seconds, &b.Count, &data); err != nil {
			return err
		}
		b.fill(data)
		d.keep(last, b)
	}
	slices.SortStableFunc(d.Bans, func(a, b Ban) int { return cmp.Compare(a.At, b.At) })
	return rows.Err()
}

// keep puts a ban in the place of the party's earlier one.
func (d *Database) keep(last map[[2]string]int, b Ban) {
	key := [2]string{b.Jail, b.ID}
	i, known := last[key]
	if !known {
		b.Count = max(b.Count, 1)
		last[key] = len(d.Bans)
		d.Bans = append(d.Bans, b)
		return
	}
	b.Count = max(b.Count, d.Bans[i].Count+1)
	d.Bans[i] = b
}

// fill takes the lines and their number from a ban's data; a line is a text, or the parts of one around its date.
func (b *Ban) fill(data []byte) {
	var told struct {
		Failures int               `json:"failures"`
		Matches  []json.RawMessage `json:"matches"`
	}
	if len(data) > maxData || json.Unmarshal(data, &told) != nil {
		return
	}
	b.Failures = told.Failures
	for _, raw := range told.Matches {
		var line string
		var parts []string
		if json.Unmarshal(raw, &line) != nil && json.Unmarshal(raw, &parts) == nil {
			for _, p := range parts {
				line += p
			}
		}
		b.Matches = append(b.Matches, line)
	}
}
