package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"picket/watch"
)

const (
	// journalRestart is how long to wait before journalctl is started again.
	journalRestart = time.Second
	// journalBatch is how many entries are delivered at once at most.
	journalBatch = 1024
	// maxRefusals is how often a position may be refused before it is given up.
	maxRefusals = 3
)

// JournalConfig describes what is read of the systemd journal.
type JournalConfig struct {
	Name    string   // of the source; the cursor is kept under it
	Host    string   // this host's name
	Matches []string // as journalctl has them: FIELD=value, "+" between alternatives
	Fields  []string // fields to keep besides the usual ones
	// Where the journal is: at most one of them; all empty is the host's own.
	Directory, Namespace string
	Files                []string
	// Start is where to begin without a kept cursor. FromSince begins at Since.
	Start Start
	Since time.Time
	// Command overrides "journalctl", the program looked for in PATH.
	Command string
	// Once reads what there is and ends, instead of following.
	Once bool
	Warn func(error)
}

// Journal reads the systemd journal through journalctl -o export: no cgo, no library to match, and the same access
// rights as its user. The program is started again when it ends; the cursor makes that seamless.
type Journal struct {
	cfg      JournalConfig
	keeper   watch.Keeper
	lender   *watch.Lender
	origin   *watch.Origin
	cursor   string
	resumed  string // the cursor that journalctl began at, until it has given its first entry
	last     int64  // time of the last entry, microseconds
	refusals int
	count    journalCounters
}

type journalCounters struct {
	entries, starts, failed, resets, cut, malformed, dropped atomic.Uint64
}

var _ watch.Source = (*Journal)(nil)

// NewJournal checks the configuration and takes up the kept cursor. keeper may be nil.
func NewJournal(cfg JournalConfig, keeper watch.Keeper) (*Journal, error) {
	if cfg.Name == "" {
		return nil, errors.New("journal source: has no name")
	}
	if cfg.Command == "" {
		cfg.Command = "journalctl"
	}
	if cfg.Warn == nil {
		cfg.Warn = func(error) {}
	}
	for _, m := range cfg.Matches {
		if name, _, ok := strings.Cut(m, "="); m != "+" && (!ok || !validFieldName([]byte(name))) {
			return nil, fmt.Errorf("journal source %q: match %q is neither FIELD=value nor +", cfg.Name, m)
		}
	}
	j := &Journal{cfg: cfg, keeper: keeper, origin: &watch.Origin{Source: cfg.Name, Host: cfg.Host}}
	var keep func(watch.Mark) error
	if keeper != nil {
		keep = keeper.Keep
		for _, m := range keeper.Marks() {
			if m.Source == cfg.Name && m.Path == "" {
				j.cursor, j.last = m.Cursor, m.Offset
			}
		}
	}
	j.lender = watch.NewLender(batchesPerSource, 0, keep)
	return j, nil
}

// Name implements watch.Source.
func (j *Journal) Name() string { return j.cfg.Name }

// arguments are journalctl's, for a start at the position reached.
func (j *Journal) arguments() []string {
	args := []string{"--output=export", "--no-pager", "--quiet", "--all"}
	if !j.cfg.Once {
		args = append(args, "--follow")
	}
	if j.cfg.Directory != "" {
		args = append(args, "--directory="+j.cfg.Directory)
	}
	if j.cfg.Namespace != "" {
		args = append(args, "--namespace="+j.cfg.Namespace)
	}
	for _, f := range j.cfg.Files {
		args = append(args, "--file="+f)
	}
	return append(append(append(args, j.position()...), "--"), j.cfg.Matches...)
}

// position says where to begin. The entry of the cursor is asked for once more: behind a cursor whose entry was vacuumed away
// journalctl passes over the first one that is left (systemd 252). A cursor that is refused (its journal was deleted) is replaced by its time.
func (j *Journal) position() []string {
	all := []string{"--no-tail"}
	if j.cfg.Once {
		all = nil // and no limit either
	}
	switch {
	case j.cursor != "":
		return append(all, "--cursor="+j.cursor)
	case j.last > 0:
		return append(all, fmt.Sprintf("--since=@%d.%06d", j.last/1e6, j.last%1e6))
	case j.cfg.Start == FromBeginning:
		return all
	case j.cfg.Start == FromSince:
		return append(all, fmt.Sprintf("--since=@%d", j.cfg.Since.Unix()))
	}
	return []string{"--lines=0"}
}

// beginNow makes the present the position of a source that begins at the end: a line that comes while picket is
// restarted before its first entry is not lost.
func (j *Journal) beginNow() {
	if j.cursor != "" || j.last > 0 || j.cfg.Start != FromEnd || j.keeper == nil {
		return
	}
	j.last = time.Now().UnixMicro()
	if err := j.lender.Note(watch.Mark{Source: j.cfg.Name, Offset: j.last}); err != nil {
		j.cfg.Warn(err)
	}
}

