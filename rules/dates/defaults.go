package dates

import (
	"fmt"
	"regexp"
	"strings"
)

// defaultPatterns are the dates that are looked for where a filter has no pattern of its own, in order of preference.
var defaultPatterns = []string{
	`%ExY(?P<_sep>[-/.])%m(?P=_sep)%d(?:T|  ?)%H:%M:%S(?:[.,]%f)?(?:\s*%z)?`, // ISO 8601 and 2005/01/23 21:59:59
	`(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?`,                              // syslog, asctime
	`(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?`,                                   // Sun Jan 23 2005 21:59:59.011
	`%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S`,                      // 23/01/2005 21:59:59, 17-07-08 17:23:25
	`%d(?P<_sep>[-/])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?`,          // web servers, named
	`%m/%d/%ExY:%H:%M:%S`,                                                    // cPanel
	`%m-%d-%ExY %k:%M:%S(?:\.%f)?`,                                           // 01-27-2012 16:22:44.252
	`EPOCH`,                                                                  // Unix seconds
	`{^LN-BEG}%H:%M:%S`,                                                      // time only
	`^<%m/%d/%Exy@%H:%M:%S>`,                                                 // <09/16/08@05:03:30>
	`%Exy%Exm%Exd  ?%H:%M:%S`,                                                // MySQL
	`%b %d, %ExY %I:%M:%S %p`,                                                // Tomcat
	`^%b-%d-%Exy %k:%M:%S`,                                                   // ASSP
	`%ExY%Exm%Exd(?:-|T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z)?`,               // 20050123T215959
	`(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?`,                      // monit: PDT Apr 16 21:05:29
	`(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?`,                      // +00:00 Jan 23 21:59:59.011 2005
	`TAI64N`,
}

// anchoredWeight makes templates at the line's beginning win against those that were found elsewhere.
const anchoredWeight = 100

// plainDefaults parses the default patterns.
func plainDefaults(year int) ([]*Template, error) {
	var all []*Template
	for _, p := range defaultPatterns {
		t, err := parseTemplate(p, year)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// defaultTemplates returns the default templates, those anchored at the line's beginning first.
func defaultTemplates(year int) ([]*Template, error) {
	plain, err := plainDefaults(year)
	if err != nil {
		return nil, err
	}
	var all []*Template
	for _, t := range plain {
		if strings.HasPrefix(t.name, "^") || strings.HasPrefix(t.name, lineBegin) {
			continue
		}
		anchored, err := parseTemplate(lineBegin+t.source(), year)
		if err != nil {
			return nil, err
		}
		anchored.weight = anchoredWeight
		all = append(all, anchored)
	}
	return append(all, plain...), nil
}

// source returns the text from which the template can be parsed again.
func (t *Template) source() string {
	if t.pattern != "" {
		return t.pattern
	}
	return t.name
}

var dateInPattern = regexp.MustCompile(`(?i)(^|[^\\])\{DATE\}`)

// Parse reads a datepattern: one template a line, or all default ones if it is empty. year is the current one.
func Parse(datepattern string, year int) ([]*Template, error) {
	var all []*Template
	for _, line := range strings.Split(datepattern, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		some, err := parsePattern(line, year)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(all) > maxTemplates {
			return nil, fmt.Errorf("date pattern: more than %d templates", maxTemplates)
		}
	}
	if len(all) == 0 {
		return defaultTemplates(year)
	}
	return withoutTwins(all), nil
}

const maxTemplates = 500

func withoutTwins(all []*Template) []*Template {
	known := map[string]bool{}
	var once []*Template
	for _, t := range all {
		if !known[t.name] {
			known[t.name] = true
			once = append(once, t)
		}
	}
	return once
}

func parsePattern(pattern string, year int) ([]*Template, error) {
	switch key := strings.ToUpper(pattern); {
	case key == "{DEFAULT}":
		return defaultTemplates(year)
	case key == lineBegin:
		return anchoredDefaults(year)
	case key == "{NONE}":
		pattern = "{UNB}^"
	case dateInPattern.MatchString(pattern):
		return embeddedDefaults(pattern, year)
	}
	t, err := parseTemplate(pattern, year)
	if err != nil {
		return nil, err
	}
	return []*Template{t}, nil
}

// anchoredDefaults are the default templates that match at the line's beginning only.
func anchoredDefaults(year int) ([]*Template, error) {
	all, err := defaultTemplates(year)
	var some []*Template
	for _, t := range all {
		if t.begin {
			some = append(some, t)
		}
	}
	return some, err
}

// embeddedDefaults puts every default pattern in the place of {DATE}.
func embeddedDefaults(pattern string, year int) ([]*Template, error) {
	plain, err := plainDefaults(year)
	if err != nil {
		return nil, err
	}
	var all []*Template
	for _, t := range plain {
		inner := strings.TrimPrefix(strings.TrimPrefix(t.source(), "{UNB}"), lineBegin)
		whole := dateInPattern.ReplaceAllString(pattern, "${1}"+strings.ReplaceAll(inner, "$", "$$"))
		e, err := parseTemplate(whole, year)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
