package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	f2b "picket/rules/fail2ban"
)

// filterName is what may be a filter's name with options, or the path of its file.
var filterName = regexp.MustCompile(`(?ms)^/{0,3}[\w/_\-.]+(?:\[.*\])?$`)

// readRegex takes REGEX for a filter if there is a file of it, else for a regular expression.
func (t *regexTool) readRegex(text string, journal bool) error {
	t.definition.Name = "fail2ban-regex"
	if !filterName.MatchString(text) {
		return t.useLine(text)
	}
	spec, err := f2b.ParseOptions(text)
	if err != nil {
		return fmt.Errorf("Wrong filter name or options: %w\n       while parsing: %s", err, text) //lint:ignore ST1005 fail2ban's own words
	}
	file, dir := t.findFilter(spec.Name)
	if file == "" {
		return t.useLine(text)
	}
	return t.useFilter(spec, file, dir, journal)
}

func (t *regexTool) useLine(text string) error {
	t.say("Use %11s line : %s", "failregex", shortened(text))
	t.definition.FailRegex = []string{text}
	return nil
}

// findFilter looks for a filter's file: in filter.d of the configuration, or where its path says. dir is the
// configuration's directory, "" for a file that stands elsewhere.
func (t *regexTool) findFilter(name string) (file, dir string) {
	tries := []string{name, name + ".conf", name + ".local"}
	if strings.Contains(name[max(0, len(name)-6):], ".") {
		tries = tries[:1]
	}
	for _, try := range tries {
		base := t.options.config
		switch {
		case strings.Contains(try, "/"):
			base = filepath.Dir(try)
		case filepath.Base(base) == "filter.d":
			try = filepath.Join(base, try)
		default:
			try = filepath.Join(base, "filter.d", try)
		}
		if !isFile(try) {
			continue
		}
		if filepath.Base(base) == "filter.d" {
			return try, filepath.Dir(base)
		}
		if base == t.options.config {
			return try, base
		}
		return try, ""
	}
	return "", ""
}

// useFilter reads the filter and takes over what it says.
func (t *regexTool) useFilter(spec f2b.Spec, file, dir string, journal bool) error {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if dir != "" {
		t.say("Use %11s filter file : %s, basedir: %s", "failregex", name, dir)
	} else {
		t.say("Use %11s file : %s", "failregex", spec.Name)
	}
	if len(spec.Options) > 0 {
		t.say("Use   filter options : %s", pickle.Repr(dictOf(spec.Options)))
	}
	var filter *f2b.Filter
	var err error
	if dir != "" {
		filter, _, err = f2b.ReadFilter(dir, name, spec.Map(), journal)
	} else {
		filter, _, err = f2b.ReadFilterFile(file, spec.Map(), journal)
	}
	if err != nil {
		fmt.Fprintf(t.out, "Wrong config file: %s\n", err)
		return fmt.Errorf("failed to load filter %s", spec.Name)
	}
	d := rules.DefinitionOf(filter)
	t.definition.PrefRegex, t.definition.FailRegex, t.definition.IgnoreRegex = d.PrefRegex, d.FailRegex, d.IgnoreRegex
	if d.MaxLines > 0 {
		t.setMaxLines(d.MaxLines)
	}
	if !t.options.matchSet {
		for i, words := range filter.JournalMatch {
			if i > 0 {
				t.journal = append(t.journal, "+")
			}
			t.journal = append(t.journal, words...)
		}
	}
	if d.DatePattern != "" {
		return t.setDatePattern(d.DatePattern)
	}
	return nil
}

func dictOf(options []f2b.Pair) pickle.Dict {
	d := pickle.Dict{}
	for _, o := range options {
		d = append(d, pickle.Pair{Key: o.Name, Value: o.Text})
	}
	return d
}
