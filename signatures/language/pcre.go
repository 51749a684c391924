package language

import (
	"errors"
	"strings"
)

// Pcre is the value of a pcre keyword, taken apart.
type Pcre struct {
	Pattern string   // between the slashes, as written
	Flags   string   // letters behind the last slash
	Capture []string // names behind the flags: "flow:name", "pkt:name", a plain name ...
	Negated bool
}

// ParsePcreValue splits "/regex/flags, capture..." with its quotes and negation. The last slash ends the
// expression; slashes within need no escape. The value is split only: the matcher says whether the expression
// compiles and the keyword which flags there are. As in Suricata the quotes may be left away; what stands before the first slash counts for nothing, a negation within the quotes too.
func ParsePcreValue(value string) (Pcre, error) {
	text, negated, err := Unquote(value, QuotesAllowed|NegationAllowed)
	if err != nil {
		return Pcre{}, err
	}
	if i := strings.IndexByte(text, '/'); i > 0 { // Suricata begins at the first slash: "!/x/" negates nothing
		text = text[i:]
	}
	end := strings.LastIndexByte(text, '/')
	if len(text) == 0 || text[0] != '/' || end < 1 {
		return Pcre{}, errors.New("expression must stand between slashes")
	}
	p := Pcre{Pattern: text[1:end], Negated: negated}
	flags, names, more := strings.Cut(text[end+1:], ",")
	p.Flags = strings.TrimSpace(flags)
	if more {
		p.Capture = strings.Split(names, ",")
		for i, n := range p.Capture {
			p.Capture[i] = strings.TrimSpace(n)
		}
	}
	return p, nil
}
