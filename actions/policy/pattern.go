package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// patterns is a list of texts with * and ?; those that begin with ! exclude. An empty list fits everything; one that only
// excludes fits what it does not exclude.
type patterns struct{ yes, no []string }

func newPatterns(list []string) patterns {
	var p patterns
	for _, text := range list {
		if not, ok := strings.CutPrefix(text, "!"); ok {
			p.no = append(p.no, not)
		} else {
			p.yes = append(p.yes, text)
		}
	}
	return p
}

// fit tells whether one of several texts fits, and none is excluded.
func (p *patterns) fit(texts ...string) bool {
	fits := len(p.yes) == 0
	for _, text := range texts {
		if anyGlob(p.no, text) {
			return false
		}
		fits = fits || anyGlob(p.yes, text)
	}
	return fits
}

func anyGlob(list []string, text string) bool {
	for _, pattern := range list {
		if glob(pattern, text) {
			return true
		}
	}
	return false
}

// glob matches * (any text, / too) and ? (any byte) in time proportional to the product of both lengths at worst.
func glob(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// networks is a list of prefixes, with those that exclude.
type networks struct{ yes, no []netip.Prefix }

func (n *networks) fit(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = a.Unmap().WithZone("")
	return !anyPrefix(n.no, a) && (len(n.yes) == 0 || anyPrefix(n.yes, a))
}

func anyPrefix(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// span is a range of numbers, ends included.
type span struct{ first, last uint64 }

// parseSpans reads "22", "80-90"; each number at most most.
func parseSpans(list []string, most uint64) (spans []span, err error) {
	for _, text := range list {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 64)
		b, err2 := strconv.ParseUint(last, 10, 64)
		if err1 != nil || err2 != nil || a > b || b > most {
			return nil, fmt.Errorf("%q is no number or range up to %d", text, most)
		}
		spans = append(spans, span{a, b})
	}
	return spans, nil
}

func anySpan(list []span, n uint64) bool {
	for _, s := range list {
		if n >= s.first && n <= s.last {
			return true
		}
	}
	return false
}
