package search

import "unsafe"

// MaxLiteral is the length to which a literal is cut. A longer one is reported where its first MaxLiteral bytes occur.
const MaxLiteral = 1<<16 - 1

// Literal is one pattern of a set.
type Literal struct {
	Bytes  []byte // copied by Build; an empty literal occurs everywhere
	NoCase bool   // ASCII letters match in either case
	ID     uint32 // what Scan reports; should be unique in its set: a shared one may be reported twice
}

// Set is a compiled set of literals. It never changes and may be shared by any number of goroutines.
type Set struct {
	lits   []literal
	text   []byte // all literals one behind the other; those without case in lower case
	always []uint32

	sieve   sieve
	windows table // four bytes, folded
	threes  table // three bytes, folded
	opened  []window
	entries []entry
	crowds  []crowd
	short   short
}

// literal is what verification needs once a literal's first eight bytes agreed.
type literal struct {
	start  uint32 // in Set.text
	id     uint32
	size   uint16
	nocase bool
}

// Scratch is one worker's memory for scanning: which literals and windows of the current buffer are done with. It
// serves any number of sets, one scan at a time, and grows to the largest of them.
type Scratch struct {
	generation uint32
	seen       []uint32 // by literal: the generation in which it was found
	done       []uint32 // by window: the generation in which all its literals were found
	found      []uint32
	masks      [chunk / 32]uint32
	tail       [tailSize]byte
	kernel     [kernelScratch]byte
	work       uint64 // candidates, entries and crowd look-ups so far; what the tests bound
}

// NewScratch returns a Scratch that grows at its first use with each larger set.
func NewScratch() *Scratch { return &Scratch{} }

// Len returns the number of literals.
func (s *Set) Len() int { return len(s.lits) }

// Size returns the set's memory in bytes.
func (s *Set) Size() int {
	n := int(unsafe.Sizeof(*s)) + len(s.text) + len(s.sieve.bits) + 4*len(s.always)
	n += len(s.lits)*int(unsafe.Sizeof(literal{})) + len(s.entries)*int(unsafe.Sizeof(entry{}))
	n += (len(s.windows.keys)+len(s.threes.keys))*8 + len(s.opened)*int(unsafe.Sizeof(window{}))
	if s.sieve.nibbles != nil {
		n += int(unsafe.Sizeof(*s.sieve.nibbles))
	}
	for i := range s.crowds {
		n += int(unsafe.Sizeof(crowd{})) + len(s.crowds[i].slots)*int(unsafe.Sizeof(crowdSlot{}))
	}
	return n + s.short.size()
}

// begin prepares the scratch for one scan of the set.
func (sc *Scratch) begin(s *Set) {
	if n := len(s.lits); n > len(sc.seen) {
		sc.seen = make([]uint32, n)
		sc.found = make([]uint32, n)
		clear(sc.done)
		sc.generation = 0
	}
	if n := len(s.opened); n > len(sc.done) {
		sc.done = make([]uint32, n)
	}
	sc.generation++
	if sc.generation == 0 { // after four thousand million scans
		clear(sc.seen)
		clear(sc.done)
		sc.generation = 1
	}
}
