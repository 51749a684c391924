package fail2ban

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Filter is a filter.d file as a jail uses it: what makes a line a failure.
type Filter struct {
	Name         string
	UseDNS       string     // raw, no, warn, yes; "" if not said
	PrefRegex    string     // "" for none
	FailRegex    []string   // in order; the first that matches wins
	IgnoreRegex  []string   // lines that count as no failure after all
	MaxLines     int        // lines that one regex may span; 0 if not said
	DatePattern  string     // "" for the default ones; several are separated by newlines
	JournalMatch [][]string // each in journalctl's notation
}

// filterOptions are the options of a filter that mean something to the judge.
var filterOptions = []option{
	{name: "usedns"}, {name: "prefregex"}, {name: "ignoreregex"}, {name: "failregex"},
	{name: "maxlines", kind: number}, {name: "datepattern"}, {name: "journalmatch"},
}

// openFilter reads the files of a filter and tells it by the backend whether its lines carry a time stamp (logtype).
func (l *library) openFilter(name string, params *table, backend string) (*definition, error) {
	layers := l.read(filepath.Join("filter.d", name))
	if layers == nil {
		//lint:ignore ST1005 fail2ban's own words, which others parse
		return nil, fmt.Errorf("Unable to read the filter '%s'", name)
	}
	own := layers.sections[definitionSection]
	said, _ := params.get("logtype")
	if said.text == "" && (own == nil || !own.has("logtype")) {
		logtype := "file"
		if strings.HasPrefix(backend, "systemd") {
			logtype = "journal"
		}
		params.setText("logtype", logtype)
	}
	return &definition{layers: layers, options: filterOptions, init: params}, nil
}

// ReadFilter reads one filter with parameters as name[param=value] would give them; for scanning a log without a jail.
// dir holds filter.d. Faults that do not stop the filter are returned beside it.
func ReadFilter(dir, name string, params map[string]string, journal bool) (*Filter, []*Fault, error) {
	return newLibrary(dir).readFilter(name, params, journal)
}

func (l *library) readFilter(name string, params map[string]string, journal bool) (*Filter, []*Fault, error) {
	given := newTable()
	for _, k := range sortedKeys(params) {
		given.setText(k, params[k])
	}
	backend := "auto"
	if journal {
		backend = "systemd"
	}
	def, err := l.openFilter(name, given, backend)
	if err != nil {
		return nil, l.faults, fmt.Errorf("filter: %w (looked in %s)", err, filepath.Join(l.dir, "filter.d"))
	}
	if err := def.read(newTable(), false); err != nil {
		return nil, l.faults, fmt.Errorf("filter %s: %w", name, err)
	}
	opts, err := def.combined()
	if err != nil {
		return nil, l.faults, fmt.Errorf("filter %s: %w", name, err)
	}
	f := &Filter{Name: name}
	l.fillFilter(f, opts)
	return f, l.faults, nil
}

// fillFilter sets what the options say; what they don't say stays.
func (l *library) fillFilter(f *Filter, opts *table) {
	for _, name := range opts.names {
		v := opts.of[name]
		switch name {
		case "usedns":
			f.UseDNS = v.text
		case "prefregex":
			f.PrefRegex = v.text
		case "failregex":
			f.FailRegex = append(f.FailRegex, lines(v.text)...)
		case "ignoreregex":
			f.IgnoreRegex = append(f.IgnoreRegex, lines(v.text)...)
		case "maxlines":
			f.MaxLines = l.number(name, v, f.MaxLines)
		case "datepattern":
			f.DatePattern = v.text
		case "journalmatch":
			for _, m := range lines(v.text) {
				f.JournalMatch = append(f.JournalMatch, splitShell(m))
			}
		}
	}
}

// joinedDigits is a number with underscores, which Python passes over.
var joinedDigits = regexp.MustCompile(`^[+-]?\d+(?:_\d+)+$`)

func (l *library) number(name string, v value, otherwise int) int {
	text := strings.TrimSpace(v.text)
	if joinedDigits.MatchString(text) {
		text = strings.ReplaceAll(text, "_", "")
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		l.fault(v.at, fmt.Sprintf("Wrong int value %q for %q (a number alone is wanted; # begins no comment behind a value)", v.text, name))
		return otherwise
	}
	return n
}

// lines cuts a text at newlines and drops the empty ones.
func lines(text string) []string {
	var all []string
	for _, s := range strings.Split(text, "\n") {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}
