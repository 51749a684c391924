package pcre

import (
	"strconv"
	"strings"
)

// maxName is the longest group name, as in PCRE2.
const maxName = 32

// group reads what begins with a parenthesis; nil if it only changed options.
func (p *parser) group() (*node, error) {
	at := p.pos
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(at, "parentheses are too deeply nested")
	}
	defer func() { p.depth-- }()
	p.pos++
	switch {
	case p.next("*") && !p.has(Python):
		return p.verb(at)
	case !p.accept("?"):
		if p.has(noAutoCapture) {
			return p.body(at, false)
		}
		return p.capture(at, "")
	}
	for _, s := range groupStarts() {
		if p.accept(s.text) {
			return s.read(p, at)
		}
	}
	return p.special(at)
}

// groupStart is what may follow "(?" and who reads it.
type groupStart struct {
	text string
	read func(p *parser, at int) (*node, error)
}

// groupStarts lists what is known by its spelling alone; longer spellings first.
func groupStarts() []groupStart {
	return []groupStart{
		{":", func(p *parser, at int) (*node, error) { return p.body(at, false) }},
		{"|", func(p *parser, at int) (*node, error) { return p.body(at, true) }},
		{">", (*parser).atomic},
		{"=", func(p *parser, at int) (*node, error) { return p.look(at, false, false) }},
		{"!", func(p *parser, at int) (*node, error) { return p.look(at, false, true) }},
		{"<=", func(p *parser, at int) (*node, error) { return p.look(at, true, false) }},
		{"<!", func(p *parser, at int) (*node, error) { return p.look(at, true, true) }},
		{"P=", func(p *parser, at int) (*node, error) { return p.namedRef(at, ")") }},
		{"P<", func(p *parser, at int) (*node, error) { return p.named(at, ">") }},
		{"<", func(p *parser, at int) (*node, error) { return p.named(at, ">") }},
		{"'", func(p *parser, at int) (*node, error) { return p.named(at, "'") }},
		{"P>", refuse("subroutine call (?P>")},
		{"&", refuse("subroutine call (?&")},
		{"R", refuse("recursion (?R")},
		{"C", refuse("callout (?C")},
		{"(", (*parser).conditional},
	}
}

func refuse(what string) func(p *parser, at int) (*node, error) {
	return func(p *parser, at int) (*node, error) { return nil, p.fail(at, "%s is not supported", what) }
}

// body reads the inside of a group and its closing parenthesis.
func (p *parser) body(at int, reset bool) (*node, error) {
	saved := p.flags
	n, err := p.alternation(reset)
	if err != nil {
		return nil, err
	}
	p.flags = saved
	if !p.accept(")") {
		return nil, p.fail(at, "missing closing parenthesis")
	}
	// The sequence keeps a quantifier behind the group off the last byte of a literal inside.
	return &node{kind: kSequence, subs: []*node{n}}, nil
}

func (p *parser) capture(at int, name string) (*node, error) {
	p.groups++
	number := p.groups
	if name != "" {
		if old, ok := p.names[name]; ok && old != number {
			return nil, p.fail(at, "two groups have the name %q", name)
		}
		p.names[name] = number
	}
	n, err := p.body(at, false)
	if err != nil {
		return nil, err
	}
	return &node{kind: kGroup, number: number, subs: []*node{n}}, nil
}

func (p *parser) named(at int, end string) (*node, error) {
	name, err := p.name(at, end)
	if err != nil {
		return nil, err
	}
	return p.capture(at, name)
}

// name reads a group name up to its terminator.
func (p *parser) name(at int, end string) (string, error) {
	name, ok := p.until(end)
	switch {
	case !ok || name == "" || len(name) > maxName:
		return "", p.fail(at, "group name is missing, unterminated or longer than %d", maxName)
	case isDigit(name[0]):
		return "", p.fail(at, "group name must start with a non-digit")
	}
	for i := range len(name) {
		if !isWord(name[i]) {
			return "", p.fail(at, "group name has a character that is no letter, digit or _")
		}
	}
	return name, nil
}

