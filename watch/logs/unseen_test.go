package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"picket/watch"
)

// stalled runs do while tail neither reads nor looks: the machine is busy with something else.
func stalled(tail *Tail, do func()) {
	tail.mu.Lock()
	defer tail.mu.Unlock()
	do()
}

func (l *logger) reopen() {
	l.f.Close()
	l.open()
}

func (l *logger) renamed() {
	l.shift()
	l.must(os.Rename(l.path, l.path+".1"))
	l.reopen()
}

// copied copies the log to path.1, as copytruncate does first.
func (l *logger) copied() {
	l.shift()
	content, err := os.ReadFile(l.path)
	l.must(err)
	l.must(os.WriteFile(l.path+".1", content, 0o600))
}

func (l *logger) truncated() {
	l.copied()
	l.must(os.Truncate(l.path, 0))
}

// anew puts a file with the same bytes in the log's place, as rsync and editors do.
func (l *logger) anew() {
	content, err := os.ReadFile(l.path)
	l.must(err)
	l.must(os.WriteFile(l.path+"~", content, 0o600))
	l.must(os.Rename(l.path+"~", l.path))
	l.reopen()
}

// TestRotationUnseen rotates while picket is busy, for as long as several rotations take. Nothing is lost, nothing is read
// twice, whether the rotated names are watched, too, or not.
func TestRotationUnseen(t *testing.T) {
	cases := map[string]func(l *logger){
		"renamed":                 func(l *logger) { l.renamed() },
		"renamed three times":     func(l *logger) { l.renamed(); l.write(300); l.renamed(); l.write(300); l.renamed() },
		"copied, truncated":       func(l *logger) { l.truncated() },
		"copied, truncated twice": func(l *logger) { l.truncated(); l.write(300); l.truncated() },
		"copied, outgrown":        func(l *logger) { l.truncated(); l.write(3000) },
		"renamed, copied":         func(l *logger) { l.renamed(); l.write(300); l.truncated() },
		"copied, renamed":         func(l *logger) { l.truncated(); l.write(300); l.renamed() },
		"renamed, being copied":   func(l *logger) { l.renamed(); l.write(300); l.copied() },
		"copied and compressed":   func(l *logger) { l.truncated(); l.must(compress(l.path + ".1")) },
		"renamed and compressed":  func(l *logger) { l.renamed(); l.must(compress(l.path + ".1")) },
		"twice, compressed":       func(l *logger) { l.renamed(); l.write(300); l.renamed(); l.must(compress(l.path + ".1")) },
		"deleted":                 func(l *logger) { l.must(os.Remove(l.path)); l.reopen() },
		"written anew":            func(l *logger) { l.anew(); l.write(300); l.anew() },
	}
	for name, rotate := range cases {
		for _, glob := range []string{"", "*"} {
			t.Run(name+glob, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
				tail, stop := follow(t, Config{Globs: []string{l.path + glob}, Start: FromBeginning}, nil, j.out)
				l.write(1000)
				await(t, "the first lines", func() bool { return j.count() == 1000 })
				stalled(tail, func() { l.write(500); rotate(l); l.write(200) })
				await(t, "all lines", func() bool { return j.count() >= l.next })
				l.truncated()
				l.write(500)
				await(t, "the last lines", func() bool { return j.count() >= l.next })
				stop()
				close(j.out)
				<-j.done
				j.complete(t, l.next)
			})
		}
	}
}

// TestDeletedUnread: while the judge is busy the log is deleted and made anew several times. Picket has opened each.
func TestDeletedUnread(t *testing.T) {
	t.Parallel()
	l, j := newLogger(t, filepath.Join(t.TempDir(), "auth.log")), newJudge()
	tail, _ := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, nil, j.out)
	l.write(10)
	await(t, "the first lines", func() bool { return j.count() == 10 })
	j.mu.Lock()
	for n := range 4 {
		l.write(100)
		await(t, "the file to be opened", func() bool { return counter(tail, "files-opened") == uint64(n)+1 })
		l.must(os.Remove(l.path))
		l.reopen()
	}
	j.mu.Unlock()
	await(t, "all lines", func() bool { return j.count() >= l.next })
	j.complete(t, l.next)
}

// TestRotationOfEmpty copies and truncates a log that was empty when picket looked at it last.
func TestRotationOfEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	tail, _ := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, nil, j.out)
	l.write(100)
	await(t, "the first lines", func() bool { return j.count() == 100 })
	l.renamed()
	await(t, "the new file", func() bool { return counter(tail, "files-opened") == 2 })
	stalled(tail, func() { l.write(100); l.truncated(); l.write(100); l.truncated(); l.write(100) })
	await(t, "all lines", func() bool { return j.count() >= l.next })
	j.complete(t, l.next)
}

// TestKilledAtOnce: picket is killed when it has found rotated files that nobody had seen, and has read nothing of them. The
// next one finds them again.
func TestKilledAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	l.write(100)
	run(t, j, dir, l.path, 100)
	for range 3 {
		l.write(100)
		l.renamed()
	}
	l.must(compress(l.path + ".2"))
	p := openPositions(t, dir)
	_, stop := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, p, make(chan *watch.Batch))
	stop()
	p.Close()
	l.write(100)
	run(t, j, dir, l.path, l.next)
	j.complete(t, l.next)
}

