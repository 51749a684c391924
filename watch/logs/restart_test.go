package logs

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/watch"
)

func openPositions(t *testing.T, dir string) *Positions {
	t.Helper()
	p, err := OpenPositions(dir, func(err error) { t.Error(err) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// run follows path from dir's positions until n numbers were seen in all, then stops.
func run(t *testing.T, j *judge, dir, glob string, n int) *Tail {
	t.Helper()
	p := openPositions(t, dir)
	tail, stop := follow(t, Config{Globs: []string{glob}, Start: FromBeginning, Grace: 50 * time.Millisecond}, p, j.out)
	await(t, fmt.Sprint(n, " lines"), func() bool { return j.count() >= n })
	stop()
	await(t, "the last release", func() bool { return len(tail.lender.Marks()) == 0 })
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return tail
}

// compress compresses a file as gzip does: the new one has the old one's time, and the old one goes.
func compress(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	_, err = z.Write(text)
	z.Close()
	f.Close()
	info, _ := os.Stat(path)
	os.Chtimes(path+".gz", info.ModTime(), info.ModTime())
	os.Remove(path)
	return err
}

func TestRestart(t *testing.T) {
	// What happens while picket does not run; 1,000 lines were read before, 500 are unread.
	cases := map[string]func(l *logger){
		"nothing":           func(l *logger) {},
		"renamed":           (*logger).renamed,
		"renamed twice":     func(l *logger) { l.renamed(); l.write(700); l.renamed() },
		"renamed, not made": func(l *logger) { l.must(os.Rename(l.path, l.path+".1")) },
		"compressed":        func(l *logger) { l.renamed(); l.must(compress(l.path + ".1")) },
		"compressed later": func(l *logger) {
			l.renamed()
			l.write(700)
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			l.must(compress(l.path + ".2"))
			l.f.Close()
			l.open()
		},
		"copied and truncated": func(l *logger) {
			content, err := os.ReadFile(l.path)
			l.must(err)
			l.must(os.WriteFile(l.path+".1", content, 0o600))
			l.must(os.Truncate(l.path, 0))
		},
		"copied, truncated and outgrown": func(l *logger) {
			content, err := os.ReadFile(l.path)
			l.must(err)
			l.must(os.WriteFile(l.path+".1", content, 0o600))
			l.must(os.Truncate(l.path, 0))
			l.write(3000)
		},
		"dated": func(l *logger) {
			l.must(os.Rename(l.path, strings.TrimSuffix(l.path, ".log")+"-20261121.log"))
			l.f.Close()
			l.open()
		},
	}
	for name, away := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
			l.write(1000)
			run(t, j, dir, l.path, 1000)
			l.write(500)
			away(l)
			l.write(300)
			run(t, j, dir, l.path, l.next)
			l.write(200)
			tail := run(t, j, dir, l.path, l.next)
			close(j.out)
			<-j.done
			j.complete(t, l.next)
			if !j.order {
				t.Error("lines out of order")
			}
			if lost := counter(tail, "rests-lost"); lost != 0 {
				t.Errorf("rests-lost %d", lost)
			}
		})
	}
}

func TestRestartTellsWhatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	l.write(100)
	run(t, j, dir, l.path, 100)
	l.must(os.Remove(l.path))
	l.open()
	l.write(100)
	tail := run(t, j, dir, l.path, 200)
	close(j.out)
	if lost := counter(tail, "rests-lost"); lost != 1 {
		t.Errorf("rests-lost %d, want 1", lost)
	}
	if again := openPositions(t, dir).Marks(); len(again) != 1 {
		t.Errorf("positions %+v, want the new file's only", again)
	}
}

// ledger is a consumer that counts and keeps positions in one write, as a judge with a database does: exactly once.
type ledger struct {
	f     *os.File
	batch strings.Builder
	marks []watch.Mark
}

func (l *ledger) Marks() []watch.Mark { return l.marks }

func (l *ledger) Keep(m watch.Mark) error {
	l.batch.WriteString("mark ")
	l.batch.Write(appendMark(nil, &m))
	_, err := l.f.WriteString(l.batch.String())
	l.batch.Reset()
	return err
}

// openLedger reads what stands in the file up to its last mark, and drops what follows.
func openLedger(path string) (*ledger, []string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !vanished(err) {
		return nil, nil, err
	}
	l := &ledger{}
	var lines, settled []string
	end, pos := 0, 0
	in := bufio.NewReader(strings.NewReader(string(text)))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		pos += len(line)
		mark, ok := strings.CutPrefix(line, "mark ")
		if !ok {
			lines = append(lines, line)
			continue
		}
		m, err := parseMark(strings.TrimSuffix(mark, "\n"))
		if err != nil {
			return nil, nil, err
		}
		p := Positions{marks: l.marks}
		p.remember(m)
		l.marks, settled, end = p.marks, append(settled, lines...), pos
		lines = nil
	}
	l.f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = l.f.Truncate(int64(end))
	}
	return l, settled, err
}

