package pcre

import "strings"

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
		s.fold()
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
	lo, isSet, err := p.classByte(s)
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
		if hi, isSet, err = p.classByte(s); err != nil {
			return err
		}
		if isSet {
			return p.fail(start, "invalid range in character class")
		}
		if hi < lo {
			return p.fail(start, "range out of order in character class")
		}
	}
	s.addRange(lo, hi)
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

// classByte reads one byte; isSet tells that it was an escape for several, which are in s already.
func (p *parser) classByte(s *set) (c byte, isSet bool, err error) {
	at := p.pos
	c = p.text[at]
	p.pos++
	if c != '\\' {
		return c, false, nil
	}
	if !p.more() {
		return 0, false, p.fail(at, `\ at end of pattern`)
	}
	c = p.text[p.pos]
	switch {
	case p.isSetEscape(c):
		p.pos++
		s.addAll(escapeSet(c))
		return 0, true, nil
	case c == 'b':
		p.pos++
		return '\b', false, nil
	case c >= '0' && c <= '7':
		c, err = p.octal(at, 3)
		return c, false, err
	}
	c, err = p.charEscape(at)
	return c, false, err
}

func (p *parser) isSetEscape(c byte) bool {
	if p.has(Python) {
		return strings.IndexByte("dDsSwW", c) >= 0
	}
	return strings.IndexByte("dDhHsSvVwW", c) >= 0
}
