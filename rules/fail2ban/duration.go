package fail2ban

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unitSeconds are the units of time, each with its abbreviations. Case doesn't count: 1M is a minute.
var unitSeconds = map[string]float64{
	"s": 1, "ss": 1, "sec": 1, "second": 1, "seconds": 1,
	"m": 60, "mm": 60, "min": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hh": 3600, "hou": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "dd": 86400, "da": 86400, "day": 86400, "days": 86400,
	"w": 604800, "ww": 604800, "wee": 604800, "week": 604800, "weeks": 604800,
	"mo": 2629800, "mon": 2629800, "month": 2629800, "months": 2629800,
	"y": 31557600, "yy": 31557600, "yea": 31557600, "year": 31557600, "years": 31557600,
}

// Seconds reads a time span as jail.conf writes it: 600, -1, 10m, 1d12h30m, 1h 2m, 60*60*24, and the same with a comment
// behind it. fail2ban evaluates the text as a program; here it is arithmetic and nothing else.
func Seconds(text string) (float64, error) {
	if i := strings.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	p := spanParser{rest: strings.TrimSpace(text)}
	v, err := p.sum(0)
	switch {
	case err != nil:
	case p.rest != "":
		err = fmt.Errorf("unexpected %q", p.rest)
	case math.IsInf(v, 0) || math.IsNaN(v):
		err = fmt.Errorf("no finite number")
	}
	if err != nil {
		return 0, fmt.Errorf("time span %q: %w (write seconds, or numbers with s, m, h, d, w, mo, y)", text, err)
	}
	return v, nil
}

// spanParser reads sums of products of numbers with units.
type spanParser struct{ rest string }

// maxNesting bounds parentheses and signs.
const maxNesting = 50

func (p *spanParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

// take reads one of some operators.
func (p *spanParser) take(operators string) byte {
	p.skip()
	if p.rest == "" || strings.IndexByte(operators, p.rest[0]) < 0 {
		return 0
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	return c
}

// sum reads terms; those that stand side by side add up.
func (p *spanParser) sum(depth int) (float64, error) {
	total, err := p.product(depth)
	for err == nil {
		sign := 1.0
		switch p.take("+-") {
		case '+':
		case '-':
			sign = -1
		default:
			if p.rest == "" || p.rest[0] < '0' || p.rest[0] > '9' {
				return total, nil
			}
		}
		var term float64
		term, err = p.product(depth)
		total += sign * term
	}
	return 0, err
}

func (p *spanParser) product(depth int) (float64, error) {
	total, err := p.factor(depth)
	for err == nil {
		op := p.take("*/")
		if op == 0 {
			return total, nil
		}
		var f float64
		f, err = p.factor(depth)
		if op == '*' {
			total *= f
			continue
		}
		if f == 0 && err == nil {
			return 0, fmt.Errorf("division by zero")
		}
		total /= f
	}
	return 0, err
}

func (p *spanParser) factor(depth int) (float64, error) {
	if depth > maxNesting {
		return 0, fmt.Errorf("nested too deep")
	}
	switch p.take("+-(") {
	case '-':
		v, err := p.factor(depth + 1)
		return -v, err
	case '+':
		return p.factor(depth + 1)
	case '(':
		v, err := p.sum(depth + 1)
		if err == nil && p.take(")") == 0 {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return v, err
	}
	return p.number()
}

func (p *spanParser) number() (float64, error) {
	n := 0
	for n < len(p.rest) && (p.rest[n] >= '0' && p.rest[n] <= '9' || p.rest[n] == '.') {
		n++
	}
	v, err := strconv.ParseFloat(p.rest[:n], 64)
	if err != nil {
		return 0, fmt.Errorf("a number is wanted before %.20q", p.rest)
	}
	p.rest = p.rest[n:]
	return v * p.unit(), nil
}

// unit reads the unit behind a number, 1 if there is none.
func (p *spanParser) unit() float64 {
	rest := strings.TrimLeft(p.rest, " \t\n")
	n := 0
	for n < len(rest) && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z') {
		n++
	}
	u, ok := unitSeconds[strings.ToLower(rest[:n])]
	if !ok {
		return 1
	}
	p.rest = rest[n:]
	return u
}
