package actions

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// journal is the append-only file that says which bans stand: one JSON line for each ban and each lifting,
// with absolute times. It is written after the kernel has the element and before the request is answered, so
// that kill -9 loses no ban that was reported; power loss may lose the last second (Sync).
type journal struct {
	path   string
	file   *os.File
	lines  int // in the file
	dirty  bool
	behind bool // a write failed: what stands is not all in the file
	pause  int  // calls of sync since it was tried to bring it in
}

// entry is one line. Lifted entries carry prefix, scope and jail only.
type entry struct {
	Ban
	Lifted bool `json:"lifted,omitempty"`
}

const journalName = "bans.journal"

// behindPause is how many calls of sync, one a second, lie between two tries to bring in what the disk did not take.
const behindPause = 5

// compactAbove is the number of lines below which a journal is never rewritten.
const compactAbove = 4096

// openJournal reads the bans that stand and opens the file for appending. A torn last line (power loss) is
// cut off; damaged lines elsewhere are skipped and told in warn.
func openJournal(dir string, now time.Time, warn func(error)) (*journal, *ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open ban journal: %w (is state-dir right, and may picket write there?)", err)
	}
	j := &journal{path: filepath.Join(dir, journalName)}
	bans, err := j.read(now, warn)
	if err != nil {
		return nil, nil, err
	}
	return j, bans, j.rewrite(bans)
}

func (j *journal) read(now time.Time, warn func(error)) (*ledger, error) {
	bans := newLedger()
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return bans, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open ban journal: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return bans, nil // a line without its end was torn: the ban was never answered
		}
		if err != nil {
			return nil, fmt.Errorf("read ban journal: %w", err)
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || !e.Prefix.IsValid() {
			warn(fmt.Errorf("read ban journal: %s:%d: damaged line skipped: %q", j.path, n, line[:min(len(line), 80)]))
			continue
		}
		e.Prefix = Normal(e.Prefix)
		if e.Lifted || e.Expired(now) {
			bans.drop(&e.Ban)
		} else {
			bans.put(e.Ban)
		}
	}
}

// rewrite replaces the file by what stands: written beside it, synced, renamed.
func (j *journal) rewrite(bans *ledger) error {
	tmp, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write ban journal: %w", err)
	}
	out := bufio.NewWriter(tmp)
	enc := json.NewEncoder(out)
	for b := range bans.all() {
		err = errors.Join(err, enc.Encode(entry{Ban: b}))
	}
	err = errors.Join(err, out.Flush(), tmp.Sync())
	if err == nil {
		err = os.Rename(tmp.Name(), j.path)
	}
	if err != nil {
		tmp.Close()
		_ = os.Remove(tmp.Name()) // the half of it takes up room
		return fmt.Errorf("write ban journal: %w (is the disk full?)", err)
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.lines, j.dirty, j.behind = tmp, bans.count, false, false
	return nil
}

// append writes entries in one write.
func (j *journal) append(entries []entry) error {
	var text []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write ban journal: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	at, err := j.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = j.file.Write(text)
	}
	if err != nil {
		_ = j.file.Truncate(at) // no half line may stay before the next one
		j.behind = true
		return fmt.Errorf("write ban journal: %w (is the disk full?)", err)
	}
	j.lines += len(entries)
	j.dirty = true
	return nil
}

// sync makes what was written survive power loss, brings in what the disk did not take, and keeps the file from growing
// past twice what stands.
func (j *journal) sync(bans *ledger) error {
	if j.behind {
		if j.pause = (j.pause + 1) % behindPause; j.pause != 1 {
			return nil
		}
		return j.rewrite(bans)
	}
	if !j.dirty {
		return nil
	}
	if j.lines > compactAbove && j.lines > 2*bans.count {
		return j.rewrite(bans)
	}
	j.dirty = false
	return j.file.Sync()
}

func (j *journal) close() error { return errors.Join(j.file.Sync(), j.file.Close()) }
