package pcre

import (
	"strings"
	"unicode/utf8"
)

// class reads a bracketed class.
func (p *parser) class() (*node, error) {
	at := p.pos
	p.pos++
	negative := p.accept("^")
	s := &set{}
	for first := true; ; first = false {
		if !p.more() {
			return nil, p.fail(len(p.text), "missing terminating ] for character class")
		}
		if !first && p.accept("]") {
			break
		}
		if err := p.classItem(s, at); err != nil {
			return nil, err
		}
	}
	if p.has(Caseless) {
		p.fold(s)
	}
	if negative {
		s.invert()
	}
	return &node{kind: kSet, set: s}, nil
}

// classItem reads a byte, a range, an escape or a POSIX class into s.
func (p *parser) classItem(s *set, at int) error {
	if p.has(extendedMore) && (p.accept(" ") || p.accept("\t")) {
		return nil
	}
	if !p.has(Python) {
		if p.accept(`\E`) {
			return nil
		}
		if p.accept(`\Q`) {
			return p.classQuote(s)
		}
		if isSet, err := p.posix(s); isSet || err != nil {
			return p.noRange(err)
		}
	}
	lo, isSet, err := p.classChar(s)
	if isSet || err != nil {
		return p.noRange(err)
	}
	hi := lo
	if rest := p.rest(); len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
		p.pos++
		start := p.pos
		if isSet, _ := p.posix(&set{}); isSet && !p.has(Python) {
			return p.fail(start, "invalid range in character class")
		}
		if hi, isSet, err = p.classChar(s); err != nil {
			return err
		}
		if isSet {
			return p.fail(start, "invalid range in character class")
		}
		if hi < lo {
			return p.fail(start, "range out of order in character class")
		}
	}
	p.addChars(s, lo, hi)
	return nil
}

// noRange refuses a hyphen behind a class or \d, unless it is the last character.
func (p *parser) noRange(err error) error {
	if rest := p.rest(); err == nil && len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
		return p.fail(p.pos, "invalid range in character class")
	}
	return err
}

func (p *parser) classQuote(s *set) error {
	text, ok := p.until(`\E`)
	if !ok {
		return p.fail(len(p.text), "missing terminating ] for character class")
	}
	s.addAll(setOf(text))
	return nil
}

// posix reads [:name:] or [:^name:] if the text is one.
func (p *parser) posix(s *set) (bool, error) {
	if p.next("[.") || p.next("[=") {
		mark := p.text[p.pos+1 : p.pos+2]
		if body, _, ok := strings.Cut(p.rest()[2:], mark+"]"); ok && !strings.ContainsAny(body, "]\\") {
			return false, p.fail(p.pos, "POSIX collating elements are not supported")
		}
		return false, nil
	}
	if !p.next("[:") {
		return false, nil
	}
	body, _, ok := strings.Cut(p.rest()[2:], ":]")
	if !ok || strings.ContainsAny(body, "[]\\:") {
		return false, nil
	}
	name, negative := strings.CutPrefix(body, "^")
	if p.has(Caseless) && (name == "upper" || name == "lower") {
		name = "alpha"
	}
	t := posixSet(name)
	if t == nil {
		return false, p.fail(p.pos, "unknown POSIX class name %q", name)
	}
	if negative {
		t.invert()
	}
	s.addAll(t)
	p.pos += len(body) + 4
	return true, nil
}

// classChar reads one byte, or in Python one character; isSet tells that it was an escape for several, which are in s already.
func (p *parser) classChar(s *set) (r rune, isSet bool, err error) {
	at := p.pos
	c := p.text[at]
	if c >= utf8.RuneSelf && p.has(Python) {
		r, size := utf8.DecodeRuneInString(p.rest())
		p.pos += size
		return r, false, nil
	}
	p.pos++
	if c != '\\' {
		return rune(c), false, nil
	}
	if !p.more() {
		return 0, false, p.fail(at, `\ at end of pattern`)
	}
	c = p.text[p.pos]
	switch {
	case p.isSetEscape(c):
		p.pos++
		s.addAll(p.escaped(c))
		return 0, true, nil
	case c == 'b':
		p.pos++
		return '\b', false, nil
	case c >= '0' && c <= '7':
		r, err = p.octal(at, 3)
		return r, false, err
	}
	r, err = p.charEscape(at)
	return r, false, err
}

func (p *parser) isSetEscape(c byte) bool {
	if p.has(Python) {
		return strings.IndexByte("dDsSwW", c) >= 0
	}
	return strings.IndexByte("dDhHsSvVwW", c) >= 0
}
