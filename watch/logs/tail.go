package logs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"picket/watch"
)

const (
	// tick is how often paths are looked at without being told to: file systems that do not notify, symlinks whose
	// target changes.
	tick = 250 * time.Millisecond
	// grace is how long a rotated file must have been quiet before it is closed: daemons get their signal after the
	// rename and write to the old file until they have handled it.
	grace = 10 * time.Second
	// maxFiles bounds the open files of one Tail, maxOld those of one path that were rotated away.
	maxFiles = 1024
	maxOld   = 8
)

// Start says where a file begins to be read that was there before picket ever looked at it. Files that come later are
// read from their beginning, files whose position was kept from there.
type Start uint8

// The starts.
const (
	FromEnd Start = iota
	FromBeginning
	// FromSince begins at the first line that Config.Older does not call too old.
	FromSince
)

// Config describes the files of one Tail.
type Config struct {
	Name     string   // of the source; positions are kept under it
	Host     string   // this host's name, for Origin
	Globs    []string // absolute paths, with * ? [] as filepath.Match has them
	Encoding Encoding
	MaxLine  int // bytes; 0 is DefaultMaxLine, at most ReadSize/2
	Start    Start
	// Older says whether a line's date is too old to matter, and whether it has a date at all. For FromSince.
	Older func(line []byte) (old, dated bool)
	// Grace overrides the ten seconds that a rotated file is read on; tests make it short.
	Grace time.Duration
	// Warn is told what went wrong with a file, once for each fault. nil: only counted.
	Warn func(error)
}

// Tail reads the files of a configuration.
type Tail struct {
	cfg    Config
	split  splitter
	lender *watch.Lender
	keeper watch.Keeper
	count  tailCounters

	mu     sync.Mutex              // for all that follows; never held while the judge is waited for
	files  []*file                 // rotated ones before what replaced them
	at     map[string]*file        // the newest at each path
	copies map[identity]watch.Mark // at their beginnings
	done   []watch.Mark            // files that are closed, as far as they were read
	known  map[string]bool         // paths that were ever seen: their next file is read from its beginning
	warned map[string]bool
	begun  bool // the first look is over: what comes now is new
}

type tailCounters struct {
	lineCounters
	files                           atomic.Uint64 // open now
	opened, rotated, truncated      atomic.Uint64
	recovered, lost                 atomic.Uint64 // unread rests found in rotated files; not found
	compressed, copies              atomic.Uint64 // names of a glob that are no logs of their own
	refused, failed, overrun, blind atomic.Uint64
}

var _ watch.Source = (*Tail)(nil)

