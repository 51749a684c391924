package actions

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustOpen(t *testing.T, dir string) (*journal, *ledger) {
	t.Helper()
	j, bans, err := openJournal(dir, time.Now(), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return j, bans
}

// TestTornJournalGoesOn: the half line that a power loss left is cut off, what is written next is whole, and a file that is
// mostly of what stands is not written anew at the start.
func TestTornJournalGoesOn(t *testing.T) {
	dir := t.TempDir()
	whole := `{"prefix":"198.51.100.1/32","since":"2026-01-01T00:00:00Z"}` + "\n"
	path := filepath.Join(dir, journalName)
	if err := os.WriteFile(path, []byte(whole+`{"prefix":"198.51.1`), 0o600); err != nil {
		t.Fatal(err)
	}
	j, bans := mustOpen(t, dir)
	if bans.count != 1 {
		t.Errorf("%d bans", bans.count)
	}
	next := entry{Ban: Ban{Prefix: mustPrefix("198.51.100.2"), Since: time.Unix(1_000_000, 0).UTC()}}
	if err := j.append([]entry{next}); err != nil {
		t.Error(err)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), whole) || strings.Count(string(text), "\n") != 2 {
		t.Errorf("the journal holds %q, %v", text, err)
	}
	j, bans = mustOpen(t, dir)
	defer j.close()
	if bans.count != 2 || j.lines != 2 || j.size != int64(len(text)) {
		t.Errorf("%d bans, %d lines, %d bytes of %d", bans.count, j.lines, j.size, len(text))
	}
}

// TestJournalStaysShort: one party that is banned over and over does not let the file grow without end, while running and at
// the start.
func TestJournalStaysShort(t *testing.T) {
	dir := t.TempDir()
	j, bans := mustOpen(t, dir)
	b := Ban{Prefix: mustPrefix("198.51.100.1"), Since: time.Unix(1_000_000, 0).UTC(), Reason: "again"}
	bans.put(b)
	if err := j.append(slices.Repeat([]entry{{Ban: b}}, compactAbove+1)); err != nil {
		t.Fatal(err)
	}
	wasted, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.sync(bans); err != nil || j.lines != 1 {
		t.Errorf("%d lines after a sync: %v", j.lines, err)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(j.path, wasted, 0o600); err != nil {
		t.Fatal(err)
	}
	j, bans = mustOpen(t, dir)
	defer j.close()
	if bans.count != 1 || j.lines != 1 {
		t.Errorf("%d bans, %d lines after a start", bans.count, j.lines)
	}
}

// TestJournalAsksTheDiskOnce: what was written is asked for once, and what the disk answers is told by a later call.
func TestJournalAsksTheDiskOnce(t *testing.T) {
	j, bans := mustOpen(t, t.TempDir())
	b := Ban{Prefix: mustPrefix("198.51.100.1"), Since: time.Unix(1_000_000, 0).UTC()}
	bans.put(b)
	if err := j.append([]entry{{Ban: b}}); err != nil {
		t.Fatal(err)
	}
	if err := j.sync(bans); err != nil || j.dirty || j.syncing == nil {
		t.Fatalf("dirty %v, asked %v: %v", j.dirty, j.syncing != nil, err)
	}
	failed := make(chan error, 1)
	failed <- fmt.Errorf("disk: gone")
	j.syncing = failed
	if err := j.sync(bans); err == nil || !j.dirty {
		t.Errorf("a failed sync is not told (%v), or not tried again", err)
	}
	if err := j.sync(bans); err != nil || j.dirty {
		t.Errorf("dirty %v after another try: %v", j.dirty, err)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
}
