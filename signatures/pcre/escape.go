package pcre

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escape reads what begins with a backslash outside a class.
func (p *parser) escape() (*node, error) {
	at := p.pos
	p.pos++
	if !p.more() {
		return nil, p.fail(at, `\ at end of pattern`)
	}
	c := p.text[p.pos]
	if p.isSetEscape(c) {
		p.pos++
		return &node{kind: kSet, set: p.escaped(c)}, nil
	}
	if a, ok := p.positionEscape(c); ok {
		p.pos++
		return p.assertion(a), nil
	}
	if c >= '1' && c <= '9' {
		return p.digitEscape(at)
	}
	if !p.has(Python) {
		if n, known, err := p.perlEscape(at, c); known {
			return n, err
		}
	}
	b, err := p.charEscape(at)
	if err != nil {
		return nil, err
	}
	return p.literal(b), nil
}

// positionEscape knows the escapes that assert something about the position.
func (p *parser) positionEscape(c byte) (a assertion, ok bool) {
	switch c {
	case 'A':
		return subjectStart, true
	case 'b':
		return p.boundary(wordBoundary), true
	case 'B':
		return p.boundary(noWordBoundary), true
	case 'Z':
		if p.has(Python) {
			return subjectEnd, true
		}
		return subjectEndOrLF, true
	case 'z':
		return subjectEnd, !p.has(Python)
	case 'G':
		return matchStart, !p.has(Python)
	}
	return 0, false
}

// boundary is \b or \B about the characters that are words here.
func (p *parser) boundary(a assertion) assertion {
	if p.page != nil && !p.has(asciiOnly) {
		return a + pageBoundary - wordBoundary
	}
	return a
}

// perlEscape reads the escapes that Python doesn't know.
func (p *parser) perlEscape(at int, c byte) (n *node, known bool, err error) {
	switch c {
	case 'C', 'N':
		if p.next("N{") {
			if _, _, size := (&parser{text: p.rest()[1:]}).braces(); size == 0 {
				return nil, true, p.fail(at, `\N{name} is not supported`)
			}
		}
		p.pos++
		if c == 'C' {
			return &node{kind: kSet, set: allBytes()}, true, nil
		}
		return &node{kind: kSet, set: allBut('\n')}, true, nil
	case 'R':
		p.pos++
		return p.newline(), true, nil
	case 'K':
		if p.looks > 0 {
			return nil, true, p.fail(at, `\K is not allowed in look-around`)
		}
		p.pos++
		return &node{kind: kKeep}, true, nil
	case 'Q':
		p.pos++
		return p.quote(), true, nil
	case 'g', 'k':
		p.pos++
		n, err = p.refEscape(at, c)
		return n, true, err
	case 'X':
		return nil, true, p.fail(at, `extended grapheme cluster \X is not supported`)
	case 'p', 'P':
		return nil, true, p.fail(at, `Unicode property \%c is not supported`, c)
	case 'L', 'l', 'U', 'u':
		return nil, true, p.fail(at, `case conversion \%c is not supported`, c)
	}
	return nil, false, nil
}

// newline is \R: CRLF, taken whole, or one of the line ends.
func (p *parser) newline() *node {
	one := escapeSet('v')
	if p.bsrCRLF {
		one = setOf("\r\n")
	}
	crlf := &node{kind: kLiteral, text: []byte("\r\n")}
	return &node{kind: kAtomic, subs: []*node{{kind: kAlternation, subs: []*node{crlf, {kind: kSet, set: one}}}}}
}

// quote reads \Q…\E; nil if it is empty.
func (p *parser) quote() *node {
	text, ok := p.until(`\E`)
	if !ok {
		p.pos = len(p.text)
	}
	if text == "" {
		return nil
	}
	n := p.literal(rune(text[0]))
	for i := range len(text) - 1 {
		n.text = append(n.text, p.literal(rune(text[i+1])).text...)
	}
	return n
}

// refEscape reads the reference behind \g or \k.
func (p *parser) refEscape(at int, c byte) (*node, error) {
	if !p.more() {
		return nil, p.fail(at, `a name or number must follow \%c`, c)
	}
	n := &node{kind: kBackref, offset: at, fold: p.has(Caseless)}
	open := p.text[p.pos]
	closing := map[byte]string{'{': "}", '<': ">", '\'': "'"}[open]
	switch {
	case c == 'g' && (open == '<' || open == '\''):
		return nil, p.fail(at, `subroutine call \g%c is not supported`, open)
	case closing == "" && c == 'k':
		return nil, p.fail(at, `\k is not followed by a name`)
	case closing == "":
		return p.bareNumber(at, n)
	}
	p.pos++
	text, ok := p.until(closing)
	if number, isNumber := p.groupNumber(text); ok && isNumber && c == 'g' {
		n.number = number
		return p.ref(n), nil
	}
	name, err := (&parser{text: text + ")"}).name(0, ")")
	if !ok || err != nil {
		return nil, p.fail(at, `a name or number must follow \%c`, c)
	}
	n.name = name
	return p.ref(n), nil
}