// NewTail checks the configuration. keeper may be nil: positions are then forgotten at the end.
func NewTail(cfg Config, keeper watch.Keeper) (*Tail, error) {
	if cfg.MaxLine == 0 {
		cfg.MaxLine = DefaultMaxLine
	}
	if cfg.Grace == 0 {
		cfg.Grace = grace
	}
	if cfg.Warn == nil {
		cfg.Warn = func(error) {}
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	t := &Tail{cfg: cfg, keeper: keeper, at: map[string]*file{}, copies: map[identity]watch.Mark{}, known: map[string]bool{}, warned: map[string]bool{}}
	t.split = splitter{max: cfg.MaxLine &^ 1, count: &t.count.lineCounters}
	var keep func(watch.Mark) error
	if keeper != nil {
		keep = keeper.Keep
	}
	t.lender = watch.NewLender(batchesPerSource, ReadSize, keep)
	return t, nil
}

func (c *Config) validate() error {
	var faults []error
	fault := func(format string, a ...any) {
		faults = append(faults, fmt.Errorf("log source %q: "+format, append([]any{c.Name}, a...)...))
	}
	if c.Name == "" {
		fault("has no name")
	}
	if len(c.Globs) == 0 {
		fault("has no files")
	}
	for _, g := range c.Globs {
		if _, err := filepath.Match(g, ""); err != nil {
			fault("pattern %q: %w", g, err)
		} else if !filepath.IsAbs(g) {
			fault("pattern %q: not an absolute path", g)
		}
	}
	if c.MaxLine < 16 || c.MaxLine > ReadSize/2 {
		fault("longest line %d: not between 16 and %d", c.MaxLine, ReadSize/2)
	}
	if c.Start == FromSince && c.Older == nil {
		fault("begins at a date, but nothing reads dates")
	}
	return errors.Join(faults...)
}

// Name implements watch.Source.
func (t *Tail) Name() string { return t.cfg.Name }

// Run implements watch.Source: it follows the files until ctx ends. One goroutine looks for names that come and go, the
// other reads. While the judge is busy, reading waits, but files are opened still: one that is deleted can be read only by
// who has it open.
func (t *Tail) Run(ctx context.Context, out chan<- *watch.Batch) error {
	defer t.closeAll()
	wake := newWaker(t)
	defer wake.close()
	t.begin()
	t.begun = true
	looked := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() { t.keepLooking(ctx, wake, looked) })
	for {
		if err := t.readAll(ctx, out); err != nil {
			return nil // ctx ended; what was not sent is read again
		}
		select {
		case <-ctx.Done():
			return nil
		case <-looked:
		}
		t.finishQuiet(time.Now())
	}
}

// keepLooking compares names and open files whenever something happens, and tells looked.
func (t *Tail) keepLooking(ctx context.Context, wake *waker, looked chan<- struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		names := true
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case what := <-wake.events:
			names = what == eventNames
		}
		if names {
			t.mu.Lock()
			t.look()
			wake.cover(t.directories())
			t.mu.Unlock()
		}
		select {
		case looked <- struct{}{}:
		default:
		}
	}
}

// readAll reads every file to its end, a piece of each in turn.
func (t *Tail) readAll(ctx context.Context, out chan<- *watch.Batch) error {
	b, err := t.lender.Borrow(ctx)
	if err != nil {
		return err
	}
	for more := true; more; {
		more = false
		for _, f := range t.opened() {
			again, err := t.readNext(f, b)
			more = more || again
			if err != nil || len(b.Observations) == 0 {
				continue
			}
			if err := t.lender.Send(ctx, out, b); err != nil {
				return err
			}
			if b, err = t.lender.Borrow(ctx); err != nil {
				return err
			}
		}
	}
	t.lender.Return(b)
	return nil
}

func (t *Tail) opened() []*file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.files)
}

// readNext is readFile for a file whose turn it is.
func (t *Tail) readNext(f *file, b *watch.Batch) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.before != nil && !f.before.ended {
		return false, nil
	}
	return t.readFile(f, b)
}

// readFile reads one piece of f into b, sets its mark, and handles what reading revealed. It reports whether it
// should be called again.
func (t *Tail) readFile(f *file, b *watch.Batch) (bool, error) {
	modified := f.modified()
	if len(f.head) == 0 && !f.old && t.cameAndWent(f, modified) {
		return true, nil
	}
	from := f.offset
	got, err := f.read(b, &t.split, t.cfg.Encoding, time.Now().UnixNano(), f.complete)
	switch {
	case err != nil:
		t.warn(&t.count.failed, err)
		t.over(f.mark())
		t.drop(f)
		return false, err
	case got == pieceTruncated:
		t.truncated(f, modified)
		return true, nil
	case f.offset != from:
		f.since = modified
		if f.old {
			f.deadline = time.Now().Add(t.cfg.Grace)
		}
		b.Mark = f.mark()
		if len(b.Observations) == 0 {
			t.note(b.Mark)
		}
	}
	if got == pieceRead {
		return true, nil
	}
	newly := f.old && !f.ended
	f.ended = f.old
	if f.complete {
		t.finish(f)
	}
	return newly, nil // what waited for f can be read now
}

