package actions

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
)

// Decisions is the record of what the gate has decided: the newest in memory, all of them in a file of JSON lines that
// is turned over when it is full. A decision that could not be written is still remembered until picket stops.
type Decisions struct {
	mu     sync.Mutex
	path   string
	out    *os.File
	size   int64
	recent []Decision // a ring
	next   int
	failed uint64 // lines that could not be written
}

const (
	decisionsName  = "decisions.jsonl"
	maxDecisions   = 16 << 10 // in memory
	decisionsBytes = 16 << 20 // of one file; the one before it is kept beside it
)

// OpenDecisions reads the newest decisions of dir and opens the file for more. Damaged lines are skipped.
func OpenDecisions(dir string) (*Decisions, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open record of decisions: %w", err)
	}
	d := &Decisions{path: filepath.Join(dir, decisionsName)}
	for _, path := range []string{d.old(), d.path} {
		if err := d.read(path); err != nil {
			return nil, err
		}
	}
	return d, d.open()
}

func (d *Decisions) old() string { return d.path + ".1" }

func (d *Decisions) read(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read record of decisions: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		var one Decision
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			d.keep(one)
		}
	}
	return nil // a line too long to be one of ours ends the reading: the rest is older than what follows
}

func (d *Decisions) open() (err error) {
	d.out, err = os.OpenFile(d.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open record of decisions: %w (is state-dir writable?)", err)
	}
	info, err := d.out.Stat()
	if err == nil {
		d.size = info.Size()
	}
	return err
}

// Add records decisions, in one write. Any goroutine may call it.
func (d *Decisions) Add(list ...Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var text []byte
	for _, one := range list {
		d.keep(one)
		line, err := json.Marshal(one)
		if err != nil {
			continue // no decision holds what JSON can't
		}
		text = append(append(text, line...), '\n')
	}
	if d.size > 0 && d.size+int64(len(text)) > decisionsBytes {
		d.turnOver()
	}
	n, err := d.out.Write(text)
	d.size += int64(n)
	if err != nil {
		d.failed += uint64(len(list))
		_ = d.out.Truncate(d.size - int64(n)) // no half line before the next one
		d.size -= int64(n)
	}
}

func (d *Decisions) turnOver() {
	d.out.Close()
	_ = os.Rename(d.path, d.old())
	if err := d.open(); err != nil {
		d.size = 0 // writes fail and are counted; the next turn tries again
	}
}

func (d *Decisions) keep(one Decision) {
	if len(d.recent) < maxDecisions {
		d.recent = append(d.recent, one)
		return
	}
	d.recent[d.next] = one
	d.next = (d.next + 1) % maxDecisions
}

// About returns the newest decisions that touch a prefix, the newest first, at most n.
func (d *Decisions) About(p netip.Prefix, n int) []Decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Decision
	for i := len(d.recent) - 1; i >= 0 && len(list) < n; i-- {
		one := d.recent[(d.next+i)%len(d.recent)]
		if one.Prefix.IsValid() && one.Prefix.Overlaps(p) {
			list = append(list, one)
		}
	}
	return list
}

// Failed is the number of decisions that could not be written to disk.
func (d *Decisions) Failed() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Close lets go of the file.
func (d *Decisions) Close() error { return d.out.Close() }
