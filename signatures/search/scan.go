package search

import (
	"encoding/binary"
	"math/bits"
)

// Scan returns the IDs of the literals that occur in buf, each once, in no particular order. The result lies in the
// scratch and is good until its next scan. Scan does not allocate once the scratch has grown to the set.
func (s *Set) Scan(buf []byte, sc *Scratch) []uint32 {
	sc.begin(s)
	st := state{Set: s, Scratch: sc, buf: buf}
	for _, id := range s.always {
		st.report(id)
	}
	if len(s.short.lits) > 0 {
		st.scanShort()
	}
	if len(s.entries) == 0 {
		return sc.found[:st.n]
	}
	for base := 0; base+3 <= len(buf); base += chunk {
		for k, mask := range s.sieve.run(buf[base:], sc) {
			for ; mask != 0; mask &= mask - 1 {
				if i := base + 32*k + bits.TrailingZeros32(mask); i >= st.skip {
					st.candidate(i)
				}
			}
		}
	}
	return sc.found[:st.n]
}

// state is one scan under way.
type state struct {
	*Set
	*Scratch
	buf  []byte
	n    int // literals found
	skip int // positions before this one are done with: they lie in a run
}

func (st *state) report(id uint32) {
	st.found[st.n] = id
	st.n++
}

// candidate looks up the window at a position that passed the sieve.
func (st *state) candidate(i int) {
	st.work++
	b := st.buf[i:]
	var w uint32
	if len(b) >= 4 {
		w = fold32(binary.LittleEndian.Uint32(b))
		if w == bits.RotateLeft32(w, 8) && st.run(i, w) {
			return
		}
		if number := st.windows.find(w); number >= 0 {
			st.verify(i, number)
		}
	} else {
		w = fold32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16)
	}
	if number := st.threes.find(w & 0xFFFFFF); number >= 0 {
		st.verify(i, number)
	}
}
