package search

import (
	"bytes"
	"math/bits"
	"slices"
	"unsafe"
)

// So many literals are looked for one by one, with the processor's own byte search; it is soon done with single bytes.
const (
	shortFew   = 4
	singlesFew = 32
)

// short holds the literals of one and two bytes. They have no window worth sieving for.
type short struct {
	lits  []uint32 // all of them
	table *shortTable
	plain []shortLiteral // all of them have the same bytes in either case
	mixed []shortLiteral
	sieve *sieve // tells where mixed ones may stand; nil: nearly everywhere
}

type shortLiteral struct {
	bytes  [2]byte
	size   uint8
	nocase bool
	lit    uint32
}

// shortTable answers for any number of short literals in one walk over the buffer.
type shortTable struct {
	pairs  [1 << 16 / 64]uint64 // bit of each pair of bytes at which a literal stands, the first byte below
	begins [256]*shortBegin     // nil: no short literal begins with this byte
}

// allow lets the walk stop at a pair.
func (t *shortTable) allow(a, b byte) {
	i := uint16(a) | uint16(b)<<8
	t.pairs[i>>6] |= 1 << (i & 63)
}

// shortBegin holds the literals that begin with one byte.
type shortBegin struct {
	ones   []uint32
	second [256]uint16 // by the byte behind: 1 + an index into twos; 0: none
	twos   [][]uint32
}

func (sh *short) add(s *Set, lit uint32, l Literal) {
	x := shortLiteral{size: uint8(len(l.Bytes)), lit: lit}
	copy(x.bytes[:], s.text[s.lits[lit].start:])
	if len(l.Bytes) == 1 {
		x.bytes[1] = 0
	}
	for _, c := range l.Bytes {
		x.nocase = x.nocase || l.NoCase && isLetter(c)
	}
	sh.lits = append(sh.lits, lit)
	if x.nocase {
		sh.mixed = append(sh.mixed, x)
	} else {
		sh.plain = append(sh.plain, x)
	}
}

// finish decides how the literals are looked for.
func (sh *short) finish() {
	plain := sh.plain
	sh.plain = nil
	singles, pairs := 0, 0
	for _, x := range plain {
		if x.size == 1 {
			singles++
		} else {
			pairs++
		}
	}
	for _, x := range plain {
		if x.size == 1 && singles <= singlesFew || x.size == 2 && pairs <= shortFew {
			sh.plain = append(sh.plain, x)
		} else {
			sh.mixed = append(sh.mixed, x)
		}
	}
	if len(sh.mixed) == 0 {
		return
	}
	sh.table = &shortTable{}
	for _, x := range sh.mixed {
		sh.table.add(x)
	}
	if t := newPairNibbles(sh.mixed); t != nil {
		sh.sieve = &sieve{nibbles: t}
	}
}

// pairsRate is the share of positions up to which sieving for pairs is worth it.
const pairsRate = 0.2

// newPairNibbles makes a sieve for literals of two bytes; nil: others are among them, or it would let too much pass.
func newPairNibbles(lits []shortLiteral) *nibbles {
	keys := make([]uint32, len(lits))
	for i, x := range lits {
		if x.size != 2 {
			return nil
		}
		keys[i] = uint32(x.bytes[0]) | uint32(x.bytes[1])<<8
	}
	slices.Sort(keys) // neighbours share their last bytes
	t := &nibbles{}
	for i, key := range keys {
		t.add(key, 2, 8*i/len(keys))
	}
	if t.rate() > pairsRate {
		return nil
	}
	return t
}

func (t *shortTable) add(x shortLiteral) {
	for _, a := range cases(x.bytes[0], x.nocase) {
		if t.begins[a] == nil {
			t.begins[a] = &shortBegin{}
		}
		begin := t.begins[a]
		if x.size == 1 {
			begin.ones = append(begin.ones, x.lit)
			for b := range 256 {
				t.allow(a, byte(b))
			}
			continue
		}
		for _, b := range cases(x.bytes[1], x.nocase) {
			begin.addTwo(b, x.lit)
			t.allow(a, b)
		}
	}
}

func (begin *shortBegin) addTwo(second byte, lit uint32) {
	k := begin.second[second]
	if k == 0 {
		begin.twos = append(begin.twos, nil)
		k = uint16(len(begin.twos))
		begin.second[second] = k
	}
	begin.twos[k-1] = append(begin.twos[k-1], lit)
}

// cases returns the byte in all the cases that it stands for.
func cases(c byte, nocase bool) []byte {
	if nocase && isLetter(c) {
		return []byte{c &^ 0x20, c | 0x20}
	}
	return []byte{c}
}

func (sh *short) size() int {
	n := 4*len(sh.lits) + (len(sh.plain)+len(sh.mixed))*int(unsafe.Sizeof(shortLiteral{}))
	if sh.table != nil {
		n += int(unsafe.Sizeof(shortTable{})) + len(sh.mixed)*int(2*unsafe.Sizeof(shortBegin{}))
	}
	return n
}

// scanShort looks for the short literals.
func (st *state) scanShort() {
	for i := range st.short.plain {
		x := &st.short.plain[i]
		if bytes.Contains(st.buf, x.bytes[:x.size]) {
			st.match(x.lit)
		}
	}
	t := st.short.table
	if t == nil || len(st.buf) == 0 {
		return
	}
	if st.short.sieve != nil && hasKernel && len(st.buf) > 2 {
		st.sieveShort()
		return
	}
	before := st.n
	pair := uint16(st.buf[0]) << 8
	for i, c := range st.buf[1:] {
		pair = pair>>8 | uint16(c)<<8
		if t.pairs[pair>>6]>>(pair&63)&1 == 0 {
			continue
		}
		st.matchShort(t.begins[byte(pair)], st.buf[i+1:])
		if st.n-before == len(st.short.mixed) {
			return
		}
	}
	if begin := t.begins[st.buf[len(st.buf)-1]]; begin != nil {
		st.matchShort(begin, nil)
	}
}

// sieveShort looks for pairs at the positions that their sieve lets pass.
func (st *state) sieveShort() {
	for base := 0; base+3 <= len(st.buf); base += chunk {
		for k, mask := range st.short.sieve.run(st.buf[base:], st.Scratch) {
			for mask != 0 {
				i := base + 32*k + bits.TrailingZeros32(mask)
				mask &= mask - 1
				if begin := st.short.table.begins[st.buf[i]]; begin != nil {
					st.matchShort(begin, st.buf[i+1:])
				}
			}
		}
	}
	last := len(st.buf) - 2 // the sieve looks at three bytes at least
	if begin := st.short.table.begins[st.buf[last]]; begin != nil {
		st.matchShort(begin, st.buf[last+1:])
	}
}

// matchShort reports the literals that begin with a byte and go on with rest.
func (st *state) matchShort(begin *shortBegin, rest []byte) {
	for _, lit := range begin.ones {
		if st.seen[lit] != st.generation {
			st.match(lit)
		}
	}
	if len(rest) == 0 || begin.second[rest[0]] == 0 {
		return
	}
	row := begin.twos[begin.second[rest[0]]-1]
	st.work += uint64(len(row))
	for _, lit := range row {
		if st.seen[lit] != st.generation {
			st.match(lit)
		}
	}
}
