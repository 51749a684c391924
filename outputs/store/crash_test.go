package store

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// TestMain lets the test binary be the program that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PICKET_STORE_VICTIM"); dir != "" {
		keepUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// keepUntilKilled keeps cases without end and prints the number of each when Keep has returned.
func keepUntilKilled(dir string) {
	s, err := Open(Options{Dir: dir, Log: quiet()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	_, last, err := s.Recent(1)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for n := int(last) + 1; ; n++ {
		if err := s.Keep(change(n)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// TestKill kills a store that is at work with SIGKILL, again and again: whatever Keep has confirmed is there, once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		confirmed := killed(t, dir, time.Duration(5+rand.IntN(60))*time.Millisecond)
		s := open(t, dir)
		var entries, distinct, cases int
		err := s.query(t.Context(), func(db *sql.DB) error {
			return errors.Join(
				db.QueryRow("SELECT count(*), count(DISTINCT incident) FROM entry").Scan(&entries, &distinct),
				db.QueryRow("SELECT count(*) FROM incident WHERE id <= ?", confirmed).Scan(&cases))
		})
		if err != nil {
			t.Fatal(err)
		}
		if cases != confirmed || entries != distinct || entries < confirmed {
			t.Errorf("%d were confirmed: %d cases, %d lines of %d cases", confirmed, cases, entries, distinct)
		}
		shut(t, s)
	}
}

// killed runs a store for a while and returns the greatest number that it has confirmed.
func killed(t *testing.T, dir string, span time.Duration) (confirmed int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PICKET_STORE_VICTIM="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	time.AfterFunc(span, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	for ok := true; ok; ok = lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(lines.Text())
		}
		confirmed = n
	}
	_ = cmd.Wait() // it was killed
	return confirmed
}

// frozen copies a store's files as a kill would leave them, without what drop names.
func frozen(t *testing.T, dir, drop string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(dir, "incidents.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if drop != "" && strings.Contains(name, drop) || strings.HasSuffix(name, lockName) {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestCrashPoints: after a crash between any two steps the next run has everything, once.
func TestCrashPoints(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer shut(t, s)
	for n := 1; n <= 3; n++ {
		if err := s.Keep(change(n)); err != nil {
			t.Fatal(err)
		}
	}
	points := map[string]string{"in the journal, the database has not begun": frozen(t, dir, databaseName)}
	points["in the journal, nothing committed or all"] = frozen(t, dir, "no such file")
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	points["committed, the segment still there"] = frozen(t, dir, "no such file")
	torn := frozen(t, dir, "no such file")
	tearJournal(t, torn)
	points["a record torn behind what was committed"] = torn
	for name, dir := range points {
		t.Run(name, func(t *testing.T) {
			s := open(t, dir)
			defer shut(t, s)
			for n := 1; n <= 3; n++ {
				f, err := s.Incident(t.Context(), incidents.ID(n))
				if err != nil || len(f.Timeline) != 1 || len(f.Evidence) != 1 {
					t.Errorf("case %d: %d lines, %d pieces, %v", n, len(f.Timeline), len(f.Evidence), err)
				}
			}
			if err := s.Keep(change(4)); err != nil {
				t.Error(err)
			}
		})
	}
}

func tearJournal(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, journalPrefix+"*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	f, err := os.OpenFile(names[len(names)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := record{seq: 1000, kind: kindEntry, key: 1, doc: []byte("{}")}
	_, err = f.Write(appendRecord(nil, &r)[:20])
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// filled makes a closed store of n cases.
func filled(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for i := 1; i <= n; i++ {
		if err := s.Keep(change(i)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	return dir
}

func TestDamagedDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b []byte)
		least int // cases that can be read
	}{
		"its header is gone":           {func(b []byte) { copy(b, bytes.Repeat([]byte{0xaa}, 100)) }, 0},
		"cut off":                      {func(b []byte) { clear(b[len(b)/3:]) }, 0},
		"a few pages are zero":         {func(b []byte) { clear(b[len(b)*6/10 : len(b)*6/10+8192]) }, 30},
		"a page of schema is nonsense": {func(b []byte) { copy(b[100:], bytes.Repeat([]byte{0x5a}, 2000)) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t, 120)
			path := filepath.Join(dir, databaseName)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(b)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			defer shut(t, s)
			if err := s.Keep(change(900)); err != nil {
				t.Error(err)
			}
			total := readAll(t, s)
			aside, _ := filepath.Glob(path + ".damaged-*")
			t.Logf("%d of 120 cases can be read; moved aside: %d", total, len(aside))
			if total < c.least || s.Stats().Moved > 0 != (len(aside) > 0) {
				t.Errorf("%d cases, %d files aside, %+v", total, len(aside), s.Stats())
			}
			if f, err := s.Incident(t.Context(), 900); err != nil || len(f.Timeline) != 1 {
				t.Errorf("what was kept after the damage: %v, %v", f.Timeline, err)
			}
		})
	}
}

// readAll looks into every case and returns how many there are.
func readAll(t *testing.T, s *Store) int {
	t.Helper()
	list, total, err := s.List(t.Context(), &incidents.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if _, err := s.Incident(t.Context(), list[i].ID); err != nil {
			t.Logf("case %d: %v", list[i].ID, err)
		}
	}
	return total
}

// TestLockedDatabase: another program holds the database; picket starts, keeps, and catches up.
func TestLockedDatabase(t *testing.T) {
	dir := filled(t, 3)
	other, err := sql.Open("sqlite", dsn(filepath.Join(dir, databaseName), "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	defer shut(t, s)
	if err := s.Keep(change(4)); err != nil {
		t.Error(err)
	}
	if err := s.flush(t.Context()); !hasCode(err, codeBusy) {
		t.Errorf("a commit into a locked database: %v", err)
	}
	if _, err := s.Incident(t.Context(), 3); err != nil {
		t.Errorf("reading while another writes: %v", err)
	}
	dir2 := frozen(t, dir, "no such file") // and it is killed meanwhile
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Incident(t.Context(), 4); err != nil {
		t.Error(err)
	}
	s2 := open(t, dir2)
	defer shut(t, s2)
	if _, err := s2.Incident(t.Context(), 4); err != nil {
		t.Error(err)
	}
}

func TestTwoPicketsOneDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer shut(t, s)
	if other, err := Open(Options{Dir: dir, Log: quiet()}); err == nil {
		shut(t, other)
		t.Error("two stores work in one directory")
	}
}

// TestStrangeVersion: a database that a newer picket has written, or that is not what its version says, is set aside as
// it is, and picket goes on with a new one. What is in a newer one waits for the newer picket.
func TestStrangeVersion(t *testing.T) {
	for version, c := range map[int]struct {
		aside string
		cases int
	}{999: {"newer", 0}, -7: {"foreign", 1}, 1: {"foreign", 1}} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			dir := filled(t, 1)
			db, err := sql.Open("sqlite", dsn(filepath.Join(dir, databaseName)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = db.Exec(fmt.Sprintf("PRAGMA user_version = %d", version))
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			defer shut(t, s)
			aside, _ := filepath.Glob(filepath.Join(dir, databaseName+"."+c.aside+"-*"))
			if total := readAll(t, s); total != c.cases || len(aside) == 0 {
				t.Errorf("%d cases, want %d; aside %v", total, c.cases, aside)
			}
		})
	}
}

// TestKilledWhileLocked: another program holds the database, so that what has become of measures is in the journal only
// when picket is killed. The next run knows it all the same.
func TestKilledWhileLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for id := range measure.ID(3) {
		if err := s.KeepMeasures(&measure.Measure{ID: id + 1, State: measure.Pending, Spec: measure.Spec{Name: "act"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Keep(change(1)), s.flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	lock := func(dir string) *sql.Tx {
		t.Helper()
		other, err := sql.Open("sqlite", dsn(filepath.Join(dir, databaseName), "_txlock=immediate"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		tx, err := other.Begin()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	tx := lock(dir)
	err := s.KeepMeasures(&measure.Measure{ID: 1, State: measure.Complete}, &measure.Measure{ID: 2, State: measure.InProcess, Spec: measure.Spec{Name: "act"}},
		&measure.Measure{ID: 7, State: measure.PendingApproval, Spec: measure.Spec{Name: "act"}})
	if err = errors.Join(err, s.Keep(change(9))); err != nil {
		t.Fatal(err)
	}
	killed := frozen(t, dir, "no such file")
	held := lock(killed)
	if m, err := s.Measure(t.Context(), 1); err != nil || m.State != measure.Complete {
		t.Errorf("while it is locked: %v, %v", m, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	shut(t, s)

	s = open(t, killed)
	defer shut(t, s)
	states := map[measure.ID]measure.State{}
	last, err := s.OpenMeasures(t.Context(), func(m *measure.Measure) { states[m.ID] = m.State })
	want := map[measure.ID]measure.State{2: measure.InProcess, 3: measure.Pending, 7: measure.PendingApproval}
	if !maps.Equal(states, want) || last != 7 || err != nil {
		t.Errorf("open measures %v, the last %d, %v", states, last, err)
	}
	if _, last, err := s.Recent(10); last != 9 || err != nil {
		t.Errorf("the last case %d, %v", last, err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk: on a full disk cases wait in memory, and are written when there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("picket", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount a small disk: %v (needs root)", err)
	}
	defer func() { _ = syscall.Unmount(dir, 0) }()
	s := open(t, dir)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk is not small")
	}
	var failed int
	for n := 1; n <= 50; n++ {
		if s.Keep(change(n)) != nil {
			failed++
		}
	}
	stats := s.Stats()
	if failed != 50 || stats.Unjournaled != 150 || stats.Waiting == 0 {
		t.Errorf("%d failures, %+v", failed, stats)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Keep(change(51)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if total := readAll(t, s); total != 51 {
		t.Errorf("%d cases", total)
	}
	shut(t, s)
}

func TestRetention(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	for n := 1; n <= 300; n++ {
		if err := s.Keep(change(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.keep = time.Hour
	if err := s.retain(start.Add(time.Hour + 150*time.Second)); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[incidents.State]int{incidents.Open: 100, incidents.Acknowledged: 100, incidents.Resolved: 50} {
		if _, total, err := s.List(t.Context(), &incidents.Filter{States: []incidents.State{state}}); err != nil || total != want {
			t.Errorf("%s: %d, %v", state, total, err)
		}
	}
	s.max = 1 // byte
	if err := s.retain(start); err != nil {
		t.Fatal(err)
	}
	var evidence, entries, words int
	err := s.query(t.Context(), func(db *sql.DB) error {
		return db.QueryRow("SELECT (SELECT count(*) FROM evidence), (SELECT count(*) FROM entry), (SELECT count(*) FROM words)").Scan(&evidence, &entries, &words)
	})
	if err != nil || evidence != 200 || entries != 200 || words != 200 || s.Stats().Removed != 100 {
		t.Errorf("%d pieces, %d lines, %d texts, %+v, %v", evidence, entries, words, s.Stats(), err)
	}
}

// TestTooMuchWaits: what waits for a database that takes nothing is bounded.
func TestTooMuchWaits(t *testing.T) {
	var s Store
	s.log, s.commits = quiet(), make(chan chan error, 1)
	s.journal = &journal{dir: t.TempDir()}
	c := change(1)
	c.Evidence[0].Data = make([]byte, incidents.MaxEvidence)
	for range 2 * maxWaiting / incidents.MaxEvidence {
		if err := s.Keep(c); err != nil {
			t.Fatal(err)
		}
	}
	if s.pending.bytes > maxWaiting+incidents.MaxEvidence || s.count.lost.Load() == 0 || s.journal.total > 2*maxWaiting {
		t.Errorf("%d bytes wait, %d lost, journal of %d bytes", s.pending.bytes, s.count.lost.Load(), s.journal.total)
	}
	if err := s.journal.end(); err != nil {
		t.Error(err)
	}
}

// TestNonsenseInTheJournal: records whose sums are right and that say nothing are left out; the others are taken.
func TestNonsenseInTheJournal(t *testing.T) {
	dir := t.TempDir()
	var b []byte
	for i, r := range []record{
		{kind: kindIncident, key: 1, doc: []byte("{")}, {kind: kindIncident, key: 2, doc: []byte(`{"id":"x"}`)}, {kind: kindEntry, key: 1},
		{kind: kindEvidence, key: 1, doc: []byte("null"), data: []byte("x")}, {kind: kindMeasure, key: -1, doc: []byte("[]")}, {kind: 200, key: 1},
		{kind: kindEntry, key: 7, doc: []byte(`{"time":"2026-11-21T06:00:00Z","kind":"note","text":"whole"}`)},
	} {
		r.seq = uint64(i + 1)
		b = appendRecord(b, &r)
	}
	if err := os.WriteFile(filepath.Join(dir, journalPrefix+"0000000000000001"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	defer shut(t, s)
	var entries int
	err := s.query(t.Context(), func(db *sql.DB) error {
		return db.QueryRow("SELECT count(*) FROM entry WHERE incident = 7").Scan(&entries)
	})
	if err != nil || entries != 1 || s.Stats().Lost < 5 || s.Stats().Waiting != 0 {
		t.Errorf("%d lines, %+v, %v", entries, s.Stats(), err)
	}
}

// FuzzJournal reads a journal of any bytes: what it returns is what was written, in order, and can be written to again.
func FuzzJournal(f *testing.F) {
	r := record{seq: 7, key: 3, kind: kindEvidence, doc: []byte(`{"kind":"line"}`), data: []byte("text")}
	whole := appendRecord(nil, &r)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole[:11]...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			r, n, err := parseRecord(rest)
			if err != nil {
				break
			}
			if again := appendRecord(nil, &r); !bytes.Equal(again, rest[:n]) {
				t.Fatalf("read %+v of % x, written % x", r, rest[:n], again)
			}
			rest = rest[n:]
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, journalPrefix+"0000000000000001"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		var last uint64
		j, err := openJournal(dir, func(r record) {
			if r.seq <= last {
				t.Errorf("number %d comes after %d", r.seq, last)
			}
			last = r.seq
		}, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		if last == math.MaxUint64 {
			return // nothing counts on from here, and nobody has written so much
		}
		if err := errors.Join(j.append([]record{{kind: kindEntry}}), j.end(), j.applied(math.MaxUint64)); err != nil || j.total != 0 {
			t.Errorf("%d bytes are left, %v", j.total, err)
		}
	})
}
