package language

import (
	"fmt"
	"strings"
)

// maxOptions bounds the options of one rule; ET Open's richest has about 60.
const maxOptions = 2048

// options reads everything behind the header, which ends at start.
func (p *parser) options(r *Rule, start int) {
	c := cursor{text: r.Raw, pos: start}
	c.blanks()
	if c.pos >= len(c.text) || c.text[c.pos] != '(' {
		p.fault(at(r.Pos, c.pos+1), 0, "options in parentheses are missing", "write (msg:\"...\"; sid:1;) behind the header")
		return
	}
	for c.pos < len(c.text) && (c.text[c.pos] == '(' || blank(c.text[c.pos])) {
		c.pos++
	}
	c.text = p.closing(r, c.pos)
	r.Options = make([]Option, 0, strings.Count(c.text[c.pos:], ";"))
	for c.pos < len(c.text) {
		if !p.option(r, &c) {
			return
		}
	}
}

// closing takes the trailing blanks and parentheses off the rule.
func (p *parser) closing(r *Rule, start int) string {
	end, closed := len(r.Raw), false
	for end > start && (r.Raw[end-1] == ')' || blank(r.Raw[end-1])) {
		closed = closed || r.Raw[end-1] == ')'
		end--
	}
	if !closed {
		p.soft(at(r.Pos, len(r.Raw)), 0, "closing parenthesis is missing", "")
	}
	return r.Raw[:end]
}

// option reads one option up to a semicolon that has no backslash before it; quotes don't protect it, as in
// Suricata (detect-parse.c, SigParseOptions).
func (p *parser) option(r *Rule, c *cursor) bool {
	c.blanks()
	start := c.pos
	end := start
	for {
		i := strings.IndexByte(c.text[end:], ';')
		if i < 0 {
			p.fault(at(r.Pos, start+1), 0, fmt.Sprintf("option %q has no terminating semicolon", clip(c.text[start:])), "end every option with ;")
			return false
		}
		end += i
		if end == start || c.text[end-1] != '\\' {
			break
		}
		end++
	}
	c.pos = end + 1
	if len(r.Options) == maxOptions {
		p.fault(at(r.Pos, start+1), 0, fmt.Sprintf("rule has more than %d options", maxOptions), "")
		return false
	}
	p.addOption(r, start, end)
	c.blanks()
	return true
}

func (p *parser) addOption(r *Rule, start, end int) {
	text := r.Raw[start:end]
	name, value, has := strings.Cut(text, ":")
	o := Option{Name: lower(trimRight(name)), Has: has, Col: start + 1}
	if o.Name == "" {
		p.fault(at(r.Pos, start+1), 0, "option has no name", "is there a semicolon too many?")
		return
	}
	o.ValueCol = end + 1
	if has {
		v := trimLeft(value)
		o.ValueCol = end - len(v) + 1
		o.Value = trimRight(v)
		p.quotes(r, &o)
	}
	r.Options = append(r.Options, o)
}

// quotes refuses a value that opens a quote and does not end with one: nearly always a bare semicolon inside.
func (p *parser) quotes(r *Rule, o *Option) {
	v := trimLeft(strings.TrimPrefix(o.Value, "!"))
	if v == "" || v[0] != '"' || len(v) > 1 && v[len(v)-1] == '"' {
		return
	}
	p.fault(at(r.Pos, o.ValueCol), 0, fmt.Sprintf("%s: value %q does not end with its quote", clip(o.Name), clip(o.Value)),
		`write \; for a semicolon inside quotes, and end the option with ;`)
}

const blanks = " \t\r\n\v\f"

// trim takes the outer blanks off. Rules have a million places to do so, where strings.Trim would set up its cutset first.
func trim(s string) string { return trimRight(trimLeft(s)) }

func trimLeft(s string) string {
	for len(s) > 0 && blank(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for len(s) > 0 && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// lower is strings.ToLower for option names, nearly all of which are lower case already.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' || s[i] >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}
