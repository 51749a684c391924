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

// walk reads one element or list. Negations add up: "![!a]" is a.
func (w *walker) walk(text string, negated bool, depth int) error {
	text = strings.TrimSpace(text)
	if depth > maxListDepth {
		return listErr("does a variable refer to itself?", "%s list is nested deeper than %d", w.what, maxListDepth)
	}
	if w.elements++; w.elements > maxListElements {
		return listErr("", "%s list has more than %d elements", w.what, maxListElements)
	}
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "!") {
			return listErr("", "%s %q is negated twice", w.what, text)
		}
		text, negated = rest, !negated
	}
	switch {
	case text == "":
		return listErr("is there a comma too many?", "%s list has an empty element", w.what)
	case text[0] == '[':
		return w.list(text, negated, depth)
	case text[0] == '$':
		return w.variable(text[1:], negated, depth)
	case strings.ContainsAny(text, "[],"):
		if strings.ContainsRune(text, ',') {
			return listErr("write ["+clip(text)+"]", "%s list %q is not in brackets", w.what, clip(text))
		}
		return listErr("", "%s %q has an unexpected bracket", w.what, clip(text))
	}
	return w.each(text, negated)
}

// list reads "[a,b,...]" at commas outside of inner brackets.
func (w *walker) list(text string, negated bool, depth int) error {
	open, start := 0, 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			open++
		case ']':
			if open--; open == 0 {
				if i != len(text)-1 {
					return listErr("", "%s list has %q after its closing bracket", w.what, clip(text[i+1:]))
				}
				return w.walk(text[start:i], negated, depth+1)
			}
		case ',':
			if open == 1 {
				if err := w.walk(text[start:i], negated, depth+1); err != nil {
					return err
				}
				start = i + 1
			}
		}
	}
	return listErr("", "%s list %q lacks %d closing bracket(s)", w.what, clip(text), open)
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
	if err := w.value(strings.TrimSpace(value), negated, depth+1); err != nil {
		return listErr(listHint(err), "$%s: %v", name, err)
	}
	return nil
}

// value reads what a variable stands for; a list may come without its brackets there.
func (w *walker) value(text string, negated bool, depth int) error {
	if strings.ContainsRune(text, ',') && !strings.HasPrefix(strings.TrimPrefix(text, "!"), "[") {
		text = "[" + text + "]"
	}
	return w.walk(text, negated, depth)
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
