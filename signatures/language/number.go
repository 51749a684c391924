package language

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Compare is how a Number is held against a value.
type Compare uint8

// The comparisons of Suricata's integer keywords (manual, "Integer Keywords"). Between is exclusive on both sides,
// Outside is its negation; Mask compares value&A with B.
const (
	Equal Compare = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Between
	Outside
	Mask
	NotMask
)

// Number is a comparison with one or two numbers.
type Number struct {
	Op   Compare
	A, B uint64 // B is valid iff Op is Between, Outside, Mask or NotMask
}

// Match tells whether a value satisfies the comparison.
func (n Number) Match(v uint64) bool {
	switch n.Op {
	case Equal:
		return v == n.A
	case NotEqual:
		return v != n.A
	case Less:
		return v < n.A
	case LessEqual:
		return v <= n.A
	case Greater:
		return v > n.A
	case GreaterEqual:
		return v >= n.A
	case Between:
		return n.A < v && v < n.B
	case Outside:
		return v <= n.A || v >= n.B
	case Mask:
		return v&n.A == n.B
	case NotMask:
		return v&n.A != n.B
	}
	return false
}

// String prints the comparison as a rule writes it.
func (n Number) String() string {
	switch n.Op {
	case Between:
		return fmt.Sprintf("%d-%d", n.A, n.B)
	case Outside:
		return fmt.Sprintf("!%d-%d", n.A, n.B)
	case Mask:
		return fmt.Sprintf("&%#x=%#x", n.A, n.B)
	case NotMask:
		return fmt.Sprintf("&%#x!=%#x", n.A, n.B)
	}
	return [...]string{"", "!", "<", "<=", ">", ">="}[n.Op] + strconv.FormatUint(n.A, 10)
}

// ParseNumber reads "5", "=5", "!5", "!=5", "<5", "<=5", ">5", ">=5", "5-10", "5<>10", "!5-10", "&0xf0=0x10" and
// "&0xf0!=0". Numbers are decimal or 0x hexadecimal, decimal ones may carry a unit (kb, kib = 1,024; mb, mib; gb,
// gib). bits (8, 16, 32, 64) bounds them. Comparisons that are always true or never are refused, as are ranges
// with nothing between their ends.
func ParseNumber(value string, bits int) (Number, error) {
	s := strings.Trim(value, blanks)
	most := uint64(math.MaxUint64) >> (64 - bits)
	if rest, ok := strings.CutPrefix(s, "&"); ok {
		return parseMask(rest, most)
	}
	if n, ok, err := parseRange(s, most, false); ok || err != nil {
		return n, err
	}
	op, rest := operator(s)
	a, err := parseUint(strings.TrimLeft(rest, blanks), most)
	if err != nil {
		return Number{}, err
	}
	n := Number{Op: op, A: a}
	switch {
	case a == 0 && op == Less, a == most && op == Greater:
		return n, fmt.Errorf("%q never matches", s)
	case a == 0 && op == GreaterEqual, a == most && op == LessEqual:
		return n, fmt.Errorf("%q always matches", s)
	}
	return n, nil
}

// ParseNumberInclusive is ParseNumber with ranges that hold their ends (port numbers, some older keywords).
func ParseNumberInclusive(value string, bits int) (Number, error) {
	s := strings.Trim(value, blanks)
	most := uint64(math.MaxUint64) >> (64 - bits)
	n, ok, err := parseRange(s, most, true)
	if !ok && err == nil {
		return ParseNumber(value, bits)
	}
	return n, err
}

// ParseNumberOrName is ParseNumber for keywords whose values have names: "text", "!text". Names are compared in
// lower case; names returns a name's value.
func ParseNumberOrName(value string, bits int, names func(string) (uint64, bool)) (Number, error) {
	n, err := ParseNumber(value, bits)
	if err == nil {
		return n, nil
	}
	s, negated := strings.CutPrefix(strings.Trim(value, blanks), "!")
	s = strings.ToLower(strings.TrimLeft(s, blanks))
	v, ok := names(s)
	switch {
	case !ok && (s == "" || strings.ContainsAny(s[:1], "0123456789<>=&")):
		return Number{}, err
	case !ok:
		return Number{}, fmt.Errorf("unknown name %q", clip(s))
	case negated:
		return Number{Op: NotEqual, A: v}, nil
	}
	return Number{Op: Equal, A: v}, nil
}

