//go:build pcre2test

package pcre

import (
	"math/rand/v2"
	"testing"
)

// TestAgainstPCRE2 compares compiling, the span of the match and all groups, over all rule collections, with
// invented subjects that nearly match.
func TestAgainstPCRE2(t *testing.T) {
	patterns := corpus(t, "*.xz")
	for _, s := range strange {
		for f := range Flags(8) {
			patterns = append(patterns, rulePattern{s, f})
		}
	}
	c := comparison{t: t, inventor: inventor{r: rand.New(rand.NewPCG(1, 2))}}
	for _, p := range patterns {
		c.compare(p)
	}
	t.Logf("%d patterns: %d only PCRE2 compiles, %d evaluations, %d matches, %d differences; limits: %d ours, %d PCRE2's",
		len(patterns), c.refused, c.evaluations, c.matches, c.differences, c.ourLimits, c.theirLimits)
}

type comparison struct {
	t *testing.T
	inventor
	m Matcher

	refused, evaluations, matches, differences, ourLimits, theirLimits int
}

func (c *comparison) compare(p rulePattern) {
	re, err := Compile(p.pattern, p.flags)
	o, oracleErr := newOracle(p.pattern, p.flags)
	if oracleErr == nil {
		defer o.close()
	}
	switch {
	case err == nil && oracleErr != nil:
		c.t.Errorf("/%s/: accepted, but PCRE2 says: %v", p.pattern, oracleErr)
	case err != nil && oracleErr == nil:
		c.refused++
		c.t.Logf("only PCRE2 compiles: %v", err)
	case err == nil:
		tree := parseTree(c.t, p)
		small := rand.New(rand.NewPCG(3, 4))
		for i := range 40 {
			subject := c.subject(tree)
			if i%4 == 3 { // and short ones of few letters
				subject = subject[:0]
				for range small.IntN(9) {
					subject = append(subject, "aaabbbcd\n"[small.IntN(9)])
				}
			}
			start := 0
			if i%8 == 7 && len(subject) > 0 {
				start = small.IntN(len(subject))
			}
			c.evaluate(re, o, p, subject, start)
		}
	}
}

func (c *comparison) evaluate(re *Regexp, o *oracle, p rulePattern, subject []byte, start int) {
	c.evaluations++
	r := re.Match(subject, start, &c.m)
	want, known := o.match(subject, start)
	if !known {
		c.theirLimits++
		return
	}
	if r == LimitHit {
		c.ourLimits++
		return
	}
	if want != nil {
		c.matches++
	}
	same := (r == Matched) == (want != nil)
	for g := 0; same && g < len(want); g++ {
		from, to, ok := c.m.Group(g)
		if !ok {
			from, to = -1, -1
		}
		same = [2]int{from, to} == want[g]
	}
	if same {
		return
	}
	if c.differences++; c.differences < 20 {
		c.t.Errorf("/%s/ flags %#x on %q from %d: result %d %v, PCRE2 %v", p.pattern, p.flags, subject, start, r, c.m.registers[:2*(re.Groups()+1)], want)
	}
}
