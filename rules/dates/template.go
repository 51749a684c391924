package dates

import (
	"fmt"
	"regexp"
	"strings"

	"picket/signatures/pcre"
)

// form is how the text of a date is read.
type form uint8

const (
	fieldsForm form = iota // named groups
	epochForm              // Unix seconds, perhaps with a fraction
	longEpoch              // Unix seconds, milli- or microseconds
	taiForm                // TAI64N
)

// Template is one way of writing dates. It never changes.
type Template struct {
	name       string // what makes it the same as another
	pattern    string // "" if it has no %-fields
	re         *pcre.Regexp
	form       form
	fields     []field
	epochGroup int
	begin, end bool // matches at the line's beginning, or end, only
	weight     float64
	fast       *fastReader
}

// field is a group of the expression that fills a field of the date.
type field struct {
	group  int
	letter byte
}

// Name returns the pattern as configured.
func (t *Template) Name() string { return t.name }

// Expression returns the regular expression behind the template.
func (t *Template) Expression() string { return t.re.String() }

func newTemplate(name string, e expression, f form) (*Template, error) {
	re, err := pcre.Compile(e.text, pcre.Python)
	if err != nil {
		return nil, fmt.Errorf("date pattern %q: %w", name, err)
	}
	if re.Groups() == 0 {
		return nil, fmt.Errorf("date pattern %q: no group for the date", name)
	}
	t := &Template{name: name, re: re, form: f, epochGroup: 1, begin: e.begin, end: e.end, weight: 1}
	if e.named && !strings.HasPrefix(name, lineBegin) {
		t.name = lineBegin + name
	}
	for g := 1; g <= re.Groups(); g++ {
		if n := re.GroupName(g); len(n) == 1 && f == fieldsForm {
			t.fields = append(t.fields, field{g, n[0]})
		}
	}
	return t, nil
}

var epochInPattern = regexp.MustCompile(`(?i)(^|[^\\])\{L?EPOCH\}`)

// parseTemplate reads one pattern that is no collection ({DEFAULT}, {DATE}).
func parseTemplate(pattern string, year int) (*Template, error) {
	key := pattern
	if !strings.Contains(pattern, "%") {
		key = strings.ToUpper(pattern)
	}
	if epochInPattern.MatchString(pattern) {
		return epochPattern(pattern, strings.Contains(key, "LEPOCH"))
	}
	begin := anywhere
	word, anchored := strings.CutPrefix(key, lineBegin)
	if rest, caret := strings.CutPrefix(key, "^"); caret && !anchored {
		word, anchored = rest, true
	}
	if anchored {
		begin = atLine
	}
	switch word {
	case "EPOCH", "LEPOCH":
		return epochTemplate(word == "LEPOCH", begin)
	case "TAI64N":
		return newTemplate("TAI64N", boundExpression(`@[0-9a-f]{24}`, begin, true), taiForm)
	}
	e, err := patternExpression(pattern, year)
	if err != nil {
		return nil, err
	}
	t, err := newTemplate(pattern, e, fieldsForm)
	if err != nil {
		return nil, err
	}
	t.pattern = pattern
	t.fast = fastFor(pattern)
	return t, nil
}

const (
	epochExpr     = `\d{10,11}\b(?:\.\d{3,6})?`
	longEpochExpr = `\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?`
)

func epochForms(long bool) (name, expr string, f form) {
	if long {
		return "LongEpoch", longEpochExpr, longEpoch
	}
	return "Epoch", epochExpr, epochForm
}

// epochPattern is {EPOCH} inside a pattern; the whole match is cut out of the line.
func epochPattern(pattern string, long bool) (*Template, error) {
	_, expr, f := epochForms(long)
	expr = strings.ReplaceAll(expr, "$", "$$")
	text := "(" + epochInPattern.ReplaceAllString(pattern, "${1}("+expr+")") + ")"
	t, err := newTemplate(pattern, boundExpression(text, atWord, true), f)
	if err == nil {
		t.epochGroup = 2
	}
	return t, err
}

// epochTemplate stands at the line's beginning, in its brackets there, or in audit(…).
func epochTemplate(long bool, begin bound) (*Template, error) {
	name, expr, f := epochForms(long)
	if begin == atLine {
		e := boundExpression(`((?P<square>(?<=^\[))?`+expr+`)(?(square)(?=\]))`, atLine, true)
		return newTemplate(name, e, f)
	}
	text := `((?:^|(?P<square>(?<=^\[))|(?P<selinux>(?<=\baudit\()))` + expr + `)(?:(?(selinux)(?=:\d+\)))|(?(square)(?=\])))`
	return newTemplate(name, boundExpression(text, anywhere, true), f)
}

// match is where a template matched a line.
type match struct {
	start, end         int // of the whole match
	dateStart, dateEnd int // of the date, which is cut out of the line
}

// find looks for the template's date; m remembers the groups unless the fast reader answered.
func (t *Template) find(line []byte, limit int, from int, m *pcre.Matcher) (match, bool) {
	if limit > len(line) {
		limit = len(line)
	}
	if from < 0 || from > limit || t.re.Match(line[:limit], from, m) != pcre.Matched {
		return match{}, false
	}
	var r match
	r.start, r.end = m.Span()
	if s, e, ok := m.Group(1); ok {
		r.dateStart, r.dateEnd = s, e
	}
	return r, true
}
