package language

import (
	"bytes"
	"fmt"
	"strings"
)

// This file recognises rules in Snort 3's language and cuts them into options; snort3_options.go says each of these in
// Suricata's language, in which everything behind the parser thinks. What differs (Snort 3 User Manual, "Rules"):
//
//   - a content carries its modifiers: content:"a",nocase,depth 4;
//   - the buffer of an HTTP message stands before its contents, and holds up to the next: http_uri; content:"/a";
//   - quotes protect a semicolon, and a rule ends with its parenthesis, on whichever line that stands;
//   - a header may name a service alone: alert http (…).

// snort3Rules tells whether a file holds rules of Snort 3, by signs that no rule of Suricata shows. Files are read whole
// in one of the languages or, where both kinds stand in one file, rule by rule.
func snort3Rules(text []byte) bool {
	return bytes.Contains(text, []byte("; service:")) || snort3Contents(text)
}

// snort3Contents looks for a content with a modifier behind its quote.
func snort3Contents(text []byte) bool {
	for {
		i := bytes.Index(text, []byte(`",`))
		if i < 0 {
			return false
		}
		text = text[i+2:]
		word := text[:min(len(text), 14)]
		for _, m := range contentModifiers {
			if rest, ok := bytes.CutPrefix(word, []byte(m)); ok && len(rest) > 0 && (strings.IndexByte(" ,;_", rest[0]) >= 0) {
				return true
			}
		}
	}
}

// contentModifiers are what may stand behind a content's quote in Snort 3 and is an option of its own in Suricata.
var contentModifiers = [...]string{"nocase", "depth", "offset", "distance", "within", "fast_pattern"}

// speaks3 tells whether a rule of a file with Snort 3's rules is one of them: a content's modifier that stands as
// an option of its own, or a keyword with a dot, is Suricata's.
func speaks3(options []Option) bool {
	for i := range options {
		name := options[i].Name
		if known(name, contentModifiers[:]) || strings.Contains(name, ".") {
			return false
		}
	}
	return true
}

// snort3 reads the options of a rule of Snort 3, from the parenthesis at start, and says them in Suricata's language.
// False: it is not one of Snort 3.
func (p *parser) snort3(r *Rule, start int) bool {
	body := strings.IndexByte(r.Raw[start:], '(')
	if body < 0 {
		return false
	}
	end := strings.LastIndexByte(r.Raw, ')')
	if end <= start+body {
		return false
	}
	options, open := splitQuoted(r.Raw[:end], start+body+1)
	if !speaks3(options) {
		return false
	}
	if n := len(options); open && n > 0 {
		p.fault(at(r.Pos, options[n-1].Col), 0, fmt.Sprintf("%q: a quote is not closed", clip(options[n-1].Name)), "")
	}
	if len(options) > maxOptions {
		p.fault(at(r.Pos, start+body+1), 0, fmt.Sprintf("rule has more than %d options", maxOptions), "")
		options = options[:maxOptions]
	}
	t := translation{p: p, r: r}
	t.all(options)
	return true
}

// splitQuoted cuts text from start on at semicolons outside of quotes; a backslash protects the next byte. open: the last
// option's quote is not closed.
func splitQuoted(text string, start int) (options []Option, open bool) {
	quoted := false
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				options = appendOption(options, text, start, i)
				start = i + 1
			}
		}
	}
	return appendOption(options, text, start, len(text)), quoted && start < len(text)
}

func appendOption(options []Option, text string, start, end int) []Option {
	for start < end && blank(text[start]) {
		start++
	}
	name, value, has := strings.Cut(text[start:end], ":")
	if trim(name) == "" {
		return options
	}
	v := trimLeft(value)
	return append(options, Option{Name: lower(trimRight(name)), Value: trimRight(v), Has: has, Col: start + 1, ValueCol: end - len(v) + 1})
}

// parentheses follows a rule, piece by piece, to the end of the parenthesis that opens its options.
type parentheses struct {
	depth                    int
	quoted, escaped, entered bool
}

// closed takes in the next piece and tells whether the parenthesis is closed by now.
func (s *parentheses) closed(piece string) bool {
	for i := 0; i < len(piece); i++ {
		switch c := piece[i]; {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.quoted = !s.quoted
		case s.quoted:
		case c == '(':
			s.depth, s.entered = s.depth+1, true
		case c == ')':
			s.depth--
		}
	}
	return s.entered && s.depth <= 0
}

// beginsRule tells whether a physical line begins a rule of its own.
func beginsRule(line []byte) bool {
	word, _, _ := bytes.Cut(line[:min(len(line), len("rejectboth "))], []byte(" "))
	return known(string(word), actions[:]) || known(string(word), snort3Actions[:])
}

// snort3Actions are Snort 3's actions that Suricata has under another name. Snort 3's drop takes one packet and its block
// the whole flow; Suricata's drop is its block. React answers with a page; here the connection is reset.
var snort3Actions = [...]string{"block", "react", "log"}

// snort3Action is Suricata's name of an action.
func snort3Action(name string) string {
	switch name {
	case "block":
		return "drop"
	case "react":
		return "reject"
	case "log":
		return "alert"
	}
	return name
}

// snort3Service is Suricata's name of a service; "" for one whose traffic is not parsed here.
func snort3Service(name string) string {
	switch name {
	case "ssl":
		return "tls"
	case "netbios-ssn":
		return "smb"
	case "dce_tcp", "dce_udp", "dce_smb":
		return "dcerpc"
	case "kerberos":
		return "krb5"
	case "file":
		return "ip" // whatever carries the file
	case "cip":
		return "enip"
	}
	if known(name, AppProtocols()) {
		return name
	}
	return ""
}
