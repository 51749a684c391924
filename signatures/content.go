package signatures

import (
	"bytes"

	"picket/signatures/search"
)

// content is a content keyword with its modifiers.
type content struct {
	bytes   []byte // lower case iff nocase
	nocase  bool
	negated bool

	depth, offset, distance, within operand

	relativeNext         bool // the item behind it begins where this one ends
	startsWith, endsWith bool
	raw                  bool
	replace              []byte

	fast               bool // fast_pattern
	fastOnly           bool
	chop               bool
	chopStart, chopLen int
}

// operand is a number of a modifier: absent, a constant, or a byte variable.
type operand struct {
	set   bool
	value int
	slot  int // of the variable, from 1; 0: value counts
}

func (o operand) get(m *matcher) int {
	if o.slot == 0 {
		return o.value
	}
	return int(min(m.values[o.slot-1], 1<<30))
}

// relative tells whether the content is looked for from the end of the match before it.
func (c *content) relative() bool { return c.distance.set || c.within.set }

// match follows Suricata's DetectEngineContentInspection: the places of a positive content are tried one after the
// other as long as a relative item behind it does not match.
func (c *content) match(m *matcher, rest chain) bool {
	from := m.pos
	lo, hi, ok := c.bounds(m, from)
	if !ok {
		return c.negated && rest.match(m)
	}
	if c.negated {
		return c.find(m.buf, lo, hi) < 0 && c.keep(m, from, rest)
	}
	if m.hopeless(c, lo) {
		return false
	}
	for {
		at := c.find(m.buf, lo, hi)
		if at < 0 {
			c.missed(m, lo)
			return false
		}
		m.pos = at + len(c.bytes)
		if rest.match(m) {
			if c.replace != nil {
				m.v.replace(m, at, c.replace)
			}
			return true
		}
		if m.stop || !c.relativeNext {
			m.stop = true
			return false
		}
		lo = at + 1
		if m.steps++; m.steps > maxSteps {
			m.stop = true
			return false
		}
	}
}

// missed notes what it means that the content does not occur from lo on.
func (c *content) missed(m *matcher, lo int) {
	switch {
	case !c.relative():
		m.stop = true
	case !c.within.set && !c.depth.set:
		m.absent = absent{c, lo}
	}
}

// keep goes on after a negated content, which does not move the place.
func (c *content) keep(m *matcher, from int, rest chain) bool {
	m.pos = from
	return rest.match(m)
}

// bounds returns the part of the buffer that the content must lie in; false when there is none.
func (c *content) bounds(m *matcher, from int) (lo, hi int, ok bool) {
	hi = len(m.buf)
	if c.relative() {
		lo = max(0, from+c.distance.get(m))
		if c.within.set {
			hi = min(hi, from+c.within.get(m)+c.distance.get(m))
		}
		if c.depth.set {
			hi = min(hi, from+c.depth.get(m))
		}
		lo = max(lo, c.offset.get(m))
	} else {
		lo = c.offset.get(m)
		if c.depth.set {
			end := c.depth.get(m)
			if c.depth.slot != 0 || c.offset.slot != 0 {
				end += lo
			}
			hi = min(hi, end)
		}
	}
	return lo, hi, hi > 0 && lo <= hi
}

// find returns where the content occurs first in buf[lo:hi], or -1.
func (c *content) find(buf []byte, lo, hi int) int {
	n := len(c.bytes)
	if hi-lo < n {
		return -1
	}
	if c.endsWith { // only the buffer's very end will do
		at := len(buf) - n
		if at < lo || hi < len(buf) || !c.equal(buf[at:]) {
			return -1
		}
		return at
	}
	if hi-lo == n {
		if c.equal(buf[lo:hi]) {
			return lo
		}
		return -1
	}
	if i := search.Find(buf[lo:hi], c.bytes, c.nocase); i >= 0 {
		return lo + i
	}
	return -1
}

// equal compares b, of the content's length, with the content.
func (c *content) equal(b []byte) bool {
	if !c.nocase {
		return bytes.Equal(b, c.bytes)
	}
	for i, x := range c.bytes {
		if lower(b[i]) != x {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}
