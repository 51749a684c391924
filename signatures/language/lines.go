package language

import (
	"bytes"
	"strings"
)

// lines cuts a file into logical lines: continuation lines are joined, line ends taken off.
type lines struct {
	text []byte
	file string
	line int // physical lines read so far

	parentheses bool // a rule goes on until its options' parenthesis is closed, as in Snort 3
}

func newLines(text []byte, file string) *lines {
	return &lines{text: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), file: file}
}

// next returns the next logical line and where it begins.
func (l *lines) next() (string, Pos, bool) {
	if len(l.text) == 0 {
		return "", Pos{}, false
	}
	first := l.physical()
	pos := Pos{File: l.file, Line: l.line, Col: 1}
	if comment(first) {
		return "", pos, true // a comment does not continue, whatever it ends with
	}
	if l.parentheses && !continued(first) {
		return l.upToParenthesis(first), pos, true
	}
	if !continued(first) {
		return string(first), pos, true
	}
	var joined strings.Builder
	part := first
	for {
		open := continued(part)
		if open {
			part = part[:len(part)-1]
		}
		if joined.Len() <= MaxRuleLen { // beyond it the rule is refused; don't keep what follows
			joined.Write(part)
		}
		if !open || len(l.text) == 0 {
			return joined.String(), pos, true
		}
		part = l.physical()
	}
}

// upToParenthesis joins lines until the rule that first begins is closed, or another begins. Comments between them are
// left out.
func (l *lines) upToParenthesis(first []byte) string {
	if !beginsRule(first) {
		return string(first)
	}
	var joined strings.Builder
	joined.Write(first)
	var open parentheses
	for done := open.closed(string(first)); !done && joined.Len() <= MaxRuleLen && len(l.text) > 0 && !beginsRule(l.text); {
		if line := l.physical(); !comment(bytes.TrimLeft(line, blanks)) {
			piece := " " + string(bytes.TrimSuffix(line, []byte("\\")))
			joined.WriteString(piece)
			done = open.closed(piece)
		}
	}
	return joined.String()
}

// physical returns the next line without its trailing blanks.
func (l *lines) physical() []byte {
	l.line++
	line, rest, _ := bytes.Cut(l.text, []byte("\n"))
	l.text = rest
	return bytes.TrimRight(line, " \t\r\v\f")
}

func continued(line []byte) bool { return len(line) > 0 && line[len(line)-1] == '\\' }

func comment(line []byte) bool { return len(line) > 0 && (line[0] == '#' || line[0] == ';') }
