package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"picket/watch"
)

const (
	positionsName = "positions.journal"
	// compactPositions is the number of lines after which the file is written anew with the last position of each.
	compactPositions = 16384
	// maxPositions bounds what is remembered; the longest untouched are dropped first.
	maxPositions = 8192
)

// Positions is the plain Keeper: an append-only journal in the state directory. Keep writes with one write(2), so a
// killed process loses nothing; a power failure may lose what the kernel had not yet written. All sources of a program
// share one. Any goroutine may call it.
//
// A judge that counts has its notes written with the position that they belong to, in the same write: what a batch
// changed is remembered if and only if the batch is not read again (Stage). Notes are lines of the judge's own.
type Positions struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	marks   []watch.Mark // the longest untouched first
	lines   int          // written since the last rewrite
	size    int          // bytes of it
	dropped uint64
	scratch []byte
	staged  stage
	notes   bool      // somebody stages notes: only he can write the journal anew
	broken  time.Time // when it could not be written, or was tried again; zero when it stands
}

// stage is what waits for its position.
type stage struct {
	mark  watch.Mark
	notes []byte // lines
}

// mendEvery is how often it is tried to write a journal anew that could not be written.
const mendEvery = time.Second

// compactBytes is how large the journal grows, beyond twice what a new one holds, before it is written anew.
const compactBytes = 16 << 20

// notePrefix begins a line of the judge's.
const notePrefix = '='

var _ watch.Keeper = (*Positions)(nil)

// OpenPositions reads dir's journal and opens it for appending. A torn last write is cut off; damaged lines are skipped
// and told to warn. recall gets the judge's notes in the order written, and may keep none of the bytes; nil if there is
// no such judge, and its notes are dropped. With recall, call Rewrite before the first Stage.
func OpenPositions(dir string, warn func(error), recall func(note []byte)) (*Positions, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open log positions: %w (is state-dir right, and may picket write there?)", err)
	}
	p := &Positions{path: filepath.Join(dir, positionsName), notes: recall != nil}
	if recall == nil {
		recall = func([]byte) {}
	}
	if err := p.load(warn, recall); err != nil || p.notes {
		return p, err
	}
	return p, p.rewrite(nil)
}

func (p *Positions) load(warn func(error), recall func([]byte)) error {
	f, err := os.Open(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open log positions: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var notes []string // whose position was not read yet
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line without its end was torn, and never acknowledged
		}
		if err != nil {
			return fmt.Errorf("read log positions: %w", err)
		}
		if line[0] == notePrefix && line != settled {
			notes = append(notes, line[1:len(line)-1])
			continue
		}
		for _, note := range notes {
			recall([]byte(note))
		}
		notes = notes[:0]
		if line == settled {
			continue
		}
		m, err := parseMark(strings.TrimSuffix(line, "\n"))
		if err != nil {
			warn(fmt.Errorf("read log positions: %s:%d: %w (line skipped)", p.path, n, err))
			continue
		}
		p.remember(m)
	}
}

// settled is the line behind notes that belong to no position.
const settled = string(notePrefix) + "\n"

// appendMark writes one line: device inode offset head-length head-sum flags "source" "path" "cursor" tail-length
// tail-sum since.
func appendMark(to []byte, m *watch.Mark) []byte {
	flags := 0
	if m.Skip {
		flags |= 1
	}
	if m.Gone {
		flags |= 2
	}
	return fmt.Appendf(to, "%d %d %d %d %x %d %q %q %q %d %x %d\n",
		m.Device, m.Inode, m.Offset, m.HeadLen, m.HeadSum, flags, m.Source, m.Path, m.Cursor, m.TailLen, m.TailSum, m.Since)
}

func parseMark(line string) (watch.Mark, error) {
	var m watch.Mark
	var flags int
	_, err := fmt.Sscanf(line, "%d %d %d %d %x %d %q %q %q %d %x %d",
		&m.Device, &m.Inode, &m.Offset, &m.HeadLen, &m.HeadSum, &flags, &m.Source, &m.Path, &m.Cursor, &m.TailLen, &m.TailSum, &m.Since)
	if err == nil && (m.HeadLen < 0 || m.HeadLen > headSize || m.TailLen < 0 || m.TailLen > tailSize || m.Offset < int64(m.TailLen) || m.Source == "") {
		err = errors.New("values out of range")
	}
	m.Skip, m.Gone = flags&1 != 0, flags&2 != 0
	return m, err
}

