package language

import (
	"fmt"
	"io"
	"strings"
)

// Class is one line of classification.config: what a rule's classtype means.
type Class struct {
	Name        string // lower case
	Description string
	Priority    int // 1 is the most severe
}

// ParseClassification reads a classification.config: lines "config classification: name,description,priority".
// The first line of a name counts.
func ParseClassification(r io.Reader, file string) ([]Class, []Fault) {
	var list []Class
	seen := map[string]bool{}
	faults := configLines(r, file, func(line string) (cause, hint string) {
		rest, ok := configLine(line, "classification")
		const form = `write "config classification: name,description,priority"`
		if !ok {
			return fmt.Sprintf("not a classification line: %q", clip(line)), form
		}
		name, rest, _ := strings.Cut(rest, ",")
		comma := strings.LastIndexByte(rest, ',')
		name = strings.ToLower(strings.TrimSpace(name))
		if comma < 0 || !identifier(name) {
			return fmt.Sprintf("classification %q is incomplete", clip(name)), form
		}
		priority, ok := decimal(strings.TrimSpace(rest[comma+1:]))
		if !ok || priority > 255 {
			return fmt.Sprintf("classification %s: %q is not a priority", name, clip(rest[comma+1:])), "a number from 1, the most severe, to 255"
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, Class{name, strings.TrimSpace(rest[:comma]), int(priority)})
		}
		return "", ""
	})
	return list, faults
}

// ReferenceSystem is one line of reference.config: what stands before a reference's number to make it a URL.
type ReferenceSystem struct {
	Name string // lower case
	URL  string
}

// ParseReferences reads a reference.config: lines "config reference: name URL". The first line of a name counts.
func ParseReferences(r io.Reader, file string) ([]ReferenceSystem, []Fault) {
	var list []ReferenceSystem
	seen := map[string]bool{}
	faults := configLines(r, file, func(line string) (cause, hint string) {
		rest, ok := configLine(line, "reference")
		name, url := SplitWord(rest)
		name = strings.ToLower(name)
		if !ok || !identifier(name) || url == "" {
			return fmt.Sprintf("not a reference line: %q", clip(line)), `write "config reference: name http://..."`
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, ReferenceSystem{name, url})
		}
		return "", ""
	})
	return list, faults
}

// configLine takes "config KIND:" off a line.
func configLine(line, kind string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "config")
	if !ok || rest == "" || !blank(rest[0]) {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, blanks), kind)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, blanks), ":")
	return strings.Trim(rest, blanks), ok
}

// identifier tells whether a name is a letter followed by letters, digits, "-" and "_".
func identifier(s string) bool {
	for i := 0; i < len(s); i++ {
		letter := 'a' <= s[i] && s[i] <= 'z' || 'A' <= s[i] && s[i] <= 'Z'
		if !letter && (i == 0 || s[i] != '-' && s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != ""
}

// maxConfigLen bounds the files beside the rules; real ones have a few kB.
const maxConfigLen = 64 << 20

// configLines hands every line that is not blank or a comment to read and makes faults of what it says.
func configLines(r io.Reader, file string, read func(line string) (cause, hint string)) []Fault {
	var faults []Fault
	text, err := io.ReadAll(io.LimitReader(r, maxConfigLen))
	if err != nil {
		faults = append(faults, Fault{Pos: Pos{File: file, Line: 1, Col: 1}, Cause: fmt.Sprintf("read: %v", err)})
	}
	lines := newLines(text, file)
	for {
		line, pos, ok := lines.next()
		if !ok {
			return faults
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(faults) >= maxFaults {
			continue
		}
		if len(line) > MaxRuleLen {
			faults = append(faults, Fault{Pos: pos, Cause: fmt.Sprintf("line is longer than %d bytes", MaxRuleLen)})
		} else if cause, hint := read(line); cause != "" {
			faults = append(faults, Fault{Pos: pos, Cause: cause, Hint: hint})
		}
	}
}

// ReferenceURL makes a rule's reference ("url", "example.org/x") a URL by the table. An ID that has a scheme already
// stays as it is; a kind that the table does not have gives "kind,id".
func ReferenceURL(table []ReferenceSystem, kind, id string) string {
	if strings.Contains(id, "://") {
		return id
	}
	for i := range table {
		if strings.EqualFold(table[i].Name, kind) {
			return table[i].URL + id
		}
	}
	return kind + "," + id
}
