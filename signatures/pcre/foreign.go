package pcre

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync"
)

// compilePython compiles a pattern of Python's dialect. One that names ASCII only gets a program for subjects in ASCII, and
// another, made when the first subject needs it, for all others; what the two say of ASCII is the same.
func compilePython(pattern string, opts Flags) (*Regexp, error) {
	p := parser{text: pattern, flags: opts}
	tree, err := p.parse()
	if err != nil {
		return nil, err
	}
	if len(p.foreign) > 0 {
		pg, err := newPage(p.foreign)
		if err != nil {
			return nil, p.fail(0, "%v", err)
		}
		return compilePaged(pattern, opts, pg)
	}
	re, err := finish(tree, &p)
	if err != nil {
		return nil, err
	}
	re.paged = sync.OnceValues(func() (*Regexp, error) {
		pg, err := newPage(nil)
		if err != nil {
			return nil, err
		}
		return compilePaged(pattern, opts, pg)
	})
	return re, nil
}

func compilePaged(pattern string, opts Flags, pg *page) (*Regexp, error) {
	p := parser{text: pattern, flags: opts, page: pg}
	tree, err := p.parse()
	if err != nil {
		return nil, err
	}
	re, err := finish(tree, &p)
	if err != nil {
		return nil, err
	}
	re.page = pg
	re.paged = func() (*Regexp, error) { return re, nil }
	return re, nil
}

// IsASCII tells whether a text has bytes below 0x80 only.
func IsASCII(text []byte) bool {
	const high = 0x8080808080808080
	var seen uint64
	last := len(text) - 8
	if last < 0 {
		for _, c := range text {
			seen |= uint64(c)
		}
		return seen&high == 0
	}
	for i := 0; i < last; i += 8 {
		seen |= binary.LittleEndian.Uint64(text[i:])
	}
	return (seen|binary.LittleEndian.Uint64(text[last:]))&high == 0
}

// coded is a subject as a page has it. It is kept from one match to the next, which is mostly about the same subject.
type coded struct {
	page    *page
	subject []byte // a copy
	text    []byte
	offsets []int32 // in the subject, by index of text
}

// of makes the text of a subject.
func (c *coded) of(pg *page, subject []byte) []byte {
	if c.page != pg && (pg.defined || c.page == nil || c.page.defined) || !bytes.Equal(c.subject, subject) {
		c.subject = append(c.subject[:0], subject...)
		c.text, c.offsets = pg.write(c.text[:0], c.offsets[:0], subject)
	}
	c.page = pg
	return c.text
}

// index returns where the character is that lies at an offset of the subject or behind it.
func (c *coded) index(offset int) int {
	low, high := 0, len(c.text)
	for low < high {
		if mid := (low + high) / 2; int(c.offsets[mid]) < offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// matchForeign matches a subject that is not all ASCII.
func (re *Regexp) matchForeign(subject []byte, start int, m *Matcher) Result {
	paged, err := re.paged()
	if err != nil { // a pattern that was read once is read again
		return NoMatch
	}
	text := m.coded.of(paged.page, subject)
	r := paged.match(text, m.coded.index(start), m)
	m.foreign = true
	return r
}

// place turns an index of what was matched into an offset of the subject.
func (m *Matcher) place(register int32) int {
	if m.foreign {
		return int(m.coded.offsets[register])
	}
	return int(register)
}

// foreignChar is a character outside ASCII that a pattern names. Until there is a page it is noted for it.
func (p *parser) foreignChar(r rune) byte {
	if r < pageStart {
		return byte(r)
	}
	if p.page == nil {
		p.foreign = append(p.foreign, charRange{r, r})
		if p.folds() {
			for _, o := range orbit(r) {
				p.foreign = append(p.foreign, charRange{o, o})
			}
		}
		return pageStart
	}
	return p.page.code(r)
}

// folds tells whether letters outside ASCII match in either case.
func (p *parser) folds() bool { return p.flags&(Caseless|asciiOnly) == Caseless }

// hasOtherCase tells whether an ASCII letter has other cases outside ASCII.
func hasOtherCase(r rune) bool { return strings.ContainsRune("iksIKS", r) }

// foreignLiteral is a literal character outside ASCII, or one that is in another case.
func (p *parser) foreignLiteral(r rune) *node {
	s := setOf(string([]byte{p.foreignChar(r)}))
	if p.has(Caseless) {
		p.fold(s)
	}
	return &node{kind: kSet, set: s}
}

// fold makes a set match in either case.
func (p *parser) fold(s *set) {
	s.fold()
	if p.page != nil && p.folds() {
		p.page.fold(s)
	}
}

// addChars adds a range of characters to a class.
func (p *parser) addChars(s *set, lo, hi rune) {
	if lo < pageStart || !p.has(Python) {
		last := hi
		if p.has(Python) {
			last = min(hi, pageStart-1)
		}
		s.addRange(byte(lo), byte(last))
		if last == hi {
			return
		}
		lo = pageStart
	}
	if lo == hi {
		s.add(p.foreignChar(lo))
		return
	}
	p.addForeign(s, charRange{lo, hi})
}

// addForeign adds a range outside ASCII.
func (p *parser) addForeign(s *set, of charRange) {
	all := []charRange{of}
	if p.folds() {
		all = append(all, foldSpans(of)...)
	}
	for _, one := range all {
		switch {
		case one.hi < pageStart:
			s.addRange(byte(one.lo), byte(one.hi))
		case p.page == nil:
			p.foreign = append(p.foreign, one)
		default:
			p.page.addSpan(s, one)
		}
	}
}

// escaped returns the set of an escape such as \w in the dialect at hand.
func (p *parser) escaped(c byte) *set {
	s := escapeSet(c | 0x20)
	if p.has(Python) && !p.has(asciiOnly) {
		p.addUnicode(s, c|0x20)
	}
	if c&0x20 == 0 {
		s.invert()
	}
	return s
}

func (p *parser) addUnicode(s *set, c byte) {
	if c == 's' {
		s.addRange(0x1c, 0x1f)
	}
	if p.page == nil {
		return
	}
	switch c {
	case 's':
		p.page.addKind(s, charSpace)
	case 'w':
		p.page.addKind(s, charLetter)
		p.page.addKind(s, charDigit)
	case 'd':
		p.page.addKind(s, charDigit)
	}
}

// HasOtherCases tells whether a literal of Python's dialect can stand in a subject outside ASCII in letters that are not its
// own: the Kelvin sign for k, the long s for s.
func HasOtherCases(l Literal) bool { return l.NoCase && bytes.ContainsAny(l.Text, "iks") }
