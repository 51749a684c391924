package search

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Build compiles a set. The literals' bytes are copied.
func Build(lits []Literal) *Set {
	s := &Set{}
	lits = s.keep(lits)
	fours, threes := s.place(lits)
	open4, open3 := distinct(fours), distinct(threes)
	s.sieve = newSieve(open4, open3)
	s.windows = newTable(open4)
	s.threes = newTable(open3)
	for group := range groups(fours) {
		s.windows.put(group[0].key, s.open(lits, group))
		s.sieve.add(group[0].key)
	}
	for group := range groups(threes) {
		s.threes.put(group[0].key, s.open(lits, group))
		s.sieve.addOpen(group[0].key)
	}
	s.sieve.nibbles = newNibbles(fours, threes)
	s.entries, s.opened, s.crowds = slices.Clip(s.entries), slices.Clip(s.opened), slices.Clip(s.crowds)
	return s
}

// keep copies the literals into the set and returns them cut to MaxLiteral.
func (s *Set) keep(lits []Literal) []Literal {
	lits = slices.Clone(lits)
	size := 0
	for i := range lits {
		lits[i].Bytes = lits[i].Bytes[:min(len(lits[i].Bytes), MaxLiteral)]
		size += len(lits[i].Bytes)
	}
	s.text = make([]byte, 0, size)
	s.lits = make([]literal, len(lits))
	for i, l := range lits {
		s.lits[i] = literal{start: uint32(len(s.text)), id: l.ID, size: uint16(len(l.Bytes)), nocase: l.NoCase}
		for _, c := range l.Bytes {
			if l.NoCase {
				c = lower(c)
			}
			s.text = append(s.text, c)
		}
	}
	return lits
}

// placed is a literal on its window.
type placed struct {
	key uint32
	lit uint32
	off uint16
}

// place sorts the literals by where they are looked for; those with a window come back ordered by it.
func (s *Set) place(lits []Literal) (fours, threes []placed) {
	choice := chooseWindows(lits)
	for i, l := range lits {
		p := placed{lit: uint32(i)}
		switch len(l.Bytes) {
		case 0:
			s.always = append(s.always, l.ID)
		case 1, 2:
			s.short.add(s, uint32(i), l)
		case 3:
			p.key = fold32(uint32(l.Bytes[0]) | uint32(l.Bytes[1])<<8 | uint32(l.Bytes[2])<<16)
			threes = append(threes, p)
		default:
			p.off = uint16(choice[i])
			p.key = windowAt(l.Bytes, choice[i])
			fours = append(fours, p)
		}
	}
	s.short.finish()
	byKey := func(a, b placed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.lit, b.lit)) }
	slices.SortFunc(fours, byKey)
	slices.SortFunc(threes, byKey)
	return fours, threes
}

// groups yields the stretches of equal windows.
func groups(ps []placed) func(yield func([]placed) bool) {
	return func(yield func([]placed) bool) {
		for start := 0; start < len(ps); {
			end := start + 1
			for end < len(ps) && ps[end].key == ps[start].key {
				end++
			}
			if !yield(ps[start:end]) {
				return
			}
			start = end
		}
	}
}

func distinct(ps []placed) int {
	n := 0
	for range groups(ps) {
		n++
	}
	return n
}

// entry is one literal on a window.
type entry struct {
	value, mask uint64 // its first eight bytes (fewer: the mask is zero there); the mask spares the case bit
	lit         uint32
	off         uint16 // of the window in the literal
	size        uint16
}

func newEntry(l Literal, p placed) entry {
	var value, mask [8]byte
	for i, c := range l.Bytes[:min(8, len(l.Bytes))] {
		mask[i] = 0xFF
		if l.NoCase && isLetter(c) {
			mask[i] = 0xDF
		}
		value[i] = c & mask[i]
	}
	return entry{
		value: binary.LittleEndian.Uint64(value[:]), mask: binary.LittleEndian.Uint64(mask[:]),
		lit: p.lit, off: p.off, size: uint16(len(l.Bytes)),
	}
}

// open adds the window of some literals and returns its number.
func (s *Set) open(lits []Literal, group []placed) uint32 {
	s.opened = append(s.opened, s.window(lits, group))
	return uint32(len(s.opened) - 1)
}

// window compiles the literals of one window: a few in a row, more split into crowds.
func (s *Set) window(lits []Literal, group []placed) window {
	w := window{run: true, crowd: uint32(len(s.crowds))}
	es := make([]entry, len(group))
	for i, p := range group {
		es[i] = newEntry(lits[p.lit], p)
		w.run = w.run && lits[p.lit].isRun()
	}
	if !w.run {
		es = s.disperse(lits, es)
	}
	w.crowds = uint16(uint32(len(s.crowds)) - w.crowd)
	w.start, w.n = s.addEntries(es)
	return w
}

func (s *Set) addEntries(es []entry) (start, n uint32) {
	start = uint32(len(s.entries))
	s.entries = append(s.entries, es...)
	return start, uint32(len(es))
}

// isRun tells whether the literal is one byte over and over, or one letter whose case doesn't matter.
func (l *Literal) isRun() bool {
	first := l.Bytes[0]
	for _, c := range l.Bytes {
		if c != first && !(l.NoCase && isLetter(first) && foldByte(c) == foldByte(first)) {
			return false
		}
	}
	return true
}

// window is four or three folded bytes that some literals are found by.
type window struct {
	start, n uint32 // its entries in Set.entries, and how many
	crowd    uint32 // its first crowd in Set.crowds
	crowds   uint16
	run      bool // one byte over and over, and so are all its literals: measure the run instead
}

// table finds windows by their folded bytes: open addressing, at most half full. The keys lie by themselves, since most
// positions that pass the sieve are found not to be there: sixteen of them share a line of the processor's cache.
type table struct {
	keys    []uint32 // noKey: empty
	numbers []uint32 // by key: the window's place in Set.opened
	shift   uint32
}

// noKey is no window: folded bytes with bit 6 have bit 5.
const noKey = 0x5F5F5F5F

func newTable(n int) table {
	if n == 0 {
		return table{}
	}
	t := table{shift: 31}
	for 1<<(32-t.shift) < 2*n {
		t.shift--
	}
	t.keys, t.numbers = make([]uint32, 1<<(32-t.shift)), make([]uint32, 1<<(32-t.shift))
	for i := range t.keys {
		t.keys[i] = noKey
	}
	return t
}

func (t *table) put(key, number uint32) {
	mask := uint32(len(t.keys) - 1)
	i := key * golden32 >> t.shift
	for t.keys[i] != noKey {
		i = (i + 1) & mask
	}
	t.keys[i], t.numbers[i] = key, number
}

// find returns the number of a window, or -1.
func (t *table) find(key uint32) int {
	if len(t.keys) == 0 {
		return -1
	}
	keys := t.keys
	mask := uint32(len(keys) - 1)
	for i := key * golden32 >> (t.shift & 31); ; i = (i + 1) & mask {
		switch keys[i&mask] {
		case key:
			return int(t.numbers[i&mask])
		case noKey:
			return -1
		}
	}
}
