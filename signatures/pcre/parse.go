package pcre

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nested groups, as PCRE2's parens_nest_limit does.
const maxDepth = 250

// parser reads one pattern. flags change as inline options come by and are put back at the end of each group.
type parser struct {
	text  string
	pos   int
	flags Flags
	depth int // of groups
	looks int // of look-around

	groups  int            // capturing groups so far
	names   map[string]int // and their names
	refs    []*node        // back references and conditions, resolved at the end
	bsrCRLF bool           // (*BSR_ANYCRLF)

	page    *page       // Python: what the subject is laid out by, nil until that is known
	foreign []charRange // and what the pattern names outside ASCII
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &Error{Pattern: p.text, Offset: at, Problem: fmt.Sprintf(format, args...)}
}

func (p *parser) has(f Flags) bool     { return p.flags&f != 0 }
func (p *parser) more() bool           { return p.pos < len(p.text) }
func (p *parser) rest() string         { return p.text[p.pos:] }
func (p *parser) next(s string) bool   { return strings.HasPrefix(p.rest(), s) }
func (p *parser) nextByte(c byte) bool { return p.more() && p.text[p.pos] == c }
func (p *parser) accept(s string) bool {
	if p.next(s) {
		p.pos += len(s)
		return true
	}
	return false
}

// until returns the text up to the terminator and goes behind it.
func (p *parser) until(end string) (string, bool) {
	text, _, ok := strings.Cut(p.rest(), end)
	if ok {
		p.pos += len(text) + len(end)
	}
	return text, ok
}

// groupNames returns the names by group number.
func (p *parser) groupNames() []string {
	names := make([]string, p.groups+1)
	for name, n := range p.names {
		names[n] = name
	}
	return names
}

