package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	"picket/rules/expression"
)

// regexStats is what fail2ban-regex counts.
type regexStats struct {
	prefixed int
	prefix   []rules.Group // of the last match; nil if it did not match
	prefixes []string      // what the prefix expression captured, the first few
	failures []regexCount
	ignores  []regexCount
	tested   int
	matched  kept
	missed   kept
	ignored  kept
}

// regexCount counts the hits of one expression, and remembers them for -v.
type regexCount struct {
	text string
	hits int
	list []string
}

// kept is lines of one outcome: how many, and those to be shown.
type kept struct {
	count int
	lines []string
}

func newRegexStats(f *rules.Filter) (s regexStats) {
	for _, e := range f.Expressions() {
		s.failures = append(s.failures, regexCount{text: e.String()})
	}
	for _, e := range f.Ignores() {
		s.ignores = append(s.ignores, regexCount{text: e.String()})
	}
	return s
}

// most is how many lines of an outcome are shown unless all are asked for.
func (t *regexTool) most() int {
	if t.options.maxLines > 0 {
		return t.options.maxLines
	}
	return 20
}

// line judges one line of the log. Comments and empty lines are passed over.
func (t *regexTool) line(line []byte, nanos int64) {
	if nanos == 0 && (len(line) == 0 || line[0] == '#') {
		return
	}
	trial := t.judge.Try(line, nanos, !t.options.first && t.options.out == "")
	if t.options.out != "" {
		t.print(&trial)
		return
	}
	found, quiet := t.count(&trial)
	t.prefix(&trial)
	t.useUp(trial.Used)
	s := &t.stats
	text := string(line)
	switch s.tested++; {
	case quiet || len(trial.Ignored) > 0:
		s.ignored.add(text, !t.options.noIgnored && (t.options.allIgnored || s.ignored.count <= t.most()))
	case found:
		s.matched.add(text, t.options.allMatched)
	default:
		s.missed.add(text, !t.options.noMissed && (t.options.allMissed || s.missed.count <= t.most()))
	}
}

func (k *kept) add(line string, show bool) {
	k.count++
	if show {
		k.lines = append(k.lines, line)
	}
}

// count counts the hits of a line. found tells that one is a failure, quiet that one is none by itself.
func (t *regexTool) count(trial *rules.Trial) (found, quiet bool) {
	failures := 0
	for _, i := range trial.Ignored {
		t.stats.ignores[i].hits++
	}
	for i := range trial.Hits {
		h := &trial.Hits[i]
		for _, id := range t.ids(h) {
			c := &t.stats.failures[h.Expression]
			c.hits++
			if t.options.verbose > 0 {
				c.list = append(c.list, shownHit(id, h, failures > 1))
			}
			if h.NoFail {
				quiet = true
				continue
			}
			failures++
		}
	}
	return failures > 0, quiet
}

func shownHit(id string, h *rules.Hit, several bool) string {
	text := fmt.Sprintf("    %s  %s", id, time.Unix(0, h.Nanos).Format("Mon Jan 02 15:04:05 2006"))
	if several {
		text += " (multiple regex matched)"
	}
	return text
}

// prefix counts the matches of the prefix expression. fail2ban-regex counts the last one again for a line that was ignored
// before the expression was tried, and so do we: people compare these numbers.
func (t *regexTool) prefix(trial *rules.Trial) {
	if t.definition.PrefRegex == "" {
		return
	}
	if !trial.Early {
		t.stats.prefix = nil
		if trial.Prefixed {
			t.stats.prefix = trial.Prefix
		}
	}
	if t.stats.prefix == nil {
		return
	}
	t.stats.prefixed++
	switch n := len(t.stats.prefixes); {
	case t.options.verbose == 0 || n > t.most():
	case n == t.most():
		t.stats.prefixes = append(t.stats.prefixes, "    ...")
	default:
		t.stats.prefixes = append(t.stats.prefixes, "    "+pickle.Repr(groupDict(t.stats.prefix)))
	}
}

// groupDict is what groups captured, None for those that took no part.
func groupDict(groups []rules.Group) pickle.Dict {
	d := pickle.Dict{}
	for _, g := range groups {
		p := pickle.Pair{Key: g.Name}
		if g.Taken {
			p.Value = g.Text
		}
		d = append(d, p)
	}
	return d
}

