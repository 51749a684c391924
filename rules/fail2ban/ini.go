package fail2ban

import (
	"fmt"
	"strings"
)

// Position is where an option stands.
type Position struct {
	File string
	Line int // from 1; 0 if unknown
}

func (p Position) String() string {
	switch {
	case p.File == "":
		return "configuration"
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Fault is one thing that could not be read as it stands.
type Fault struct {
	At      Position
	Jail    string // "" if it concerns no single jail
	Problem string
	Fatal   bool // fail2ban would not start at all
}

func (f *Fault) Error() string {
	if f.Jail == "" {
		return f.At.String() + ": " + f.Problem
	}
	return fmt.Sprintf("%s: jail %q: %s", f.At, f.Jail, f.Problem)
}

// value is the text of an option and where it was written.
type value struct {
	text string
	at   Position
}

// table is a list of options in the order in which they first appeared.
type table struct {
	names []string
	of    map[string]value
}

func newTable() *table { return &table{of: map[string]value{}} }

func (t *table) get(name string) (value, bool) {
	v, ok := t.of[name]
	return v, ok
}

func (t *table) has(name string) bool {
	_, ok := t.of[name]
	return ok
}

func (t *table) set(name string, v value) {
	if _, known := t.of[name]; !known {
		t.names = append(t.names, name)
	}
	t.of[name] = v
}

// setText sets a value that stands in no file.
func (t *table) setText(name, text string) { t.set(name, value{text: text}) }

// merge sets all options of another table.
func (t *table) merge(other *table) {
	for _, n := range other.names {
		t.set(n, other.of[n])
	}
}

func (t *table) clone() *table {
	c := newTable()
	c.merge(t)
	return c
}

// document is one file: its defaults and its sections in order.
type document struct {
	defaults *table
	names    []string
	sections map[string]*table
}

func newDocument() *document {
	return &document{defaults: newTable(), sections: map[string]*table{}}
}

// section returns a section, made if it is new.
func (d *document) section(name string) *table {
	if s, ok := d.sections[name]; ok {
		return s
	}
	s := newTable()
	d.sections[name] = s
	d.names = append(d.names, name)
	return s
}

const defaultSection = "DEFAULT"

// iniReader is the state of reading one file line by line: Python's configparser with inline comments behind ";".
type iniReader struct {
	file    string
	doc     *document
	section *table
	name    string // of the section
	option  string // the one that continuation lines belong to; "" if there is none
	lines   []string
	at      Position
	indent  int
	faults  []*Fault
}

// lineEnds makes one of the three line ends of Python's text files.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// parseINI reads one file. Lines that can't be read are faults; all others count. A byte order mark is passed over.
func parseINI(file, text string) (*document, []*Fault) {
	r := iniReader{file: file, doc: newDocument()}
	text = lineEnds.Replace(strings.TrimPrefix(text, "\ufeff"))
	for i, line := range strings.Split(text, "\n") {
		r.line(i+1, line)
	}
	r.finish()
	return r.doc, r.faults
}

func (r *iniReader) line(number int, line string) {
	body, commented := withoutComment(line)
	if body == "" {
		if !commented && r.option != "" {
			r.lines = append(r.lines, "")
		}
		return
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t\f\v"))
	if r.option != "" && indent > r.indent {
		r.lines = append(r.lines, body)
		return
	}
	r.finish()
	r.indent = indent
	at := Position{r.file, number}
	if end := strings.LastIndexByte(body, ']'); body[0] == '[' && end > 1 {
		r.openSection(body[1:end])
		return
	}
	r.openOption(at, body)
}

// withoutComment cuts a whole-line comment (# or ;) or one behind white space and ";".
func withoutComment(line string) (body string, commented bool) {
	body = strings.TrimSpace(line)
	if strings.HasPrefix(body, "#") || strings.HasPrefix(body, ";") {
		return "", true
	}
	for from := 0; ; {
		i := strings.IndexByte(line[from:], ';')
		if i < 0 {
			return body, false
		}
		i += from
		if i == 0 || strings.IndexByte(" \t\f\v", line[i-1]) >= 0 {
			return strings.TrimSpace(line[:i]), true
		}
		from = i + 1
	}
}

func (r *iniReader) openSection(name string) {
	r.name, r.option = name, ""
	if name == defaultSection {
		r.section = r.doc.defaults
		return
	}
	if _, twice := r.doc.sections[name]; twice {
		r.fault(fmt.Sprintf("section %q appears twice in this file (fail2ban refuses the file; here the later options win)", name))
	}
	r.section = r.doc.section(name)
}

func (r *iniReader) openOption(at Position, body string) {
	r.at = at
	cut := strings.IndexAny(body, "=:")
	switch {
	case r.section == nil:
		r.fault("option before the first section")
	case cut < 0:
		r.fault(fmt.Sprintf("%q is neither a section nor an option (name = value)", body))
	case strings.TrimSpace(body[:cut]) == "":
		r.fault("option without a name")
	default:
		r.option = strings.ToLower(strings.TrimSpace(body[:cut]))
		r.lines = append(r.lines[:0], strings.TrimSpace(body[cut+1:]))
	}
}

// finish stores the option that was being read.
func (r *iniReader) finish() {
	if r.option == "" {
		return
	}
	if old, twice := r.section.get(r.option); twice && old.at.File == r.file {
		r.fault(fmt.Sprintf("option %q of section %q appears before, in line %d (fail2ban refuses the file; here the later one wins)",
			r.option, r.name, old.at.Line))
	}
	text := strings.TrimRight(strings.Join(r.lines, "\n"), " \t\n\f\v")
	r.section.set(r.option, value{text, r.at})
	r.option = ""
}

func (r *iniReader) fault(problem string) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, &Fault{At: r.at, Problem: problem})
	}
}
