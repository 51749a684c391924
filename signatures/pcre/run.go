package pcre

import "bytes"

// run executes the program from its beginning at pos; start is where the search began.
//
// It is one long function because it is the inner loop. Few values live from one instruction to the next, so that they
// stay in registers; all else is the Matcher's. The cases come in the order of the opcodes; "continue" means that the
// instruction matched, leaving the switch that it failed. What fails goes back to the topmost frame of the stack.
// Registers are restored by frames of their own that lie between the others, so that an atomic group can drop its
// alternatives and keep what it captured.
func (m *Matcher) run(pr *program, b []byte, pos, start int) Result {
	insts := pr.insts
	m.stack = m.stack[:0]
	pc := 0
	for {
		in := &insts[pc]
		pc++
		switch in.op {
		case opByte:
			if uint(pos) < uint(len(b)) && b[pos] == in.c {
				pos++
				continue
			}
		case opLiteral:
			if lit := pr.literals[in.x]; pos+len(lit) <= len(b) && string(b[pos:pos+len(lit)]) == string(lit) {
				pos += len(lit)
				continue
			}
		case opLiteralFold:
			if lit := pr.literals[in.x]; pos+len(lit) <= len(b) && equalLower(b[pos:], lit) {
				pos += len(lit)
				continue
			}
		case opSet:
			if uint(pos) < uint(len(b)) && in.set.has(b[pos]) {
				pos++
				continue
			}
		case opRunAll:
			if in.how != runSet {
				end := in.scan(b, pos, upTo(pos, int(in.max), len(b)))
				m.steps += (end - pos) >> 5
				if end-pos >= int(in.min) {
					pos = end
					continue
				}
				break
			}
			set, from, most := in.set, pos, upTo(pos, int(in.max), len(b))
			for pos < most && set.has(b[pos]) {
				pos++
			}
			m.steps += (pos - from) >> 5
			if pos-from >= int(in.min) {
				continue
			}
		case opRun:
			end := in.scan(b, pos, upTo(pos, int(in.max), len(b)))
			m.steps += (end - pos) >> 5
			lo := pos + int(in.min)
			if in.ahead != nil {
				end = in.back(b, end, lo)
			}
			if end >= lo {
				if end > lo {
					m.push(pc-1, end, lo)
				}
				pos = end
				continue
			}
		case opRunLazy:
			if least, ok := in.least(b, pos); ok {
				most := upTo(pos, int(in.max), len(b))
				if pos = in.forth(b, least, most); pos >= 0 {
					m.steps += (pos - least) >> 5
					if pos < most {
						m.push(pc-1, pos, most)
					}
					continue
				}
				m.steps += (most - least) >> 5
			}
		case opSplit:
			x, y := true, true
			if uint(pos) < uint(len(b)) {
				c := b[pos]
				x = in.set == nil || in.set.has(c)
				y = in.ahead == nil || in.ahead.has(c)
			} else {
				x, y = in.set == nil, in.ahead == nil
			}
			if x {
				pc = int(in.x)
				if y {
					m.push(int(in.y), pos, alternative)
					if len(m.stack) >= maxFrames {
						return LimitHit
					}
				}
				continue
			}
			if y {
				pc = int(in.y)
				continue
			}
		case opJump:
			pc = int(in.x)
			continue
		case opSave:
			if len(m.stack) > 0 { // below the first alternative there is nothing to restore for
				m.saveOld(in.x)
			}
			m.registers[in.x] = int32(pos)
			continue
		case opClose:
			m.saveOld(in.x)
			m.saveOld(in.x + 1)
			m.registers[in.x], m.registers[in.x+1] = m.registers[in.y], int32(pos)
			continue
		case opKeep:
			m.saveOld(0)
			m.registers[0] = int32(pos)
			continue
		case opAssert:
			if holds(assertion(in.x), b, pos, start) {
				continue
			}
		case opAhead, opNotAhead:
			if bytes.HasPrefix(b[pos:], pr.literals[in.x]) == (in.op == opAhead) {
				continue
			}
		case opBack:
			if pos >= int(in.x) {
				pos -= int(in.x)
				continue
			}
		case opBackref:
			if end := backref(b, int(m.registers[2*in.x]), int(m.registers[2*in.x+1]), pos, in.fold); end >= 0 {
				m.steps += (end - pos) >> 5
				pos = end
				continue
			}
		case opIfGroup:
			if m.registers[2*in.x+1] < 0 {
				pc = int(in.y)
			}
			continue
		case opLoopInit:
			m.enter(in.x, 0, -1)
			continue
		case opLoop:
			if len(m.stack) >= maxFrames {
				return LimitHit
			}
			pc = m.round(in, pc, pos)
			continue
		case opEnter:
			m.saveOld(in.x)
			m.saveOld(in.x + 1)
			m.registers[in.x], m.registers[in.x+1] = int32(len(m.stack)), int32(pos)
			continue
		case opPush:
			m.push(int(in.y), pos, alternative)
			continue
		case opAtomicEnd, opLookEnd:
			height := int(m.registers[in.x])
			m.steps += (len(m.stack) - height) >> 3
			if in.op == opLookEnd {
				pos = int(m.registers[in.x+1])
			}
			m.stack = dropAlternatives(m.stack, height)
			continue
		case opRefuse:
			height := int(m.registers[in.x])
			m.steps += (len(m.stack) - height) >> 3
			at := int(m.registers[in.x+1])
			m.stack = unwind(m.stack, height, m.registers)
			if in.y >= 0 {
				pc, pos = int(in.y), at
				continue
			}
		case opFail:
		case opMatch:
			m.registers[1] = int32(pos)
			return Matched
		}
		if pc, pos = m.retreat(insts, b); pc < 0 {
			if m.steps > m.limit {
				return LimitHit
			}
			return NoMatch
		}
	}
}

