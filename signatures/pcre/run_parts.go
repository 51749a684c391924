package pcre

import "bytes"

// upTo returns pos+count, at most n.
func upTo(pos, count, n int) int {
	if count < n-pos {
		return pos + count
	}
	return n
}

// scan returns where the run that begins at pos ends, at most at end.
func (in *inst) scan(b []byte, pos, end int) int {
	switch in.how {
	case runAny:
		return end
	case runNot:
		if i := bytes.IndexByte(b[pos:end], in.c); i >= 0 {
			return pos + i
		}
		return end
	}
	s := in.set
	for i, c := range b[pos:end] {
		if !s.has(c) {
			return pos + i
		}
	}
	return end
}

// least returns the end of the shortest run from pos; ok is false if even that fails.
func (in *inst) least(b []byte, pos int) (end int, ok bool) {
	count := int(in.min)
	if count > len(b)-pos {
		return 0, false
	}
	end = in.scan(b, pos, pos+count)
	return end, end-pos == count
}

// back returns the last position from pos down to lo at which the program can go on, or a smaller number.
func (in *inst) back(b []byte, pos, lo int) int {
	ahead := in.ahead
	if ahead == nil || pos < lo {
		return pos
	}
	if pos >= len(b) { // something must follow
		pos = len(b) - 1
	}
	if in.one {
		if pos < lo {
			return pos
		}
		if i := bytes.LastIndexByte(b[lo:pos+1], in.next); i >= 0 {
			return lo + i
		}
		return lo - 1
	}
	for pos >= lo && !ahead.has(b[pos]) {
		pos--
	}
	return pos
}

// forth returns the first position from pos to most that the run can reach and at which the program can go on, or -1.
func (in *inst) forth(b []byte, pos, most int) int {
	ahead := in.ahead
	if ahead == nil {
		return pos
	}
	if in.one && in.how == runAny {
		i := bytes.IndexByte(b[pos:min(most+1, len(b))], in.next)
		if i < 0 {
			return -1
		}
		return pos + i
	}
	for ; pos < len(b); pos++ {
		if ahead.has(b[pos]) {
			return pos
		}
		if pos == most || !in.set.has(b[pos]) {
			return -1
		}
	}
	return -1
}

// dropAlternatives takes the frames above the height off the stack, except those that restore registers.
func dropAlternatives(stack []frame, height int) []frame {
	kept := height
	for _, f := range stack[height:] {
		if f.pc == undo {
			stack[kept] = f
			kept++
		}
	}
	return stack[:kept]
}

// unwind takes all frames above the height off the stack and restores the registers.
func unwind(stack []frame, height int, regs []int32) []frame {
	for i := len(stack) - 1; i >= height; i-- {
		if f := stack[i]; f.pc == undo {
			regs[f.pos] = f.lo
		}
	}
	return stack[:height]
}

// backref returns the end of what a group captured (from, to), found again at pos, or -1.
func backref(b []byte, from, to, pos int, fold bool) int {
	size := to - from
	if from < 0 || size < 0 || size > len(b)-pos {
		return -1
	}
	old, now := b[from:to], b[pos:pos+size]
	if !fold {
		if string(old) != string(now) {
			return -1
		}
		return pos + size
	}
	for i, c := range old {
		if lower(c) != lower(now[i]) {
			return -1
		}
	}
	return pos + size
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// equalLower compares the start of b, which is long enough, with a literal in lower case.
func equalLower(b, low []byte) bool {
	for i, c := range low {
		if lower(b[i]) != c {
			return false
		}
	}
	return true
}

// isWord tells what a word is to an assertion.
func (a assertion) isWord(c byte) bool { return isWord(c) || c >= pageWord && a >= pageBoundary }

// holds tells whether an assertion is true at pos; start is where the search began.
func holds(a assertion, b []byte, pos, start int) bool {
	n := len(b)
	switch a {
	case subjectStart:
		return pos == 0
	case matchStart:
		return pos == start
	case subjectEnd:
		return pos == n
	case subjectEndOrLF:
		return pos == n || pos == n-1 && b[pos] == '\n'
	case lineStart:
		return pos == 0 || pos < n && b[pos-1] == '\n'
	case lineStartOrEnd:
		return pos == 0 || b[pos-1] == '\n'
	case lineEnd:
		return pos == n || b[pos] == '\n'
	}
	before := pos > 0 && a.isWord(b[pos-1])
	after := pos < n && a.isWord(b[pos])
	return (before != after) == (a == wordBoundary || a == pageBoundary)
}