func (p *parser) parse() (*node, error) {
	p.names = map[string]int{}
	if err := p.startVerbs(); err != nil {
		return nil, err
	}
	tree, err := p.alternation(false)
	if err != nil {
		return nil, err
	}
	if p.more() {
		return nil, p.fail(p.pos, "unmatched closing parenthesis")
	}
	for _, ref := range p.refs {
		if err := p.resolve(ref); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// resolve gives a reference its group's number.
func (p *parser) resolve(ref *node) error {
	if ref.name != "" {
		n, ok := p.names[ref.name]
		if !ok {
			return p.fail(ref.offset, "reference to non-existent group %q", ref.name)
		}
		ref.number = n
	}
	if ref.number < 1 || ref.number > p.groups {
		return p.fail(ref.offset, "reference to non-existent group %d", ref.number)
	}
	return nil
}

// alternation reads branches up to a closing parenthesis or the end. With reset, (?|, all number their groups alike.
func (p *parser) alternation(reset bool) (*node, error) {
	saved, first, last := p.flags, p.groups, p.groups
	var branches []*node
	for {
		if reset {
			p.groups = first
		}
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		last = max(last, p.groups)
		branches = append(branches, n)
		if !p.accept("|") {
			break
		}
	}
	p.flags, p.groups = saved, last
	if len(branches) == 1 {
		return branches[0], nil
	}
	return &node{kind: kAlternation, subs: branches}, nil
}

// sequence reads items up to the end of the branch.
func (p *parser) sequence() (*node, error) {
	var items []*node
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if !p.more() || p.nextByte('|') || p.nextByte(')') {
			return join(items), nil
		}
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		if item == nil {
			continue
		}
		if item, err = p.quantified(item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
}

// join makes one node of a sequence, neighbouring literals one literal.
func join(items []*node) *node {
	var out []*node
	for _, n := range items {
		if n.kind == kEmpty {
			continue
		}
		if len(out) > 0 {
			if l := out[len(out)-1]; l.kind == kLiteral && n.kind == kLiteral && l.fold == n.fold {
				l.text = append(l.text, n.text...)
				continue
			}
		}
		out = append(out, n)
	}
	switch len(out) {
	case 0:
		return &node{kind: kEmpty}
	case 1:
		return out[0]
	}
	return &node{kind: kSequence, subs: out}
}

// skip passes over comments and, in extended mode, white space; and over \E, which means nothing by itself.
func (p *parser) skip() error {
	for p.more() {
		switch {
		case p.next("(?#"):
			at := p.pos
			if _, ok := p.until(")"); !ok {
				return p.fail(at, "missing ) after (?# comment")
			}
		case p.next(`\E`) && !p.has(Python):
			p.pos += 2
		case p.has(Extended) && isSpace(p.text[p.pos]):
			p.pos++
		case p.has(Extended) && p.nextByte('#'):
			if _, ok := p.until("\n"); !ok {
				p.pos = len(p.text)
			}
		default:
			return nil
		}
	}
	return nil
}

// item reads one item without its quantifier; nil if it only changed options.
func (p *parser) item() (*node, error) {
	at := p.pos
	c := p.text[at]
	switch c {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '*', '+', '?':
		return nil, p.fail(at, "quantifier does not follow a repeatable item")
	case '{':
		if _, _, size := p.braces(); size > 0 {
			return nil, p.fail(at, "quantifier does not follow a repeatable item")
		}
	}
	if r, size := utf8.DecodeRuneInString(p.rest()); c >= utf8.RuneSelf && p.has(Python) {
		p.pos += size
		return p.literal(r), nil
	}
	p.pos++
	switch c {
	case '.':
		if p.has(DotAll) {
			return &node{kind: kSet, set: allBytes()}, nil
		}
		return &node{kind: kSet, set: allBut('\n')}, nil
	case '^':
		return p.assertion(p.caret()), nil
	case '$':
		return p.assertion(p.dollar()), nil
	}
	return p.literal(rune(c)), nil
}

func (p *parser) caret() assertion {
	switch {
	case !p.has(Multiline):
		return subjectStart
	case p.has(Python):
		return lineStartOrEnd
	}
	return lineStart
}

func (p *parser) dollar() assertion {
	switch {
	case p.has(Multiline):
		return lineEnd
	case p.has(DollarEndOnly):
		return subjectEnd
	}
	return subjectEndOrLF
}

func (p *parser) assertion(a assertion) *node {
	return &node{kind: kAssert, assert: a}
}

// literal is one character as itself, in lower case if case doesn't matter.
func (p *parser) literal(r rune) *node {
	if p.has(Python) && (r >= utf8.RuneSelf || p.page != nil && p.folds() && hasOtherCase(r)) {
		return p.foreignLiteral(r)
	}
	c := byte(r)
	fold := p.has(Caseless) && isLetter(c)
	if fold {
		c |= 0x20
	}
	// Digits and the like fold to themselves: marking them too lets literals join.
	return &node{kind: kLiteral, text: []byte{c}, fold: p.has(Caseless)}
}

// quantified reads the quantifier behind an item, if there is one.
func (p *parser) quantified(item *node) (*node, error) {
	if err := p.skip(); err != nil {
		return nil, err
	}
	at := p.pos
	lo, hi, size := p.quantifier()
	if size == 0 {
		return item, nil
	}
	if lo > maxRepeat || hi > maxRepeat && hi != unlimited {
		return nil, p.fail(at, "number too big in {} quantifier")
	}
	if hi < lo {
		return nil, p.fail(at, "numbers out of order in {} quantifier")
	}
	if item.kind == kAssert || item.kind == kKeep || item.kind == kFail {
		return nil, p.fail(at, "quantifier does not follow a repeatable item")
	}
	p.pos += size
	mode := p.mode()
	if err := p.skip(); err != nil {
		return nil, err
	}
	if _, _, again := p.quantifier(); again > 0 {
		return nil, p.fail(p.pos, "quantifier does not follow a repeatable item")
	}
	return repeat(item, lo, hi, mode), nil
}

// repeat makes the node of item{lo,hi}. Repeating an assertion says nothing new.
func repeat(item *node, lo, hi int, mode uint8) *node {
	if item.kind == kLook {
		lo, hi = min(lo, 1), min(hi, 1)
	}
	if lo == 1 && hi == 1 && mode != possessive {
		return item
	}
	// A literal of several bytes here is \Q…\E or an escape: only its last byte is repeated.
	if item.kind == kLiteral && len(item.text) > 1 {
		last := len(item.text) - 1
		tail := &node{kind: kLiteral, fold: item.fold, text: item.text[last:]}
		head := &node{kind: kLiteral, fold: item.fold, text: item.text[:last:last]}
		return &node{kind: kSequence, subs: []*node{head, repeat(tail, lo, hi, mode)}}
	}
	return &node{kind: kRepeat, subs: []*node{item}, min: lo, max: hi, mode: mode}
}

// quantifier looks at the quantifier at the position; size is 0 if there is none.
func (p *parser) quantifier() (lo, hi, size int) {
	if !p.more() {
		return 0, 0, 0
	}
	switch p.text[p.pos] {
	case '*':
		return 0, unlimited, 1
	case '+':
		return 1, unlimited, 1
	case '?':
		return 0, 1, 1
	case '{':
		return p.braces()
	}
	return 0, 0, 0
}

// braces looks at {n}, {n,} or {n,m}; anything else that begins with { is a literal.
func (p *parser) braces() (lo, hi, size int) {
	body, _, ok := strings.Cut(p.rest()[1:], "}")
	if !ok {
		return 0, 0, 0
	}
	from, to, two := strings.Cut(body, ",")
	if from == "" && two && to != "" && p.has(Python) {
		from = "0"
	}
	if lo, ok = decimal(from); !ok {
		return 0, 0, 0
	}
	hi = lo
	if two && to == "" {
		hi = unlimited
	} else if two {
		if hi, ok = decimal(to); !ok {
			return 0, 0, 0
		}
	}
	return lo, hi, len(body) + 2
}

// mode reads the ? or + behind a quantifier.
func (p *parser) mode() uint8 {
	if p.has(Extended) {
		_ = p.skip() // a fault in a comment is found again by the next one who skips
	}
	ungreedy := p.has(Ungreedy)
	switch {
	case p.accept("+"):
		return possessive
	case p.accept("?") != ungreedy:
		return lazy
	}
	return greedy
}

// decimal reads a number of digits only; what is too large comes back as maxRepeat+1.
func decimal(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return 0, false
		}
		n = min(10*n+int(s[i]-'0'), maxRepeat+1)
	}
	return n, s != ""
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }
func isDigit(c byte) bool  { return c-'0' < 10 }
func isSpace(c byte) bool  { return c == ' ' || c-'\t' < 5 }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
