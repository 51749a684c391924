package pcre

import "bytes"

// search tries the positions at which a match could begin.
func (m *Matcher) search(pr *program, buf []byte, start int) Result {
	last := len(buf) - pr.minLen
	for pos := start; pos <= last; pos++ {
		if pos = pr.nextStart(buf, pos, start); pos < 0 || pos > last {
			return NoMatch
		}
		if r := m.try(pr, buf, pos, start); r != NoMatch {
			return r
		}
		if pr.start == startOnce {
			return NoMatch
		}
	}
	return NoMatch
}

// nextStart returns the first position from pos on at which a match could begin, or a negative number.
func (pr *program) nextStart(buf []byte, pos, start int) int {
	switch {
	case pr.start == startOnce:
		return pos
	case pr.start == startLine:
		if pos == start || buf[pos-1] == '\n' {
			return pos
		}
		return offset(pos+1, bytes.IndexByte(buf[pos:], '\n'))
	case pr.prefix != nil:
		return offset(pos, pr.prefix.Index(buf[pos:]))
	case pr.firstByte >= 0:
		return offset(pos, bytes.IndexByte(buf[pos:], byte(pr.firstByte)))
	case pr.first != nil:
		first := pr.first
		for i, c := range buf[pos:] {
			if first.has(c) {
				return pos + i
			}
		}
		return -1
	}
	return pos
}

// offset adds a found index to where the search began.
func offset(pos, index int) int {
	if index < 0 {
		return -1
	}
	return pos + index
}

// try runs the program at one position.
func (m *Matcher) try(pr *program, buf []byte, pos, start int) Result {
	captures := m.registers[:2*pr.groups]
	for i := range captures {
		captures[i] = -1
	}
	m.registers[0] = int32(pos)
	return m.run(pr, buf, pos, start)
}