// useUp makes earlier lines that a match has used up matched ones.
func (t *regexTool) useUp(lines []string) {
	s := &t.stats
	for _, l := range lines {
		if i := slices.Index(s.missed.lines, l); i >= 0 {
			s.missed.lines = slices.Delete(s.missed.lines, i, i+1)
		}
		s.missed.count--
		s.matched.add(l, t.options.allMatched)
	}
}

// report prints the statistics.
func (t *regexTool) report(took time.Duration) {
	s := &t.stats
	t.say("\nResults\n=======")
	names := t.options.usedns != "no"
	if t.definition.PrefRegex != "" {
		t.say("\nPrefregex: %d total", s.prefixed)
		t.list("", append([]string{expression.Shown(t.definition.PrefRegex, names)}, s.prefixes...))
	}
	t.reportRegexes("Failregex", s.failures)
	t.reportRegexes("Ignoreregex", s.ignores)
	t.say("\nDate template hits:")
	t.list("[# of hits] date format", t.dateHits())
	t.say("\nLines: %d lines, %d ignored, %d matched, %d missed", s.tested, s.ignored.count, s.matched.count, s.missed.count)
	t.say("[processed in %.2f sec]\n", took.Seconds())
	if t.options.allMatched {
		t.reportLines("matched", &s.matched, s.failures, true)
	}
	if !t.options.noIgnored {
		t.reportLines("ignored", &s.ignored, s.ignores, t.options.allIgnored)
	}
	if !t.options.noMissed {
		t.reportLines("missed", &s.missed, s.failures, t.options.allMissed)
	}
}

// list prints lines under a header; nothing for none.
func (t *regexTool) list(header string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if header != "" {
		t.say("|- %s", header)
	}
	t.say("|  %s\n`-", strings.Join(lines, "\n|  "))
}

func (t *regexTool) reportRegexes(title string, list []regexCount) {
	total := 0
	var lines []string
	for i, c := range list {
		total += c.hits
		if c.hits > 0 || t.options.verbose > 0 {
			lines = append(lines, fmt.Sprintf("%2d) [%d] %s", i+1, c.hits, c.text))
		}
		lines = append(lines, c.list...)
	}
	t.say("\n%s: %d total", title, total)
	t.list(" #) [# of hits] regular expression", lines)
}

func (t *regexTool) dateHits() (lines []string) {
	for _, d := range t.judge.Dates() {
		if d.Hits == 0 && t.options.verbose == 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("[%d] %s", d.Hits, d.Shown()))
		if t.options.verboseDate {
			lines = append(lines, fmt.Sprintf("    # weight: %.3f (%.3f), pattern: %s", d.Weight, d.Base, d.Pattern()),
				fmt.Sprintf("    # regex:   %s", d.Expression()))
		}
	}
	return lines
}

// reportLines prints the lines of one outcome.
func (t *regexTool) reportLines(outcome string, k *kept, regexes []regexCount, all bool) {
	if k.count == 0 {
		return
	}
	header := strings.ToUpper(outcome[:1]) + outcome[1:] + " line(s):"
	switch {
	case k.count >= t.most() && !all:
		t.say("%s too many to print.  Use --print-all-%s to print all %d lines", header, outcome, k.count)
	case t.options.debuggex:
		t.list(header, t.debuggexLines(k.lines, regexes))
	default:
		var lines []string
		for _, l := range k.lines {
			lines = append(lines, strings.TrimRight(l, " \t\r\n\f\v"))
		}
		t.list(header, lines)
	}
}

// debuggexLines are each line with each expression and where to try them together.
func (t *regexTool) debuggexLines(logged []string, regexes []regexCount) (lines []string) {
	names := t.options.usedns != "no"
	for _, line := range logged {
		for _, r := range regexes {
			query := "re=" + url.QueryEscape(expression.Shown(r.text, names)) + "&str=" + url.QueryEscape(line) + "&flavor=python"
			if t.definition.MaxLines > 1 {
				query += "&flags=m"
			}
			lines = append(lines, strings.TrimRight(line+" | "+r.text+" |  https://www.debuggex.com/?"+query, " \t\n"))
		}
	}
	return lines
}
