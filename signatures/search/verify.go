package search

import "encoding/binary"

// verify compares the literals of a window, by its number, that begins at position i.
func (st *state) verify(i, number int) {
	if st.done[number] == st.generation {
		return
	}
	w := &st.opened[number]
	row := st.entries[w.start : w.start+w.n]
	if w.run {
		if i == 0 || foldByte(st.buf[i-1]) != foldByte(st.buf[i]) { // else it was judged where it begins
			st.verifyRun(st.buf[i:i+foldedRun(st.buf[i:])], row)
		}
		return
	}
	if st.compare(i, row) && w.crowds == 0 {
		st.done[number] = st.generation
	}
	crowds := st.crowds[w.crowd:][:w.crowds]
	for k := range crowds {
		st.work++
		if o := i + crowds[k].delta; o >= 0 && o+8 <= len(st.buf) {
			start, n := crowds[k].find(fold64(binary.LittleEndian.Uint64(st.buf[o:])))
			st.compare(i, st.entries[start:start+n])
		}
	}
}

// run is candidate where one byte (or letter, in any case) follows itself: zeros, padding, base64 of zeros. Such windows
// are the commonest by far, so the run is judged once and skipped to its end, however long it is. False: other
// literals than runs have this window, and each position counts.
func (st *state) run(i int, w uint32) bool {
	four, three := st.windows.find(w), st.threes.find(w&0xFFFFFF)
	if four >= 0 && !st.opened[four].run || three >= 0 && !st.opened[three].run {
		return false
	}
	n := foldedRun(st.buf[i:])
	st.skip = i + n - 3
	for _, number := range [...]int{four, three} {
		if number >= 0 {
			w := &st.opened[number]
			st.verifyRun(st.buf[i:i+n], st.entries[w.start:w.start+w.n])
		}
	}
	return true
}

// verifyRun reports the literals that a run contains. Its bytes are alike when folded.
func (st *state) verifyRun(run []byte, row []entry) {
	st.work += uint64(len(row))
	for k := range row {
		e := &row[k]
		if int(e.size) > len(run) || st.seen[e.lit] == st.generation {
			continue
		}
		if byte(e.mask) != 0xFF || longestRun(run, byte(e.value)) >= int(e.size) {
			st.match(e.lit)
		}
	}
}

// foldedRun returns how many bytes at the begin of b are alike when folded; b is not empty.
func foldedRun(b []byte) int {
	c := foldByte(b[0])
	n := 1
	for pattern := uint64(c) * 0x0101010101010101; n+8 <= len(b) && fold64(binary.LittleEndian.Uint64(b[n:])) == pattern; {
		n += 8
	}
	for n < len(b) && foldByte(b[n]) == c {
		n++
	}
	return n
}

// longestRun returns the greatest number of times that c follows itself in b.
func longestRun(b []byte, c byte) int {
	if c&0x40 == 0 { // folding leaves it alone
		return len(b)
	}
	longest, n := 0, 0
	for _, x := range b {
		if n++; x != c {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// compare looks for each entry's literal around the window at i and returns whether all are found by now.
func (st *state) compare(i int, row []entry) bool {
	st.work += uint64(len(row))
	all := true
	for k := range row {
		e := &row[k]
		if st.seen[e.lit] == st.generation {
			continue
		}
		start := i - int(e.off)
		if start < 0 || start+int(e.size) > len(st.buf) || !st.equal(st.buf[start:], e) {
			all = false
			continue
		}
		st.match(e.lit)
	}
	return all
}

func (st *state) match(lit uint32) {
	st.seen[lit] = st.generation
	st.report(st.lits[lit].id)
}

// equal compares a literal with the start of b, which is at least as long.
func (st *state) equal(b []byte, e *entry) bool {
	done := 0
	if len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&e.mask != e.value {
			return false
		}
		if e.size <= 8 {
			return true
		}
		done = 8
	}
	l := &st.lits[e.lit]
	want := st.text[l.start : l.start+uint32(e.size)][done:]
	if l.nocase {
		return equalLower(b[done:e.size], want)
	}
	return string(b[done:e.size]) == string(want)
}

// equalLower compares with a literal that is in lower case already.
func equalLower(b, low []byte) bool {
	for i, c := range low {
		if lower(b[i]) != c {
			return false
		}
	}
	return true
}
