package signatures

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// number base values of a byteSource; 0 is binary.
const (
	binaryValue = 0
	octal       = 8
	decimal     = 10
	hexadecimal = 16
)

// byteSource says how byte_test, byte_jump, byte_extract and byte_math read a number out of a buffer.
type byteSource struct {
	count    operand // bytes
	offset   operand // may be negative
	relative bool
	little   bool
	dce      bool // byte order as the DCE/RPC header has it
	base     int
	mask     uint64
	hasMask  bool
}

// maxDigits is the largest count of bytes of a number in digits: 64 bits in octal, with a leading zero (Suricata:
// ByteExtractString).
const maxDigits = 23

// read returns the number and the place behind it; false when it does not lie in the buffer or is none. A count of zero
// stands for as many digits as there are, and for the number 0 where it is not written in digits.
func (s *byteSource) read(m *matcher) (v uint64, start, end int, ok bool) {
	start = s.offset.get(m)
	if s.relative {
		start += m.pos
	}
	n := s.count.get(m)
	if start < 0 || n < 0 || start > len(m.buf) || n > len(m.buf)-start {
		return 0, 0, 0, false
	}
	b := m.buf[start : start+n]
	used := n
	switch {
	case n > maxDigits:
		return 0, 0, 0, false
	case s.base != binaryValue:
		if n == 0 {
			b = m.buf[start:]
		}
		if v, used = parseDigits(b, s.base); used == 0 {
			return 0, 0, 0, false
		}
	case n > 8:
		return 0, 0, 0, false
	case n > 0:
		v = readBytes(b, s.littleEndian(m))
	}
	if s.hasMask {
		v = v & s.mask >> bits.TrailingZeros64(s.mask)
	}
	return v, start, start + used, true
}

func (s *byteSource) littleEndian(m *matcher) bool {
	if s.dce {
		return m.v.dceLittle()
	}
	return s.little
}

func readBytes(b []byte, little bool) uint64 {
	var w [8]byte
	if little {
		copy(w[:], b)
		return binary.LittleEndian.Uint64(w[:])
	}
	copy(w[8-len(b):], b)
	return binary.BigEndian.Uint64(w[:])
}

// parseDigits reads as strtoull does: leading blanks, a sign, "0x" before hexadecimal digits, then digits up to the
// first other byte. It returns how many bytes were read; 0: no number.
func parseDigits(b []byte, base int) (v uint64, used int) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] >= '\t' && b[i] <= '\r') {
		i++
	}
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	if base == hexadecimal && i+2 < len(b) && b[i] == '0' && b[i+1]|0x20 == 'x' && digitValue(b[i+2]) < 16 {
		i += 2
	}
	first := i
	for ; i < len(b); i++ {
		d := digitValue(b[i])
		if d >= base {
			break
		}
		if v > (math.MaxUint64-uint64(d))/uint64(base) {
			return 0, 0
		}
		v = v*uint64(base) + uint64(d)
	}
	if i == first {
		return 0, 0
	}
	if neg {
		v = -v
	}
	return v, i
}

func digitValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// byteTest is byte_test.
type byteTest struct {
	byteSource
	op      string // < > <= >= = & ^
	negated bool
	value   value
}

// value is a 64-bit constant or variable.
type value struct {
	n    uint64
	slot int
}

func (x value) get(m *matcher) uint64 {
	if x.slot != 0 {
		return m.values[x.slot-1]
	}
	return x.n
}

func (t *byteTest) match(m *matcher, rest chain) bool {
	v, _, _, ok := t.read(m)
	if !ok || t.compare(v, t.value.get(m)) == t.negated {
		return false
	}
	return rest.match(m)
}

func (t *byteTest) compare(v, want uint64) bool {
	switch t.op {
	case "<":
		return v < want
	case ">":
		return v > want
	case "<=":
		return v <= want
	case ">=":
		return v >= want
	case "&":
		return v&want != 0
	case "^":
		return v^want != 0
	}
	return v == want
}

// byteJump is byte_jump.
type byteJump struct {
	byteSource
	multiplier uint64
	align      bool
	fromBegin  bool
	fromEnd    bool
	post       int
}

func (j *byteJump) match(m *matcher, rest chain) bool {
	v, _, end, ok := j.read(m)
	if !ok {
		return false
	}
	if j.multiplier > 1 {
		v *= j.multiplier
	}
	if j.align {
		v = (v + 3) &^ 3
	}
	to := int64(v) + int64(j.post)
	switch {
	case j.fromEnd:
		to += int64(len(m.buf))
	case !j.fromBegin:
		to += int64(end)
	}
	if v > math.MaxInt32 && int64(v) > 0 || to >= int64(len(m.buf)) {
		return false
	}
	m.pos = int(max(to, 0)) // what lies before the buffer is its begin
	return rest.match(m)
}

// byteExtract is byte_extract.
type byteExtract struct {
	byteSource
	multiplier uint64
	align      uint64 // 2, 4 or 0
	slot       int
}

func (x *byteExtract) match(m *matcher, rest chain) bool {
	v, _, end, ok := x.read(m)
	if !ok {
		return false
	}
	if x.multiplier > 1 {
		v *= x.multiplier
	}
	if x.align > 1 {
		v = (v + x.align - 1) &^ (x.align - 1)
	}
	m.values[x.slot-1], m.pos = v, end
	return rest.match(m)
}

// byteMath is byte_math.
type byteMath struct {
	byteSource
	op    string // + - * / << >>
	value value
	slot  int
}

func (x *byteMath) match(m *matcher, rest chain) bool {
	v, _, end, ok := x.read(m)
	if !ok {
		return false
	}
	w := x.value.get(m)
	switch x.op {
	case "+":
		v += w
	case "-":
		v -= w
	case "*":
		v *= w
	case "/":
		if w == 0 {
			return false
		}
		v /= w
	case "<<":
		v <<= w
	case ">>":
		v >>= w
	}
	m.values[x.slot-1], m.pos = v, end
	return rest.match(m)
}

// isDataAt is isdataat.
type isDataAt struct {
	at       operand
	relative bool
	negated  bool
}

func (x *isDataAt) match(m *matcher, rest chain) bool {
	at := x.at.get(m)
	there := at < len(m.buf)
	if x.relative {
		there = m.pos+at <= len(m.buf)
	}
	return there != x.negated && rest.match(m)
}
