package language

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds on address and port lists: variables may refer to variables, so a short text can ask for much.
const (
	maxListDepth    = 64 // Suricata's limit for nested lists and variables
	maxListElements = 64 << 10
)

// ListError says what is wrong with an address or port list, and what would be right.
type ListError struct{ Cause, Hint string }

func (e *ListError) Error() string { return e.Cause }

func listErr(hint, format string, args ...any) error {
	return &ListError{Cause: fmt.Sprintf(format, args...), Hint: hint}
}

func listHint(err error) string {
	if e := (*ListError)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// walker expands a list's brackets and variables and hands every plain element to each.
type walker struct {
	what     string // "address" or "port", for messages
	vars     map[string]string
	each     func(element string, negated bool) error
	elements int
}

// walk reads one element or several with commas between them; Suricata wants no brackets around a list that is not
// negated. Negations add up: "![!a]" is a.
func (w *walker) walk(text string, negated bool, depth int) error {
	if depth > maxListDepth {
		return listErr("does a variable refer to itself?", "%s list is nested deeper than %d", w.what, maxListDepth)
	}
	open, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			open++
		case ']':
			open--
		case ',':
			if open == 0 {
				if err := w.element(text[start:i], negated, depth); err != nil {
					return err
				}
				start = i + 1
			}
		}
		if open < 0 {
			return listErr("", "%s list %q has a closing bracket too many", w.what, clip(text))
		}
	}
	if open > 0 {
		return listErr("", "%s list %q lacks %d closing bracket(s)", w.what, clip(text), open)
	}
	return w.element(text[start:], negated, depth)
}

// element reads what stands between two commas.
func (w *walker) element(text string, negated bool, depth int) error {
	if w.elements++; w.elements > maxListElements {
		return listErr("", "%s list has more than %d elements", w.what, maxListElements)
	}
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "!") {
			return listErr("", "%s %q is negated twice", w.what, clip(text))
		}
		text, negated = rest, !negated
	}
	switch {
	case text == "":
		return listErr("is there a comma too many?", "%s list has an empty element", w.what)
	case text[0] == '[' && text[len(text)-1] == ']':
		return w.walk(text[1:len(text)-1], negated, depth+1)
	case text[0] == '$':
		return w.variable(text[1:], negated, depth)
	case strings.ContainsAny(text, "[]"):
		return listErr("", "%s %q has a bracket in an odd place", w.what, clip(text))
	}
	return w.each(text, negated)
}

func (w *walker) variable(name string, negated bool, depth int) error {
	value, ok := w.vars[name]
	if !ok {
		names := make([]string, 0, len(w.vars))
		for have := range w.vars {
			names = append(names, have)
		}
		return listErr(didYouMean(name, names), "undefined %s variable $%s", w.what, clip(name))
	}
	if err := w.walk(value, negated, depth+1); err != nil {
		return listErr(listHint(err), "$%s: %v", clip(name), err)
	}
	return nil
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
