package rules

import (
	"bytes"
	"strings"

	"picket/rules/expression"
	"picket/signatures/pcre"
)

// bufferLine appends a line to the buffer and returns the text that expressions see: the last lines, each ended by a
// newline.
func (j *Judge) bufferLine(s subject) []byte {
	body := strings.TrimSuffix(string(s.body), "\n")
	j.buffer = append(j.buffer, entry{body: body, line: string(s.line)})
	if over := len(j.buffer) - j.filter.lines; over > 0 {
		j.buffer = append([]entry(nil), j.buffer[over:]...)
	}
	return joined(j.buffer)
}

func joined(lines []entry) []byte {
	var text []byte
	for _, l := range lines {
		text = append(append(text, l.body...), '\n')
	}
	return text
}

// split divides the lines into those that the last match lies in, without the ones that <SKIPLINES> passed over, and the
// rest, which stays in the buffer.
func split(e *expression.Expression, text []byte, m *pcre.Matcher, all []entry) (matched []string, body []byte, rest []entry) {
	if len(all) <= 1 {
		for _, l := range all {
			matched = append(matched, l.line)
		}
		return matched, joined(all), nil
	}
	start, end := m.Span()
	first := bytes.LastIndexByte(text[:min(start+1, len(text))], '\n') + 1
	last := len(text)
	if i := bytes.IndexByte(text[max(end-1, 0):], '\n'); i >= 0 {
		last = max(end-1, 0) + i + 1
	}
	from := min(bytes.Count(text[:first], []byte{'\n'}), len(all))
	to := min(bytes.Count(text[:last], []byte{'\n'}), len(all))
	rest = append(rest, all[:from]...)
	within := append([]entry(nil), all[from:max(to, from)]...)
	next := 0
	for _, skipped := range e.Skipped(text, m) {
		for i := next; i < len(within); i++ {
			if within[i].body == skipped {
				rest = append(rest, within[i])
				within = append(within[:i], within[i+1:]...)
				next = i
				break
			}
		}
	}
	rest = append(rest, all[max(to, from):]...)
	for _, l := range within {
		matched = append(matched, l.line)
	}
	return matched, joined(within), rest
}
