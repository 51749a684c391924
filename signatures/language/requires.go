package language

import (
	"fmt"
	"strings"
)

// version is the Suricata whose language we speak; requires options are held against it.
var version = [3]uint32{8, 0, 6}

// requirements looks at requires options. A rule that is not for us is skipped, whatever else is wrong with it: it
// may speak of what we don't know (detect-requires.c). before is the number of faults before this rule.
func (p *parser) requirements(r *Rule, before int) {
	for i := range r.Options {
		o := &r.Options[i]
		if o.Name != "requires" {
			continue
		}
		missing, err := unmet(o.Value, p.vars.Lacks)
		if err != nil {
			p.fault(at(r.Pos, o.ValueCol), 0, "requires: "+err.Error(), "")
			return
		}
		if missing != "" {
			p.faults = p.faults[:before]
			p.soft(at(r.Pos, o.ValueCol), 0, "rule is skipped: it requires "+missing, "")
			r.Skip = true
			return
		}
	}
}

// unmet returns the first requirement that does not hold, or "".
func unmet(value string, lacks func(kind, name string) bool) (string, error) {
	for _, arg := range SplitArgs(value) {
		kind, rest := SplitWord(arg)
		switch kind {
		case "version":
			ok, err := versionIn(rest)
			if err != nil {
				return "", err
			}
			if !ok {
				return arg, nil
			}
		case "feature", "keyword":
			if lacks != nil && lacks(kind, rest) {
				return arg, nil
			}
		default: // a later language may know it
			return arg, nil
		}
	}
	return "", nil
}

// versionIn holds our version against ">= 7.0.3 < 8 | >= 8.0.1": all comparisons of one alternative.
func versionIn(text string) (bool, error) {
	for _, alternative := range strings.Split(text, "|") {
		all := true
		fields := strings.Fields(spaceOperators(alternative))
		if len(fields) == 0 || len(fields)%2 != 0 {
			return false, fmt.Errorf("%q is not a version requirement", clip(text))
		}
		for i := 0; i < len(fields); i += 2 {
			want, err := parseVersion(fields[i+1])
			if err != nil {
				return false, err
			}
			ok, err := compareVersion(fields[i], want)
			if err != nil {
				return false, err
			}
			all = all && ok
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

// spaceOperators puts blanks around comparisons, so that ">=8" reads like ">= 8".
func spaceOperators(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		operator := strings.IndexByte("<>=", s[i]) >= 0
		if operator && (i+1 == len(s) || s[i+1] != '=') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func compareVersion(op string, want [3]uint32) (bool, error) {
	c := 0
	for i := range version {
		if c == 0 && version[i] != want[i] {
			c = 1
			if version[i] < want[i] {
				c = -1
			}
		}
	}
	switch op {
	case ">":
		return c > 0, nil
	case ">=":
		return c >= 0, nil
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case "=", "==":
		return c == 0, nil
	}
	return false, fmt.Errorf("%q is not a comparison of versions", clip(op))
}

func parseVersion(s string) (v [3]uint32, err error) {
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return v, fmt.Errorf("%q is not a version", clip(s))
	}
	for i, part := range parts {
		n, ok := decimal(part)
		if !ok {
			return v, fmt.Errorf("%q is not a version", clip(s))
		}
		v[i] = n
	}
	return v, nil
}
