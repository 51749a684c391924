package signatures

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// anchors find the rules that ask for certain bytes at a certain place, counted from the begin of a packet's payload or
// of a chunk of the stream. Half of the rules on payloads do ("depth:4", or "startswith"); to look is far cheaper than
// to search, and says yes less often.
type anchors struct {
	doors  []door  // by offset
	places []place // behind the doors
	refs   []ref
}

// door is what most packets see of a place: its offset, and the bytes that may stand there. Doors lie by themselves, since
// few are passed.
type door struct {
	first [4]uint64
	off   int
}

// open tells whether a byte may stand at the place.
func (d *door) open(c byte) bool { return d.first[c>>6]>>(c&63)&1 != 0 }

// place is an offset at which some rules ask for something.
type place struct {
	row  []uint32 // by first byte, as they are counted in the door: where its bytes begin in lits; one more at the end
	lits []anchor
}

// anchor is what may stand at a place.
type anchor struct {
	value, mask uint64 // the first eight bytes, little endian; fewer: the mask is zero there; it spares the case bit
	size        int    // of the whole literal
	from, to    uint32 // of anchors.refs
}

// maxAnchor bounds how far from the begin anchors lie.
const maxAnchor = 256

// anchored is a content with the only place at which it can lie.
type anchored struct {
	*content
	off int
}

// anchored returns the contents of a chain that can lie at one place only, because depth leaves no room or because they
// follow such a one at a fixed distance.
func (c chain) anchored() []anchored {
	var list []anchored
	pos, known := 0, true
	for _, it := range c {
		switch it := it.(type) {
		case test, *byteTest, *isDataAt:
		case *content:
			if it.negated {
				continue
			}
			if pos, known = it.place(pos, known); known {
				if pos+len(it.bytes) <= maxAnchor && len(it.bytes) > 0 {
					list = append(list, anchored{it, pos})
				}
				pos += len(it.bytes)
			}
		default:
			known = false
		}
	}
	return list
}

// place returns the only offset at which a content can lie, given where the match before it ends, if that is known.
func (c *content) place(pos int, known bool) (off int, ok bool) {
	constant := c.depth.slot|c.offset.slot|c.distance.slot|c.within.slot == 0
	switch {
	case !constant || c.endsWith:
		return 0, false
	case !c.relative():
		return c.offset.value, c.depth.set && c.depth.value-c.offset.value == len(c.bytes)
	}
	off = pos + c.distance.value
	return off, known && off >= 0 && c.within.set && c.within.value == len(c.bytes) && !c.depth.set && !c.offset.set
}

// places returns the first and the last offset at which a content can lie that has a depth.
func (c *content) places() (first, last int, ok bool) {
	if !c.depth.set || c.depth.slot|c.offset.slot != 0 || c.relative() || c.endsWith || c.depth.value > maxAnchor {
		return 0, 0, false
	}
	return c.offset.value, c.depth.value - len(c.bytes), true
}

// newAnchors makes anchors of the rules; those of one place and bytes share an entry.
func newAnchors(sought []sought) anchors {
	type key struct {
		off         int
		value, mask uint64
		size        int
	}
	rules := map[key][]ref{}
	for _, s := range sought {
		v, m := anchorWord(s.content)
		for off := s.off; off <= s.last; off++ {
			k := key{off, v, m, len(s.content.bytes)}
			rules[k] = append(rules[k], s.ref)
		}
	}
	keys := make([]key, 0, len(rules))
	for k := range rules {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(a.off-b.off, cmp.Compare(a.value, b.value), cmp.Compare(a.mask, b.mask), a.size-b.size)
	})
	var a anchors
	for _, k := range keys {
		if n := len(a.doors); n == 0 || a.doors[n-1].off != k.off {
			a.doors, a.places = append(a.doors, door{off: k.off}), append(a.places, place{})
		}
		from := uint32(len(a.refs))
		a.refs = append(a.refs, rules[k]...)
		p := &a.places[len(a.places)-1]
		p.lits = append(p.lits, anchor{k.value, k.mask, k.size, from, uint32(len(a.refs))})
	}
	for i := range a.places {
		a.places[i].index(&a.doors[i])
	}
	return a
}

// anchorWord returns a content's first eight bytes and the mask to compare them with.
func anchorWord(c *content) (value, mask uint64) {
	for i, x := range c.bytes[:min(8, len(c.bytes))] {
		m := byte(0xff)
		if c.nocase && 'a' <= x && x <= 'z' {
			m = 0xdf
		}
		value |= uint64(x&m) << (8 * i)
		mask |= uint64(m) << (8 * i)
	}
	return value, mask
}

// index sorts the place's literals by their first byte, those of a letter in any case under both.
func (p *place) index(d *door) {
	var by [256][]anchor
	for _, l := range p.lits {
		for c := range 256 {
			if byte(c)&byte(l.mask) == byte(l.value) {
				by[c] = append(by[c], l)
			}
		}
	}
	p.lits, p.row = nil, nil
	for c, list := range by {
		if len(list) > 0 {
			d.first[c>>6] |= 1 << (c & 63)
			p.row = append(p.row, uint32(len(p.lits)))
			p.lits = append(p.lits, list...)
		}
	}
	p.row = append(p.row, uint32(len(p.lits)))
}

// of returns the literals that begin with a byte for which the door is open.
func (p *place) of(d *door, c byte) []anchor {
	i := bits.OnesCount64(d.first[c>>6] & (1<<(c&63) - 1))
	for _, w := range d.first[:c>>6] {
		i += bits.OnesCount64(w)
	}
	return p.lits[p.row[i]:p.row[i+1]]
}

// find adds the rules whose bytes stand at their place in buf.
func (in *Inspector) find(a *anchors, buf []byte, where payloadMode) {
	for i := range a.doors {
		d := &a.doors[i]
		if d.off >= len(buf) {
			return
		}
		if c := buf[d.off]; d.open(c) {
			in.enter(a, a.places[i].of(d, c), buf[d.off:], where)
		}
	}
}

// enter adds the rules of those literals with which rest begins.
func (in *Inspector) enter(a *anchors, lits []anchor, rest []byte, where payloadMode) {
	word := firstWord(rest)
	for i := range lits {
		if l := &lits[i]; word&l.mask == l.value && l.size <= len(rest) {
			in.addRefs(a.refs[l.from:l.to], where)
		}
	}
}

// firstWord returns the first eight bytes of b, little endian; those that are not there are zero.
func firstWord(b []byte) (w uint64) {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	for i, c := range b {
		w |= uint64(c) << (8 * i)
	}
	return w
}
