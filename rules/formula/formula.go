// Package formula computes the length of a ban by fail2ban's bantime.formula: of Python the arithmetic that fail2ban's
// manual shows, on ban.Time, ban.Count and banFactor: operators, chains of comparisons, not, and, or, A if C else B, and the
// functions in operators.go. It is no Python: nothing else can be called, every formula ends, and its text is bounded.
package formula

import (
	"errors"
	"fmt"
	"math"
	"regexp"
)

// The bounds of a formula.
const (
	maxText  = 1024 // bytes
	maxDepth = 64   // parentheses and operators within each other
)

// Ban is what a formula is about.
type Ban struct {
	Time   float64 // seconds of a first ban
	Count  int     // bans that went before
	Factor float64 // bantime.factor
}

var token = regexp.MustCompile(`\s+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|[A-Za-z_][\w.]*|<<|>>|\*\*|//|[<>=!]=|[-+*/%()<>,&|^]`)

// Seconds computes the formula. Its error says what is not understood and where.
func Seconds(text string, b Ban) (float64, error) {
	if len(text) > maxText {
		return 0, fmt.Errorf("a formula of %d bytes, %d are allowed", len(text), maxText)
	}
	r := reader{names: map[string]float64{
		"ban.Time": b.Time, "ban.Count": float64(b.Count), "banFactor": b.Factor, "math.e": math.E, "math.pi": math.Pi, "True": 1, "False": 0,
	}}
	if err := r.cut(text); err != nil {
		return 0, err
	}
	v := r.choice()
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%q is not expected", r.rest[0])
	}
	if r.err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		r.err = errNoNumber
	}
	return v, r.err
}

var errNoNumber = errors.New("the result is no number that a ban could last")

// reader reads and computes a formula at once: both sides of a choice are computed, which costs and changes nothing.
type reader struct {
	rest  []string
	names map[string]float64
	depth int
	err   error // the first; what is computed after it means nothing
}

func (r *reader) cut(text string) error {
	for at := 0; at < len(text); {
		found := token.FindStringIndex(text[at:])
		if found == nil || found[0] != 0 {
			return fmt.Errorf("%q is not understood", text[at:])
		}
		if word := text[at : at+found[1]]; word[0] > ' ' {
			r.rest = append(r.rest, word)
		}
		at += found[1]
	}
	return nil
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

// take takes the next token if it is one of words.
func (r *reader) take(words ...string) (string, bool) {
	if len(r.rest) == 0 {
		return "", false
	}
	for _, w := range words {
		if r.rest[0] == w {
			r.rest = r.rest[1:]
			return w, true
		}
	}
	return "", false
}

func (r *reader) want(word string) {
	if _, ok := r.take(word); !ok {
		r.fail("%q is missing", word)
	}
}

// choice is A if C else B, which binds least.
func (r *reader) choice() float64 {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		r.fail("it is nested more than %d deep", maxDepth)
		return 0
	}
	v := r.binary(0)
	if _, ok := r.take("if"); !ok {
		return v
	}
	condition := r.binary(0)
	r.want("else")
	otherwise := r.choice()
	if condition != 0 {
		return v
	}
	return otherwise
}