// operator cuts the comparison off; none means Equal.
func operator(s string) (Compare, string) {
	for _, o := range [...]struct {
		text string
		op   Compare
	}{{">=", GreaterEqual}, {"<=", LessEqual}, {">", Greater}, {"<", Less}, {"!=", NotEqual}, {"!", NotEqual}, {"=", Equal}} {
		if rest, ok := strings.CutPrefix(s, o.text); ok {
			return o.op, rest
		}
	}
	return Equal, s
}

// parseRange reads "a-b" and "a<>b", negated or not; false when s is no range. An inclusive range is stored by
// the numbers around it, or as one comparison where there is none.
func parseRange(s string, most uint64, inclusive bool) (Number, bool, error) {
	body, negated := strings.CutPrefix(s, "!")
	first, last, ok := strings.Cut(body, "<>")
	if !ok {
		first, last, ok = strings.Cut(body, "-")
	}
	if !ok {
		return Number{}, false, nil
	}
	a, err := parseUint(strings.Trim(first, blanks), most)
	if err != nil {
		return Number{}, false, err
	}
	b, err := parseUint(strings.Trim(last, blanks), most)
	if err != nil {
		return Number{}, false, err
	}
	if b <= a || !inclusive && b-a < 2 {
		return Number{}, false, fmt.Errorf("nothing lies between %d and %d", a, b)
	}
	n, err := between(a, b, most, inclusive)
	if negated {
		n.Op = opposite(n.Op)
	}
	return n, true, err
}

func between(a, b, most uint64, inclusive bool) (Number, error) {
	switch {
	case !inclusive:
		return Number{Between, a, b}, nil
	case a == 0 && b == most:
		return Number{}, errors.New("range holds every number")
	case a == 0:
		return Number{Op: LessEqual, A: b}, nil
	case b == most:
		return Number{Op: GreaterEqual, A: a}, nil
	}
	return Number{Between, a - 1, b + 1}, nil
}

// opposite returns the comparison that matches what op does not.
func opposite(op Compare) Compare {
	return [...]Compare{
		Equal: NotEqual, NotEqual: Equal, Less: GreaterEqual, LessEqual: Greater, Greater: LessEqual,
		GreaterEqual: Less, Between: Outside, Outside: Between, Mask: NotMask, NotMask: Mask,
	}[op]
}

func parseMask(s string, most uint64) (Number, error) {
	mask, want, ok := strings.Cut(s, "=")
	if !ok {
		return Number{}, errors.New(`mask has no "=value"`)
	}
	n := Number{Op: Mask}
	if m, negated := strings.CutSuffix(mask, "!"); negated {
		mask, n.Op = m, NotMask
	}
	var err error
	if n.A, err = parseUint(strings.Trim(mask, blanks), most); err != nil {
		return Number{}, err
	}
	n.B, err = parseUint(strings.Trim(want, blanks), most)
	return n, err
}

// parseUint reads one number, with its unit.
func parseUint(s string, most uint64) (uint64, error) {
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		v, err := strconv.ParseUint(s[2:], 16, 64)
		return v, numberErr(s, err != nil, v, most)
	}
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	scale := unit(strings.Trim(s[end:], blanks))
	v, err := strconv.ParseUint(s[:end], 10, 64)
	bad := err != nil && !errors.Is(err, strconv.ErrRange) || scale == 0
	if errors.Is(err, strconv.ErrRange) || scale > 1 && v > math.MaxUint64/scale {
		return 0, fmt.Errorf("%q is larger than %d", clip(s), most)
	}
	return v * scale, numberErr(s, bad, v*scale, most)
}

func numberErr(s string, bad bool, v, most uint64) error {
	if bad {
		return fmt.Errorf("%q is not a number", clip(s))
	}
	if v > most {
		return fmt.Errorf("%q is larger than %d", clip(s), most)
	}
	return nil
}

// unit returns what a suffix multiplies by; 0 when it is none.
func unit(s string) uint64 {
	switch strings.ToLower(s) {
	case "":
		return 1
	case "kb", "kib":
		return 1 << 10
	case "mb", "mib":
		return 1 << 20
	case "gb", "gib":
		return 1 << 30
	}
	return 0
}
