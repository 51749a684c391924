package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Spec describes a set as rules do.
type Spec struct {
	Name string
	Kind Kind
	Load string // file that is read
	Save string // file that is written at the end; equal to Load for "state"
	// Memcap bounds the bytes that the values take; 0: DefaultMemcap.
	Memcap uint64
	// HashSize is the number of rows that the memcap counts with; 0: 4096.
	HashSize uint64
	// Reputation: each value has a number from 0 to 65535 (datarep).
	Reputation bool
	JSON       JSON
}

// DefaultMemcap is Suricata's datasets.defaults.memcap.
const DefaultMemcap = 100 << 20

// What Suricata's table (util-thash.c) counts against a memcap: rows, and entries of which a thousand are there from
// the beginning. Rule sets give memcaps that fit these numbers.
const (
	overhead     = 104
	rowSize      = 64
	preallocated = 1000
	defaultRows  = 4096
)

// ErrMemcap says that a file holds more than the set may.
var ErrMemcap = errors.New("dataset too large for set memcap")

// entry is what belongs to a value.
type entry struct {
	reputation uint16
	context    []byte // JSON; nil: none
}

// Set is a set of values. Its methods may be called by several goroutines.
type Set struct {
	Spec
	*values
}

// values are what a set holds. Sets that describe the same values differently share them: see Under.
type values struct {
	mu      sync.RWMutex
	entries map[string]entry
	size    uint64 // bytes
	refused uint64
}

// Under returns the same values, with all that comes and goes, under another description of the same Kind: rules that
// are loaded anew may want a set saved elsewhere, or let it grow further.
func (s *Set) Under(spec Spec) *Set {
	return &Set{spec.complete(), s.values}
}

// complete puts the defaults where nothing is said.
func (s Spec) complete() Spec {
	if s.Memcap == 0 {
		s.Memcap = DefaultMemcap
	}
	if s.HashSize == 0 {
		s.HashSize = defaultRows
	}
	return s
}

// New makes a set out of its file's text; nil text makes an empty one.
func New(spec Spec, text []byte) (*Set, error) {
	limited := spec.Memcap != 0
	s := &Set{spec.complete(), &values{entries: map[string]entry{}}}
	var err error
	if spec.JSON.Format != "" {
		err = s.readJSON(text)
	} else {
		err = s.readLines(text)
	}
	if err == nil && limited && len(s.entries) > 0 && s.used(0) > spec.Memcap {
		err = ErrMemcap
	}
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", spec.Name, err)
	}
	return s, nil
}

// used is what the set counts against its memcap with some more entries.
func (s *Set) used(more int) uint64 {
	return s.HashSize*rowSize + uint64(max(len(s.entries)+more, preallocated))*overhead + s.size
}

// readLines reads one value a line.
func (s *Set) readLines(text []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.readLine(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func (s *Set) readLine(line string) error {
	text, rep, has := strings.Cut(line, ",")
	if has != s.Reputation {
		return errors.New("dataset and datarep values can't be mixed")
	}
	v, err := s.Kind.parse(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	var e entry
	if has {
		n, err := strconv.ParseUint(strings.TrimSpace(rep), 10, 16)
		if err != nil {
			return fmt.Errorf("reputation %q is not between 0 and 65535", rep)
		}
		e.reputation = uint16(n)
	}
	return s.put(v, e)
}

// put adds a value that a file holds.
func (s *Set) put(v string, e entry) error {
	if _, have := s.entries[v]; !have {
		s.size += uint64(len(v) + len(e.context))
	}
	s.entries[v] = e
	return nil
}

// get finds a value out of a buffer without allocating.
func (s *Set) get(v []byte) (entry, bool) {
	if !s.Kind.fits(v) {
		return entry{}, false
	}
	s.mu.RLock()
	e, ok := s.entries[string(v)]
	s.mu.RUnlock()
	return e, ok
}

// Has tells whether a value is in the set. v is as buffers have it: a string's bytes, a sum's, an address's 4 or 16.
func (s *Set) Has(v []byte) bool {
	_, ok := s.get(v)
	return ok
}

// Context returns the JSON text that belongs to a value; it must not be changed.
func (s *Set) Context(v []byte) ([]byte, bool) {
	e, ok := s.get(v)
	return e.context, ok
}

// Rating returns a value's reputation.
func (s *Set) Rating(v []byte) (uint16, bool) {
	e, ok := s.get(v)
	return e.reputation, ok
}

// Add adds a value and tells whether it is new. It refuses what goes beyond the memcap, counted.
func (s *Set) Add(v []byte) bool {
	if !s.Kind.fits(v) || s.Has(v) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, have := s.entries[string(v)]; have {
		return false
	}
	if s.used(1)+uint64(len(v)) > s.Memcap {
		s.refused++
		return false
	}
	s.size += uint64(len(v))
	s.entries[string(v)] = entry{}
	return true
}

// Remove takes a value out and tells whether it was there.
func (s *Set) Remove(v []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, have := s.entries[string(v)]; have {
		s.size -= uint64(len(v) + len(e.context))
		delete(s.entries, string(v))
		return true
	}
	return false
}

// Refused counts the values that found no room.
func (s *Set) Refused() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.refused
}

// Write writes the values, sorted, as New reads them. Sets read from JSON are not written.
func (s *Set) Write(w io.Writer) error {
	s.mu.RLock()
	lines := make([]string, 0, len(s.entries))
	for v, e := range s.entries {
		line := s.Kind.format(v)
		if s.Reputation {
			line += "," + strconv.Itoa(int(e.reputation))
		}
		lines = append(lines, line)
	}
	s.mu.RUnlock()
	slices.Sort(lines)
	out := bufio.NewWriter(w)
	for _, l := range lines {
		out.WriteString(l)
		out.WriteByte('\n')
	}
	return out.Flush()
}
