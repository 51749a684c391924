package pcre

import "picket/signatures/search"

// maxInsts bounds a program. Counted repeats are loops, so only the pattern's length can reach it.
const maxInsts = 1 << 20

type compiler struct {
	p         *parser
	prog      program
	registers int32
	within    map[int]bool // groups that refer to themselves
	dropped   func(group int) bool
	sets      map[set]*set
	err       error
}

// compile makes the program of a tree.
func compile(tree *node, p *parser) (program, error) {
	named, within := map[int]bool{}, map[int]bool{}
	references(tree, map[int]bool{}, named, within)
	c := &compiler{p: p, within: within, sets: map[set]*set{}, registers: int32(2 * (p.groups + 1))}
	noCaptures := p.has(NoCaptures)
	c.dropped = func(group int) bool { return noCaptures && !named[group] }
	c.gen(tree)
	c.emit(inst{op: opMatch})
	if c.err == nil && len(c.prog.insts) > maxInsts {
		c.err = p.fail(len(p.text), "pattern is too large")
	}
	if c.err != nil {
		return program{}, c.err
	}
	c.prog.groups = p.groups + 1
	c.prog.registers = int(c.registers)
	c.prog.minLen = minLen(tree)
	c.prog.start = startOf(tree, named)
	if p.has(Anchored) {
		c.prog.start = startOnce
	}
	c.thread()
	c.lookAhead()
	c.require(tree)
	return c.prog, nil
}

// thread lets ways that lead to a jump lead to where that goes.
func (c *compiler) thread() {
	for pc := range c.prog.insts {
		switch in := c.at(int32(pc)); in.op {
		case opSplit:
			in.x, in.y = c.landing(in.x), c.landing(in.y)
		case opJump:
			in.x = c.landing(in.x)
		}
	}
}

func (c *compiler) landing(pc int32) int32 {
	for hops := 0; c.at(pc).op == opJump && hops < maxHops; hops++ {
		pc = c.at(pc).x
	}
	return pc
}

// maxHops bounds the jumps that are followed; a pattern can make them go round.
const maxHops = 64

// require sets up the search for the required literal and for the beginning.
func (c *compiler) require(tree *node) {
	const useful = 2 // a single byte is nearly always there
	pr := &c.prog
	pr.firstByte = -1
	if l := requiredLiteral(tree); l != nil && len(l.text) >= useful {
		pr.finder = search.NewFinder(l.text, l.fold)
		pr.required = pr.finder.Literal()
		pr.requiredNoCase = l.fold
	}
	if pr.minLen == 0 {
		pr.first = nil
	}
	if pr.first != nil && pr.first.len() == 1 {
		pr.firstByte = int(pr.first.first())
	}
	pc := 0
	for pr.insts[pc].op == opSave {
		pc++
	}
	switch in := &pr.insts[pc]; in.op {
	case opLiteral, opLiteralFold:
		f := search.NewFinder(pr.literals[in.x], in.op == opLiteralFold)
		pr.prefix = &f
	}
}

func (c *compiler) emit(in inst) int32 {
	c.prog.insts = append(c.prog.insts, in)
	return int32(len(c.prog.insts) - 1)
}

func (c *compiler) here() int32 { return int32(len(c.prog.insts)) }

func (c *compiler) at(pc int32) *inst { return &c.prog.insts[pc] }

// reserve returns the first of so many new registers.
func (c *compiler) reserve(n int32) int32 {
	c.registers += n
	return c.registers - n
}

// intern lets equal sets of a program share their memory.
func (c *compiler) intern(s *set) *set {
	if old, ok := c.sets[*s]; ok {
		return old
	}
	c.sets[*s] = s
	return s
}

// gen emits the instructions of a node.
func (c *compiler) gen(n *node) {
	if len(c.prog.insts) > maxInsts || c.err != nil {
		return
	}
	switch n.kind {
	case kEmpty:
	case kLiteral:
		c.literal(n)
	case kSet:
		c.emit(inst{op: opSet, set: c.intern(n.set)})
	case kSequence:
		for _, s := range n.subs {
			c.gen(s)
		}
	case kAlternation:
		c.alternation(n.subs)
	case kRepeat:
		c.repeat(n)
	case kGroup:
		c.group(n)
	case kAtomic:
		c.atomic(n.subs[0])
	case kLook:
		c.look(n)
	case kConditional:
		c.conditional(n)
	case kBackref:
		c.emit(inst{op: opBackref, x: int32(n.number), fold: n.fold})
	case kAssert:
		c.emit(inst{op: opAssert, x: int32(n.assert)})
	case kKeep:
		c.emit(inst{op: opKeep})
	case kFail:
		c.emit(inst{op: opFail})
	case kBack:
		if n.number > 0 {
			c.emit(inst{op: opBack, x: int32(n.number)})
		}
	}
}