func (t *Tail) note(m watch.Mark) {
	if err := t.lender.Note(m); err != nil {
		t.warn(&t.count.failed, err)
	}
}

// truncated begins f anew, which was last written to at modified. What had not been read of it is looked for in the copy
// that copytruncate made.
func (t *Tail) truncated(f *file, modified int64) {
	t.count.truncated.Add(1)
	m, after := f.mark(), f.since
	m.Since = 0 // of the copy it shall be said when it was made
	if rest, _ := search(&m, t.read); rest != nil {
		after = rest.since
		t.recover(rest)
	}
	t.recoverAfter(f.path, after, t.seen)
	f.restart(modified)
	if _, err := f.check(headSize); err != nil { // it may be copied away again before anything is read
		t.warn(&t.count.failed, err)
	}
	t.note(f.mark())
}

// cameAndWent looks for what f held between two looks at it: it was empty then and was written to since, and may have been
// copied away and truncated meanwhile.
func (t *Tail) cameAndWent(f *file, modified int64) bool {
	before, after := f.before, f.since
	if f.since = modified; after > 0 && after < modified {
		t.recoverAfter(f.path, after, t.seen)
	}
	return f.before != before
}

// finishQuiet closes rotated files whose time is over, the oldest of a path first: what has a position is always newer
// than what has none any more. An unfinished last line is then delivered as it is.
func (t *Tail) finishQuiet(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range slices.Clone(t.files) {
		if f.old && f.ended && !f.complete && f.before == nil && now.After(f.deadline) {
			f.complete, f.ended = true, false // readAll delivers the rest and finishes it
		}
	}
}

// finish forgets a file that has been read completely.
func (t *Tail) finish(f *file) {
	m := f.mark()
	t.over(m)
	if current := t.at[f.path]; current != nil && current != f && current.since < f.since {
		current.since = f.since
		t.note(current.mark())
	}
	m.Gone = true
	t.note(m)
	t.drop(f)
}

// drop closes f and takes it off the list.
func (t *Tail) drop(f *file) {
	f.ended = true
	f.closer.Close()
	t.files = slices.DeleteFunc(t.files, func(o *file) bool { return o == f })
	for _, o := range t.files {
		if o.before == f {
			o.before = nil
		}
	}
	if t.at[f.path] == f {
		delete(t.at, f.path)
	}
	t.count.files.Store(uint64(len(t.files)))
}

func (t *Tail) closeAll() {
	for _, f := range t.files {
		f.closer.Close()
	}
	t.files = nil
}

// warn counts a fault and tells it once.
func (t *Tail) warn(c *atomic.Uint64, err error) {
	c.Add(1)
	if text := err.Error(); !t.warned[text] && len(t.warned) < maxFiles {
		t.warned[text] = true
		t.cfg.Warn(err)
	}
}

// Counters implements watch.Source.
func (t *Tail) Counters() []watch.Counter {
	c := &t.count
	return append(c.counters(),
		watch.Counter{Name: "files", Value: c.files.Load()},
		watch.Counter{Name: "files-opened", Value: c.opened.Load()},
		watch.Counter{Name: "files-rotated", Value: c.rotated.Load()},
		watch.Counter{Name: "files-truncated", Value: c.truncated.Load()},
		watch.Counter{Name: "rests-recovered", Value: c.recovered.Load()},
		watch.Counter{Name: "rests-lost", Value: c.lost.Load()},
		watch.Counter{Name: "names-compressed", Value: c.compressed.Load()},
		watch.Counter{Name: "names-copies", Value: c.copies.Load()},
		watch.Counter{Name: "files-refused", Value: c.refused.Load()},
		watch.Counter{Name: "files-failed", Value: c.failed.Load()},
		watch.Counter{Name: "files-over-limit", Value: c.overrun.Load()},
		watch.Counter{Name: "directories-without-notice", Value: c.blind.Load()},
	)
}
