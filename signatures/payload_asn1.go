package signatures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// asn1Check is an asn1 keyword: it walks the BER elements (X.690) at a place of the buffer and asks whether one of them
// is malformed in a way that old decoders fell for (docs.suricata.io, "asn1").
type asn1Check struct {
	oversize int // bytes: an element's content is longer; -1: any length will do
	bits     bool
	double   bool
	relative bool
	offset   int
}

// Bounds of the walk: elements one behind the other (asn1-max-frames), and inside one another.
const (
	maxElements = 256
	maxNesting  = 50
)

// longestDouble is the longest text of a REAL that decoders made room for.
const longestDouble = 256

func (a *asn1Check) match(m *matcher, rest chain) bool {
	at := a.offset
	if a.relative {
		at += m.pos
	}
	if at < 0 || at > len(m.buf) || !a.found(m.buf[at:]) {
		return false
	}
	return rest.match(m)
}

// found walks the elements; one that is not whole ends the walk, and nothing inside it counts.
func (a *asn1Check) found(b []byte) bool {
	for range maxElements {
		used, hit := a.walk(b, maxNesting)
		if hit || used == 0 {
			return hit
		}
		b = b[used:]
	}
	return false
}

// walk reads one element with all that is inside it. used is 0 when it is not whole or too deep.
func (a *asn1Check) walk(b []byte, depth int) (used int, hit bool) {
	e, ok := readElement(b)
	if !ok || depth == 0 {
		return 0, false
	}
	content := b[e.head:]
	if !e.indefinite {
		content = content[:e.size]
		hit = a.odd(&e, content)
	}
	if !e.nests() {
		return e.head + e.size, hit
	}
	inside := 0
	for e.indefinite || inside < len(content) {
		if e.indefinite && len(content)-inside >= 2 && content[inside] == 0 && content[inside+1] == 0 {
			inside += 2
			break
		}
		n, in := a.walk(content[inside:], depth-1)
		if n == 0 {
			return 0, false
		}
		inside, hit = inside+n, hit || in
	}
	return e.head + inside, hit
}

// odd tells whether an element is one of those that are asked for.
func (a *asn1Check) odd(e *element, content []byte) bool {
	switch {
	case a.oversize >= 0 && e.size > a.oversize:
		return true
	case e.class != 0 || e.constructed:
		return false
	case a.bits && e.tag == tagBitString: // more bits to be ignored than there are
		return len(content) > 0 && int(content[0]) > 8*(len(content)-1)
	case a.double && e.tag == tagReal: // as text: the two high bits of the first byte are 0
		return len(content) > longestDouble && content[0]&0xc0 == 0
	}
	return false
}

// The universal tags that matter here (X.680 §8.4).
const (
	tagBitString = 3
	tagReal      = 9
	tagSequence  = 16
	tagSet       = 17
)

// element is the head of one BER element.
type element struct {
	class       byte // 0: universal
	constructed bool
	indefinite  bool // the content ends with two bytes 0; size is 0
	tag         uint32
	head, size  int // bytes; head + size lie in the buffer
}

// nests tells whether the content is a list of elements that are looked into, as Suricata does: SEQUENCE and SET.
func (e *element) nests() bool {
	return e.indefinite || e.constructed && e.class == 0 && (e.tag == tagSequence || e.tag == tagSet)
}

// readElement reads tag and length; false when the element does not lie in b as a whole.
func readElement(b []byte) (e element, ok bool) {
	if len(b) < 2 {
		return e, false
	}
	e = element{class: b[0] >> 6, constructed: b[0]&0x20 != 0, tag: uint32(b[0] & 0x1f), head: 1}
	if e.tag == 0x1f && !e.longTag(b) || e.head >= len(b) {
		return e, false
	}
	n := b[e.head]
	e.head++
	switch {
	case n == 0x80:
		e.indefinite = true
		return e, e.constructed
	case n < 0x80:
		e.size = int(n)
	case !e.longLength(b, int(n&0x7f)):
		return e, false
	}
	return e, e.size <= len(b)-e.head
}

// longTag reads a tag of several bytes, seven bits each.
func (e *element) longTag(b []byte) bool {
	e.tag = 0
	for e.head < len(b) && e.tag < 1<<24 {
		c := b[e.head]
		e.head++
		if e.tag = e.tag<<7 | uint32(c&0x7f); c < 0x80 {
			return true
		}
	}
	return false
}

// longLength reads a length of n bytes.
func (e *element) longLength(b []byte, n int) bool {
	if n > 8 || n > len(b)-e.head {
		return false
	}
	var w [8]byte
	copy(w[8-n:], b[e.head:e.head+n])
	size := binary.BigEndian.Uint64(w[:])
	e.head += n
	e.size = int(min(size, 1<<40))
	return true
}

// parseASN1 reads "bitstring_overflow, double_overflow, oversize_length 500, relative_offset 0".
func parseASN1(b *builder, arg string) error {
	a := &asn1Check{oversize: -1}
	words := strings.FieldsFunc(arg, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	asked := false
	for i := 0; i < len(words); i++ {
		word, value := words[i], ""
		switch word {
		case "bitstring_overflow":
			a.bits, asked = true, true
			continue
		case "double_overflow":
			a.double, asked = true, true
			continue
		case "oversize_length", "absolute_offset", "relative_offset":
			if i++; i < len(words) {
				value = words[i]
			}
		}
		if err := a.number(word, value); err != nil {
			return err
		}
		asked = asked || word == "oversize_length"
	}
	if !asked {
		return errors.New("asn1 needs bitstring_overflow, double_overflow or oversize_length")
	}
	return b.addItem(a, a.relative)
}

// number reads an option that has a value.
func (a *asn1Check) number(word, value string) error {
	to, least, most := &a.offset, 0, 1<<16-1
	switch word {
	case "oversize_length":
		to, most = &a.oversize, 1<<31-1
	case "absolute_offset":
		a.relative = false
	case "relative_offset":
		a.relative, least = true, -(1<<16 - 1)
	default:
		return fmt.Errorf("unknown option %q", word)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%s %q is not between %d and %d", word, value, least, most)
	}
	*to = n
	return nil
}
