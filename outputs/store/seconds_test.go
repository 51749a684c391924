package store

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// What schema version 2 has written: spans of time in nanoseconds.
const (
	oldMeasure = `{"id":1,"incident":1,"name":"hold","delay":60000000000,"for":3600000000000,"state":"pending","reason":"r","by":"policy p","created":"2026-11-21T06:00:00Z","due":"2026-11-21T06:01:00Z","exit":0,"cause":{"time":"2026-11-21T06:00:00Z","kind":"breach","rule":{"id":"sshd","name":"jail sshd"},"severity":"medium","confidence":80,"ban":{"prefix":"192.0.2.1/32","for":600000000000}}}`
	oldEntry   = `{"time":"2026-11-21T06:00:00Z","kind":"finding","text":"t","finding":{"time":"2026-11-21T06:00:00Z","kind":"breach","rule":{"id":"sshd","name":"jail sshd"},"severity":"medium","confidence":80,"ban":{"prefix":"192.0.2.1/32","for":600000000000}}}`
)

// TestOldSpans: what earlier pickets have written in nanoseconds, into the database or into a journal that waits for it, is
// the same span; what is written now is in seconds.
func TestOldSpans(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		migrations[0], migrations[1], "PRAGMA user_version = 2",
		`INSERT INTO incident VALUES (1, 'open', 2, 0, 0, '{"id":1,"state":"open","title":"t","severity":"medium","rules":[]}')`,
		`INSERT INTO measure VALUES (1, 1, 'pending', 'hold', 0, 0, '` + oldMeasure + `')`,
		`INSERT INTO entry VALUES (1, 1, 0, 'finding', '` + oldEntry + `')`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	j := &journal{dir: dir, seq: 1}
	late := []byte(strings.Replace(oldMeasure, `"id":1,`, `"id":2,`, 1))
	if err := j.append([]record{{key: 2, kind: kindMeasure, doc: late}}); err != nil {
		t.Fatal(err)
	}
	if err := j.end(); err != nil {
		t.Fatal(err)
	}

	s := open(t, dir)
	for id := range measure.ID(2) {
		m, err := s.Measure(t.Context(), id+1)
		if err != nil {
			t.Fatal(err)
		}
		if m.For.Duration() != time.Hour || m.Delay.Duration() != time.Minute || m.Cause.Ban.For.Duration() != 10*time.Minute {
			t.Errorf("measure %d: for %s after %s, its cause's ban for %s", m.ID, m.For, m.Delay, m.Cause.Ban.For)
		}
		text, err := json.Marshal(m)
		for _, want := range []string{`"for_seconds":3600,`, `"delay_seconds":60,`, `"for_seconds":600}`} {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("written now, it lacks %s: %s, %v", want, text, err)
			}
		}
	}
	f, err := s.Incident(t.Context(), 1)
	if err != nil || len(f.Timeline) != 1 || f.Timeline[0].Finding.Ban.For != incidents.Seconds(10*time.Minute) {
		t.Errorf("the timeline: %+v, %v", f.Timeline, err)
	}
}