// TestKilledBehind: picket is killed while it has not come to read what was rotated before its eyes. The next one reads it.
func TestKilledBehind(t *testing.T) {
	cases := map[string]func(l *logger){
		"made empty, renamed":            func(l *logger) { l.renamed() },
		"copied, truncated, renamed":     func(l *logger) { l.truncated(); l.write(100); l.renamed() },
		"renamed, late, copied, renamed": func(l *logger) { l.renamed(); l.write(100); l.truncated(); l.write(100); l.renamed() },
	}
	for name, rotate := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
			l.write(100)
			run(t, j, dir, l.path, 100)
			p := openPositions(t, dir)
			tail, stop := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, p, make(chan *watch.Batch))
			await(t, "the start", func() bool { return counter(tail, "files-opened") == 1 })
			for range batchesPerSource { // nothing to read into
				if _, err := tail.lender.Borrow(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			looked := func() { // by a look that has begun since
				time.Sleep(3 * tick / 2)
			}
			l.write(100)
			l.renamed()
			looked()
			l.write(100)
			rotate(l)
			looked()
			l.write(100)
			stop()
			p.Close()
			run(t, j, dir, l.path, l.next)
			j.complete(t, l.next)
		})
	}
}

func number(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// withNumber makes a file that has the number of a deleted one.
func withNumber(t *testing.T, path string, want uint64) {
	t.Helper()
	for i := range 1000 {
		other := filepath.Join(filepath.Dir(path), fmt.Sprint("other", i))
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if number(t, other) == want {
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Skip("this file system does not use numbers again")
}

// TestNumberUsedAgain: the copy that copytruncate makes has the number of a rotated file that was read to its end and
// deleted since. What had not been read is in it.
func TestNumberUsedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	tail, _ := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning, Grace: time.Millisecond}, nil, j.out)
	l.write(100)
	l.renamed()
	l.write(100)
	await(t, "the old file to be finished", func() bool {
		return j.count() == 200 && counter(tail, "files") == 1 && counter(tail, "files-rotated") == 1
	})
	was := number(t, l.path+".1")
	stalled(tail, func() {
		l.write(100)
		l.must(os.Remove(l.path + ".1"))
		withNumber(t, l.path+".1", was)
		content, err := os.ReadFile(l.path)
		l.must(err)
		l.must(os.WriteFile(l.path+".1", content, 0o600))
		l.must(os.Truncate(l.path, 0))
		l.write(50)
	})
	await(t, "all lines", func() bool { return j.count() >= l.next })
	j.complete(t, l.next)
}

// TestNumberOfCopyUsedAgain: a new log has the number of a copy that was deleted.
func TestNumberOfCopyUsedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	tail, _ := follow(t, Config{Globs: []string{filepath.Join(dir, "*.log*")}, Start: FromBeginning}, nil, j.out)
	l.write(100)
	await(t, "the first lines", func() bool { return j.count() == 100 })
	l.copied()
	await(t, "the copy to be known", func() bool { return counter(tail, "names-copies") == 1 })
	was := number(t, l.path+".1")
	stalled(tail, func() {
		l.must(os.Remove(l.path + ".1"))
		withNumber(t, filepath.Join(dir, "new.log"), was)
		appendTo(t, filepath.Join(dir, "new.log"), numbered(l.next))
		l.next++
	})
	await(t, "the new log", func() bool { return j.count() >= l.next })
	j.complete(t, l.next)
}

// TestAlike: logs without dates begin alike. That they were copied, truncated and have outgrown the position is seen at what
// stands before the position.
func TestAlike(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
	tail, _ := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, nil, j.out)
	banner := func() {
		for range 8 {
			appendTo(t, l.path, "# This is the log of a program that says the same each time.\n")
		}
	}
	banner()
	l.write(100)
	await(t, "the first lines", func() bool { return j.count() == 100 })
	stalled(tail, func() { l.write(10); l.truncated(); banner(); l.write(300) })
	await(t, "all lines", func() bool { return j.count() >= l.next })
	j.complete(t, l.next)
}

// TestRestartKnowsAgain: what is not to be read a second time, or from where, after a restart.
func TestRestartKnowsAgain(t *testing.T) {
	cases := map[string]struct{ before, away, after func(l *logger) }{
		"was empty, copied, truncated": {before: (*logger).renamed, away: func(l *logger) { l.write(200); l.truncated(); l.write(50) }},
		"was empty, renamed twice":     {before: (*logger).renamed, away: func(l *logger) { l.write(200); l.renamed(); l.write(50); l.renamed() }},
		"written anew":                 {away: func(l *logger) { l.anew(); l.write(50) }},
		"another number, renamed":      {away: func(l *logger) { l.anew(); l.write(50); l.renamed() }},
		"a late writer was finished": {
			before: func(l *logger) { // the last line comes into the old file after the new one was made
				l.must(os.Rename(l.path, l.path+".1"))
				l.must(os.WriteFile(l.path, nil, 0o600))
				time.Sleep(20 * time.Millisecond)
				l.write(10)
				l.reopen()
			},
			after: func(l *logger) { l.must(compress(l.path + ".1")) },
		},
		"a copy whose number was used before": {
			before: (*logger).renamed,
			away: func(l *logger) {
				l.write(50)
				was := number(l.t, l.path+".1")
				l.must(os.Remove(l.path + ".1"))
				withNumber(l.t, l.path+".1", was)
				content, err := os.ReadFile(l.path)
				l.must(err)
				l.must(os.WriteFile(l.path+".1", content, 0o600))
				l.must(os.Truncate(l.path, 0))
			},
		},
	}
	none := func(*logger) {}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range []*func(*logger){&c.before, &c.away, &c.after} {
				if *f == nil {
					*f = none
				}
			}
			dir := t.TempDir()
			l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
			l.write(100)
			run(t, j, dir, l.path, 100)
			c.before(l)
			run(t, j, dir, l.path, l.next)
			c.away(l)
			run(t, j, dir, l.path, l.next)
			c.after(l)
			l.write(100)
			run(t, j, dir, l.path, l.next)
			close(j.out)
			<-j.done
			j.complete(t, l.next)
		})
	}
}
