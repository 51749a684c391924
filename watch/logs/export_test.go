package logs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/watch"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// text and raw write fields of the export format.
func text(name, value string) string { return name + "=" + value + "\n" }

func raw(name, value string) string {
	b := append([]byte(name+"\n"), make([]byte, 8)...)
	binary.LittleEndian.PutUint64(b[len(name)+1:], uint64(len(value)))
	return string(b) + value + "\n"
}

// recorded is an export as journalctl writes it: an sshd failure, a message with a line end inside (binary), one of
// the kernel, a forged identifier.
var recorded = text("__CURSOR", "s=1;i=1") + text("__REALTIME_TIMESTAMP", "1763719260000001") + text("__MONOTONIC_TIMESTAMP", "7000001") +
	text("_TRANSPORT", "syslog") + text("PRIORITY", "6") + text("SYSLOG_IDENTIFIER", "sshd") + text("SYSLOG_PID", "812") +
	text("_PID", "812") + text("_UID", "0") + text("_COMM", "sshd") + text("_SYSTEMD_UNIT", "ssh.service") + text("_HOSTNAME", "gate") +
	text("_BOOT_ID", "0123") + text("MESSAGE", "Failed password for root from 192.0.2.1 port 4242 ssh2") +
	text("_SOURCE_REALTIME_TIMESTAMP", "1763719259999000") + "\n" +
	text("__CURSOR", "s=1;i=2") + text("__REALTIME_TIMESTAMP", "1763719261000000") + text("SYSLOG_IDENTIFIER", "app") + text("_HOSTNAME", "gate") +
	raw("MESSAGE", "two\nsshd[1]: Failed password for root from 198.51.100.9\x00\xff") + raw("COREDUMP", strings.Repeat("\n\n", 4000)) + "\n" +
	text("__CURSOR", "s=1;i=3") + text("__MONOTONIC_TIMESTAMP", "12000345") + text("SYSLOG_IDENTIFIER", "kernel") + text("_HOSTNAME", "gate") +
	text("MESSAGE", "eth0: up") + "\n\n" +
	text("__CURSOR", "s=1;i=4") + text("SYSLOG_IDENTIFIER", "sshd") + text("_COMM", "logger") + text("_UID", "1000") +
	text("lower case is no field", "x") + text("MESSAGE", "a=b=c") + "\n"

type entryText struct{ Line, Cursor, Comm string }

func readExport(r io.Reader) ([]entryText, *exportReader, error) {
	e := newExportReader(r, nil)
	var all []entryText
	for {
		fields, err := e.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, e, err
		}
		all = append(all, entryText{string(appendEntryLine(nil, fields)), string(first(fields, "__CURSOR")), string(first(fields, "_COMM"))})
	}
}

var recordedWant = []entryText{
	{"gate sshd[812]: Failed password for root from 192.0.2.1 port 4242 ssh2", "s=1;i=1", "sshd"},
	{"gate app: two\\nsshd[1]: Failed password for root from 198.51.100.9\x00\xff", "s=1;i=2", ""},
	{"gate kernel: [   12.000345] eth0: up", "s=1;i=3", ""},
	{"sshd: a=b=c", "s=1;i=4", "logger"},
}

func TestExport(t *testing.T) {
	got, e, err := readExport(strings.NewReader(recorded))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(recordedWant, got); diff != "" {
		t.Error(diff)
	}
	if e.malformed != 1 || e.cut != 0 {
		t.Errorf("malformed %d, cut %d", e.malformed, e.cut)
	}
}

func TestExportAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		cuts := rapid.SliceOfN(rapid.IntRange(1, 60), 0, 400).Draw(r, "cuts")
		got, _, err := readExport(&pieces{[]byte(recorded), cuts})
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(recordedWant, got); diff != "" {
			r.Fatal(diff)
		}
	})
}

func TestExportBounds(t *testing.T) {
	long := strings.Repeat("m", 300<<10)
	tests := map[string]struct {
		in      string
		entries int
		err     error
		check   func(e *exportReader) bool
	}{
		"long text":         {text("MESSAGE", long) + text("_COMM", "x") + "\n", 1, nil, func(e *exportReader) bool { return e.cut == 1 }},
		"long binary":       {raw("MESSAGE", long) + text("_COMM", "x") + "\n", 1, nil, func(e *exportReader) bool { return e.cut == 1 }},
		"long and unwanted": {raw("OTHER", long) + text("THING", long) + text("_COMM", "x") + "\n", 1, nil, func(e *exportReader) bool { return e.cut == 0 }},
		"long without name": {long + "\n" + text("_COMM", "x") + "\n", 1, nil, func(e *exportReader) bool { return e.malformed == 1 }},
		"many fields":       {strings.Repeat(text("MESSAGE", "x"), 100) + "\n", 1, nil, func(e *exportReader) bool { return e.dropped == 100-maxExportFields }},
		"much text":         {strings.Repeat(raw("MESSAGE", long), 9) + "\n", 1, nil, func(e *exportReader) bool { return e.cut == 9 && len(e.text) <= maxExportText }},
		"unfinished":        {text("MESSAGE", "x"), 0, io.ErrUnexpectedEOF, nil},
		"impossible length": {"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", 0, errExport, nil},
		"no line end":       {"MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00xy", 0, errExport, nil},
		"torn length":       {"MESSAGE\n\x01\x00", 0, io.ErrUnexpectedEOF, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, e, err := readExport(strings.NewReader(tt.in))
			if !errors.Is(err, tt.err) || len(got) != tt.entries {
				t.Errorf("%d entries, error %v; want %d, %v", len(got), err, tt.entries, tt.err)
			}
			if tt.check != nil && !tt.check(e) {
				t.Errorf("cut %d malformed %d dropped %d", e.cut, e.malformed, e.dropped)
			}
		})
	}
}

