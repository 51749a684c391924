package language

import (
	"fmt"
	"io"
	"strings"
)

// FilterKind is what a Filter does with the alerts of a rule.
type FilterKind uint8

// Threshold thins alerts out (threshold, event_filter), DetectionFilter lets the first ones go by, RateFilter
// changes the action while there are many, Suppress drops the alerts of some addresses.
const (
	Threshold FilterKind = iota
	DetectionFilter
	RateFilter
	Suppress
)

// FilterType is how a Threshold counts.
type FilterType uint8

// Limit: the first Count alerts per time. Every: each Count-th alert ("threshold"). Once: one alert, when Count is
// reached ("both"). Backoff: at Count, Count*Multiplier, and so on, without time.
const (
	Limit FilterType = iota
	Every
	Once
	Backoff
)

// Track is what is counted apart.
type Track uint8

// The tracks. ByEither is for Suppress only.
const (
	BySource Track = iota
	ByDestination
	ByBoth
	ByRule
	ByFlow
	ByEither
)

// Filter is a line of threshold.config, or a rule's threshold or detection_filter option.
type Filter struct {
	Pos   // of the line; zero for a rule's option
	Kind  FilterKind
	GID   uint32 // 0 with SID 0: all rules; threshold.config only
	SID   uint32 // 0: all rules of GID
	Type  FilterType
	Track Track
	Count uint32
	// Seconds is the window; Timeout, for RateFilter, how long the new action holds.
	Seconds, Timeout uint32
	Multiplier       uint32 // for Backoff
	NewAction        string // for RateFilter: alert, drop, pass, reject
	// Addrs are the addresses to suppress; Any when the line names none.
	Addrs AddrSet
}

// ParseThresholds reads a threshold.config. vars resolve the addresses of suppress lines; nil for DefaultVars.
func ParseThresholds(r io.Reader, file string, vars *Vars) ([]Filter, []Fault) {
	if vars == nil {
		v := DefaultVars()
		vars = &v
	}
	var list []Filter
	text, err := io.ReadAll(io.LimitReader(r, maxConfigLen))
	var faults []Fault
	if err != nil {
		faults = append(faults, Fault{Pos: Pos{File: file, Line: 1, Col: 1}, Cause: fmt.Sprintf("read: %v", err)})
	}
	lines := newLines(text, file)
	for {
		line, pos, ok := lines.next()
		if !ok {
			return list, faults
		}
		line = strings.Trim(line, blanks)
		if line == "" || line[0] == '#' || len(faults) >= maxFaults {
			continue
		}
		f, err := filterLine(line, vars)
		if err != nil {
			faults = append(faults, Fault{Pos: pos, SID: f.SID, Cause: err.Error(), Hint: listHint(err)})
			continue
		}
		f.Pos = pos
		list = append(list, f)
	}
}

// ParseThreshold reads a rule's threshold option: "type limit, track by_src, count 1, seconds 60" or
// "type backoff, track by_flow, count 1, multiplier 10".
func ParseThreshold(value string) (Filter, error) {
	return readFilter(Filter{Kind: Threshold}, value, nil)
}

// ParseDetectionFilter reads a rule's detection_filter option: "track by_src, count 30, seconds 60".
func ParseDetectionFilter(value string) (Filter, error) {
	return readFilter(Filter{Kind: DetectionFilter}, value, nil)
}

// filterLine reads "KIND gen_id G, sig_id S, ...".
func filterLine(line string, vars *Vars) (Filter, error) {
	if len(line) > MaxRuleLen {
		return Filter{}, fmt.Errorf("line is longer than %d bytes", MaxRuleLen)
	}
	word, rest := SplitWord(line)
	kinds := []string{"threshold", "event_filter", "rate_filter", "suppress"}
	var f Filter
	switch word {
	case kinds[0], kinds[1]:
		f.Kind = Threshold
	case kinds[2]:
		f.Kind = RateFilter
	case kinds[3]:
		f.Kind = Suppress
		f.Addrs.Any = true
	default:
		return f, listErr(didYouMean(word, kinds), "unknown threshold line %q", clip(word))
	}
	return readFilter(f, rest, vars)
}

// filterFields are the words a filter knows and the kinds that need or allow them.
var filterFields = [...]struct {
	word         string
	needs, takes [4]bool // by FilterKind
}{
	{word: "gen_id", needs: [4]bool{RateFilter: true, Suppress: true}},
	{word: "sig_id", needs: [4]bool{RateFilter: true, Suppress: true}},
	{word: "type", needs: [4]bool{Threshold: true}},
	{word: "track", needs: [4]bool{Threshold: true, DetectionFilter: true, RateFilter: true}, takes: [4]bool{Suppress: true}},
	{word: "count", needs: [4]bool{Threshold: true, DetectionFilter: true, RateFilter: true}},
	{word: "seconds", needs: [4]bool{DetectionFilter: true, RateFilter: true}, takes: [4]bool{Threshold: true}},
	{word: "multiplier", takes: [4]bool{Threshold: true}},
	{word: "new_action", needs: [4]bool{RateFilter: true}},
	{word: "timeout", needs: [4]bool{RateFilter: true}},
	{word: "ip", takes: [4]bool{Suppress: true}},
}

