package dates

import (
	"regexp"
	"strings"
)

// bound says where a template may stand in a line.
type bound uint8

const (
	anywhere bound = iota // as the pattern says
	atWord                // where a word begins
	atLine                // at the beginning of the line, behind at most two other characters
)

const lineBegin = "{^LN-BEG}"

var (
	plainGroup  = regexp.MustCompile(`(^|[^\\])\((?:[^?]|$)`)
	boundFirst  = regexp.MustCompile(`^\(*(?:\(\?\w+\))?(?:\^|\(*\*\*|\((?:\?:)?\^)`)
	boundLast   = regexp.MustCompile(`(?:^|[^\\])(?:\$\)?|\\b|\\s|\*\*\)*)$`)
	lineFirst   = regexp.MustCompile(`^(?:\^|\((?:\?:)?\^(?:[^|]|$))`)
	lineLast    = regexp.MustCompile(`(?:^|[^\\|])\$\)?$`)
	starsFirst  = regexp.MustCompile(`^(\(*)\*\*`)
	starsLast   = regexp.MustCompile(`\*\*(\)*)$`)
	globalFlags = regexp.MustCompile(`^\(\?[a-z]+\)`)
	groupParts  = regexp.MustCompile(`(?s)^(\^?)(.*?)(\$?)$`)
)

// expression is a pattern as a regular expression whose group 1 is the date.
type expression struct {
	text       string
	begin, end bool // it can match at the line's beginning, or its end, only
	named      bool // the boundary at the line's beginning was added to it
}

// boundExpression adds boundaries of words or lines to an expression and group 1, unless the expression has its own.
func boundExpression(expr string, begin bound, end bool) expression {
	expr = strings.TrimSpace(expr)
	flags := globalFlags.FindString(expr)
	expr = expr[len(flags):]
	boundBegin := begin != anywhere && !boundFirst.MatchString(expr)
	boundEnd := end && !boundLast.MatchString(expr)
	if !plainGroup.MatchString(expr) {
		expr = groupParts.ReplaceAllString(expr, "${1}(${2})${3}")
	}
	e := expression{}
	if boundBegin && begin == atLine {
		e.begin, e.named = true, true
		expr = `^(?:\W{0,2})?` + expr
	} else if boundBegin {
		expr = `(?=^|\b|\W)` + expr
	}
	if boundEnd {
		expr += `(?=\b|\W|$)`
	}
	e.begin = e.begin || lineFirst.MatchString(expr)
	e.end = lineLast.MatchString(expr)
	expr = starsFirst.ReplaceAllString(expr, "$1")
	expr = starsLast.ReplaceAllString(expr, "$1")
	e.text = flags + expr
	return e
}

// patternExpression turns a pattern with %-fields into an expression.
func patternExpression(pattern string, year int) (expression, error) {
	begin, end := atWord, true
	if rest, unbound := strings.CutPrefix(pattern, "{UNB}"); unbound {
		pattern, begin, end = rest, anywhere, false
	}
	if rest, ok := strings.CutPrefix(pattern, lineBegin); ok && begin != anywhere {
		pattern, begin = rest, atLine
	}
	expr, words, err := expandFields(pattern, year)
	if err != nil {
		return expression{}, err
	}
	if words {
		expr = `(?iu)` + expr
	}
	return boundExpression(expr, begin, end), nil
}