// Run implements watch.Source: it follows the journal until ctx ends.
func (j *Journal) Run(ctx context.Context, out chan<- *watch.Batch) error {
	j.beginNow()
	for {
		err := j.runOnce(ctx, out)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			j.count.failed.Add(1)
			j.cfg.Warn(err)
		}
		if j.cfg.Once || errors.Is(err, exec.ErrNotFound) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(journalRestart):
		}
	}
}

// runOnce runs one journalctl to its end.
func (j *Journal) runOnce(ctx context.Context, out chan<- *watch.Batch) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.cfg.Command, j.arguments()...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	complaint := &firstBytes{max: 1024}
	cmd.Stderr = complaint
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read journal: %w (is systemd's journalctl installed?)", err)
	}
	j.count.starts.Add(1)
	j.resumed = j.cursor
	err = j.read(ctx, pipe, out)
	if err != nil {
		cancel() // it has no reader any more
	}
	wait := cmd.Wait()
	if err == nil && wait != nil {
		err = fmt.Errorf("read journal: %w: %s", wait, bytes.TrimSpace(complaint.text))
	}
	j.afterEnd(err, j.resumed != j.cursor)
	return err
}

// afterEnd gives a cursor up that journalctl refuses again and again; reading then goes on at its time.
func (j *Journal) afterEnd(err error, progress bool) {
	if err == nil || progress || j.cursor == "" {
		j.refusals = 0
		return
	}
	if j.refusals++; j.refusals >= maxRefusals {
		j.cursor, j.refusals = "", 0
		j.count.resets.Add(1)
	}
}

// read turns export format into batches until r ends.
func (j *Journal) read(ctx context.Context, r io.Reader, out chan<- *watch.Batch) error {
	e := newExportReader(r, j.cfg.Fields)
	for {
		b, err := j.lender.Borrow(ctx)
		if err != nil {
			return err
		}
		err = j.fill(b, e)
		if len(b.Observations) == 0 {
			j.lender.Return(b)
		} else if err := j.lender.Send(ctx, out, b); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // an unfinished entry comes again behind the cursor
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
}

// fill waits for one entry and takes all that are already there with it.
func (j *Journal) fill(b *watch.Batch, e *exportReader) error {
	for {
		fields, err := e.next()
		j.count.cut.Add(e.cut)
		j.count.malformed.Add(e.malformed)
		j.count.dropped.Add(e.dropped)
		e.cut, e.malformed, e.dropped = 0, 0, 0
		if err != nil {
			return err
		}
		if !j.known(fields) {
			j.add(b, fields)
		}
		if len(b.Observations) >= journalBatch || len(b.Text) >= ReadSize || !e.waiting() {
			return nil
		}
	}
}

// known says whether an entry is the one that was read last before journalctl was started.
func (j *Journal) known(fields []exportField) bool {
	at := j.resumed
	j.resumed = ""
	return at != "" && string(first(fields, "__CURSOR")) == at
}

// add copies an entry into the batch.
func (j *Journal) add(b *watch.Batch, fields []exportField) {
	o := watch.Observation{Origin: j.origin, Time: time.Now().UnixNano(), When: entryTime(fields)}
	firstField := len(b.Fields)
	for i := range fields {
		begin := len(b.Text)
		b.Text = append(b.Text, fields[i].value...)
		b.Fields = append(b.Fields, watch.Field{Name: fields[i].name, Value: b.Text[begin:len(b.Text):len(b.Text)], Trusted: trusted(fields[i].name)})
	}
	o.Fields = b.Fields[firstField:len(b.Fields):len(b.Fields)]
	begin := len(b.Text)
	b.Text = appendEntryLine(b.Text, fields)
	o.Line = b.Text[begin:len(b.Text):len(b.Text)]
	b.Observations = append(b.Observations, o)
	if c := first(fields, "__CURSOR"); len(c) > 0 {
		j.cursor, j.last = string(c), microseconds(fields, "__REALTIME_TIMESTAMP")
		b.Mark = watch.Mark{Source: j.cfg.Name, Cursor: j.cursor, Offset: j.last}
	}
	j.count.entries.Add(1)
}

// Counters implements watch.Source.
func (j *Journal) Counters() []watch.Counter {
	c := &j.count
	return []watch.Counter{
		{Name: "entries", Value: c.entries.Load()},
		{Name: "journalctl-starts", Value: c.starts.Load()},
		{Name: "journalctl-failures", Value: c.failed.Load()},
		{Name: "cursors-given-up", Value: c.resets.Load()},
		{Name: "values-cut", Value: c.cut.Load()},
		{Name: "fields-malformed", Value: c.malformed.Load()},
		{Name: "fields-dropped", Value: c.dropped.Load()},
	}
}

// firstBytes keeps the beginning of what a program complains about.
type firstBytes struct {
	text []byte
	max  int
}

func (f *firstBytes) Write(p []byte) (int, error) {
	f.text = append(f.text, p[:min(len(p), f.max-len(f.text))]...)
	return len(p), nil
}
