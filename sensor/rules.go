package sensor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"picket/sensor/suricata"
	"picket/signatures"
	"picket/signatures/geo"
	"picket/signatures/language"
	"picket/signatures/library"
	"picket/signatures/reputation"
	"picket/traffic/app"
	"picket/traffic/app/protocols"
)

// RuleSet is what came out of reading the rules.
type RuleSet struct {
	Engine *signatures.Engine
	Read   int // rules that were written down
	Faults []language.Fault
	Took   time.Duration
	At     time.Time
	// URLs completes a reference: "cve" → "http://cve.mitre.org/…name=".
	URLs map[string]string
}

// Loaded is the number of rules in force.
func (r *RuleSet) Loaded() int { return len(r.Engine.Signatures) }

// Refused lists the faults that kept a rule out.
func (r *RuleSet) Refused() []language.Fault {
	var hard []language.Fault
	for _, f := range r.Faults {
		if !f.Soft {
			hard = append(hard, f)
		}
	}
	return hard
}

// ruleSources says where rules come from.
type ruleSources struct {
	files      []string // globs
	library    bool
	vars       language.Vars
	classes    string
	references string
	threshold  string
	dataDir    string // where relative names in rules (datasets) begin
	datasets   signatures.DatasetOptions
	previous   *signatures.Engine // whose sets of values go on; nil: none
	categories string             // of reputation: the file that names them
	reputation []string           // lists of addresses with scores
	countries  string             // database for geoip
	inline     bool
	order      []signatures.Action // action-order; nil: the default
	maxAlerts  int                 // packet-alert-max; 0: the default
	guessTx    bool                // detect.guess-applayer-tx
	absent     []language.Fault    // files that settings name and that are not there
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// ruleSources are the sources that configuration and settings name.
func (c *Config) ruleSources(s *suricata.Settings, inline bool) ruleSources {
	r := ruleSources{
		files: slices.Concat(c.Signatures.Files, s.RuleFiles()), library: c.Signatures.Library, vars: c.vars(s), inline: inline,
		classes: c.Signatures.Classification, references: c.Signatures.References, threshold: c.Signatures.Threshold,
	}
	for _, word := range s.List("action-order") {
		if a, ok := signatures.ActionByName(word); ok {
			r.order = append(r.order, a)
		}
	}
	r.guessTx = s.Bool("detect.guess-applayer-tx", false)
	r.maxAlerts = int(min(max(s.Int("packet-alert-max", 0), 0), 255))
	// A suricata.yaml names these files whether they are there or not; picket's own configuration means them.
	fallback := func(to *string, key, otherwise string) {
		if *to != "" || s.Text(key, "") == "" {
			return
		}
		if file := s.Path(s.Text(key, "")); exists(file) {
			*to = file
		} else {
			r.absent = append(r.absent, language.Fault{
				Pos: language.Pos{File: s.File(), Line: 1, Col: 1}, Soft: true,
				Cause: fmt.Sprintf("%s: %s is not there; %s", key, file, otherwise),
			})
		}
	}
	r.datasets.Absolute = s.Bool("datasets.rules.allow-absolute-filenames", false)
	r.datasets.ReadOnly = !s.Bool("datasets.rules.allow-write", true)
	if s.Has("reputation-categories-file") {
		r.categories = s.Path(s.Text("reputation-categories-file", ""))
	}
	r.reputation = s.ReputationFiles()
	fallback(&r.classes, "classification-file", "the built-in table holds")
	fallback(&r.references, "reference-config-file", "the built-in table holds")
	fallback(&r.threshold, "threshold-file", "no limits but those of rules hold")
	fallback(&r.countries, "geoip-database", "rules with geoip are refused")
	return r
}

// build reads and compiles all rules. Rules that could not be read are faults of the set; a file that could not
// be opened is an error, and nothing changes.
func (r *ruleSources) build() (*RuleSet, error) {
	start := time.Now()
	defer collectOften()()
	r.vars.Lacks = signatures.Lacks()
	set := &RuleSet{At: start, Faults: slices.Clone(r.absent)}
	rules, err := r.read(set)
	if err != nil {
		return nil, err
	}
	opt := signatures.Options{Inline: r.inline, ReadFile: r.readFile, Steps: steps, Order: r.order, MaxAlerts: r.maxAlerts, GuessTx: r.guessTx,
		Datasets: r.datasets, Previous: r.previous}
	if err := r.configs(&opt, set); err != nil {
		return nil, err
	}
	if err := r.scores(&opt, set); err != nil {
		return nil, err
	}
	if err := r.geo(&opt); err != nil {
		return nil, err
	}
	engine, faults := signatures.Compile(rules, opt)
	set.Engine, set.Faults, set.Took = engine, append(set.Faults, faults...), time.Since(start)
	return set, nil
}

// buildGC is the garbage collector's percentage while rules are built. What is read of 36,000 rules is several times as
// large as what is made of it; with the process's own percentage it would set the peak of the program's memory.
const buildGC = 75

// collectOften keeps garbage low until the function that it returns is called, which clears all of it away.
func collectOften() (over func()) {
	usual := debug.SetGCPercent(buildGC)
	return func() {
		debug.SetGCPercent(usual)
		runtime.GC()
	}
}

func (r *ruleSources) read(set *RuleSet) ([]language.Rule, error) {
	var rules []language.Rule
	add := func(in io.Reader, name string) {
		list, faults := language.Parse(in, name, &r.vars)
		rules, set.Faults = append(rules, list...), append(set.Faults, faults...)
		set.Read += len(list) + refusedRules(faults)
	}
	if r.library {
		library.Each(add)
	}
	var failed error
	for _, pattern := range r.files {
		names, err := filepath.Glob(pattern)
		if err == nil && len(names) == 0 {
			err = os.ErrNotExist
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("read rules %s: %w", pattern, err))
		}
		for _, name := range names {
			failed = errors.Join(failed, withFile(name, "read rules", func(f io.Reader) { add(f, name) }))
		}
	}
	rules, faults := language.Dedupe(rules)
	set.Faults = append(set.Faults, faults...)
	return rules, failed
}

