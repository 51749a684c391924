package rules

import (
	"fmt"
	"io"
	"strings"
	"time"

	"picket/rules/dates"
	"picket/rules/expression"
	"picket/signatures/pcre"
)

// DateHits lists the date templates that were used.
func (j *Judge) DateHits() []dates.Hits { return j.detector.Hits() }

// Explain writes how a filter judges one line, step by step. Without date the line carries none.
func Explain(w io.Writer, f *Filter, clock dates.Clock, line []byte, undated bool) {
	j := NewJudge(f, clock)
	text := append(append([]byte(nil), line...), '\n')
	if !undated {
		text = append([]byte(nil), j.explainDate(w, line)...)
	}
	if f.prefix != nil {
		if !explainExpression(w, "prefregex", f.prefix, text, &j.matcher) {
			fmt.Fprintln(w, "no failure: the prefix does not match")
			return
		}
		if content, ok := f.prefix.Content(text, &j.matcher); ok {
			text = append(append([]byte(nil), content...), '\n')
			fmt.Fprintf(w, "  the others see %q\n", text)
		}
	}
	for i, e := range f.failures {
		explainExpression(w, fmt.Sprintf("failregex %d", i+1), e, text, &j.matcher)
	}
	for i, e := range f.ignores {
		explainExpression(w, fmt.Sprintf("ignoreregex %d", i+1), e, text, &j.matcher)
	}
	explainVerdict(w, NewJudge(f, clock), line, undated)
}

func (j *Judge) explainDate(w io.Writer, line []byte) []byte {
	found, ok := j.detector.Find(line)
	switch {
	case !ok:
		fmt.Fprintln(w, "date: none found; the time is now")
	case !found.Dated:
		fmt.Fprintf(w, "date: %q is none (template %s)\n", line[found.Start:found.End], found.Template.Name())
	default:
		t := time.Unix(0, found.Nanos)
		fmt.Fprintf(w, "date: %q is %s (template %s)\n", line[found.Start:found.End], t.UTC().Format(time.RFC3339Nano), found.Template.Name())
	}
	body := j.dated(line).body
	fmt.Fprintf(w, "  without it %q\n", body)
	return body
}

// explainExpression tells whether an expression matches, what it captures, or how far it could come.
func explainExpression(w io.Writer, name string, e *expression.Expression, text []byte, m *pcre.Matcher) bool {
	switch e.Match(text, m) {
	case pcre.Matched:
		fmt.Fprintf(w, "%s: matches\n  %s\n", name, e)
		fields := expression.Fields{}
		e.Fill(&fields, string(text), m)
		printFields(w, fields)
		return true
	case pcre.LimitHit:
		fmt.Fprintf(w, "%s: given up at the step limit\n  %s\n", name, e)
	default:
		fmt.Fprintf(w, "%s: no; %s\n", name, whereStopped(e, text, m))
	}
	return false
}

// whereStopped names the missing literal, or the longest beginning of the expression that matches still.
func whereStopped(e *expression.Expression, text []byte, m *pcre.Matcher) string {
	if needed, _ := e.Regexp().Required(); len(needed) >= leastLiteral && !strings.Contains(strings.ToLower(string(text)), strings.ToLower(string(needed))) {
		return fmt.Sprintf("%q is not in the line", needed)
	}
	source := e.String()
	for n := len(source) - 1; n > 0; n-- {
		part, err := expression.Compile(source[:n], expression.Options{Names: true})
		if err != nil || part.Match(text, m) != pcre.Matched {
			continue
		}
		_, end := m.Span()
		return fmt.Sprintf("matches up to %q, stops in the line before %q", source[:n], text[end:])
	}
	return "its beginning does not match"
}

func printFields(w io.Writer, fields expression.Fields) {
	for _, f := range fields {
		fmt.Fprintf(w, "  %s = %q\n", f.Name, f.Text)
	}
}

func explainVerdict(w io.Writer, j *Judge, line []byte, undated bool) {
	var f Failure
	var o Outcome
	var ok bool
	if undated {
		f, o, ok = j.At(line, j.detector.Clock.Now.UnixNano())
	} else {
		f, o, ok = j.Line(line)
	}
	switch {
	case ok:
		fmt.Fprintf(w, "failure of %s by failregex %d\n", f.ID, f.Expression+1)
	case o == Ignored:
		fmt.Fprintln(w, "no failure: ignored")
	case o == Matched:
		fmt.Fprintln(w, "no failure yet: the line counts when the same connection fails")
	default:
		fmt.Fprintln(w, "no failure")
	}
}
