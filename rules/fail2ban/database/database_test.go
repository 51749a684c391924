package database

import (
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schema4 is the database of fail2ban 0.11 and later, as far as it is read.
const schema4 = `
CREATE TABLE fail2banDb(version INTEGER);
CREATE TABLE jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0);
CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, bancount INTEGER NOT NULL DEFAULT 1, data JSON);
CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL, bancount INTEGER NOT NULL DEFAULT 1, data JSON);
INSERT INTO fail2banDb VALUES (4);
INSERT INTO bips VALUES ('2001:db8::5', 'sshd', 2000, -1, 3, '{"matches": [], "failures": 1}');
INSERT INTO bips VALUES ('192.0.2.1', 'sshd', 1000, 600, 2, '{"matches": ["one", ["a ", "b ", "c"]], "failures": 5}');
INSERT INTO bips VALUES ('192.0.2.2', 'sshd', 1000, -2, 1, 'not JSON');
`

// schema2 kept every ban, and neither its length nor its number.
const schema2 = `
CREATE TABLE fail2banDb(version INTEGER);
CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0);
CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, data JSON);
INSERT INTO fail2banDb VALUES (2);
INSERT INTO bans VALUES ('sshd', '192.0.2.1', 1000, NULL), ('sshd', '192.0.2.1', 5000, NULL), ('web', '192.0.2.1', 2000, NULL);
`

func create(t *testing.T, schema string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "fail2ban.sqlite3")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		schema string
		want   []Ban
	}{
		"version 4": {schema4, []Ban{
			{Jail: "sshd", ID: "192.0.2.1", At: 1000, Seconds: 600, Count: 2, Failures: 5, Matches: []string{"one", "a b c"}},
			{Jail: "sshd", ID: "192.0.2.2", At: 1000, Seconds: Unknown, Count: 1},
			{Jail: "sshd", ID: "2001:db8::5", At: 2000, Seconds: -1, Count: 3, Failures: 1},
		}},
		"version 2": {schema2, []Ban{
			{Jail: "web", ID: "192.0.2.1", At: 2000, Seconds: Unknown, Count: 1},
			{Jail: "sshd", ID: "192.0.2.1", At: 5000, Seconds: Unknown, Count: 2},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Read(create(t, test.schema))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, d.Bans); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStands(t *testing.T) {
	for _, test := range []struct {
		seconds float64
		now     int64
		want    bool
	}{{600, 1599, true}, {600, 1600, false}, {-1, 1 << 40, true}, {Unknown, 1299, true}, {Unknown, 1300, false}} {
		b := Ban{At: 1000, Seconds: test.seconds}
		if got := b.Stands(test.now, 300); got != test.want {
			t.Errorf("%v at %d: %v", test.seconds, test.now, got)
		}
	}
}

func TestNoDatabase(t *testing.T) {
	text := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(text, []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, filepath.Join(t.TempDir(), "absent"), t.TempDir()} {
		if d, err := Read(file); err == nil {
			t.Errorf("%s: read as %v", file, d)
		}
	}
}

func TestCurrent(t *testing.T) {
	log := filepath.Join(t.TempDir(), "auth.log")
	first := "Nov 21 00:00:00 host sshd[1]: first\n"
	if err := os.WriteFile(log, []byte(first+"second\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte(first))
	for _, test := range []struct {
		log  Log
		want bool
	}{
		{Log{Path: log, FirstLine: hex.EncodeToString(sum[:]), Position: 40}, true},
		{Log{Path: log, FirstLine: hex.EncodeToString(sum[:]), Position: 400}, false},
		{Log{Path: log, FirstLine: "00", Position: 4}, false},
	} {
		if got, err := test.log.Current(); got != test.want || err != nil {
			t.Errorf("%+v: %v, %v", test.log, got, err)
		}
	}
}