// readFilter reads the fields, in any order, each at most once. vars is nil for a rule's option, which has no ids.
func readFilter(f Filter, text string, vars *Vars) (Filter, error) {
	var have [len(filterFields)]bool
	for _, arg := range splitList(text) {
		word, value := SplitWord(arg)
		i := filterField(word, f.Kind, vars != nil)
		switch {
		case i < 0:
			return f, listErr(didYouMean(word, filterWords()), "unknown field %q", clip(word))
		case have[i]:
			return f, fmt.Errorf("field %s stands twice", word)
		}
		have[i] = true
		if err := f.set(word, value, vars); err != nil {
			return f, err
		}
	}
	return f, f.check(have, vars != nil)
}

// filterField returns the index of a field that the kind has, or -1.
func filterField(word string, k FilterKind, ids bool) int {
	for i, f := range filterFields {
		if f.word == word && (f.needs[k] || f.takes[k] || ids && i < 2) {
			return i
		}
	}
	return -1
}

func filterWords() []string {
	words := make([]string, len(filterFields))
	for i, f := range filterFields {
		words[i] = f.word
	}
	return words
}

// set stores one field.
func (f *Filter) set(word, value string, vars *Vars) error {
	switch word {
	case "gen_id":
		return setNumber(&f.GID, word, value)
	case "sig_id":
		return setNumber(&f.SID, word, value)
	case "count":
		return setNumber(&f.Count, word, value)
	case "seconds":
		return setNumber(&f.Seconds, word, value)
	case "multiplier":
		return setNumber(&f.Multiplier, word, value)
	case "timeout":
		return setNumber(&f.Timeout, word, value)
	case "type":
		return setName(&f.Type, word, value, []string{"limit", "threshold", "both", "backoff"})
	case "track":
		return setName(&f.Track, word, value, []string{"by_src", "by_dst", "by_both", "by_rule", "by_flow", "by_either"})
	case "new_action":
		f.NewAction = value
		if !known(value, newActions[:]) {
			return listErr(didYouMean(value, newActions[:]), "unknown new_action %q", clip(value))
		}
		return nil
	}
	set, err := ParseAddrs(value, vars) // ip
	f.Addrs = set
	return err
}

var newActions = [...]string{"alert", "drop", "pass", "reject"}

func setNumber(to *uint32, word, value string) error {
	n, ok := decimal(value)
	if !ok {
		return fmt.Errorf("%s: %q is not a number", word, clip(value))
	}
	*to = n
	return nil
}

// setName stores a name's place in the list.
func setName[T ~uint8](to *T, word, value string, names []string) error {
	for i, n := range names {
		if n == value {
			*to = T(i)
			return nil
		}
	}
	return listErr(didYouMean(value, names), "unknown %s %q", word, clip(value))
}

// check tells what is missing or does not go together (util-threshold-config.c, detect-threshold.c).
func (f *Filter) check(have [len(filterFields)]bool, ids bool) error {
	has := func(word string) bool { return have[filterField(word, f.Kind, ids)] }
	for i, field := range filterFields {
		if !have[i] && (i < 2 && ids || i >= 2 && field.needs[f.Kind]) {
			return fmt.Errorf("field %s is missing", field.word)
		}
	}
	switch f.Kind {
	case Threshold:
		if f.Type == Backoff != has("multiplier") || f.Type == Backoff == has("seconds") {
			return listErr("", "type backoff goes with a multiplier, the others with seconds")
		}
	case Suppress:
		if has("track") != has("ip") || has("track") && f.Track != BySource && f.Track != ByDestination && f.Track != ByEither {
			return listErr("write track by_src, by_dst or by_either and ip ADDRESS", "suppress needs track and ip together")
		}
	}
	switch {
	case f.Kind != Suppress && f.Track == ByEither:
		return listErr("", "track by_either is for suppress only")
	case f.Kind == Threshold && !ids && (f.Count == 0 || has("seconds") && f.Seconds == 0),
		(f.Kind == DetectionFilter || f.Kind == RateFilter) && (f.Count == 0 || f.Seconds == 0):
		return listErr("", "count and seconds must not be 0")
	case f.Kind == Threshold && f.Type == Backoff && f.Multiplier == 0:
		return listErr("", "multiplier must not be 0")
	case ids && f.GID == 0 && f.SID != 0:
		return listErr("gen_id 1 is that of common rules", "gen_id 0 with a sig_id")
	}
	return nil
}

// splitList cuts at commas outside of brackets.
func splitList(text string) []string {
	var list []string
	depth, start := 0, 0
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ',' && depth <= 0:
			list = append(list, strings.Trim(text[start:i], blanks))
			start = i + 1
		case text[i] == '[':
			depth++
		case text[i] == ']':
			depth--
		}
	}
	return list
}