// The child of TestKill reads PICKET_TEST_LOG into the ledger PICKET_TEST_LEDGER until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("PICKET_TEST_LEDGER"); path != "" {
		if err := killedChild(os.Getenv("PICKET_TEST_LOG"), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func killedChild(log, path string) error {
	l, _, err := openLedger(path)
	if err != nil {
		return err
	}
	var keeper watch.Keeper = l
	if dir := os.Getenv("PICKET_TEST_STATE"); dir != "" {
		p, err := OpenPositions(dir, func(err error) { panic(err) }, nil)
		if err != nil {
			return err
		}
		keeper = p
	}
	tail, err := NewTail(Config{Name: "test", Globs: []string{log}, Start: FromBeginning}, keeper)
	if err != nil {
		return err
	}
	out := make(chan *watch.Batch)
	go func() {
		for b := range out {
			for i := range b.Observations {
				l.batch.Write(b.Observations[i].Line)
				l.batch.WriteByte('\n')
			}
			if keeper != watch.Keeper(l) {
				_ = l.Keep(b.Mark) // the count first, then the acknowledgement
			}
			if err := b.Release(); err != nil {
				panic(err)
			}
		}
	}()
	return tail.Run(context.Background(), out)
}

// TestKill kills a reader again and again while lines are written and the log rotates in every style.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLogger(t, filepath.Join(dir, "auth.log"))
	path := filepath.Join(dir, "ledger")
	env := []string{"PICKET_TEST_LOG=" + l.path, "PICKET_TEST_LEDGER=" + path}
	settled := func() int {
		_, lines, err := readLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		return len(lines)
	}
	for round := range 6 {
		child := startChild(t, env)
		l.write(1500)
		before := settled()
		if round == 0 { // what was rotated away before picket ever ran is not its to read
			await(t, "the first start", func() bool { return settled() > 0 })
			before = 0
		}
		switch round % 3 {
		case 0:
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			l.f.Close()
			l.open()
		case 1:
			content, err := os.ReadFile(l.path)
			l.must(err)
			l.shift()
			l.must(os.WriteFile(l.path+".1", content, 0o600))
			l.must(os.Truncate(l.path, 0))
		}
		l.write(1500)
		await(t, "progress", func() bool { return settled() > before || before >= l.next })
		child()
	}
	child := startChild(t, env)
	await(t, "all lines", func() bool { return settled() >= l.next })
	child()
	_, lines, err := readLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, line := range lines {
		seen[line]++
	}
	for i := range l.next {
		if n := seen[numbered(i)]; n != 1 {
			t.Fatalf("line %d counted %d times (of %d lines, %d counted)", i, n, l.next, len(lines))
		}
	}
}

// readLedger reads the ledger of a running child without touching it.
func readLedger(path string) (marks []watch.Mark, lines []string, err error) {
	text, err := os.ReadFile(path)
	if vanished(err) {
		return nil, nil, nil
	}
	var open []string
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if _, ok := strings.CutPrefix(line, "mark "); ok && strings.HasSuffix(line, "\n") {
			lines, open = append(lines, open...), nil
			continue
		}
		open = append(open, line)
	}
	return nil, lines, err
}

// startChild runs this test binary as a reader; the returned function kills it with SIGKILL.
func startChild(t *testing.T, env []string) func() {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	kill := func() {
		if !done {
			done = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return kill
}

// TestKillPositions kills a reader with the plain positions file, whose judge counts before it acknowledges: nothing is
// lost, and only what was not acknowledged may come twice.
func TestKillPositions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLogger(t, filepath.Join(dir, "auth.log"))
	path := filepath.Join(dir, "ledger")
	env := []string{"PICKET_TEST_LOG=" + l.path, "PICKET_TEST_LEDGER=" + path, "PICKET_TEST_STATE=" + dir}
	count := func() int { _, lines, _ := readLedger(path); return len(lines) }
	kills := 4
	for range kills {
		before := count()
		kill := startChild(t, env)
		l.write(2000)
		await(t, "progress", func() bool { return count() > before })
		kill()
	}
	kill := startChild(t, env)
	last := strings.TrimSuffix(numbered(l.next), "\n")
	l.write(1)
	await(t, "the last line", func() bool {
		text, _ := os.ReadFile(path)
		return strings.Contains(string(text), last)
	})
	kill()
	_, lines, _ := readLedger(path)
	seen := map[string]int{}
	for _, line := range lines {
		seen[line]++
	}
	for i := range l.next {
		if seen[numbered(i)] == 0 {
			t.Fatalf("line %d lost", i)
		}
	}
	if again := len(lines) - l.next; again < 0 || again > kills*ReadSize/len(numbered(0)) {
		t.Errorf("%d lines again after %d kills: more than a batch each", again, kills)
	}
}

// TestFullDisk: what was judged while the disk was full is kept when there is room again, all of it or nothing.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	var recalled []string
	open := func() *Positions {
		recalled = nil
		p, err := OpenPositions(dir, func(err error) { t.Error(err) }, func(note []byte) { recalled = append(recalled, string(note)) })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open()
	all := ""
	everything := func(to []byte) []byte { return append(to, all...) }
	batch := func(offset int64, note string) error {
		all += "=" + note + "\n"
		m := watch.Mark{Source: "auth", Path: "/log", Inode: 1, Offset: offset}
		p.Stage(m, func(to []byte) []byte { return append(to, "="+note+"\n"...) })
		return errors.Join(p.Keep(m), p.Settle(everything))
	}
	wants := func(offset int64, notes ...string) {
		t.Helper()
		p = open()
		if m := p.Marks(); len(m) != 1 || m[0].Offset != offset || !slices.Equal(recalled, notes) {
			t.Errorf("positions %v, notes %q; want %d, %q", m, recalled, offset, notes)
		}
	}
	if err := errors.Join(p.Rewrite(everything), batch(1, "one")); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	p.file.Close()
	p.file = full
	if err := batch(2, "two"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if err := batch(3, "three"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	wants(1, "one") // as after kill -9
	p.broken, p.file = time.Now(), full
	if err := batch(4, "four"); err != nil {
		t.Error(err)
	}
	wants(1, "one")
	p.broken, p.file = time.Now().Add(-mendEvery), full
	if err := batch(5, "five"); err != nil {
		t.Error(err)
	}
	wants(5, "one", "two", "three", "four", "five")
}
