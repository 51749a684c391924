package formula

import (
	"math"
	"strconv"
)

// levels are Python's operators on two numbers, those that bind least first. All of a level bind to the left.
var levels = [][]string{{"or"}, {"and"}, {"<", ">", "<=", ">=", "==", "!="}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%"}}

const comparing = 2 // the level of comparisons

var operators = map[string]func(a, b float64) float64{
	"or": func(a, b float64) float64 {
		if a != 0 {
			return a
		}
		return b
	},
	"and": func(a, b float64) float64 {
		if a == 0 {
			return a
		}
		return b
	},
	"<":  func(a, b float64) float64 { return truth(a < b) },
	">":  func(a, b float64) float64 { return truth(a > b) },
	"<=": func(a, b float64) float64 { return truth(a <= b) },
	">=": func(a, b float64) float64 { return truth(a >= b) },
	"==": func(a, b float64) float64 { return truth(a == b) },
	"!=": func(a, b float64) float64 { return truth(a != b) },
	"<<": func(a, b float64) float64 { return a * math.Exp2(math.Trunc(b)) },
	">>": func(a, b float64) float64 { return math.Floor(a / math.Exp2(math.Trunc(b))) },
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b },
	"//": func(a, b float64) float64 { return math.Floor(a / b) },
	"%":  func(a, b float64) float64 { return a - b*math.Floor(a/b) },
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// binary reads operators of a level and of those that bind more.
func (r *reader) binary(level int) float64 {
	if level == len(levels) {
		return r.unary()
	}
	v := r.binary(level + 1)
	for n := 0; ; n++ {
		op, ok := r.take(levels[level]...)
		if !ok {
			return v
		}
		if n > 0 && level == comparing {
			r.fail("a chain of comparisons is not understood") // Python's 1 < x < 5 has a meaning of its own
		}
		v = operators[op](v, r.binary(level+1))
	}
}

// unary reads signs; a power binds more than the sign before it.
func (r *reader) unary() float64 {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		r.fail("it is nested more than %d deep", maxDepth)
		return 0
	}
	switch sign, _ := r.take("-", "+"); sign {
	case "-":
		return -r.unary()
	case "+":
		return r.unary()
	}
	v := r.operand()
	if _, ok := r.take("**"); ok {
		return math.Pow(v, r.unary())
	}
	return v
}

// functions are what may be called.
var functions = map[string]func(a, b float64) float64{
	"math.exp":  func(a, _ float64) float64 { return math.Exp(a) },
	"math.log":  func(a, _ float64) float64 { return math.Log(a) },
	"math.sqrt": func(a, _ float64) float64 { return math.Sqrt(a) },
	"math.pow":  func(a, b float64) float64 { return math.Pow(a, b) },
	"pow":       func(a, b float64) float64 { return math.Pow(a, b) },
	"int":       func(a, _ float64) float64 { return math.Trunc(a) },
	"float":     func(a, _ float64) float64 { return a },
	"min":       func(a, b float64) float64 { return math.Min(a, b) },
	"max":       func(a, b float64) float64 { return math.Max(a, b) },
}

// pairs are the functions of two numbers; the others take one.
var pairs = map[string]bool{"math.pow": true, "pow": true, "min": true, "max": true}

// operand reads a number, a name, a call or something in parentheses.
func (r *reader) operand() float64 {
	if len(r.rest) == 0 {
		r.fail("the end is not expected")
		return 0
	}
	word := r.rest[0]
	r.rest = r.rest[1:]
	if v, err := strconv.ParseFloat(word, 64); err == nil && word[0] <= '9' {
		return v
	}
	if v, known := r.names[word]; known {
		return v
	}
	call := functions[word]
	switch {
	case word == "(":
		v := r.choice()
		r.want(")")
		return v
	case call == nil:
		r.fail("%q is not known", word)
		return 0
	}
	return r.call(word)
}

// call reads the arguments of a function and computes it.
func (r *reader) call(name string) float64 {
	r.want("(")
	a, b := r.choice(), 0.0
	if pairs[name] {
		r.want(",")
		b = r.choice()
	}
	r.want(")")
	return functions[name](a, b)
}
