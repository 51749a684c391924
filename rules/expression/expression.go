package expression

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"picket/signatures/pcre"
)

// Options say how an expression is compiled.
type Options struct {
	Names bool // <HOST> matches names too
	Lines bool // ^ and $ match at every line
}

// Expression is a compiled expression. It never changes.
type Expression struct {
	source  string
	re      *pcre.Regexp
	groups  []group
	aliases []alias
	skips   []int
	content int // the group "content", 0 if there is none
}

// group is a named group.
type group struct {
	name   string
	number int
}

// alias says that a group's text counts for another: alt_user for user if that is empty, tuple_id joined to id.
type alias struct {
	from, to string
	tuple    bool
}

var aliasName = regexp.MustCompile(`^(alt|tuple)_(.*?)(?:_?\d+)?$`)

// Compile reads an expression. The error names what it can't express.
func Compile(text string, o Options) (*Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("empty expression")
	}
	flags := pcre.Python
	if o.Lines {
		flags |= pcre.Multiline
	}
	re, err := pcre.Compile(localFlags(expandTags(text, o.Names)), flags)
	if err != nil {
		return nil, err
	}
	e := &Expression{source: text, re: re}
	for g := 1; g <= re.Groups(); g++ {
		if name := re.GroupName(g); name != "" {
			e.addGroup(name, g)
		}
	}
	sort.Slice(e.aliases, func(i, j int) bool { return e.aliases[i].from < e.aliases[j].from })
	return e, nil
}

func (e *Expression) addGroup(name string, number int) {
	if strings.HasPrefix(name, "skiplines") {
		e.skips = append(e.skips, number)
	}
	if name == "content" {
		e.content = number
	}
	e.groups = append(e.groups, group{name, number})
	if m := aliasName.FindStringSubmatch(name); m != nil {
		e.aliases = append(e.aliases, alias{from: name, to: GroupName(m[2]), tuple: m[1] == "tuple"})
	}
}

// String returns the expression as written.
func (e *Expression) String() string { return e.source }

// Regexp returns the compiled regular expression.
func (e *Expression) Regexp() *pcre.Regexp { return e.re }

// Has tells whether the expression has one of some groups.
func (e *Expression) Has(names ...string) bool {
	for _, g := range e.groups {
		for _, n := range names {
			if g.name == n {
				return true
			}
		}
	}
	return false
}

// Match looks for the expression in a text; m keeps the groups.
func (e *Expression) Match(text []byte, m *pcre.Matcher) pcre.Result { return e.re.Match(text, 0, m) }

// Content returns the text of the group "content" in the last match; ok is false if it is missing or empty.
func (e *Expression) Content(text []byte, m *pcre.Matcher) (content []byte, ok bool) {
	if e.content == 0 {
		return nil, false
	}
	s, end, ok := m.Group(e.content)
	return text[max(s, 0):max(end, 0)], ok && end > s
}

// Skipped returns the lines that <SKIPLINES> passed over in the last match, cut out of text.
func (e *Expression) Skipped(text []byte, m *pcre.Matcher) []string {
	var skipped strings.Builder
	for _, g := range e.skips {
		if s, end, ok := m.Group(g); ok && end > s {
			skipped.Write(text[s:end])
		}
	}
	return splitLines(skipped.String())
}

// splitLines cuts a text where Python's str.splitlines does; the last line needs no end.
func splitLines(text string) (lines []string) {
	for text != "" {
		at := strings.IndexAny(text, "\n\v\f\r\x1c\x1d\x1e\u0085\u2028\u2029")
		if at < 0 {
			return append(lines, text)
		}
		lines = append(lines, text[:at])
		_, size := utf8.DecodeRuneInString(text[at:])
		if strings.HasPrefix(text[at:], "\r\n") {
			size = 2
		}
		text = text[at+size:]
	}
	return lines
}

// Field is what a group captured.
type Field struct{ Name, Text string }

// Fields is what groups captured, each name once. A group that took no part is missing; present and empty are different.
type Fields []Field

// Get returns a field's text, "" if it is missing.
func (f Fields) Get(name string) string {
	text, _ := f.Lookup(name)
	return text
}

// Lookup returns a field's text and whether it is there.
func (f Fields) Lookup(name string) (text string, ok bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Text, true
		}
	}
	return "", false
}

// Set sets a field.
func (f *Fields) Set(name, text string) {
	for i := range *f {
		if (*f)[i].Name == name {
			(*f)[i].Text = text
			return
		}
	}
	*f = append(*f, Field{name, text})
}

// Delete removes a field.
func (f *Fields) Delete(name string) {
	for i := range *f {
		if (*f)[i].Name == name {
			*f = append((*f)[:i], (*f)[i+1:]...)
			return
		}
	}
}

// Fill adds the fields of the last match, except those that are there already. text is what was matched; the
// fields are parts of it.
func (e *Expression) Fill(f *Fields, text string, m *pcre.Matcher) {
	own := len(*f)
	for _, g := range e.groups {
		if _, there := (*f)[:own].Lookup(g.name); there {
			continue
		}
		if s, end, ok := m.Group(g.number); ok {
			*f = append(*f, Field{g.name, text[s:end]})
		}
	}
	for _, a := range e.aliases {
		e.apply(a, f)
	}
}

func (e *Expression) apply(a alias, f *Fields) {
	v, ok := f.Lookup(a.from)
	switch {
	case a.tuple && ok:
		if have := f.Get(a.to); have != "" {
			v = have + "," + v
		}
		f.Set(a.to, v)
	case v != "" && f.Get(a.to) == "":
		f.Set(a.to, v)
	}
}

// Map returns copies of the fields by name, so that the lines they were in can be forgotten.
func (f Fields) Map() map[string]string {
	m := make(map[string]string, len(f))
	for i := range f {
		m[f[i].Name] = strings.Clone(f[i].Text)
	}
	return m
}
