package dates

import (
	"regexp"
	"strings"
)

// fieldWords are the names under which fail2ban shows the fields of a pattern (strptime.py); fields without one are shown
// as written.
var fieldWords = map[byte]string{
	'a': "DAY", 'A': "DAYNAME", 'b': "MON", 'B': "MONTH", 'd': "Day", 'H': "24hour", 'I': "12hour", 'j': "Yearday",
	'm': "Month", 'M': "Minute", 'p': "AMPM", 'S': "Second", 'U': "Yearweek", 'w': "Weekday", 'W': "Yearweek",
	'y': "Year2", 'Y': "Year", '%': "%", 'z': "Zone offset", 'f': "Microseconds", 'Z': "Zone name",
}

var anyField = regexp.MustCompile(`%(Ex)?([%a-zA-Z])`)

// Shown returns a pattern with its fields in words, the name under which fail2ban knows the template.
func (t *Template) Shown() string {
	if t.pattern == "" {
		return t.name
	}
	pattern := strings.TrimPrefix(t.pattern, "{UNB}")
	anchored := strings.HasPrefix(pattern, lineBegin)
	text := anyField.ReplaceAllStringFunc(strings.TrimPrefix(pattern, lineBegin), shownField)
	if anchored && t.begin || strings.HasPrefix(t.name, lineBegin) {
		text = lineBegin + text
	}
	return text
}

func shownField(field string) string {
	word, ok := fieldWords[field[len(field)-1]]
	switch {
	case !ok:
		return field
	case len(field) > 2:
		return "Ex" + word
	}
	return word
}

// Pattern returns the pattern with its %-fields, "" for a template without any (Epoch, TAI64N).
func (t *Template) Pattern() string { return t.pattern }

// Used is a template and what a detector has done with it.
type Used struct {
	*Template
	Hits   uint64
	Weight float64 // hits times Base, over how far in the line the date stood last: what orders templates
	Base   float64
}

// Templates lists all templates in the order in which they are tried now.
func (d *Detector) Templates() []Used {
	list := make([]Used, 0, len(d.templates))
	for _, c := range d.templates {
		weight := float64(c.hits) * c.Template.weight / float64(max(1, c.distance))
		list = append(list, Used{c.Template, c.hits, weight, c.Template.weight})
	}
	return list
}

// Zoned tells whether the date that was found last, in this line, names its zone. Python's calendar makes such a time an
// integer and others floats, which fail2ban-regex shows.
func (d *Detector) Zoned(line []byte) bool {
	if d.last >= len(d.templates) {
		return false
	}
	c := d.templates[d.last]
	if _, ok := c.find(line, len(line), 0, &d.matcher); !ok {
		return false
	}
	for _, f := range c.fields {
		if s, e, ok := d.matcher.Group(f.group); (f.letter == 'z' || f.letter == 'Z') && ok && e > s {
			return true
		}
	}
	return false
}
