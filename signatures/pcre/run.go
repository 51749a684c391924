package pcre

// run executes the program from its beginning at pos.
//
// It is one long function because it is the inner loop: the state stays in registers. The cases come in the order of the
// opcodes; "continue" means that the instruction matched, leaving the switch that it failed. What fails goes back to the
// topmost frame of the stack. Registers are restored by frames of their own that lie between the others, so that an atomic
// group can drop its alternatives and keep what it captured.
func (m *Matcher) run(pr *program, b []byte, pos, start int32) Result {
	insts, regs, stack := pr.insts, m.registers, m.stack[:0]
	steps, limit := m.steps, m.limit
	n := int32(len(b))
	pc := int32(0)
	result := NoMatch
loop:
	for {
		if len(stack) >= maxFrames {
			result = LimitHit
			break
		}
		in := &insts[pc]
		switch in.op {
		case opByte:
			if pos < n && b[pos] == in.c {
				pos++
				pc++
				continue
			}
		case opLiteral:
			if lit := pr.literals[in.x]; int(pos)+len(lit) <= len(b) && string(b[pos:int(pos)+len(lit)]) == string(lit) {
				pos += int32(len(lit))
				pc++
				continue
			}
		case opLiteralFold:
			if lit := pr.literals[in.x]; int(pos)+len(lit) <= len(b) && equalLower(b[pos:], lit) {
				pos += int32(len(lit))
				pc++
				continue
			}
		case opSet:
			if pos < n && in.set.has(b[pos]) {
				pos++
				pc++
				continue
			}
		case opRunAll:
			end := in.scan(b, pos, upTo(pos, in.max, n))
			steps += int(end-pos) >> 5
			if end-pos >= in.min {
				pos = end
				pc++
				continue
			}
		case opRun:
			end := in.scan(b, pos, upTo(pos, in.max, n))
			steps += int(end-pos) >> 5
			lo := pos + in.min
			if end = in.back(b, end, lo); end >= lo {
				if end > lo {
					stack = append(stack, frame{pc, end, lo})
				}
				pos = end
				pc++
				continue
			}
		case opRunLazy:
			if in.min > n-pos {
				break
			}
			least := in.scan(b, pos, pos+in.min)
			steps += int(least-pos) >> 5
			if least-pos < in.min {
				break
			}
			most := upTo(pos, in.max, n)
			if pos = in.forth(b, least, most); pos >= 0 {
				steps += int(pos-least) >> 5
				if pos < most {
					stack = append(stack, frame{pc, pos, most})
				}
				pc++
				continue
			}
			steps += int(most-least) >> 5
		case opSplit:
			x, y := true, true
			if in.set != nil {
				x = pos < n && in.set.has(b[pos])
			}
			if in.ahead != nil {
				y = pos < n && in.ahead.has(b[pos])
			}
			if x {
				if y {
					stack = append(stack, frame{in.y, pos, alternative})
				}
				pc = in.x
				continue
			}
			if y {
				pc = in.y
				continue
			}
		case opJump:
			pc = in.x
			continue
		case opSave:
			if len(stack) > 0 { // below the first alternative there is nothing to restore for
				stack = append(stack, frame{undo, in.x, regs[in.x]})
			}
			regs[in.x] = pos
			pc++
			continue
		case opClose:
			stack = append(stack, frame{undo, in.x, regs[in.x]}, frame{undo, in.x + 1, regs[in.x+1]})
			regs[in.x], regs[in.x+1] = regs[in.y], pos
			pc++
			continue
		case opKeep:
			stack = append(stack, frame{undo, 0, regs[0]})
			regs[0] = pos
			pc++
			continue
		case opAssert:
			if holds(assertion(in.x), b, pos, start) {
				pc++
				continue
			}
		case opBack:
			if pos >= in.x {
				pos -= in.x
				pc++
				continue
			}
		case opBackref:
			if end := backref(b, regs[2*in.x], regs[2*in.x+1], pos, in.fold); end >= 0 {
				steps += int(end-pos) >> 5
				pos = end
				pc++
				continue
			}
		case opIfGroup:
			pc++
			if regs[2*in.x+1] < 0 {
				pc = in.y
			}
			continue
		case opLoopInit:
			stack = append(stack, frame{undo, in.x, regs[in.x]}, frame{undo, in.x + 1, regs[in.x+1]})
			regs[in.x], regs[in.x+1] = 0, -1
			pc++
			continue
		case opLoop:
			count := regs[in.x]
			if count >= in.max || count >= in.min && regs[in.x+1] == pos { // an empty round ends the loop
				pc = in.y
				continue
			}
			if count >= in.min {
				if in.c == lazy {
					stack = append(stack, frame{pc, pos, enterLoop})
					pc = in.y
					continue
				}
				stack = append(stack, frame{in.y, pos, alternative})
			}
			stack = append(stack, frame{undo, in.x, count}, frame{undo, in.x + 1, regs[in.x+1]})
			regs[in.x], regs[in.x+1] = count+1, pos
			pc++
			continue
		case opEnter:
			stack = append(stack, frame{undo, in.x, regs[in.x]}, frame{undo, in.x + 1, regs[in.x+1]})
			regs[in.x], regs[in.x+1] = int32(len(stack)), pos
			pc++
			continue
		case opPush:
			stack = append(stack, frame{in.y, pos, alternative})
			pc++
			continue
		case opAtomicEnd, opLookEnd:
			height := int(regs[in.x])
			steps += (len(stack) - height) >> 3
			if in.op == opLookEnd {
				pos = regs[in.x+1]
			}
			stack = dropAlternatives(stack, height)
			pc++
			continue
		case opRefuse:
			height := int(regs[in.x])
			steps += (len(stack) - height) >> 3
			at := regs[in.x+1]
			stack = unwind(stack, height, regs)
			if in.y >= 0 {
				pc, pos = in.y, at
				continue
			}
		case opFail:
		case opMatch:
			regs[1] = pos
			result = Matched
			break loop
		}
		// Failed: back to the topmost frame that leads anywhere.
		for {
			if steps++; steps > limit {
				result = LimitHit
				break loop
			}
			if len(stack) == 0 {
				break loop
			}
			f := &stack[len(stack)-1]
			if f.pc == undo {
				regs[f.pos] = f.lo
				stack = stack[:len(stack)-1]
				steps-- // it came with something that is counted
				continue
			}
			if f.lo < 0 {
				pc, pos = f.pc, f.pos
				stack = stack[:len(stack)-1]
				if f.lo == enterLoop {
					in := &insts[pc]
					stack = append(stack, frame{undo, in.x, regs[in.x]}, frame{undo, in.x + 1, regs[in.x+1]})
					regs[in.x]++
					regs[in.x+1] = pos
					pc++
				}
				continue loop
			}
			in := &insts[f.pc]
			from := f.pos
			if in.op == opRun {
				pos = in.back(b, from-1, f.lo)
				steps += int(from-max(pos, f.lo)) >> 5
				if pos < f.lo {
					stack = stack[:len(stack)-1]
					continue
				}
			} else {
				pos = -1
				if from < f.lo && in.set.has(b[from]) {
					pos = in.forth(b, from+1, f.lo)
				}
				if pos < 0 {
					steps += int(f.lo-from) >> 5
					stack = stack[:len(stack)-1]
					continue
				}
				steps += int(pos-from) >> 5
			}
			pc = f.pc + 1
			f.pos = pos
			if pos == f.lo {
				stack = stack[:len(stack)-1]
			}
			continue loop
		}
	}
	m.steps, m.stack = steps, stack[:0]
	return result
}
