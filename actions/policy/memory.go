package policy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Memory is what policies remember: how often each party has matched lately, which measure was proposed for whom, and on
// which rung of its ladder a party stands. It outlives the policies, which are swapped by a reload, and all but the counts
// outlive the program. All of it is bounded: when a table is full, one of a few picked at random goes, the one that is
// over first. Any goroutine may use it.
type Memory struct {
	mu      sync.Mutex // guards what follows
	counts  map[countKey]*count
	marks   map[markKey]mark
	max     int
	changed []markLine // since the last flush
	staged  []markLine // of proposals that are not on disk yet: they go there first, see kept
	evicted uint64

	path  string     // "": nothing is kept
	disk  sync.Mutex // guards what follows; taken before mu
	file  *os.File
	lines int
}

type countKey struct{ policy, party string }

// count are the times of the newest matches, as a ring.
type count struct {
	times []int64 // ns
	next  int
	last  int64
}

// markKey says which measure of which policy for whom.
type markKey struct {
	Policy string `json:"policy"`
	N      int    `json:"n"`
	Whom   string `json:"whom"`
}

// mark is what was proposed last.
type mark struct {
	Rung  int   `json:"rung,omitempty"`
	Since int64 `json:"since"` // ns
	Until int64 `json:"until"` // ns; until then the same is not proposed again
}

type markLine struct {
	markKey
	mark
}

const (
	memoryName = "policies.jsonl"
	maxCounts  = 1 << 16
	maxMarks   = 1 << 17
	maxCount   = 1000 // of a threshold
	samples    = 8
	flushEvery = time.Second
	// compactAbove is the number of lines below which the file is never written anew.
	compactAbove = 4096
)

// forever is an end that does not come.
const forever = math.MaxInt64

// NewMemory makes a memory that forgets at the end.
func NewMemory() *Memory {
	return &Memory{counts: map[countKey]*count{}, marks: map[markKey]mark{}, max: maxMarks}
}

// OpenMemory reads what earlier runs have left in a directory, and keeps what comes. A damaged line is skipped.
func OpenMemory(dir string) (*Memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the memory of policies: %w (is state-dir right, and may picket write there?)", err)
	}
	m := NewMemory()
	m.path = filepath.Join(dir, memoryName)
	if err := m.read(); err != nil {
		return nil, fmt.Errorf("open the memory of policies: %w", err)
	}
	if err := m.rewrite(); err != nil {
		return nil, fmt.Errorf("open the memory of policies: %w", err)
	}
	return m, nil
}

func (m *Memory) read() error {
	f, err := os.Open(m.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		text, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // a line without its end was torn
		}
		if err != nil {
			return err
		}
		var line markLine
		if json.Unmarshal(text, &line) == nil && line.Policy != "" {
			m.put(line.markKey, line.mark)
		}
	}
}

// rewrite replaces the file by what is remembered.
func (m *Memory) rewrite() error {
	tmp, err := os.OpenFile(m.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(tmp)
	enc := json.NewEncoder(out)
	for key, v := range m.marks {
		err = errors.Join(err, enc.Encode(markLine{key, v}))
	}
	err = errors.Join(err, out.Flush(), tmp.Sync())
	if err == nil {
		err = os.Rename(tmp.Name(), m.path)
	}
	if err != nil {
		return errors.Join(err, tmp.Close())
	}
	if m.file != nil {
		m.file.Close()
	}
	m.file, m.lines = tmp, len(m.marks)
	return nil
}

// Run writes what has changed every second until ctx ends. What a crash lets it forget, or remember of a ban that did not
// come about, is put right by Reconcile.
func (m *Memory) Run(ctx context.Context, warn func(error)) {
	ticks := time.NewTicker(flushEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := m.close(); err != nil {
				warn(fmt.Errorf("keep the memory of policies: %w", err))
			}
			return
		case <-ticks.C:
			if err := m.flush(); err != nil {
				warn(fmt.Errorf("keep the memory of policies: %w", err))
			}
		}
	}
}

// kept lets what was staged be written: the proposals that it tells of are on disk.
func (m *Memory) kept() error {
	m.mu.Lock()
	m.changed = append(m.changed, m.staged...)
	m.staged = nil
	m.mu.Unlock()
	return m.flush()
}

// flush appends what has changed. What the disk does not take is written later.
func (m *Memory) flush() error {
	m.disk.Lock()
	defer m.disk.Unlock()
	lines, compact := m.takeChanged()
	if compact {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.rewrite()
	}
	var text []byte
	for _, l := range lines {
		one, err := json.Marshal(l)
		if err != nil {
			return err
		}
		text = append(append(text, one...), '\n')
	}
	if len(text) == 0 || m.file == nil {
		return nil
	}
	if err := m.append(text); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changed = append(lines, m.changed...)
		m.changed = m.changed[max(len(m.changed)-m.max, 0):]
		return fmt.Errorf("%w (is the disk full?)", err)
	}
	m.lines += len(lines)
	return nil
}

// append writes whole lines, or nothing.
func (m *Memory) append(text []byte) error {
	at, err := m.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = m.file.Write(text)
	}
	if err != nil {
		_ = m.file.Truncate(at) // else the half line spoils the next one only
	}
	return err
}

// takeChanged takes what has changed, and tells whether the file is to be written anew instead.
func (m *Memory) takeChanged() (lines []markLine, compact bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines, m.changed = m.changed, nil
	return lines, m.lines > compactAbove && m.lines > 4*len(m.marks) && len(m.staged) == 0
}

