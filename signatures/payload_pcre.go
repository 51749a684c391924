package signatures

import (
	"fmt"

	"picket/signatures/language"
	"picket/signatures/pcre"
)

// regex is a pcre keyword.
type regex struct {
	re           *pcre.Regexp
	negated      bool
	relative     bool
	relativeNext bool
	captures     []variable
}

// match tries the expression's matches one after the other as long as a relative item behind it does not match.
func (x *regex) match(m *matcher, rest chain) bool {
	start := 0
	if x.relative {
		start = min(m.pos, len(m.buf))
	}
	if m.hopeless(x, start) {
		return false
	}
	from := m.pos
	subject, at := m.buf[start:], 0
	for {
		result := x.re.Match(subject, at, &m.v.insp.regex)
		if result == pcre.Absent && !x.negated {
			m.absent = absent{x, start + at}
			return false
		}
		found := result == pcre.Matched
		if found == x.negated {
			return false
		}
		if x.negated {
			m.pos = from
			return rest.match(m)
		}
		lo, hi := m.v.insp.regex.Span()
		m.pos = start + hi
		if x.captures != nil {
			x.note(m, subject)
		}
		if rest.match(m) {
			return true
		}
		if m.stop || !x.relativeNext || lo >= len(subject) {
			return false
		}
		at = lo + 1
		if m.steps++; m.steps > maxSteps {
			m.stop = true
			return false
		}
	}
}

// pcreBuffers are the letters that move an expression into a buffer.
var pcreBuffers = map[rune]string{
	'U': "http.uri", 'I': "http.uri.raw", 'P': "http.request_body", 'Q': "file.data", 'H': "http.header",
	'D': "http.header.raw", 'M': "http.method", 'C': "http.cookie", 'S': "http.stat_code", 'Y': "http.stat_msg",
	'V': "http.user_agent", 'W': "http.host", 'Z': "http.host.raw",
}

var pcreFlags = map[rune]pcre.Flags{
	'i': pcre.Caseless, 'm': pcre.Multiline, 's': pcre.DotAll, 'x': pcre.Extended, 'A': pcre.Anchored,
	'E': pcre.DollarEndOnly, 'G': pcre.Ungreedy,
}

func parsePcre(b *builder, arg string) error {
	p, err := language.ParsePcreValue(arg)
	if err != nil {
		return err
	}
	x := &regex{negated: p.Negated}
	buf, flags, err := b.pcreOptions(x, p.Flags)
	if err != nil {
		return err
	}
	vars, err := captures(&p)
	if err != nil {
		return err
	}
	if len(vars) == 0 {
		flags |= pcre.NoCaptures
	}
	if x.re, err = b.opt.compileRegex(p.Pattern, flags); err != nil {
		return err
	}
	if len(vars) > 0 {
		if err := b.capture(x, vars); err != nil {
			return err
		}
	}
	if buf == nil {
		err = b.addItem(x, x.relative)
		b.last.pcre = x
		return err
	}
	if err := b.limitTo("pcre", buf.Points); err != nil {
		return err
	}
	keep, sticky := b.cur, b.sticky
	if !sticky {
		b.cur = b.listOf(buf)
	}
	err = b.addItem(x, x.relative)
	b.last.pcre = x
	b.cur, b.sticky = keep, sticky
	return err
}

// pcreOptions reads the letters behind the expression.
func (b *builder) pcreOptions(x *regex, letters string) (buf *Buffer, flags pcre.Flags, err error) {
	for _, l := range letters {
		if f, ok := pcreFlags[l]; ok {
			flags |= f
			continue
		}
		switch l {
		case 'R':
			x.relative = true
			continue
		case 'O', 'B':
			continue
		}
		name, ok := pcreBuffers[l]
		switch {
		case !ok:
			return nil, 0, fmt.Errorf("unknown pcre flag %q", l)
		case buf != nil && buf.Name != name:
			return nil, 0, fmt.Errorf("pcre flag %q and %s exclude each other", l, buf.Name)
		case b.sticky && (b.cur.buffer == nil || !sameBuffer(b.cur.buffer.Name, name)):
			return nil, 0, fmt.Errorf("pcre flag %q can't be used after a sticky buffer", l)
		}
		if buf = b.look.buffers[name]; buf == nil {
			return nil, 0, fmt.Errorf("pcre flag %q: %s is not supported", l, name)
		}
	}
	return buf, flags, nil
}

// sameBuffer tells whether a sticky buffer shows what a pcre flag asks for. Q is the body of answers, which Suricata
// calls file.data as well.
func sameBuffer(sticky, flag string) bool {
	return sticky == flag || sticky == "http.response_body" && flag == "file.data"
}

// regexKey identifies an expression: rules share many.
type regexKey struct {
	pattern string
	flags   pcre.Flags
}

func (o *Options) compileRegex(pattern string, flags pcre.Flags) (*pcre.Regexp, error) {
	key := regexKey{pattern, flags}
	if re := o.regexes[key]; re != nil {
		return re, nil
	}
	re, err := pcre.Compile(pattern, flags)
	if err == nil {
		o.regexes[key] = re
	}
	return re, err
}
