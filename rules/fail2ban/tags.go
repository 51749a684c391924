package fail2ban

import (
	"fmt"
	"regexp"
	"strings"
)

// maxTagUses is how often one tag may be replaced within one value.
const maxTagUses = 25

var tag = regexp.MustCompile(`<([^ <>]+)>`)

// tagger replaces <tags> within the values of a table by its other values.
type tagger struct {
	values *table
	ignore map[string]bool                  // left as they stand, in name and in use
	more   func(name string) (string, bool) // asked for tags that are not in the table
	uses   map[string]map[string]int
}

// substituteTags replaces the tags within all values until none is left that could be replaced. What no one knows stays: it
// is <HOST>, or a shell's redirection, or replaced when a ban is made.
func substituteTags(values *table, ignore map[string]bool, more func(string) (string, bool)) (*table, error) {
	t := tagger{values: values.clone(), ignore: ignore, more: more, uses: map[string]map[string]int{}}
	for again := true; again; {
		again = false
		for _, name := range t.values.names {
			if ignore[name] || !strings.Contains(t.values.of[name].text, "<") {
				continue
			}
			open, err := t.substitute(name)
			if err != nil {
				return nil, err
			}
			again = again || open
		}
	}
	return t.values, nil
}

// substitute replaces the tags of one value; open says that it changed and holds tags still.
func (t *tagger) substitute(name string) (open bool, err error) {
	v := t.values.of[name]
	before := v.text
	uses := t.uses[name]
	if uses == nil {
		uses = map[string]int{}
		t.uses[name] = uses
	}
	for from := 0; ; {
		m := tag.FindStringSubmatchIndex(v.text[from:])
		if m == nil {
			break
		}
		inner := v.text[from+m[2] : from+m[3]]
		text, ok, err := t.replacement(name, inner, uses, v)
		if err != nil {
			return false, err
		}
		if !ok {
			from += m[1]
			continue
		}
		v.text = strings.ReplaceAll(v.text, "<"+inner+">", text)
		uses[inner]++
		if from += m[0]; len(v.text) > maxValue {
			return false, fmt.Errorf("option %q grows beyond %d bytes by its tags", name, maxValue)
		}
	}
	t.values.of[name] = v
	return v.text != before && tag.MatchString(v.text), nil
}

func (t *tagger) replacement(name, inner string, uses map[string]int, v value) (string, bool, error) {
	if t.ignore[inner] {
		return "", false, nil
	}
	if inner == name || uses[inner] > maxTagUses {
		return "", false, fmt.Errorf("properties contain self referencing definitions and cannot be resolved, fail tag: %s, found: %s", name, inner)
	}
	if r, ok := t.values.get(inner); ok {
		return r.text, true, nil
	}
	if t.more == nil {
		return "", false, nil
	}
	text, ok := t.more(inner)
	return text, ok, nil
}
