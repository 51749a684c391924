package signatures

// chain is a rule's conditions on one buffer, in the order of its text.
type chain []item

// item is one condition of a chain. match judges it at the matcher's place and then what follows; items that can
// match at several places try the next one when what follows does not match.
type item interface {
	match(m *matcher, rest chain) bool
}

// maxSteps bounds the work of one chain on one buffer (Suricata: detect.inspection-recursion-limit).
const maxSteps = 3000

// maxValues bounds the byte variables of a rule.
const maxValues = 16

// matcher is the state of a chain's walk over one buffer.
type matcher struct {
	v      *view
	sig    *Signature
	buf    []byte
	pos    int // end of the last match
	steps  int
	stop   bool // no other place can help: give up the chain
	absent absent
	values [maxValues]uint64
}

// absent remembers that an item can't match at any place from one on, however far behind it the items before it
// match. Without it a frequent content before a rare one makes a buffer be searched for the rare one again and again.
type absent struct {
	item item
	from int
}

// hopeless tells whether an item is known not to match from a place on.
func (m *matcher) hopeless(i item, from int) bool { return m.absent.item == i && from >= m.absent.from }

// run judges a chain on a buffer from its beginning. Variables keep their values between the buffers of a rule.
func (m *matcher) run(c chain, buf []byte) bool {
	m.buf, m.pos, m.steps, m.stop, m.absent = buf, 0, 0, false, absent{}
	return c.match(m)
}

// match goes on with the chain's first item; an empty chain matches.
func (c chain) match(m *matcher) bool {
	if len(c) == 0 {
		return true
	}
	if m.steps++; m.steps > maxSteps {
		m.stop = true
		return false
	}
	return c[0].match(m, c[1:])
}

// test is an item that matches at one place at most and does not move it.
type test func(m *matcher) bool

func (t test) match(m *matcher, rest chain) bool { return t(m) && rest.match(m) }