// refusedRules counts the rules that hard faults keep out; one rule may have several.
func refusedRules(faults []language.Fault) int {
	type place struct {
		file string
		line int
	}
	rules := map[place]bool{}
	for _, f := range faults {
		if !f.Soft {
			rules[place{f.File, f.Line}] = true
		}
	}
	return len(rules)
}

func withFile(name, what string, read func(io.Reader)) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer f.Close()
	read(f)
	return nil
}

// configs reads the files beside the rules: classes and limits.
func (r *ruleSources) configs(opt *signatures.Options, set *RuleSet) error {
	err := withFile(r.classes, "read classification", func(f io.Reader) {
		list, faults := language.ParseClassification(f, r.classes)
		set.Faults = append(set.Faults, faults...)
		opt.Classes = map[string]signatures.Class{}
		for _, c := range list {
			opt.Classes[c.Name] = signatures.Class(c)
		}
	})
	systems := language.DefaultReferences()
	err = errors.Join(err, withFile(r.references, "read references", func(f io.Reader) {
		list, faults := language.ParseReferences(f, r.references)
		set.Faults = append(set.Faults, faults...)
		systems = list
	}))
	set.URLs = map[string]string{}
	for _, ref := range systems {
		set.URLs[ref.Name] = ref.URL
	}
	return errors.Join(err, withFile(r.threshold, "read thresholds", func(f io.Reader) {
		list, faults := language.ParseThresholds(f, r.threshold, &r.vars)
		set.Faults = append(set.Faults, faults...)
		opt.Limits = list
	}))
}

// scores reads the files of reputation.
func (r *ruleSources) scores(opt *signatures.Options, set *RuleSet) error {
	if r.categories == "" {
		return nil
	}
	text, err := os.ReadFile(r.categories)
	if err != nil {
		return fmt.Errorf("read reputation categories: %w", err)
	}
	if opt.Reputation, err = reputation.New(text); err != nil {
		return fmt.Errorf("read reputation categories %s: %w", r.categories, err)
	}
	for _, name := range r.reputation {
		text, err := os.ReadFile(name)
		if err == nil {
			err = opt.Reputation.Add(text)
		}
		if err != nil {
			set.Faults = append(set.Faults, language.Fault{Pos: language.Pos{File: name, Line: 1, Col: 1}, Soft: true, Cause: "reputation: " + err.Error()})
		}
	}
	return nil
}

// geo reads the database of countries; rules that need one are refused when none is named.
func (r *ruleSources) geo(opt *signatures.Options) error {
	if r.countries == "" {
		return nil
	}
	file, err := os.ReadFile(r.countries)
	if err != nil {
		return fmt.Errorf("read countries (geoip-database): %w", err)
	}
	d, err := geo.New(file)
	if err != nil {
		return fmt.Errorf("read countries %s: %w", r.countries, err)
	}
	opt.Country = d.Country
	return nil
}

// readFile reads a file that a rule names; relative names begin at the data folder.
func (r *ruleSources) readFile(name string) ([]byte, error) {
	if !filepath.IsAbs(name) && r.dataDir != "" {
		if text, err := os.ReadFile(filepath.Join(r.dataDir, name)); err == nil {
			return text, nil
		}
	}
	return os.ReadFile(name)
}

// steps names a protocol's progress values.
func steps(p app.Proto, dir app.Direction) []string {
	for _, entry := range protocols.All() {
		if entry.Proto == p && len(entry.Steps[dir]) > 0 {
			return entry.Steps[dir]
		}
	}
	return nil
}
