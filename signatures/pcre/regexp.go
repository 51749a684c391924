package pcre

import "fmt"

// Flags changes how a pattern is read.
type Flags uint16

// The flags, with the letter that a rule writes behind /pattern/ where there is one.
const (
	Caseless      Flags = 1 << iota // i: ASCII letters match in either case
	Multiline                       // m: ^ and $ match at line ends too
	DotAll                          // s: . matches newlines too
	Extended                        // x: white space and # comments are skipped
	Ungreedy                        // G, (?U): quantifiers are lazy, and greedy with ?
	Anchored                        // A: matches begin at the start offset
	DollarEndOnly                   // E: $ does not match before a final newline
	NoCaptures                      // groups are recorded only where the pattern itself refers to them; faster
	Python                          // Python's dialect, see the package comment

	extendedMore // (?xx)
	noAutoCapture
	asciiOnly // (?a) in Python: \w, \d, \s, \b and case know ASCII only
)

// MaxPattern is the longest pattern read, in bytes.
const MaxPattern = 1 << 16

// Error says what is wrong with a pattern and where.
type Error struct {
	Pattern string
	Offset  int    // in bytes
	Problem string // names the construct
}

func (e *Error) Error() string {
	return fmt.Sprintf("pcre: %s at offset %d of %q", e.Problem, e.Offset, e.Pattern)
}

// Regexp is a compiled pattern. It never changes and may be shared by any number of goroutines.
type Regexp struct {
	pattern string
	prog    program
	names   []string // by group; "" for none
	anyOf   []Literal
	page    *page                   // what subjects are laid out by; nil: bytes are bytes, or the subject is ASCII
	paged   func() (*Regexp, error) // in Python's dialect: the one for subjects outside ASCII
}

// Compile reads a pattern. The error is an *Error.
func Compile(pattern string, opts Flags) (*Regexp, error) {
	if len(pattern) > MaxPattern {
		return nil, &Error{Pattern: pattern[:64] + "…", Offset: MaxPattern, Problem: "pattern is too long"}
	}
	if opts&Python != 0 {
		return compilePython(pattern, opts)
	}
	p := parser{text: pattern, flags: opts}
	tree, err := p.parse()
	if err != nil {
		return nil, err
	}
	return finish(tree, &p)
}

// finish makes the program of a tree.
func finish(tree *node, p *parser) (*Regexp, error) {
	prog, err := compile(tree, p)
	if err != nil {
		return nil, err
	}
	re := &Regexp{pattern: p.text, prog: prog, names: p.groupNames()}
	if p.page == nil || !p.page.defined {
		re.anyOf = requiredAny(tree)
	}
	return re, nil
}

// String returns the pattern.
func (re *Regexp) String() string { return re.pattern }

// Groups returns the number of capturing groups; group 0, the whole match, is not counted.
func (re *Regexp) Groups() int { return len(re.names) - 1 }

// GroupName returns the name of a group, "" if it has none.
func (re *Regexp) GroupName(group int) string { return re.names[group] }

// GroupNumber returns the number of a named group.
func (re *Regexp) GroupNumber(name string) (group int, ok bool) {
	for i, n := range re.names {
		if n == name && n != "" {
			return i, true
		}
	}
	return 0, false
}

// Required returns the longest literal that every match contains, nil if there is none of use. With nocase it is in lower
// case and occurs in either. The bytes belong to the Regexp.
func (re *Regexp) Required() (literal []byte, nocase bool) {
	if re.page != nil {
		return nil, false
	}
	return re.prog.required, re.prog.requiredNoCase
}

// MinLen returns a number of bytes that every match has at least.
func (re *Regexp) MinLen() int { return re.prog.minLen }