// bareNumber reads \g1, \g-1 or \g+1.
func (p *parser) bareNumber(at int, n *node) (*node, error) {
	end := p.pos
	if p.text[end] == '-' || p.text[end] == '+' {
		end++
	}
	for end < len(p.text) && isDigit(p.text[end]) {
		end++
	}
	number, ok := p.groupNumber(p.text[p.pos:end])
	if !ok {
		return nil, p.fail(at, `a name or number must follow \g`)
	}
	p.pos = end
	n.number = number
	return p.ref(n), nil
}

// digitEscape reads a back reference, or an octal byte where PCRE2 (Python) would see one.
func (p *parser) digitEscape(at int) (*node, error) {
	end := p.pos
	for end < len(p.text) && isDigit(p.text[end]) && (!p.has(Python) || end < p.pos+2) {
		end++
	}
	digits := p.text[p.pos:end]
	number, _ := decimal(digits)
	isRef := number < 10 || digits[0] >= '8' || number <= p.groups
	if p.has(Python) {
		three := p.text[p.pos:min(len(p.text), p.pos+3)]
		_, err := strconv.ParseUint(three, 8, 32)
		isRef = len(three) < 3 || err != nil
	}
	if isRef {
		p.pos = end
		return p.ref(&node{kind: kBackref, number: number, offset: at, fold: p.has(Caseless)}), nil
	}
	b, err := p.octal(at, 3)
	if err != nil {
		return nil, err
	}
	return p.literal(b), nil
}

// octal reads up to so many octal digits.
func (p *parser) octal(at, digits int) (rune, error) {
	v := 0
	for range digits {
		if !p.more() || p.text[p.pos]-'0' > 7 {
			break
		}
		v = 8*v + int(p.text[p.pos]-'0')
		p.pos++
	}
	if v > 255 {
		return 0, p.fail(at, `octal value is greater than \377`)
	}
	return rune(v), nil
}

// charEscape reads an escape that stands for one byte, or in Python for one character, in a class or outside.
func (p *parser) charEscape(at int) (rune, error) {
	c := p.text[p.pos]
	if c >= utf8.RuneSelf && p.has(Python) {
		r, size := utf8.DecodeRuneInString(p.rest())
		p.pos += size
		return r, nil
	}
	p.pos++
	if i := strings.IndexByte("antrfev", c); i >= 0 {
		if !p.has(Python) && c != 'v' || p.has(Python) && c != 'e' {
			return rune("\a\n\t\r\f\x1b\v"[i]), nil
		}
	}
	switch {
	case c == '0':
		return p.octal(at, 2)
	case c == 'x':
		return p.hex(at)
	case (c == 'u' || c == 'U') && p.has(Python):
		return p.codePoint(at, map[byte]int{'u': 4, 'U': 8}[c])
	case c == 'o' && !p.has(Python):
		return p.braced(at, 8)
	case c == 'c' && !p.has(Python):
		if !p.more() || p.text[p.pos] < ' ' || p.text[p.pos] > '~' {
			return 0, p.fail(at, `\c is not followed by a printable ASCII character`)
		}
		c = p.text[p.pos]
		p.pos++
		if c-'a' < 26 {
			c &^= 0x20
		}
		return rune(c ^ 0x40), nil
	case isLetter(c), isDigit(c):
		return 0, p.fail(at, `unrecognized or unsupported escape \%c`, c)
	}
	return rune(c), nil
}

// codePoint reads the hexadecimal digits behind Python's \u or \U.
func (p *parser) codePoint(at, digits int) (rune, error) {
	v, err := strconv.ParseUint(p.rest()[:min(digits, len(p.rest()))], 16, 32)
	if err != nil || len(p.rest()) < digits || v > utf8.MaxRune {
		return 0, p.fail(at, `\u and \U need four and eight hexadecimal digits of a character`)
	}
	p.pos += digits
	return rune(v), nil
}

// hex reads the digits behind \x: up to two (Python: exactly two), or any number in braces.
func (p *parser) hex(at int) (rune, error) {
	if p.nextByte('{') && !p.has(Python) {
		return p.braced(at, 16)
	}
	n := 0
	for n < 2 && p.pos+n < len(p.text) && isHex(p.text[p.pos+n]) {
		n++
	}
	if n < 2 && p.has(Python) {
		return 0, p.fail(at, `\x needs two hexadecimal digits`)
	}
	v, _ := strconv.ParseUint("0"+p.text[p.pos:p.pos+n], 16, 8)
	p.pos += n
	return rune(v), nil
}

// braced reads {digits}.
func (p *parser) braced(at, base int) (rune, error) {
	text, ok := "", p.accept("{")
	if ok {
		text, ok = p.until("}")
	}
	v, err := strconv.ParseUint(text, base, 32)
	if !ok || err != nil || strings.HasPrefix(text, "+") {
		return 0, p.fail(at, `digits in braces must follow \x or \o`)
	}
	if v > 255 {
		return 0, p.fail(at, `character code point value in \x{} or \o{} is too large`)
	}
	return rune(v), nil
}

func isHex(c byte) bool { return isDigit(c) || c|0x20-'a' < 6 }