func (c *compiler) literal(n *node) {
	letters := false
	for _, b := range n.text {
		letters = letters || isLetter(b)
	}
	fold := n.fold && letters
	switch {
	case len(n.text) == 1 && fold:
		c.emit(inst{op: opSet, set: c.intern(singleSet(n))})
	case len(n.text) == 1:
		c.emit(inst{op: opByte, c: n.text[0]})
	default:
		op := opLiteral
		if fold {
			op = opLiteralFold
		}
		c.prog.literals = append(c.prog.literals, n.text)
		c.emit(inst{op: op, x: int32(len(c.prog.literals) - 1)})
	}
}

func (c *compiler) alternation(branches []*node) {
	var ends []int32
	for _, b := range branches[:len(branches)-1] {
		split := c.emit(inst{op: opSplit})
		c.at(split).x = c.here()
		c.gen(b)
		ends = append(ends, c.emit(inst{op: opJump}))
		c.at(split).y = c.here()
	}
	c.gen(branches[len(branches)-1])
	for _, e := range ends {
		c.at(e).x = c.here()
	}
}

// group saves where it begins and ends. One that refers to itself must keep its old value until it closes.
func (c *compiler) group(n *node) {
	if c.dropped(n.number) {
		c.gen(n.subs[0])
		return
	}
	begin := int32(2 * n.number)
	if !c.within[n.number] {
		c.emit(inst{op: opSave, x: begin})
		c.gen(n.subs[0])
		c.emit(inst{op: opSave, x: begin + 1})
		return
	}
	slot := c.reserve(1)
	c.emit(inst{op: opSave, x: slot})
	c.gen(n.subs[0])
	c.emit(inst{op: opClose, x: begin, y: slot})
}

func (c *compiler) atomic(body *node) {
	slot := c.reserve(2)
	c.emit(inst{op: opEnter, x: slot})
	c.gen(body)
	c.emit(inst{op: opAtomicEnd, x: slot})
}

// look emits an assertion about what lies ahead or behind.
func (c *compiler) look(n *node) {
	if c.peek(n) {
		return
	}
	if !n.negative {
		slot := c.reserve(2)
		enter := c.emit(inst{op: opEnter, x: slot})
		c.lookBody(n)
		c.emit(inst{op: opLookEnd, x: slot})
		c.at(enter).y = c.here() // where to look for what follows
		return
	}
	c.negative(n, -1)
}

// peek emits the one instruction for a text that must, or must not, lie ahead; ok is false for other assertions.
func (c *compiler) peek(n *node) (ok bool) {
	body := n.subs[0]
	for body.kind == kSequence && len(body.subs) == 1 {
		body = body.subs[0]
	}
	if n.behind || body.kind != kLiteral || body.fold || len(body.text) == 0 {
		return false
	}
	op := opAhead
	if n.negative {
		op = opNotAhead
	}
	c.prog.literals = append(c.prog.literals, body.text)
	c.emit(inst{op: op, x: int32(len(c.prog.literals) - 1)})
	return true
}

// negative emits: body matches, go on at target (or fail); body fails, go on behind.
func (c *compiler) negative(n *node, target int32) (refuse int32) {
	slot := c.reserve(2)
	enter := c.emit(inst{op: opEnter, x: slot})
	push := c.emit(inst{op: opPush})
	c.lookBody(n)
	refuse = c.emit(inst{op: opRefuse, x: slot, y: target})
	c.at(push).y = c.here()
	c.at(enter).y = c.here()
	if target >= 0 { // a condition: two ways go on from here
		c.at(enter).y = -1
	}
	return refuse
}

// lookBody emits the inside of an assertion; each branch of a look-behind goes back by its own length first.
func (c *compiler) lookBody(n *node) {
	body := n.subs[0]
	if !n.behind {
		c.gen(body)
		return
	}
	for body.kind == kSequence && len(body.subs) == 1 {
		body = body.subs[0]
	}
	branches := []*node{body}
	if body.kind == kAlternation {
		branches = body.subs
	}
	stepped := make([]*node, len(branches))
	for i, b := range branches {
		l, ok := fixedLen(b)
		if !ok {
			c.err = c.p.fail(n.offset, "look-behind assertion is not fixed length")
			return
		}
		stepped[i] = &node{kind: kSequence, subs: []*node{{kind: kBack, number: l}, b}}
	}
	c.alternation(stepped)
}
