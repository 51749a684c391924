package pcre

// repeat emits the loop for a repeated item.
func (c *compiler) repeat(n *node) {
	body := n.subs[0]
	switch s := singleSet(body); {
	case n.max == 0:
	case s != nil:
		c.run(n, s)
	case n.mode == possessive:
		again := *n
		again.mode = greedy
		c.atomic(&again)
	case n.min == 0 && n.max == 1:
		split := c.emit(inst{op: opSplit})
		c.gen(body)
		c.branch(split, split+1, c.here(), n.mode)
	case n.max == unlimited && n.min <= 1 && minLen(body) > 0:
		c.simpleLoop(n)
	case n.max <= maxCopies && minLen(body) > 0 && n.max*size(body) <= maxCopied:
		c.copies(n)
	default:
		c.countedLoop(n)
	}
}

// branch makes a split prefer the loop's body, or, if lazy, the way out.
func (c *compiler) branch(split, body, out int32, mode uint8) {
	if mode == lazy {
		body, out = out, body
	}
	c.at(split).x, c.at(split).y = body, out
}

// simpleLoop is for bodies that are never empty, any number of times: nothing to count.
func (c *compiler) simpleLoop(n *node) {
	if n.min == 1 {
		top := c.here()
		c.gen(n.subs[0])
		split := c.emit(inst{op: opSplit})
		c.branch(split, top, c.here(), n.mode)
		return
	}
	split := c.emit(inst{op: opSplit})
	c.gen(n.subs[0])
	c.emit(inst{op: opJump, x: split})
	c.branch(split, split+1, c.here(), n.mode)
}

// The bounds of a repeat that is written out: how many copies, and of how many nodes in all.
const (
	maxCopies = 4
	maxCopied = 48
)

// copies writes a repeat out, so that there is nothing to count and what may follow each round is known.
func (c *compiler) copies(n *node) {
	for range n.min {
		c.gen(n.subs[0])
	}
	var splits []int32
	for range n.max - n.min {
		splits = append(splits, c.emit(inst{op: opSplit}))
		c.gen(n.subs[0])
	}
	for _, s := range splits {
		c.branch(s, s+1, c.here(), n.mode)
	}
}

func (c *compiler) countedLoop(n *node) {
	slot := c.reserve(2)
	c.emit(inst{op: opLoopInit, x: slot})
	top := c.emit(inst{op: opLoop, x: slot, min: int32(n.min), max: int32(n.max), c: n.mode})
	c.gen(n.subs[0])
	c.emit(inst{op: opJump, x: top})
	c.at(top).y = c.here()
}

// run emits the one instruction for a repeated byte or class.
func (c *compiler) run(n *node, s *set) {
	if n.min == 1 && n.max == 1 {
		c.emit(inst{op: opSet, set: c.intern(s)})
		return
	}
	in := inst{op: opRun, set: c.intern(s), min: int32(n.min), max: int32(n.max)}
	switch {
	case n.mode == possessive || n.min == n.max:
		in.op = opRunAll
	case n.mode == lazy:
		in.op = opRunLazy
	}
	switch s.len() {
	case 256:
		in.how = runAny
	case 255:
		others := *s
		others.invert()
		in.how, in.c = runNot, others.first()
	}
	c.emit(in)
}

// singleSet returns the bytes that n matches if it always matches exactly one, else nil.
func singleSet(n *node) *set {
	switch {
	case n.kind == kSet:
		return n.set
	case n.kind == kLiteral && len(n.text) == 1:
		s := setOf(string(n.text))
		if n.fold {
			s.fold()
		}
		return s
	case n.kind == kSequence && len(n.subs) == 1:
		return singleSet(n.subs[0])
	}
	return nil
}

// conditional emits (?(condition)yes|no).
func (c *compiler) conditional(n *node) {
	cond, yes, no := n.subs[0], n.subs[1], n.subs[2]
	var toNo func(pc int32)
	switch {
	case cond == nil:
		test := c.emit(inst{op: opIfGroup, x: int32(n.number)})
		toNo = func(pc int32) { c.at(test).y = pc }
	case cond.negative:
		refuse := c.negative(cond, 0)
		toNo = func(pc int32) { c.at(refuse).y = pc }
	default:
		slot := c.reserve(2)
		c.emit(inst{op: opEnter, x: slot, y: -1})
		push := c.emit(inst{op: opPush})
		c.lookBody(cond)
		c.emit(inst{op: opLookEnd, x: slot})
		toNo = func(pc int32) { c.at(push).y = pc }
	}
	c.gen(yes)
	end := c.emit(inst{op: opJump})
	toNo(c.here())
	c.gen(no)
	c.at(end).x = c.here()
}
