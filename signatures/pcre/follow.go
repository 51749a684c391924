package pcre

// follower finds out what bytes the program can go on with at an instruction. The answer nil means: any, or none at all.
// It does not look out of atomic groups and assertions: what is inside must not choose by what comes behind.
type follower struct {
	c     *compiler
	known []*set
	state []uint8 // 0 unknown, 1 under way, 2 known
}

// lookAhead gives runs and splits the bytes that may follow, so that the matcher need not try what must fail. A run whose
// set is disjoint from what follows never gives a byte back: it becomes possessive.
func (c *compiler) lookAhead() {
	n := len(c.prog.insts)
	f := follower{c: c, known: make([]*set, n), state: make([]uint8, n)}
	for pc := range c.prog.insts {
		in := &c.prog.insts[pc]
		switch in.op {
		case opSplit:
			in.set, in.ahead = f.at(in.x), f.at(in.y)
		case opRun, opRunLazy:
			in.ahead = f.at(int32(pc) + 1)
			if in.ahead != nil && in.ahead.len() == 1 {
				in.one, in.next = true, in.ahead.first()
			}
		}
	}
	c.prog.first = f.at(0)
	for pc := range c.prog.insts { // only now: the sets above are the greedy programs' just as well
		in := &c.prog.insts[pc]
		if in.op == opRun && in.ahead != nil && in.ahead.disjoint(in.set) {
			in.op = opRunAll
		}
	}
}

func (f *follower) at(pc int32) *set {
	switch f.state[pc] {
	case 1: // a loop without a byte in it
		return nil
	case 2:
		return f.known[pc]
	}
	f.state[pc] = 1
	s := f.find(pc)
	if s != nil {
		s = f.c.intern(s)
	}
	f.known[pc], f.state[pc] = s, 2
	return s
}

func (f *follower) find(pc int32) *set {
	in := f.c.at(pc)
	switch in.op {
	case opByte:
		return setOf(string([]byte{in.c}))
	case opLiteral, opLiteralFold:
		s := setOf(string(f.c.prog.literals[in.x][:1]))
		if in.op == opLiteralFold {
			s.fold()
		}
		return s
	case opSet:
		return in.set
	case opRun, opRunLazy, opRunAll:
		if in.min > 0 {
			return in.set
		}
		return f.either(in.set, f.at(pc+1))
	case opSplit:
		return f.either(f.at(in.x), f.at(in.y))
	case opJump:
		return f.at(in.x)
	case opSave, opClose, opKeep, opAssert, opAhead, opNotAhead:
		return f.at(pc + 1)
	case opLoopInit: // unlike later, the first round is certain if there must be one
		if f.c.at(pc+1).min > 0 {
			return f.at(pc + 2)
		}
		return f.at(pc + 1)
	case opEnter:
		return f.enter(pc, in)
	case opLoop:
		return f.either(f.at(pc+1), f.at(in.y))
	}
	return nil
}

// enter looks into an atomic group, past an assertion, and gives up on a condition.
func (f *follower) enter(pc int32, in *inst) *set {
	switch {
	case in.y < 0:
		return nil
	case in.y > 0:
		return f.at(in.y)
	}
	return f.at(pc + 1)
}

func (f *follower) either(a, b *set) *set {
	if a == nil || b == nil {
		return nil
	}
	both := *a
	both.addAll(b)
	return &both
}
