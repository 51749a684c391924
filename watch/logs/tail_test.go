package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/watch"
)

// judge is a consumer for tests: it counts numbered lines and releases every batch.
type judge struct {
	mu    sync.Mutex
	seen  map[int]int
	order bool // every number was greater than the one before
	last  int
	texts []string
	out   chan *watch.Batch
	done  chan struct{}
}

func newJudge() *judge {
	j := &judge{seen: map[int]int{}, order: true, last: -1, out: make(chan *watch.Batch), done: make(chan struct{})}
	go func() {
		defer close(j.done)
		for b := range j.out {
			j.take(b)
			if err := b.Release(); err != nil {
				panic(err)
			}
		}
	}()
	return j
}

func (j *judge) take(b *watch.Batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range b.Observations {
		line := b.Observations[i].Line
		n, err := strconv.Atoi(strings.TrimLeft(field(string(line), 1), "0"))
		if err != nil && field(string(line), 1) != "00000000" {
			if len(j.texts) < 1000 {
				j.texts = append(j.texts, string(line))
			}
			continue
		}
		j.seen[n]++
		j.order = j.order && n > j.last
		j.last = n
	}
}

func field(s string, i int) string {
	if f := strings.Fields(s); i < len(f) {
		return f[i]
	}
	return "none"
}

func (j *judge) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.seen)
}

func (j *judge) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.texts)
}

// complete insists on every number below n exactly once.
func (j *judge) complete(t *testing.T, n int) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	lost, twice := 0, 0
	for i := range n {
		switch j.seen[i] {
		case 0:
			if lost++; lost < 4 {
				t.Errorf("line %d lost", i)
			}
		case 1:
		default:
			twice++
		}
	}
	if lost > 0 || twice > 0 || len(j.seen) != n {
		t.Errorf("of %d lines %d lost, %d delivered more than once, %d numbers seen; other lines: %q", n, lost, twice, len(j.seen), j.texts)
	}
}

func numbered(i int) string {
	return fmt.Sprintf("sshd %08d Failed password for root from 192.0.2.1 port 22\n", i)
}

// await waits until ok, for as long as a very busy machine may need.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("gave up waiting: %s", what)
}

// follow runs a Tail until the returned function is called.
func follow(t *testing.T, cfg Config, keeper watch.Keeper, out chan *watch.Batch) (*Tail, func()) {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	cfg.Warn = func(err error) { t.Log(err) }
	tail, err := NewTail(cfg, keeper)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tail.Run(ctx, out) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return tail, stop
}

func counter(s watch.Source, name string) uint64 {
	for _, c := range s.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	panic("no counter " + name)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// logger writes numbered lines in bursts, 50,000 a second and more, and rotates in one style.
type logger struct {
	t    *testing.T
	path string
	f    *os.File
	next int
}

func newLogger(t *testing.T, path string) *logger {
	l := &logger{t: t, path: path}
	l.open()
	t.Cleanup(func() { l.f.Close() })
	return l
}

func (l *logger) open() {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.f = f
}

// write writes n lines, 250 to a write, divided in the middle of a line; every burst of 250 lasts 5 ms.
func (l *logger) write(n int) {
	var text []byte
	for end := l.next + n; l.next < end; {
		text = text[:0]
		for k := 0; k < 250 && l.next < end; k++ {
			text = append(text, numbered(l.next)...)
			l.next++
		}
		half := len(text)/2 + 7
		for _, part := range [][]byte{text[:half], text[half:]} {
			if _, err := l.f.Write(part); err != nil {
				l.t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *logger) must(err error) {
	if err != nil {
		l.t.Fatal(err)
	}
}

// shift makes room for path.1 as logrotate does.
func (l *logger) shift() {
	for i := 8; i > 0; i-- {
		err := os.Rename(fmt.Sprint(l.path, ".", i), fmt.Sprint(l.path, ".", i+1))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			l.t.Fatal(err)
		}
	}
}

func TestRotation(t *testing.T) {
	const rounds, perRound = 6, 10000
	styles := map[string]func(l *logger, tail *Tail){
		"rename": func(l *logger, _ *Tail) {
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			l.f.Close()
			l.open()
		},
		"rename with a late writer": func(l *logger, _ *Tail) {
			l.shift()
			l.must(os.Rename(l.path, l.path+".1"))
			created, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			l.must(err)
			l.write(2000) // to the old file: the signal comes late
			l.f.Close()
			l.f = created
		},
		"copytruncate": func(l *logger, _ *Tail) {
			l.shift()
			content, err := os.ReadFile(l.path)
			l.must(err)
			l.must(os.WriteFile(l.path+".1", content, 0o600))
			l.must(os.Truncate(l.path, 0))
		},
		"delete and create": func(l *logger, tail *Tail) {
			// A deleted file can be read only by who holds it open.
			opened := func() bool { return tail.has(l.path) }
			await(l.t, "the file to be opened", opened)
			l.must(os.Remove(l.path))
			l.f.Close()
			l.open()
		},
	}
	for name, rotate := range styles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "auth.log")
			l, j := newLogger(t, path), newJudge()
			tail, stop := follow(t, Config{Globs: []string{path}, Start: FromBeginning}, nil, j.out)
			for range rounds {
				l.write(perRound)
				rotate(l, tail)
			}
			l.write(perRound)
			await(t, "all lines", func() bool { return j.count() >= l.next })
			stop()
			close(j.out)
			<-j.done
			j.complete(t, l.next)
			if !j.order && name != "rename with a late writer" {
				t.Error("lines out of order")
			}
			for _, c := range tail.Counters() {
				if c.Value > 0 {
					t.Log(c.Name, c.Value)
				}
			}
		})
	}
}

// has says whether the file now at path was ever opened: the number of files is all that another goroutine may read.
func (t *Tail) has(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	links, _ := filepath.Glob("/proc/self/fd/*")
	mine := 0
	for _, l := range links {
		if o, err := os.Stat(l); err == nil && os.SameFile(o, info) {
			mine++
		}
	}
	return mine >= 2 // the writer's and the reader's
}

// TestCompressingIsNoNewLog: while gzip works on a rotated log its output is newer than everything, and is not taken for
// a log that came and went unseen.
func TestCompressingIsNoNewLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "auth.log")
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"auth.log.1", "auth.log.1.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(dir, "auth.log.1"), old, old); err != nil {
		t.Fatal(err)
	}
	unseen := func() []sibling {
		return rotatedAfter(path, old.UnixNano(), func(sibling) bool { return false })
	}
	if list := unseen(); len(list) != 0 {
		t.Errorf("while gzip works: %v", list)
	}
	if err := os.Remove(filepath.Join(dir, "auth.log.1")); err != nil {
		t.Fatal(err)
	}
	if list := unseen(); len(list) != 1 {
		t.Errorf("a compressed log that nobody has seen: %v", list)
	}
}