// push notes a point to go back to: an instruction, a position and what frame says of lo.
func (m *Matcher) push(pc, pos, lo int) {
	m.stack = append(m.stack, frame{int32(pc), int32(pos), int32(lo)})
}

// saveOld has a register restored when what follows fails.
func (m *Matcher) saveOld(register int32) {
	m.stack = append(m.stack, frame{undo, register, m.registers[register]})
}

// enter sets the two registers of a loop: rounds so far, and where the last one began.
func (m *Matcher) enter(slot, count, pos int32) {
	m.stack = append(m.stack, frame{undo, slot, m.registers[slot]}, frame{undo, slot + 1, m.registers[slot+1]})
	m.registers[slot], m.registers[slot+1] = count, pos
}

// round goes once more through a loop's body, which begins at body, or leaves the loop; it returns where to go on.
func (m *Matcher) round(in *inst, body, pos int) (pc int) {
	count := m.registers[in.x]
	if count >= in.max || count >= in.min && int(m.registers[in.x+1]) == pos { // an empty round ends the loop
		return int(in.y)
	}
	if count >= in.min {
		if in.c == lazy {
			m.push(body-1, pos, enterLoop)
			return int(in.y)
		}
		m.push(int(in.y), pos, alternative)
	}
	m.enter(in.x, count+1, int32(pos))
	return body
}

// retreat goes back to the topmost frame that leads anywhere and returns where to go on; pc is negative if there is none,
// or if the steps are used up.
func (m *Matcher) retreat(insts []inst, b []byte) (pc, pos int) {
	for {
		if m.steps++; m.steps > m.limit || len(m.stack) == 0 {
			return -1, 0
		}
		top := len(m.stack) - 1
		f := &m.stack[top]
		if f.pc == undo {
			m.registers[f.pos] = f.lo
			m.stack = m.stack[:top]
			m.steps-- // it came with something that is counted
			continue
		}
		if f.lo < 0 {
			return m.alternative(insts, top)
		}
		if pos = m.shift(&insts[f.pc], b, f); pos >= 0 {
			pc = int(f.pc) + 1
			if int32(pos) == f.lo {
				m.stack = m.stack[:top]
			}
			return pc, pos
		}
		m.stack = m.stack[:top]
	}
}

// alternative takes the topmost frame off the stack, which is one that is used once.
func (m *Matcher) alternative(insts []inst, top int) (pc, pos int) {
	f := m.stack[top]
	m.stack = m.stack[:top]
	if f.lo != enterLoop {
		return int(f.pc), int(f.pos)
	}
	in := &insts[f.pc]
	m.enter(in.x, m.registers[in.x]+1, f.pos)
	return int(f.pc) + 1, int(f.pos)
}

// shift lets the run of a frame give back or take more, and returns the position behind it, negative if it can't.
func (m *Matcher) shift(in *inst, b []byte, f *frame) (pos int) {
	from, end := int(f.pos), int(f.lo)
	if in.op == opRun {
		pos = in.back(b, from-1, end)
		m.steps += (from - max(pos, end)) >> 5
		if pos < end {
			return -1
		}
	} else {
		pos = -1
		if from < end && in.set.has(b[from]) {
			pos = in.forth(b, from+1, end)
		}
		if pos < 0 {
			m.steps += (end - from) >> 5
			return -1
		}
		m.steps += (pos - from) >> 5
	}
	f.pos = int32(pos)
	return pos
}