func (m *Memory) close() error {
	err := m.flush()
	m.disk.Lock()
	defer m.disk.Unlock()
	if m.file == nil {
		return err
	}
	err = errors.Join(err, m.file.Sync(), m.file.Close())
	m.file = nil
	return err
}

// matched counts n matches of a party and tells whether most have come within a window; then it begins anew.
func (m *Memory) matched(key countKey, n, most int, window time.Duration, now int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts[key]
	if c == nil || len(c.times) != most {
		m.makeRoom()
		c = &count{times: make([]int64, most)}
		m.counts[key] = c
	}
	for range min(n, most) {
		c.times[c.next] = now
		c.next = (c.next + 1) % most
	}
	c.last = now
	oldest := c.times[c.next] // of the newest most
	if oldest == 0 || now-oldest > int64(window) {
		return false
	}
	delete(m.counts, key)
	return true
}

// counted is how many matches of a party lie within a window now.
func (m *Memory) counted(key countKey, window time.Duration, now int64) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.counts[key]; c != nil {
		for _, t := range c.times {
			if t != 0 && now-t <= int64(window) {
				n++
			}
		}
	}
	return n
}

func (m *Memory) makeRoom() {
	if len(m.counts) < maxCounts {
		return
	}
	var victim countKey
	oldest, n := int64(forever), 0
	for key, c := range m.counts { // the order of a map is random
		if c.last < oldest {
			victim, oldest = key, c.last
		}
		if n++; n >= samples {
			break
		}
	}
	delete(m.counts, victim)
	m.evicted++
}

// once tells whether something may be proposed, and notes that it is: the same comes again only after its repeat time,
// or never when that is 0.
func (m *Memory) once(key markKey, repeat time.Duration, now int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, known := m.marks[key]; known && now < have.Until {
		return false
	}
	until := int64(forever)
	if repeat > 0 {
		until = now + int64(repeat)
	}
	m.note(key, mark{Since: now, Until: until}, throughCase)
	return true
}

// climb returns for how long a party is to be banned now. While the last ban has more than half of its time left nothing
// is to be done; after that it is renewed; when it is over and the party is back, the next rung of the ladder follows.
func (m *Memory) climb(key markKey, ladder []time.Duration, forget time.Duration, now int64, l lane) (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rung, again := m.rung(key, len(ladder), forget, now)
	if !again {
		return 0, false
	}
	span := ladder[rung]
	until := int64(forever)
	if span > 0 {
		until = now + int64(span)
	}
	m.note(key, mark{Rung: rung, Since: now, Until: until}, l)
	return span, true
}

// rung is where a party would stand on a ladder now; false while its last ban stands.
func (m *Memory) rung(key markKey, rungs int, forget time.Duration, now int64) (int, bool) {
	have, known := m.marks[key]
	switch {
	case !known, have.Until != forever && now-have.Until > int64(forget):
		return 0, true
	case have.Until == forever || now < have.Since+(have.Until-have.Since)/2:
		return have.Rung, false
	case now < have.Until: // renewed, not climbed
		return min(have.Rung, rungs-1), true
	}
	return min(have.Rung+1, rungs-1), true
}

// peek is climb and once without noting anything: what would happen now.
func (m *Memory) peek(key markKey, rungs int, forget time.Duration, now int64) (rung int, again bool, last mark, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, known = m.marks[key]
	rung, again = m.rung(key, rungs, forget, now)
	return rung, again, last, known
}

// release ends what is noted for a measure, so that it may be proposed again at once; a party keeps its rung.
func (m *Memory) release(key markKey, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, known := m.marks[key]; known && have.Until > now {
		have.Until = now
		m.note(key, have, atOnce)
	}
}

// retract takes back what is noted for a ban that did not come about: the party stands where it stood before.
func (m *Memory) retract(key markKey, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have, known := m.marks[key]
	if !known || have.Until <= now {
		return
	}
	have.Until = now
	if have.Rung--; have.Rung < 0 { // it had none: what was over long ago is forgotten
		have.Rung, have.Until = 0, 1
	}
	m.note(key, have, atOnce)
}

// inherit gives a party what is noted of another that turned out to be the same, where that lasts longer.
func (m *Memory) inherit(key, from markKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	theirs, known := m.marks[from]
	if !known {
		return
	}
	if have, known := m.marks[key]; !known || have.Until < theirs.Until {
		theirs.Rung = max(theirs.Rung, have.Rung)
		m.note(key, theirs, throughCase)
	}
}

// standing lists for whom a measure is noted as being in force.
func (m *Memory) standing(policy string, n int, now int64) (list []markKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, have := range m.marks {
		if key.Policy == policy && key.N == n && have.Until > now {
			list = append(list, key)
		}
	}
	return list
}

// note changes a mark. What is noted of a proposal that goes through its case is staged: on disk before the proposal it
// would keep that from being made again after a crash.
func (m *Memory) note(key markKey, v mark, l lane) {
	m.put(key, v)
	switch {
	case m.path == "":
	case l == throughCase && len(m.staged) < m.max:
		m.staged = append(m.staged, markLine{key, v})
	case len(m.changed) < m.max:
		m.changed = append(m.changed, markLine{key, v})
	}
}

// put stores a mark, in the place of one that is over first when there are too many.
func (m *Memory) put(key markKey, v mark) {
	if _, known := m.marks[key]; !known && len(m.marks) >= m.max {
		var victim markKey
		first, n := int64(forever), 0
		for k, have := range m.marks {
			if n == 0 || have.Until < first {
				victim, first = k, have.Until
			}
			if n++; n >= samples {
				break
			}
		}
		delete(m.marks, victim)
		m.evicted++
	}
	m.marks[key] = v
}
