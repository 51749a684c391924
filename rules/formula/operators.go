package formula

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// levels are Python's operators on two numbers, those that bind least first. All of a level bind to the left.
var levels = [...][]string{
	{"or"}, {"and"}, {"not"}, {"<", ">", "<=", ">=", "==", "!="}, {"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%"},
}

// The levels that are more than a row of operators.
const (
	negating  = 2
	comparing = 3
)

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
	"|":  func(a, b float64) float64 { return bitwise(a, b, func(x, y int64) int64 { return x | y }) },
	"^":  func(a, b float64) float64 { return bitwise(a, b, func(x, y int64) int64 { return x ^ y }) },
	"&":  func(a, b float64) float64 { return bitwise(a, b, func(x, y int64) int64 { return x & y }) },
	"<<": func(a, b float64) float64 { return a * math.Exp2(math.Trunc(b)) },
	">>": func(a, b float64) float64 { return math.Floor(a / math.Exp2(math.Trunc(b))) },
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b },
	"//": func(a, b float64) float64 { return math.Round((a - modulo(a, b)) / b) },
	"%":  modulo,
}

// modulo is what is left over, with the sign of b.
func modulo(a, b float64) float64 {
	left := math.Mod(a, b)
	if left != 0 && (left < 0) != (b < 0) {
		left += b
	}
	return left
}

// bitwise works on the bits of integers; NaN where they have more than fit, as Python's may.
func bitwise(a, b float64, f func(x, y int64) int64) float64 {
	if fits := math.Abs(a) < 1<<63 && math.Abs(b) < 1<<63; !fits { // nor does NaN
		return math.NaN()
	}
	return float64(f(int64(a), int64(b)))
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// binary reads operators of a level and of those that bind more.
func (r *reader) binary(level int) float64 {
	switch level {
	case len(levels):
		return r.unary()
	case negating:
		return r.negated()
	case comparing:
		return r.compared()
	}
	v := r.binary(level + 1)
	for {
		op, ok := r.take(levels[level]...)
		if !ok {
			return v
		}
		v = operators[op](v, r.binary(level+1))
	}
}

// negated reads a comparison with any number of nots before it: one of them makes a truth of it, each further one turns it.
func (r *reader) negated() float64 {
	nots := 0
	for _, ok := r.take("not"); ok; _, ok = r.take("not") {
		nots++
	}
	v := r.binary(comparing)
	if nots == 0 {
		return v
	}
	return truth((v == 0) == (nots%2 == 1))
}

// compared reads a comparison. A chain holds if each of its links does: 1 < x <= 5 is 1 < x and x <= 5.
func (r *reader) compared() float64 {
	left := r.binary(comparing + 1)
	result, links := left, 0
	for {
		op, ok := r.take(levels[comparing]...)
		if !ok {
			return result
		}
		right := r.binary(comparing + 1)
		if links == 0 || result != 0 {
			result = operators[op](left, right)
		}
		left, links = right, links+1
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

// function is something that may be called, with so many arguments.
type function struct {
	least, most int
	of          func(a []float64) float64
}

// one makes a function of one argument.
func one(f func(float64) float64) function {
	return function{1, 1, func(a []float64) float64 { return f(a[0]) }}
}

// maxArguments bounds those of min and max.
const maxArguments = 32

var functions = map[string]function{
	"math.exp": one(math.Exp), "math.sqrt": one(math.Sqrt), "math.log2": one(math.Log2), "math.log10": one(math.Log10),
	"math.floor": one(math.Floor), "math.ceil": one(math.Ceil), "int": one(math.Trunc), "abs": one(math.Abs),
	"float":         one(func(a float64) float64 { return a }),
	"bool":          one(func(a float64) float64 { return truth(a != 0) }),
	"math.pow":      {2, 2, power},
	"pow":           {2, 2, power},
	"math.log":      {1, 2, logarithm},
	"round":         {1, 2, rounded},
	"random.random": {0, 0, func([]float64) float64 { return rand.Float64() }},
	"min":           {2, maxArguments, func(a []float64) float64 { return fold(a, math.Min) }},
	"max":           {2, maxArguments, func(a []float64) float64 { return fold(a, math.Max) }},
}

func power(a []float64) float64 { return math.Pow(a[0], a[1]) }

func logarithm(a []float64) float64 {
	if len(a) == 2 {
		return math.Log(a[0]) / math.Log(a[1])
	}
	return math.Log(a[0])
}

// rounded rounds halves to even, as Python does.
func rounded(a []float64) float64 {
	scale := 1.0
	if len(a) == 2 {
		scale = math.Pow(10, math.Trunc(a[1]))
	}
	return math.RoundToEven(a[0]*scale) / scale
}

func fold(a []float64, f func(a, b float64) float64) float64 {
	v := a[0]
	for _, b := range a[1:] {
		v = f(v, b)
	}
	return v
}

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
	f, known := functions[word]
	switch {
	case word == "(":
		v := r.choice()
		r.want(")")
		return v
	case !known:
		r.fail("%q is not known", word)
		return 0
	}
	return r.call(word, &f)
}

// call reads the arguments of a function and computes it.
func (r *reader) call(name string, f *function) float64 {
	r.want("(")
	var list []float64
	for _, end := r.take(")"); !end && r.err == nil; _, end = r.take(")") {
		if len(list) > 0 {
			r.want(",")
		}
		if list = append(list, r.choice()); len(list) > maxArguments {
			break
		}
	}
	if r.err == nil && (len(list) < f.least || len(list) > f.most) {
		r.fail("%s takes %d to %d arguments, not %d", name, f.least, f.most, len(list))
	}
	if r.err != nil {
		return 0
	}
	return f.of(list)
}
