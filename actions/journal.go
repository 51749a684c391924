package actions

import (
	"bufio"
	"bytes"
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
// that kill -9 loses no ban that was reported; power loss may lose the last two seconds (sync).
type journal struct {
	path    string
	file    *os.File
	size    int64        // of the file, in bytes
	lines   int          // in the file
	text    bytes.Buffer // the lines of one write
	dirty   bool
	syncing chan error // answers when the disk has what was written; nil: it is not asked
	behind  bool       // a write failed: what stands is not all in the file
	pause   int        // calls of sync since it was tried to bring it in
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

// keptText is how much room for a write is kept for the next one, in bytes.
const keptText = 1 << 20

// openJournal reads the bans that stand and opens the file for appending. A torn last line (power loss) is
// cut off; damaged lines elsewhere are skipped and told in warn.
func openJournal(dir string, now time.Time, warn func(error)) (*journal, *ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open ban journal: %w (is state-dir right, and may picket write there?)", err)
	}
	j := &journal{path: filepath.Join(dir, journalName)}
	bans, damaged, err := j.read(now, warn)
	if err != nil {
		return nil, nil, err
	}
	if damaged || j.lines == 0 || j.wasteful(bans) {
		return j, bans, j.rewrite(bans)
	}
	return j, bans, j.goOn()
}

// read takes in what stands, and counts the lines and bytes that are whole.
func (j *journal) read(now time.Time, warn func(error)) (bans *ledger, damaged bool, err error) {
	bans = newLedger()
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return bans, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open ban journal: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return bans, damaged, nil // a line without its end was torn: the ban was never answered
		}
		if err != nil {
			return nil, false, fmt.Errorf("read ban journal: %w", err)
		}
		j.lines++
		j.size += int64(len(line))
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || !e.Prefix.IsValid() {
			warn(fmt.Errorf("read ban journal: %s:%d: damaged line skipped: %q", j.path, j.lines, line[:min(len(line), 80)]))
			damaged = true
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

// goOn opens the file behind its last whole line.
func (j *journal) goOn() (err error) {
	j.file, err = os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = j.file.Truncate(j.size)
	}
	if err != nil {
		return fmt.Errorf("open ban journal: %w", err)
	}
	return nil
}

// wasteful tells whether the file is more than twice as long as what stands.
func (j *journal) wasteful(bans *ledger) bool {
	return j.lines > compactAbove && j.lines > 2*bans.count
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
	info, err := tmp.Stat()
	if err != nil {
		return fmt.Errorf("write ban journal: %w", err)
	}
	j.file, j.size, j.lines, j.dirty, j.syncing, j.behind = tmp, info.Size(), bans.count, false, nil, false
	return nil
}

// append writes entries in one write.
func (j *journal) append(entries []entry) error {
	if j.text.Reset(); j.text.Cap() > keptText {
		j.text = bytes.Buffer{}
	}
	enc := json.NewEncoder(&j.text)
	for i := range entries {
		if err := enc.Encode(&entries[i]); err != nil {
			return fmt.Errorf("write ban journal: %w", err)
		}
	}
	n, err := j.file.Write(j.text.Bytes())
	if err != nil {
		_ = j.file.Truncate(j.size) // no half line may stay before the next one
		j.behind = true
		return fmt.Errorf("write ban journal: %w (is the disk full?)", err)
	}
	j.size += int64(n)
	j.lines += len(entries)
	j.dirty = true
	return nil
}

// sync makes what was written survive power loss, brings in what the disk did not take, and keeps the file from growing
// past twice what stands. It does not wait for the disk, which may take as long as thousands of bans: what it says is
// returned by the next call.
func (j *journal) sync(bans *ledger) error {
	if j.behind {
		if j.pause = (j.pause + 1) % behindPause; j.pause != 1 {
			return nil
		}
		return j.rewrite(bans)
	}
	if j.wasteful(bans) {
		return j.rewrite(bans)
	}
	select {
	case err := <-j.syncing:
		j.syncing = nil
		if err != nil {
			j.dirty = true
			return fmt.Errorf("write ban journal: %w", err)
		}
	default:
	}
	if j.dirty && j.syncing == nil {
		j.dirty = false
		file, done := j.file, make(chan error, 1)
		j.syncing = done
		go func() { done <- file.Sync() }()
	}
	return nil
}

func (j *journal) close() error { return errors.Join(j.file.Sync(), j.file.Close()) }
