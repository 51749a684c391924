package search

import "encoding/binary"

// verify compares the literals of the window that begins at position i.
func (st *state) verify(i int, w *window, slot int) {
	row := st.entries[w.start : w.start+w.n]
	if w.run {
		st.verifyRun(i, row)
		return
	}
	if st.done[slot] == st.generation {
		return
	}
	if st.compare(i, row) && w.crowds == 0 {
		st.done[slot] = st.generation
	}
	crowds := st.crowds[w.crowd : w.crowd+w.crowds]
	for k := range crowds {
		st.work++
		if o := i + crowds[k].delta; o >= 0 && o+8 <= len(st.buf) {
			start, n := crowds[k].find(fold64(binary.LittleEndian.Uint64(st.buf[o:])))
			st.compare(i, st.entries[start:start+n])
		}
	}
}

// verifyRun measures the run of one byte that begins at i (zeros, padding: the commonest windows by far), reports the
// runs it contains and skips to its end, however often that byte was seen before.
func (st *state) verifyRun(i int, row []entry) {
	b := st.buf[i:]
	n := 3
	for pattern := uint64(b[0]) * 0x0101010101010101; n+8 <= len(b) && binary.LittleEndian.Uint64(b[n:]) == pattern; {
		n += 8
	}
	for n < len(b) && b[n] == b[0] {
		n++
	}
	st.skip = max(st.skip, i+n-3)
	st.work += uint64(len(row))
	for k := range row {
		if e := &row[k]; int(e.size) <= n && st.seen[e.lit] != st.generation {
			st.match(e.lit)
		}
	}
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
