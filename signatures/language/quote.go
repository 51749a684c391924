package language

import (
	"errors"
	"fmt"
	"strings"
)

// Quotes says what a keyword's value may look like.
type Quotes uint8

// Quotes around a value are refused, allowed or required; a "!" before the value is taken off by NegationAllowed.
const (
	QuotesRefused   Quotes = 0
	QuotesAllowed   Quotes = 1
	QuotesRequired  Quotes = 2
	NegationAllowed Quotes = 4
)

// Unquote takes the outer quotes and, if allowed, a leading negation off an option's value; escapes still stand.
// It refuses what Suricata's SigParseOptions refuses.
func Unquote(value string, q Quotes) (text string, negated bool, err error) {
	v := trimLeft(value)
	if q&NegationAllowed != 0 && strings.HasPrefix(v, "!") {
		v, negated = trimLeft(v[1:]), true
	}
	if v == "" {
		return "", negated, errors.New("value is empty")
	}
	quoted := v[0] == '"'
	switch q &^ NegationAllowed {
	case QuotesRequired:
		if !quoted {
			return "", negated, fmt.Errorf("value %q must stand in double quotes", clip(v))
		}
	case QuotesRefused:
		if quoted {
			return "", negated, fmt.Errorf("value %q must not stand in quotes", clip(v))
		}
	}
	if !quoted {
		return v, negated, nil
	}
	v = trimRight(v)
	if len(v) < 2 || v[len(v)-1] != '"' {
		return "", negated, fmt.Errorf("value %q does not end with its quote", clip(v))
	}
	if v = v[1 : len(v)-1]; v == "" {
		return "", negated, errors.New("value is empty")
	}
	return v, negated, nil
}