func (p *parser) atomic(at int) (*node, error) {
	n, err := p.body(at, false)
	if err != nil {
		return nil, err
	}
	return &node{kind: kAtomic, subs: []*node{n}}, nil
}

func (p *parser) look(at int, behind, negative bool) (*node, error) {
	p.looks++
	n, err := p.body(at, false)
	p.looks--
	if err != nil {
		return nil, err
	}
	return &node{kind: kLook, behind: behind, negative: negative, offset: at, subs: []*node{n}}, nil
}

// namedRef reads a name and makes a reference to its group.
func (p *parser) namedRef(at int, end string) (*node, error) {
	name, err := p.name(at, end)
	if err != nil {
		return nil, err
	}
	return p.ref(&node{kind: kBackref, name: name, offset: at, fold: p.has(Caseless)}), nil
}

// ref notes a reference, to be resolved when all groups are known.
func (p *parser) ref(n *node) *node {
	p.refs = append(p.refs, n)
	return n
}

// special reads inline options and refuses numbered subroutine calls.
func (p *parser) special(at int) (*node, error) {
	if r := strings.TrimLeft(p.rest(), "+-"); r != "" && isDigit(r[0]) {
		return nil, p.fail(at, "subroutine call (?%c is not supported", r[0])
	}
	flags, err := p.options(at)
	if err != nil {
		return nil, err
	}
	if p.accept(")") { // holds to the end of the enclosing group
		p.flags = flags
		return nil, nil
	}
	p.pos++ // the colon
	saved := p.flags
	p.flags = flags
	n, err := p.body(at, false)
	p.flags = saved
	return n, err
}

// options reads option letters up to a colon or closing parenthesis and returns the new flags.
func (p *parser) options(at int) (Flags, error) {
	flags := p.flags
	if p.accept("^") {
		flags &^= Caseless | Multiline | DotAll | Extended | extendedMore | noAutoCapture
	}
	for on := true; p.more(); p.pos++ {
		c := p.text[p.pos]
		if c == ')' || c == ':' {
			return flags, nil
		}
		if c == '-' {
			if !on {
				return 0, p.fail(p.pos, "invalid hyphen in option setting")
			}
			on = false
			continue
		}
		f, ok := p.option(c)
		if !ok {
			return 0, p.fail(p.pos, "option (?%c is not known or not supported", c)
		}
		if f == Extended && !p.has(Extended) && strings.HasPrefix(p.rest(), "xx") {
			f |= extendedMore
		}
		if on {
			flags |= f
		} else {
			flags &^= f
			if f&Extended != 0 {
				flags &^= extendedMore
			}
		}
	}
	return 0, p.fail(at, "missing closing parenthesis")
}

func (p *parser) option(c byte) (f Flags, ok bool) {
	switch c {
	case 'i':
		return Caseless, true
	case 'm':
		return Multiline, true
	case 's':
		return DotAll, true
	case 'x':
		return Extended, true
	case 'U':
		return Ungreedy, !p.has(Python)
	case 'n':
		return noAutoCapture, !p.has(Python)
	case 'a':
		return asciiOnly, p.has(Python)
	case 'L', 'u':
		return 0, p.has(Python)
	}
	return 0, false
}

// conditional reads (?(condition)yes|no).
func (p *parser) conditional(at int) (*node, error) {
	n := &node{kind: kConditional, offset: at}
	cond, err := p.condition(at, n)
	if err != nil {
		return nil, err
	}
	branches, err := p.body(at, false)
	if err != nil {
		return nil, err
	}
	yes, no := branches.subs[0], &node{kind: kEmpty}
	if yes.kind == kAlternation {
		if len(yes.subs) > 2 {
			return nil, p.fail(at, "conditional has more than two branches")
		}
		yes, no = yes.subs[0], yes.subs[1]
	}
	n.subs = []*node{cond, yes, no}
	return n, nil
}