func TestExportAllocates(t *testing.T) {
	in := []byte(strings.Repeat(recorded, 100))
	r := bytes.NewReader(in)
	e := newExportReader(r, nil)
	n := testing.AllocsPerRun(10, func() {
		r.Reset(in)
		for {
			if _, err := e.next(); err != nil {
				return
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for 400 entries", n)
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(recorded), uint16(100))
	f.Add([]byte("MESSAGE\n\xff\x00\x00\x00\x00\x00\x00\x00x"), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		whole, _, err := readExport(bytes.NewReader(data))
		divided, _, errDivided := readExport(&pieces{data, []int{int(cut), 1, 1, 1, 1, 1, 1, 1, 1, 1}})
		if diff := cmp.Diff(whole, divided); diff != "" || (err == nil) != (errDivided == nil) {
			t.Fatalf("%v, divided %v\n%s", err, errDivided, diff)
		}
		for _, e := range whole {
			if strings.Contains(e.Line, "\n") {
				t.Fatalf("line end inside %q", e.Line)
			}
		}
	})
}

func BenchmarkExport(b *testing.B) {
	entry := []byte(strings.SplitAfter(recorded, "\n\n")[0])
	in := bytes.Repeat(entry, 1000)
	r := bytes.NewReader(in)
	e := newExportReader(r, nil)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r.Reset(in)
		for {
			if _, err := e.next(); err != nil {
				break
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// fakeJournalctl writes a program that answers as journalctl would: entries behind the cursor asked for, three at a
// time, and then ends, as journalctl does when the journal is vacuumed under it.
func fakeJournalctl(t *testing.T, entries int) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "journalctl")
	script := fmt.Sprintf(`#!/bin/sh
echo "$@" >> %s/calls
i=0
for a; do case "$a" in --cursor=refused) echo "Failed to seek to cursor" >&2; exit 1;; --cursor=c*) i=${a#--cursor=c}; i=$((i-1));; esac; done
n=0
while [ $n -lt 3 ] && [ $i -lt %d ]; do
  i=$((i+1)); n=$((n+1))
  printf '__CURSOR=c%%d\n__REALTIME_TIMESTAMP=%%d\nSYSLOG_IDENTIFIER=sshd\n_COMM=sshd\nMESSAGE=%%d\n\n' $i $((1763719260000000+i)) $i
done
`, dir, entries)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func journalRun(t *testing.T, cfg JournalConfig, keeper watch.Keeper, n int) ([]string, *Journal) {
	t.Helper()
	cfg.Name = "journal"
	j, err := NewJournal(cfg, keeper)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, done := make(chan *watch.Batch), make(chan error, 1)
	go func() { done <- j.Run(ctx, out) }()
	var lines []string
	for len(lines) < n && ctx.Err() == nil {
		select {
		case b := <-out:
			for i := range b.Observations {
				o := &b.Observations[i]
				if _, trusted := o.Field("_COMM"); !trusted {
					t.Error("_COMM is not trusted")
				}
				if _, trusted := o.Field("SYSLOG_IDENTIFIER"); trusted {
					t.Error("SYSLOG_IDENTIFIER is trusted")
				}
				lines = append(lines, string(o.Line))
			}
			if err := b.Release(); err != nil {
				t.Error(err)
			}
		case <-ctx.Done():
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return lines, j
}

func TestJournalRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := JournalConfig{Command: fakeJournalctl(t, 5), Start: FromBeginning, Matches: []string{"_SYSTEMD_UNIT=ssh.service", "+", "_COMM=sshd"}}
	p := openPositions(t, dir)
	lines, _ := journalRun(t, cfg, p, 3)
	if diff := cmp.Diff([]string{"sshd: 1", "sshd: 2", "sshd: 3"}, lines); diff != "" {
		t.Error(diff)
	}
	p.Close()
	lines, _ = journalRun(t, cfg, openPositions(t, dir), 2)
	if diff := cmp.Diff([]string{"sshd: 4", "sshd: 5"}, lines); diff != "" {
		t.Error(diff)
	}
	calls, err := os.ReadFile(filepath.Join(filepath.Dir(cfg.Command), "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "--output=export --no-pager --quiet --all --follow --no-tail --cursor=c3 -- _SYSTEMD_UNIT=ssh.service + _COMM=sshd"
	if !strings.Contains(string(calls), want) {
		t.Errorf("calls %s\nwant %s", calls, want)
	}
}

func TestJournalGivesUpCursor(t *testing.T) {
	t.Parallel()
	p := openPositions(t, t.TempDir())
	if err := p.Keep(watch.Mark{Source: "journal", Cursor: "refused", Offset: 1763719260000007}); err != nil {
		t.Fatal(err)
	}
	lines, j := journalRun(t, JournalConfig{Command: fakeJournalctl(t, 5)}, p, 1)
	if len(lines) == 0 || counter(j, "cursors-given-up") != 1 || counter(j, "journalctl-failures") != maxRefusals {
		t.Errorf("lines %q, counters %v", lines, j.Counters())
	}
	calls, _ := os.ReadFile(filepath.Join(filepath.Dir(j.cfg.Command), "calls"))
	if !strings.Contains(string(calls), "--since=@1763719260.000007") {
		t.Errorf("calls %s", calls)
	}
}

func TestJournalRefuses(t *testing.T) {
	for _, match := range []string{"--file=/etc/shadow", "/usr/bin/x", "lower=x", ""} {
		if _, err := NewJournal(JournalConfig{Name: "j", Matches: []string{match}}, nil); err == nil {
			t.Errorf("accepted match %q", match)
		}
	}
}

// TestJournalReal reads a journal made by systemd-journal-remote with the real journalctl: only what the matches name, line
// ends inside of messages, and after a restart from the cursor on.
func TestJournalReal(t *testing.T) {
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "x.journal")
	journalRemote(t, file, 0, 300)
	p := openPositions(t, t.TempDir())
	cfg := JournalConfig{Files: []string{file}, Start: FromBeginning, Matches: []string{"_COMM=sshd", "_SYSTEMD_UNIT=ssh.service", "+", "_COMM=login"}}
	wantEntries := func(first, end int) {
		t.Helper()
		var want []string
		for i := first; i < end; i++ {
			if unit := journalUnits[i%len(journalUnits)]; unit != "cron" {
				want = append(want, fmt.Sprintf(`gate %s: %d two\nlines`, unit, i))
			}
		}
		lines, _ := journalRun(t, cfg, p, len(want))
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Error(diff)
		}
	}
	wantEntries(0, 300)
	journalRemote(t, file, 300, 500)
	wantEntries(300, 500)
}

// TestJournalVacuumed: the journal rotates, and its old file with the entry of the position is vacuumed away, while picket does
// not run. Reading goes on at the first entry that is left.
func TestJournalVacuumed(t *testing.T) {
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "system@1.journal")
	journalRemote(t, old, 0, 30)
	p := openPositions(t, t.TempDir())
	cfg := JournalConfig{Directory: dir, Start: FromBeginning, Matches: []string{"_COMM=sshd"}}
	lines, _ := journalRun(t, cfg, p, 10)
	if len(lines) != 10 {
		t.Errorf("%d lines %q", len(lines), lines)
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	journalRemote(t, filepath.Join(dir, "system.journal"), 30, 60)
	lines, j := journalRun(t, cfg, p, 10)
	if len(lines) != 10 || !strings.Contains(lines[0], ": 30 ") || !strings.Contains(lines[9], ": 57 ") {
		t.Errorf("%d lines %q, counters %v", len(lines), lines, j.Counters())
	}
}

// journalUnits write the entries of journalRemote in turn.
var journalUnits = []string{"sshd", "cron", "login"}

// journalRemote appends numbered entries to a journal file.
func journalRemote(t *testing.T, file string, first, end int) {
	t.Helper()
	const remote = "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(remote); err != nil {
		t.Skip("systemd-journal-remote is not installed (apt-get install systemd-journal-remote)")
	}
	var in strings.Builder
	for i := first; i < end; i++ {
		unit := journalUnits[i%len(journalUnits)]
		in.WriteString(text("__REALTIME_TIMESTAMP", fmt.Sprint(1763719260000000+i)) + text("__MONOTONIC_TIMESTAMP", fmt.Sprint(1000+i)) +
			text("_BOOT_ID", "0123456789abcdef0123456789abcdef") + text("_HOSTNAME", "gate") + text("_COMM", unit) + text("SYSLOG_IDENTIFIER", unit))
		if unit == "sshd" {
			in.WriteString(text("_SYSTEMD_UNIT", "ssh.service"))
		}
		in.WriteString(raw("MESSAGE", fmt.Sprintf("%d two\nlines", i)) + "\n")
	}
	cmd := exec.Command(remote, "--output="+file, "-")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("systemd-journal-remote cannot make a journal here: %v: %s", err, out)
	}
}