// Keep writes m down. The error says that positions do not survive a restart from now on. It comes once, until the journal
// could be written anew: behind a line that is missing nothing is appended, or positions would be kept without the notes
// that belong to them.
func (p *Positions) Keep(m watch.Mark) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return errors.New("keep log position: closed")
	}
	p.remember(m)
	if !p.broken.IsZero() {
		if !p.notes {
			p.mend(nil)
		}
		return nil
	}
	p.scratch = p.scratch[:0]
	if m == p.staged.mark {
		p.scratch = append(p.scratch, p.staged.notes...)
		p.staged = stage{notes: p.staged.notes[:0]}
	}
	p.scratch = appendMark(p.scratch, &m)
	if err := p.write(); err != nil {
		return err
	}
	if p.lines > compactPositions && !p.notes {
		return p.rewrite(nil)
	}
	return nil
}

func (p *Positions) write() error {
	n, err := p.file.Write(p.scratch)
	p.lines, p.size = p.lines+1, p.size+n
	if err != nil {
		p.broken = time.Now()
		return fmt.Errorf("keep log position: %w (is the state directory's disk full? Until it can be written, the lines that come would be read again after a restart)", err)
	}
	return nil
}

// mend writes a journal anew that could not be written, if that is possible by now.
func (p *Positions) mend(all func(to []byte) []byte) {
	if time.Since(p.broken) < mendEvery {
		return
	}
	_ = p.rewrite(all) // that it is broken was told when it began
}

// Stage hands over what a batch changed, to be written when its position is kept. There is one batch at a time. write
// appends a line for each note: =, the note, a newline.
func (p *Positions) Stage(m watch.Mark, write func(to []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.staged = stage{mark: m, notes: write(p.staged.notes[:0])}
}

// Settle writes what is still staged: the notes of a batch whose source keeps no position. Then, when the journal has
// grown too long, it is written anew: all appends everything that is to be remembered, as write of Stage does.
func (p *Positions) Settle(all func(to []byte) []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return errors.New("keep log position: closed")
	}
	if !p.broken.IsZero() {
		p.staged = stage{notes: p.staged.notes[:0]} // they are among all
		p.mend(all)
		return nil
	}
	if len(p.staged.notes) > 0 {
		p.scratch = append(append(p.scratch[:0], p.staged.notes...), settled...)
		p.staged = stage{notes: p.staged.notes[:0]}
		if err := p.write(); err != nil {
			return err
		}
	}
	if p.lines > compactPositions || p.size > compactBytes {
		return p.rewrite(all)
	}
	return nil
}

// Rewrite begins the journal anew with what is to be remembered.
func (p *Positions) Rewrite(all func(to []byte) []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rewrite(all)
}

func (p *Positions) remember(m watch.Mark) {
	i := slices.IndexFunc(p.marks, func(o watch.Mark) bool { return o.Same(&m) })
	if i >= 0 && !m.Gone && i == len(p.marks)-1 {
		p.marks[i] = m // the usual case: the same file again
		return
	}
	if i >= 0 {
		p.marks = slices.Delete(p.marks, i, i+1)
	}
	if m.Gone {
		return
	}
	if len(p.marks) >= maxPositions {
		p.marks = slices.Delete(p.marks, 0, 1)
		p.dropped++
	}
	p.marks = append(p.marks, m)
}

// rewrite replaces the journal by one with a line for each note and position; the old one stands until the new is
// complete.
func (p *Positions) rewrite(all func(to []byte) []byte) error {
	var text []byte
	if all != nil {
		text = append(all(nil), settled...)
	}
	for i := range p.marks {
		text = appendMark(text, &p.marks[i])
	}
	f, err := os.OpenFile(p.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		if _, err = f.Write(text); err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = os.Rename(p.path+".new", p.path)
		}
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		_ = os.Remove(p.path + ".new") // what there is of it takes room
		p.broken = time.Now()
		return fmt.Errorf("write log positions: %w", err)
	}
	if p.file != nil {
		p.file.Close()
	}
	// What was written anew is the floor: it counts as nothing, so that a large one is not written again at once.
	p.file, p.lines, p.size, p.broken = f, 0, -len(text), time.Time{}
	return nil
}

// Marks returns all positions, the longest untouched first.
func (p *Positions) Marks() []watch.Mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.marks)
}

// Counters tells how many positions are kept and how many had to be dropped.
func (p *Positions) Counters() []watch.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []watch.Counter{{Name: "positions", Value: uint64(len(p.marks))}, {Name: "positions-dropped", Value: p.dropped}}
}

// Close writes everything to the disk. Releases after it fail.
func (p *Positions) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Sync(), p.file.Close())
	p.file = nil
	return err
}