// condition reads an assertion, which it returns, or a reference to a group, which it notes in n.
func (p *parser) condition(at int, n *node) (*node, error) {
	for _, look := range []string{"?=", "?!", "?<=", "?<!"} {
		if p.accept(look) {
			return p.look(at, strings.Contains(look, "<"), strings.HasSuffix(look, "!"))
		}
	}
	for _, end := range []string{">", "'"} {
		if open := map[string]string{">": "<", "'": "'"}[end]; p.accept(open) {
			name, err := p.name(at, end)
			if err == nil && !p.accept(")") {
				err = p.fail(at, "missing closing parenthesis for condition")
			}
			n.name = name
			p.ref(n)
			return nil, err
		}
	}
	text, ok := p.until(")")
	if !ok {
		return nil, p.fail(at, "missing closing parenthesis for condition")
	}
	return nil, p.conditionRef(at, n, text)
}

// conditionRef is for (?(1), (?(-1), (?(+1) and (?(name).
func (p *parser) conditionRef(at int, n *node, text string) error {
	if number, ok := p.groupNumber(text); ok {
		n.number = number
		p.ref(n)
		return nil
	}
	if text == "DEFINE" || strings.HasPrefix(text, "R") && p.names[text] == 0 || strings.HasPrefix(text, "VERSION") {
		return p.fail(at, "condition (?(%s) is not supported", text)
	}
	sub := parser{text: text + ")"}
	name, err := sub.name(0, ")")
	if err != nil {
		return p.fail(at, "condition (?(%s) is not understood", text)
	}
	n.name = name
	p.ref(n)
	return nil
}

// groupNumber reads an absolute or relative group number.
func (p *parser) groupNumber(text string) (int, bool) {
	digits := strings.TrimLeft(text, "+-")
	n, ok := decimal(digits)
	if !ok || len(text)-len(digits) > 1 {
		return 0, false
	}
	switch text[0] {
	case '-':
		return p.groups + 1 - n, true
	case '+':
		return p.groups + n, true
	}
	return n, true
}

// verb reads what begins with "(*" inside a pattern.
func (p *parser) verb(at int) (*node, error) {
	p.pos++
	for _, v := range []struct {
		names            string
		behind, negative bool
	}{
		{"pla: positive_lookahead:", false, false}, {"nla: negative_lookahead:", false, true},
		{"plb: positive_lookbehind:", true, false}, {"nlb: negative_lookbehind:", true, true},
	} {
		for _, name := range strings.Fields(v.names) {
			if p.accept(name) {
				return p.look(at, v.behind, v.negative)
			}
		}
	}
	if p.accept("atomic:") {
		return p.atomic(at)
	}
	name, ok := p.until(")")
	if ok && (name == "F" || name == "FAIL") {
		return &node{kind: kFail}, nil
	}
	if name == "" || !isLetter(name[0]) {
		return nil, p.fail(at+1, "quantifier does not follow a repeatable item")
	}
	return nil, p.fail(at, "verb (*%.20s is not known or not supported", name)
}

// startVerbs reads the (*…) options that a pattern may begin with.
func (p *parser) startVerbs() error {
	for p.next("(*") && !p.has(Python) {
		name, _, ok := strings.Cut(p.rest()[2:], ")")
		key, value, _ := strings.Cut(name, "=")
		switch key {
		case "LF", "BSR_UNICODE", "NO_START_OPT", "NO_AUTO_POSSESS", "NO_DOTSTAR_ANCHOR", "NO_JIT":
		case "BSR_ANYCRLF":
			p.bsrCRLF = true
		case "LIMIT_MATCH", "LIMIT_DEPTH", "LIMIT_RECURSION", "LIMIT_HEAP": // ours is the caller's
			if _, err := strconv.ParseUint(value, 10, 32); err != nil {
				return p.fail(p.pos, "(*%s needs a number", key)
			}
		case "UTF", "UCP", "CR", "CRLF", "ANYCRLF", "ANY", "NUL", "NOTEMPTY", "NOTEMPTY_ATSTART":
			return p.fail(p.pos, "(*%s) is not supported", key)
		default:
			return nil // perhaps a verb of the pattern's inside
		}
		if !ok {
			return p.fail(p.pos, "missing closing parenthesis")
		}
		p.pos += len(name) + 3
	}
	return nil
}
