package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"picket/incidents"
)

// Config is what an operator writes (docs/policies.md): the section policies of picket's configuration, and each of the
// files that it names.
type Config struct {
	Mode      Mode                `yaml:"mode"`      // of all policies: observe keeps each from acting
	Files     []string            `yaml:"files"`     // globs of files that hold more of the same
	Zones     map[string][]string `yaml:"zones"`     // named networks
	Templates map[string]Template `yaml:"templates"` // named lists of measures
	List      []Policy            `yaml:"list"`
}

// Policy says what to do about what it matches.
type Policy struct {
	Name      string    `yaml:"name"`
	Mode      Mode      `yaml:"mode"`     // "": as all
	Audience  Audience  `yaml:"audience"` // who is asked for approval
	When      When      `yaml:"when"`
	Match     Match     `yaml:"match"`
	Threshold Threshold `yaml:"threshold"`
	Templates []string  `yaml:"templates"`
	Default   []Measure `yaml:"default"` // for every match
	Actions   []Action  `yaml:"actions"` // for some of the matches
}

// Action is measures for some of a policy's matches.
type Action struct {
	Match Match     `yaml:"match"`
	Do    []Measure `yaml:"do"`
}

// Template is measures that several policies share.
type Template struct {
	Hosts   []string  `yaml:"hosts"` // patterns of names of the hosts on which it is in force; empty: all
	Default []Measure `yaml:"default"`
	Actions []Action  `yaml:"actions"`
}

// Measure is one thing to do.
type Measure struct {
	Do       string            `yaml:"do"`       // "ban", "notify", a plugin's textkey
	With     map[string]string `yaml:"with"`     // its arguments
	Delay    Span              `yaml:"delay"`    // before it is done
	For      Span              `yaml:"for"`      // how long it lasts; 0: until it is lifted
	Approval bool              `yaml:"approval"` // an operator must approve it
	Ladder   []Span            `yaml:"ladder"`   // instead of for: longer each time that the same party comes back
	Forget   Span              `yaml:"forget"`   // a party that was quiet so long begins at the foot of the ladder; 0: 30d
	Each     Party             `yaml:"each"`     // at most once for each of these; "": case, and source for a ban
	Repeat   Span              `yaml:"repeat"`   // but again after this time; 0: never for the same
}

// Threshold holds a policy back until it has matched often enough.
type Threshold struct {
	Count    int                `yaml:"count"`
	Window   Span               `yaml:"window"`
	By       Party              `yaml:"by"`       // counted for each of these; "": source
	Severity incidents.Severity `yaml:"severity"` // findings below it do not count
}

// When is a time window; empty: always.
type When struct {
	Days  []string `yaml:"days"`  // "mon-fri", "sun"
	Hours []string `yaml:"hours"` // "08:00-18:00"; "22:00-06:00" belongs to the day on which it begins
	Zone  string   `yaml:"zone"`  // "Europe/Berlin"; "": the host's
}

// Match narrows: every selector that is given must agree; of a list one entry must. Texts may hold * and ?, and an entry
// that begins with ! excludes.
type Match struct {
	Kind        []string           `yaml:"kind"`        // alert, breach, login, deviation, manual
	Source      []string           `yaml:"source"`      // addresses, prefixes, names of zones
	Destination []string           `yaml:"destination"` // the same
	Port        []string           `yaml:"port"`        // of the destination: 22, 80-90
	Proto       []string           `yaml:"proto"`
	App         []string           `yaml:"app"`
	User        []string           `yaml:"user"`
	Host        []string           `yaml:"host"`
	File        []string           `yaml:"file"`
	Process     ProcessMatch       `yaml:"process"`
	Container   []string           `yaml:"container"` // its identifier
	Labels      map[string]string  `yaml:"labels"`    // of the container or its pod
	SID         []string           `yaml:"sid"`       // 2019401, 1:2019401, 2000000-2999999
	Classtype   []string           `yaml:"classtype"`
	Metadata    map[string]string  `yaml:"metadata"` // of the rule
	Severity    incidents.Severity `yaml:"severity"` // this one and worse
	Confidence  uint8              `yaml:"confidence"`
	Stage       incidents.Stage    `yaml:"stage"` // this one and later
	Rule        []string           `yaml:"rule"`  // its number or its name
	Jail        []string           `yaml:"jail"`
	Tags        []string           `yaml:"tags"`
	Case        CaseMatch          `yaml:"case"`
}

// ProcessMatch selects by the process that a finding names.
type ProcessMatch struct {
	Exe     []string `yaml:"exe"`
	Name    []string `yaml:"name"`
	User    []string `yaml:"user"`
	Command []string `yaml:"command"`
	Tree    []string `yaml:"tree"` // the name of the process or of any of its ancestors
}

// CaseMatch selects by the whole case.
type CaseMatch struct {
	Severity incidents.Severity `yaml:"severity"`
	Findings uint64             `yaml:"findings"` // so many and more
	Stages   int                `yaml:"stages"`   // so many different steps of an intrusion and more
}

// Mode says whether policies act.
type Mode string

// The modes.
const (
	Observe Mode = "observe" // tell what would be done
	Enforce Mode = "enforce"
)

// UnmarshalText accepts observe and enforce.
func (m *Mode) UnmarshalText(b []byte) error {
	return word((*string)(m), string(b), string(Observe), string(Enforce))
}

// Audience is who is asked for approval, and for whom a measure is.
type Audience string

// UnmarshalText accepts page and ops.
func (a *Audience) UnmarshalText(b []byte) error { return word((*string)(a), string(b), "page", "ops") }

// Party is a part of a finding that things are counted by.
type Party string

// UnmarshalText accepts case, finding, source, destination, user, host, process and rule.
func (p *Party) UnmarshalText(b []byte) error {
	return word((*string)(p), string(b), "case", "finding", "source", "destination", "user", "host", "process", "rule")
}

func word(to *string, text string, words ...string) error {
	for _, w := range words {
		if text == w {
			*to = w
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
}

// Span is a time span that may be written in days and weeks: 10m, 1h30m, 7d, 2w.
type Span time.Duration

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(b []byte) error {
	text := string(b)
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.ParseUint(number, 10, 16); err == nil && n <= 3650 {
				*s = Span(time.Duration(n) * length)
				return nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time span (write 30s, 10m, 1h30m, 7d or 2w)", text)
	}
	*s = Span(d)
	return nil
}

// MarshalText writes a span as UnmarshalText reads it.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the span in the greatest unit that it is a whole number of.
func (s Span) String() string {
	const day = 24 * time.Hour
	switch d := time.Duration(s); {
	case d > 0 && d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d > 0 && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d > 0 && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// Fault is one thing wrong with what an operator wrote.
type Fault struct {
	Source int    // which of the sources
	Key    string // "list[2].match.source[1]"
	Cause  string
	Hint   string
}

// Source is one file's part of the policies.
type Source struct {
	Name   string // of the file, or of the section: for people
	Config *Config
}
