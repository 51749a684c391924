package fail2ban

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxInterpolation is how deep %(…)s may lie in one another, and maxValue how long a value may grow: nesting doubles text.
const (
	maxInterpolation = 10
	maxValue         = 1 << 20
)

// Why an option has no value.
var (
	errNoSection = errors.New("no such section")
	errNoOption  = errors.New("no such option")
)

// interpolationError is a value that can't be substituted; fail2ban doesn't start with one.
type interpolationError struct {
	at      Position
	problem string
}

func (e *interpolationError) Error() string { return e.problem }

// scope is where names are looked up: parameters first, then the section, then the defaults.
type scope struct {
	layers  *layers
	section string
	vars    *table // may be nil
	extra   map[string]value
}

func (s *scope) lookup(name string) (value, bool) {
	if s.vars != nil {
		if v, ok := s.vars.get(name); ok {
			return v, true
		}
	}
	if v, ok := s.extra[name]; ok {
		return v, true
	}
	if t, ok := s.layers.sections[s.section]; ok {
		if v, ok := t.get(name); ok {
			return v, true
		}
	}
	if v, ok := s.layers.defaults.get(name); ok {
		return v, true
	}
	if name == "__name__" {
		return value{text: s.section}, true
	}
	return value{}, false
}

// get returns an option of a section with everything substituted. vars may be nil.
func (l *layers) get(section, option string, vars *table) (value, error) {
	if l.sections[section] == nil && section != defaultSection {
		return value{}, errNoSection
	}
	s := scope{layers: l, section: section, vars: vars, extra: map[string]value{}}
	v, ok := s.lookup(strings.ToLower(option))
	if !ok || option == "__name__" {
		return value{}, errNoOption
	}
	text, err := s.interpolate(v, option, 1)
	return value{text, v.at}, err
}

// sectionOption is a name that names its section: default/bantime, known/failregex.
var sectionOption = regexp.MustCompile(`^([\w\-]+)/([^\s>]+)$`)

// getAny is get for names that may name their section.
func (l *layers) getAny(section, option string, vars *table) (value, error) {
	if m := sectionOption.FindStringSubmatch(option); m != nil {
		for _, in := range namedSections(m[1], section) {
			if v, err := l.get(in, m[2], nil); err == nil {
				return v, nil
			}
		}
	}
	return l.get(section, option, vars)
}

// namedSections lists where to look for name/option as seen from a section.
func namedSections(name, section string) []string {
	switch strings.ToLower(name) {
	case "known":
		return []string{knownSection(section), section}
	case "default":
		return []string{defaultSection}
	}
	return []string{name}
}

// interpolate substitutes %(…)s and %%.
func (s *scope) interpolate(v value, option string, depth int) (string, error) {
	if !strings.Contains(v.text, "%") {
		return v.text, nil
	}
	if depth > maxInterpolation {
		return "", s.wrong(v, fmt.Sprintf("option %q: %%(…)s lie more than %d deep in one another", option, maxInterpolation))
	}
	s.nameSections(v.text)
	var out strings.Builder
	for rest := v.text; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:i])
		text, used, err := s.reference(v, rest[i:], option, depth)
		if err != nil {
			return "", err
		}
		if out.Len()+len(text) > maxValue {
			return "", s.wrong(v, fmt.Sprintf("option %q grows beyond %d bytes", option, maxValue))
		}
		out.WriteString(text)
		rest = rest[i+used:]
	}
	return out.String(), nil
}

// reference reads the % at the beginning of rest; used is how much of rest it takes.
func (s *scope) reference(v value, rest, option string, depth int) (text string, used int, err error) {
	if strings.HasPrefix(rest, "%%") {
		return "%", 2, nil
	}
	end := strings.Index(rest, ")s")
	if !strings.HasPrefix(rest, "%(") || end < 3 || strings.IndexByte(rest[:end], ')') >= 0 {
		return "", 0, s.wrong(v, fmt.Sprintf("option %q: '%%' must be followed by '%%' or '(name)s', found: %.40q", option, rest))
	}
	name := strings.ToLower(rest[2:end])
	found, ok := s.lookup(name)
	if !ok {
		return "", 0, s.wrong(v, fmt.Sprintf("Bad value substitution: option '%s' in section '%s' contains an interpolation key '%s' which is not a valid option name",
			option, s.section, name))
	}
	text, err = s.interpolate(found, option, depth+1)
	return text, end + 2, err
}

func (s *scope) wrong(v value, problem string) error {
	return &interpolationError{at: v.at, problem: problem}
}

var namedReference = regexp.MustCompile(`%\(([\w\-]+)/([^)]+)\)s`)

// nameSections makes the %(section/name)s of a text known to the scope; those of no section fall back to the defaults.
func (s *scope) nameSections(text string) {
	if !strings.Contains(text, "/") {
		return
	}
	for _, m := range namedReference.FindAllStringSubmatch(text, -1) {
		full := strings.ToLower(m[1] + "/" + m[2])
		if _, known := s.lookup(full); known {
			continue
		}
		if v, ok := s.ofSection(m[1], strings.ToLower(m[2])); ok {
			s.extra[full] = v
		}
	}
}

func (s *scope) ofSection(name, option string) (value, bool) {
	in := name
	switch strings.ToLower(name) {
	case "known":
		in = knownSection(s.section)
	case "default":
		in = defaultSection
	default:
		if s.layers.sections[name] == nil {
			return value{}, false
		}
	}
	if t := s.layers.sections[in]; t != nil {
		if v, ok := t.get(option); ok {
			return v, true
		}
	}
	return s.layers.defaults.get(option)
}
