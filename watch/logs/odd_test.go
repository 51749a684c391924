package logs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOddities: what else becomes of logs on real hosts. Nothing is lost and nothing read twice.
func TestOddities(t *testing.T) {
	cases := map[string]func(l *logger, seen func()){
		"a symlink that moves": func(l *logger, seen func()) {
			dir := filepath.Dir(l.path)
			l.must(os.Rename(l.path, filepath.Join(dir, "first")))
			l.must(os.Symlink("first", l.path))
			l.write(100)
			seen()
			l.must(os.Symlink("second", l.path+"~"))
			l.must(os.Rename(l.path+"~", l.path))
			l.write(100) // to the first
			l.reopen()
		},
		"a directory that is away for a while": func(l *logger, seen func()) {
			dir := filepath.Dir(l.path)
			l.must(os.Rename(dir, dir+"~"))
			time.Sleep(300 * time.Millisecond)
			l.write(100)
			l.must(os.Rename(dir+"~", dir))
		},
		"a directory that is made anew": func(l *logger, seen func()) {
			dir := filepath.Dir(l.path)
			l.must(os.RemoveAll(dir))
			time.Sleep(300 * time.Millisecond)
			l.must(os.Mkdir(dir, 0o700))
			l.reopen()
		},
		"a pipe in its place": func(l *logger, seen func()) {
			l.must(os.Rename(l.path, l.path+"~"))
			l.must(syscall.Mkfifo(l.path, 0o600))
			time.Sleep(300 * time.Millisecond)
			l.must(os.Rename(l.path+"~", l.path))
		},
		"a directory in its place": func(l *logger, seen func()) {
			l.must(os.Rename(l.path, l.path+".1"))
			l.must(os.Mkdir(l.path, 0o700))
			l.write(100)
			time.Sleep(300 * time.Millisecond)
			l.must(os.Remove(l.path))
			l.reopen()
		},
		"a rotation that is undone": func(l *logger, seen func()) {
			l.must(os.Rename(l.path, l.path+".1"))
			l.write(100)
			time.Sleep(300 * time.Millisecond)
			l.must(os.Rename(l.path+".1", l.path))
		},
		"holes: a writer that goes on where it was in a truncated file": func(l *logger, seen func()) {
			l.f.Close()
			f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
			l.must(err)
			_, err = f.Seek(0, 2)
			l.must(err)
			l.f = f
			for range 3 {
				l.write(100)
				l.truncated()
				l.write(100)
				seen()
			}
		},
		"a clock that is set back": func(l *logger, seen func()) {
			past := time.Now().Add(-time.Hour)
			l.renamed()
			l.write(100)
			l.must(os.Chtimes(l.path, past, past))
			seen()
			l.truncated()
			l.must(os.Chtimes(l.path+".1", past, past))
		},
	}
	for name, happens := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "log")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
			_, stop := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning, Grace: 200 * time.Millisecond}, nil, j.out)
			seen := func() { t.Helper(); await(t, "the lines", func() bool { return j.count() >= l.next }) }
			l.write(100)
			seen()
			happens(l, seen)
			l.write(100)
			seen()
			l.renamed()
			l.write(100)
			seen()
			stop()
			close(j.out)
			<-j.done
			j.complete(t, l.next)
		})
	}
}

// TestTooManyFiles: what a glob names beyond the bound is read when others go.
func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%04d.log", i)) }
	const n = maxFiles + 3
	for i := range n {
		appendTo(t, path(i), numbered(i))
	}
	j := newJudge()
	tail, _ := follow(t, Config{Globs: []string{filepath.Join(dir, "*.log")}, Start: FromBeginning, Grace: time.Millisecond}, nil, j.out)
	await(t, "as many files as there may be", func() bool { return j.count() == maxFiles })
	if counter(tail, "files") != maxFiles || counter(tail, "files-over-limit") == 0 {
		t.Errorf("counters %v", tail.Counters())
	}
	for i := range 3 {
		if err := os.Remove(path(i)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the others", func() bool { return j.count() == n })
	j.complete(t, n)
}

// TestLogrotate runs the real logrotate in the ways in which distributions configure it, with picket running and with picket
// away.
func TestLogrotate(t *testing.T) {
	program, err := exec.LookPath("logrotate")
	if err != nil {
		t.Skip("logrotate is not installed (apt-get install logrotate)")
	}
	styles := map[string]string{
		"create":        "create 0600",
		"compress":      "create\ncompress",
		"delaycompress": "create\ncompress\ndelaycompress",
		"copytruncate":  "copytruncate",
		"copied, zip":   "copytruncate\ncompress",
		"dateext":       "create\ndateext\ndateformat -%Y%m%d-%s\ncompress",
		"extension":     "create\ndateext\ndateformat -%Y%m%d-%s\nextension .log",
		"zstd":          "create\ncompress\ncompresscmd /usr/bin/zstd\nuncompresscmd /usr/bin/unzstd\ncompressext .zst\ncompressoptions -q --rm",
		"bzip2":         "create\ncompress\ncompresscmd /usr/bin/bzip2\nuncompresscmd /usr/bin/bunzip2\ncompressext .bz2",
		"olddir":        "create\nolddir old",
	}
	for name, style := range styles {
		for _, away := range []bool{false, true} {
			if away && name == "olddir" {
				continue // picket does not look elsewhere
			}
			t.Run(fmt.Sprint(name, " away=", away), func(t *testing.T) {
				t.Parallel()
				if _, command, ok := strings.Cut(style, "compresscmd "); ok {
					if _, err := os.Stat(strings.Fields(command)[0]); err != nil {
						t.Skip(err)
					}
				}
				dir, state := t.TempDir(), t.TempDir()
				l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
				conf := filepath.Join(state, "conf")
				text := fmt.Sprintf("%s {\nsu root root\nrotate 9\nnomail\nmissingok\n%s\n}\n", l.path, style)
				l.must(os.WriteFile(conf, []byte(text), 0o600))
				l.must(os.Mkdir(filepath.Join(dir, "old"), 0o700))
				l.must(os.Chmod(dir, 0o755))
				rotate := func() {
					if strings.Contains(style, "%s") {
						time.Sleep(1100 * time.Millisecond) // a name for every second
					}
					out, err := exec.Command(program, "-f", "-s", filepath.Join(state, "status"), conf).CombinedOutput()
					if err != nil {
						t.Fatalf("logrotate: %v\n%s", err, out)
					}
					l.reopen()
				}
				l.write(300)
				for range 3 {
					if away {
						run(t, j, state, l.path, l.next)
						l.write(200)
						rotate()
						l.write(100)
						continue
					}
					_, stop := follow(t, Config{Globs: []string{l.path}, Start: FromBeginning}, openPositions(t, state), j.out)
					l.write(100)
					await(t, "lines", func() bool { return j.count() >= l.next-50 })
					rotate()
					l.write(200)
					await(t, "lines", func() bool { return j.count() >= l.next })
					stop()
				}
				run(t, j, state, l.path, l.next)
				close(j.out)
				<-j.done
				j.complete(t, l.next)
			})
		}
	}
}
