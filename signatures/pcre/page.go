package pcre

import (
	"fmt"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// page lays characters outside ASCII out as bytes, one for each character, so that this engine of bytes answers as Python does
// on str: "." and [^x] take a character, \w \d \s \b know its kind, and case folds. Bytes below 0x80 are ASCII itself.
//
// A character that the pattern names has a byte of its own. The others share what is left of the bytes: those of one kind
// that stand in the same interval between the ends of the pattern's ranges look alike to the pattern, but for back references,
// to which two of them may look the same.
//
//	0x80 … 0x9F   no word: named characters, then by interval white space and others
//	0xA0 … 0xFF   word: named characters, then by interval digits and others
type page struct {
	own     map[rune]byte
	cuts    []rune // where an interval begins, ascending; the first at 0x80
	first   [2]int // the first byte that intervals share: no word, word
	shares  [2]int // bytes of one kind in one interval
	defined bool   // the pattern names characters of its own
}

const (
	pageStart = 0x80
	pageWord  = 0xa0 // here words begin
	pageEnd   = 0x100
)

// kinds of characters; the second half is word.
const (
	charOther = iota
	charSpace
	charLetter
	charDigit
)

// kindOf tells what Python's str methods say of a character outside ASCII.
func kindOf(r rune) int {
	switch {
	case unicode.IsDigit(r):
		return charDigit
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return charLetter
	case unicode.IsSpace(r):
		return charSpace
	}
	return charOther
}

// charRange is the characters from lo to hi.
type charRange struct{ lo, hi rune }

// otherCases are the characters outside ASCII that are ASCII letters but for case.
var otherCases = []rune{'İ', 'ı', 'ſ', '\u212a'}

// orbit returns the characters that are the same as r but for case, r among them. Python takes the i with a dot above and the
// one without for i; Unicode's simple folding does not.
func orbit(r rune) []rune {
	if slices.Contains([]rune{'i', 'I', 'İ', 'ı'}, r) {
		return []rune{'i', 'I', 'İ', 'ı'}
	}
	all := []rune{r}
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		all = append(all, o)
	}
	return all
}

// foldSpans returns what a range is in the other cases of its characters.
func foldSpans(s charRange) []charRange {
	var all []charRange
	for r := s.lo; r <= s.hi; r++ {
		for _, o := range orbit(r) {
			if n := len(all); n > 0 && all[n-1].hi == o-1 {
				all[n-1].hi = o
			} else if o < s.lo || o > s.hi {
				all = append(all, charRange{o, o})
			}
		}
	}
	return all
}

// newPage lays out a page for the characters and ranges that a pattern names.
func newPage(named []charRange) (*page, error) {
	pg := &page{own: map[rune]byte{}, cuts: []rune{pageStart}, defined: len(named) > 0}
	next := [2]int{pageStart, pageWord}
	for _, r := range append(slices.Clone(otherCases), pg.cut(named)...) {
		if _, known := pg.own[r]; known {
			continue
		}
		half := kindOf(r) / charLetter
		pg.own[r] = byte(next[half])
		next[half]++
	}
	pg.first = next
	for half, end := range [2]int{pageWord, pageEnd} {
		if pg.shares[half] = (end - next[half]) / (2 * len(pg.cuts)); pg.shares[half] < 1 {
			return nil, fmt.Errorf("more characters or ranges outside ASCII than one pattern may have")
		}
	}
	return pg, nil
}

// cut notes where ranges begin and end, and returns the single characters.
func (pg *page) cut(named []charRange) (single []rune) {
	for _, s := range named {
		if s.lo == s.hi {
			single = append(single, s.lo)
			continue
		}
		pg.cuts = append(pg.cuts, max(s.lo, pageStart), s.hi+1)
	}
	slices.Sort(pg.cuts)
	pg.cuts = slices.Compact(pg.cuts)
	return single
}

// code returns the byte of a character.
func (pg *page) code(r rune) byte {
	if r < pageStart {
		return byte(r)
	}
	if c, ok := pg.own[r]; ok {
		return c
	}
	interval := sort.Search(len(pg.cuts), func(i int) bool { return pg.cuts[i] > r }) - 1
	first, share := pg.cell(interval, kindOf(r))
	return byte(first + int(r)%share)
}

// cell returns the bytes of the characters of a kind in an interval.
func (pg *page) cell(interval, kind int) (first, share int) {
	half := kind / charLetter
	share = pg.shares[half]
	return pg.first[half] + (2*interval+kind%charLetter)*share, share
}

// addKind adds all characters of a kind.
func (pg *page) addKind(s *set, kind int) {
	for i := range pg.cuts {
		first, share := pg.cell(i, kind)
		s.addRange(byte(first), byte(first+share-1))
	}
	for r, c := range pg.own {
		if kindOf(r) == kind {
			s.add(c)
		}
	}
}

// addSpan adds the characters of a range that the page was made for.
func (pg *page) addSpan(s *set, of charRange) {
	for i, begin := range pg.cuts {
		last := rune(unicode.MaxRune)
		if i+1 < len(pg.cuts) {
			last = pg.cuts[i+1] - 1
		}
		if begin < of.lo || last > of.hi {
			continue
		}
		for kind := charOther; kind <= charDigit; kind++ {
			first, share := pg.cell(i, kind)
			s.addRange(byte(first), byte(first+share-1))
		}
	}
	for r, c := range pg.own {
		if r >= of.lo && r <= of.hi {
			s.add(c)
		}
	}
}

// fold adds the characters that are the same but for case, as far as they have bytes of their own.
func (pg *page) fold(s *set) {
	for r, c := range pg.own {
		for _, o := range orbit(r) {
			other, known := pg.own[o]
			if o < pageStart {
				other, known = byte(o), true
			}
			if known && (s.has(c) || s.has(other)) {
				s.add(c)
				s.add(other)
			}
		}
	}
}

// write appends the bytes of a text to dst, and to offsets where in the text each of them begins, the text's end last.
// What is no UTF-8 becomes U+FFFD as it does when Python decodes with errors="replace".
func (pg *page) write(dst []byte, offsets []int32, text []byte) ([]byte, []int32) {
	for i := 0; i < len(text); {
		offsets = append(offsets, int32(i))
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			size = broken(text[i:])
		}
		dst = append(dst, pg.code(r))
		i += size
	}
	return dst, append(offsets, int32(len(text)))
}

// broken returns how many bytes become one U+FFFD where a text begins with no UTF-8: the longest beginning of a character
// that could have become one (The Unicode Standard, table 3-7 and section 3.9 on maximal subparts).
func broken(text []byte) int {
	need, lo, hi := 0, byte(0x80), byte(0xbf)
	switch c := text[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 2
	case c >= 0xe0 && c <= 0xef:
		need = 3
	case c >= 0xf0 && c <= 0xf4:
		need = 4
	}
	switch text[0] {
	case 0xe0:
		lo = 0xa0
	case 0xed:
		hi = 0x9f
	case 0xf0:
		lo = 0x90
	case 0xf4:
		hi = 0x8f
	}
	n := 1
	for n < min(need, len(text)) && text[n] >= lo && text[n] <= hi {
		n++
		lo, hi = 0x80, 0xbf
	}
	return n
}
