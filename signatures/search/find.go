package search

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Finder looks for one literal. It never changes and may be shared.
type Finder struct {
	lit    []byte // in lower case with nocase
	nocase bool
	rare   int // offset of the rarest byte, with nocase
}

// NewFinder copies the literal. With nocase ASCII letters match in either case.
func NewFinder(lit []byte, nocase bool) Finder {
	f := Finder{lit: bytes.Clone(lit)}
	for i, c := range f.lit {
		f.nocase = f.nocase || nocase && isLetter(c)
		if nocase {
			f.lit[i] = lower(c)
		}
	}
	if f.nocase {
		f.rare = rarest(f.lit)
	}
	return f
}

// Literal returns the literal, in lower case if its case doesn't matter. The bytes belong to the Finder.
func (f *Finder) Literal() []byte { return f.lit }

// Index returns where the literal first occurs in buf, or -1. It does not allocate. Its time is bounded by len(buf) times
// a small constant, with nocase by len(buf)·len(literal) in the worst case.
func (f *Finder) Index(buf []byte) int {
	if !f.nocase {
		return bytes.Index(buf, f.lit)
	}
	return findFolded(buf, f.lit, f.rare)
}

// Find returns where lit first occurs in buf, or -1, without preparation. With nocase, lit must be in lower case and
// ASCII letters of buf match in either case. Where the same literal is looked for again, a Finder is faster.
func Find(buf, lit []byte, nocase bool) int {
	if !nocase {
		return bytes.Index(buf, lit)
	}
	if len(lit) == 0 {
		return 0
	}
	return findFolded(buf, lit, rarest(lit))
}

// findFolded looks for the byte at offset rare of low, in both cases, and compares around it.
func findFolded(buf, low []byte, rare int) int {
	if len(low) > len(buf) {
		return -1
	}
	end := len(buf) - len(low) + rare + 1
	c := low[rare]
	for i := rare; i < end; i++ {
		next := indexCases(buf[i:end], c)
		if next < 0 {
			return -1
		}
		i += next
		if equalLower(buf[i-rare:], low) {
			return i - rare
		}
	}
	return -1
}

// indexCases finds a lower-case byte in either case.
func indexCases(buf []byte, c byte) int {
	if !isLetter(c) {
		return bytes.IndexByte(buf, c)
	}
	const ones, highs, caseBits = 0x0101010101010101, 0x8080808080808080, 0x2020202020202020
	pattern := uint64(c) * ones
	i := 0
	for ; i+8 <= len(buf); i += 8 { // a byte that equals c becomes zero; the lowest zero sets the lowest of the high bits
		x := (binary.LittleEndian.Uint64(buf[i:]) | caseBits) ^ pattern
		if zero := (x - ones) &^ x & highs; zero != 0 {
			return i + bits.TrailingZeros64(zero)/8
		}
	}
	for ; i < len(buf); i++ {
		if buf[i]|0x20 == c {
			return i
		}
	}
	return -1
}

// rarest returns the offset of the literal's rarest byte, letters counted in both cases.
func rarest(low []byte) int {
	best, most := 0, byte(0)
	for i, c := range low[:min(len(low), offsets)] {
		if b := pairs[foldByte(c)]; b > most {
			best, most = i, b
		}
	}
	return best
}
