package fail2ban

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	optionWhole = regexp.MustCompile(`(?s)^([^\[]+)(?:\[(.*)\])?\s*$`)
	optionParam = regexp.MustCompile(`(?s)^\s*([\w\-.]+(?:\?\w+=\w+)?)=(?:"([^"]*)"|'([^']*)'|([^,\]]*))(?:,|\]\s*\[|$)`)
	optionEnd   = regexp.MustCompile(`^,?\s*$`)
)

// splitParameters reads name[param=value, …][…]: a filter or an action with its parameters, in order.
func splitParameters(text string) (name string, params *table, err error) {
	m := optionWhole.FindStringSubmatch(text)
	if m == nil {
		return "", nil, fmt.Errorf("unexpected option syntax")
	}
	params = newTable()
	for rest := m[2]; !optionEnd.MatchString(rest); {
		p := optionParam.FindStringSubmatchIndex(rest)
		if p == nil {
			return "", nil, fmt.Errorf("expected option, wrong syntax at %d: %.25s", len(m[2])-len(rest), rest)
		}
		params.setText(rest[p[2]:p[3]], strings.TrimSpace(firstGroup(rest, p[4:])))
		rest = rest[p[1]:]
	}
	return m[1], params, nil
}

// firstGroup returns the first of some submatches that took part.
func firstGroup(text string, spans []int) string {
	for i := 0; i+1 < len(spans); i += 2 {
		if spans[i] >= 0 {
			return text[spans[i]:spans[i+1]]
		}
	}
	return ""
}

var actionHead = regexp.MustCompile(`(?s)^[^\[\s]+(?:\s*\[\s*(?:[\w\-.]+(?:\?\w+=\w+)?=(?:"[^"]*"|'[^']*'|[^,\]]*)\s*(?:,|\]\s*\[)?\s*)*\])?`)

// splitActions cuts a list of actions, each with parameters that may contain white space and newlines.
func splitActions(text string) []string {
	var all []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := len(actionHead.FindString(text))
		if end == 0 || end < len(text) && !isSpace(text[end]) {
			end = strings.IndexAny(text, " \t\n\r\f\v")
		}
		if end < 0 {
			end = len(text)
		}
		all = append(all, text[:end])
		text = text[end:]
	}
	return all
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\n\r\f\v", c) >= 0 }

// splitWords cuts a list at commas and white space.
func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r < 0x80 && isSpace(byte(r)) })
}

// splitShell cuts a journalmatch into words as a shell would: quotes hold words together.
func splitShell(text string) []string {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case quote == 0 && isSpace(c):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// isTrue reads a switch.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

// ParseSpec reads a filter or an action as jails name it: name[param=value, …].
func ParseSpec(text string) (name string, params map[string]string, err error) {
	name, t, err := splitParameters(text)
	if err != nil {
		return "", nil, err
	}
	params = map[string]string{}
	for _, n := range t.names {
		params[n] = t.of[n].text
	}
	return name, params, nil
}
