package incidents

import (
	"strconv"
	"strings"
	"unicode"
)

// Printable replaces what could move a terminal's cursor or hide text (control characters, bidirectional marks) by its
// escape: names, log lines and user agents are chosen by attackers.
func Printable(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
