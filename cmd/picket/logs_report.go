package main

import (
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/spf13/cobra"

	"picket/rules"
)

// scanShow says which lines a report lists.
type scanShow struct{ missed, matched, noMissed, json bool }

// shownLines is how many missed lines a report lists unless all are asked for.
const shownLines = 20

// scanReport judges and prints statistics in the manner of fail2ban-regex.
func scanReport(w io.Writer, in io.Reader, f *logsFlags, filter *rules.Filter, j *rules.Judge, show scanShow) error {
	r := report{by: map[string]int{}, show: show}
	began := time.Now()
	clock, err := f.clock()
	if err != nil {
		return err
	}
	err = eachLine(in, func(_ int, line []byte) error {
		failure, outcome, ok := f.judgeLine(j, line, clock.Now)
		r.note(line, failure, outcome, ok)
		return nil
	})
	if err != nil {
		return err
	}
	if show.json {
		return writeJSON(w, r.summary(filter, j, time.Since(began)))
	}
	r.print(w, filter, j)
	c := j.Count
	fmt.Fprintf(w, "\nLines: %d lines, %d ignored, %d matched, %d missed\n", c.Lines, c.Ignored, c.Matched, c.Missed)
	fmt.Fprintf(w, "[processed in %.2f sec]\n", time.Since(began).Seconds())
	return nil
}

// report is what a scan collects for people.
type report struct {
	by              map[string]int // failures by whose they are
	missed, matched []string
	show            scanShow
	failures        int
}

// maxReported bounds the addresses and lines that a report remembers.
const maxReported = 100_000

func (r *report) note(line []byte, f rules.Failure, o rules.Outcome, ok bool) {
	if ok {
		r.failures++
		if _, known := r.by[f.ID]; known || len(r.by) < maxReported {
			r.by[f.ID]++
		}
	}
	switch {
	case o == rules.Matched && r.show.matched && len(r.matched) < maxReported:
		r.matched = append(r.matched, string(line))
	case o == rules.Missed && !r.show.noMissed && (len(r.missed) < shownLines || r.show.missed && len(r.missed) < maxReported):
		r.missed = append(r.missed, string(line))
	}
}

func (r *report) print(w io.Writer, filter *rules.Filter, j *rules.Judge) {
	c := j.Count
	fmt.Fprintf(w, "Failregex: %d matched\n", c.Matched)
	for i, n := range c.Expressions {
		if n > 0 {
			fmt.Fprintf(w, "   %d) [%d] %s\n", i+1, n, filter.Expressions()[i])
		}
	}
	fmt.Fprintf(w, "\nIgnoreregex: %d matched\n", c.Ignored)
	for i, n := range c.Ignores {
		if n > 0 {
			fmt.Fprintf(w, "   %d) [%d] %s\n", i+1, n, filter.Ignores()[i])
		}
	}
	fmt.Fprintf(w, "\nDate templates: %d lines without a date\n", c.Undated)
	for _, h := range j.DateHits() {
		fmt.Fprintf(w, "   [%d] %s\n", h.Hits, h.Name)
	}
	fmt.Fprintf(w, "\nFailures: %d of %s\n", r.failures, counted(len(r.by), "party", "parties"))
	for _, id := range r.worst(worstParties) {
		fmt.Fprintf(w, "   [%d] %s\n", r.by[id], id)
	}
	if c.Limits > 0 {
		fmt.Fprintf(w, "\n%d matches were given up at the step limit\n", c.Limits)
	}
	printLines(w, "Matched", r.matched, int(c.Matched))
	printLines(w, "Missed", r.missed, int(c.Missed))
}

// worst returns those with the most failures.
func (r *report) worst(n int) []string {
	var ids []string
	for id := range r.by {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, k int) bool {
		if r.by[ids[i]] != r.by[ids[k]] {
			return r.by[ids[i]] > r.by[ids[k]]
		}
		return ids[i] < ids[k]
	})
	return ids[:min(n, len(ids))]
}

func printLines(w io.Writer, what string, lines []string, total int) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s line(s): %d of %d\n", what, len(lines), total)
	for _, l := range lines {
		fmt.Fprintf(w, "|  %s\n", l)
	}
}

func logsExplainCommand() *cobra.Command {
	var f logsFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain LINE [FILTER]",
		Short: "show how a filter judges one line: the date it reads, each expression, what it captures",
		Long: `explain shows step by step how FILTER (sshd without one) judges LINE: the date and where it stands, what the prefix
expression lets the others see, then for each expression what it captures, or how far it matches and where it stops.`,
		Example: `  picket logs explain 'Nov 19 10:00:00 host sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2'
  picket logs explain --json "$LINE" 'postfix[mode=aggressive]'
  picket logs explain "$LINE" '^bad login from <HOST>$'`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				f.filter = args[1]
			}
			if f.filter == "" {
				f.filter = "sshd"
			}
			return f.explain(cmd.OutOrStdout(), args[0], asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: what each expression captures")
	return cmd
}

func (f *logsFlags) explain(w io.Writer, line string, asJSON bool) error {
	filter, err := f.compile()
	if err != nil {
		return err
	}
	clock, err := f.clock()
	if err != nil {
		return err
	}
	if asJSON {
		var nanos int64
		if f.input == "journal" {
			nanos = clock.Now.UnixNano()
		}
		return writeJSON(w, explanation(filter, rules.NewJudge(filter, clock), line, nanos))
	}
	rules.Explain(w, filter, clock, []byte(line), f.input == "journal")
	return nil
}
