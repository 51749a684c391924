package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"picket/outputs/web"
	"picket/rules/migration"
)

func jailsCommand() *cobra.Command {
	return question("jails", "list the jails that judge logs", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			l, err := c.Jails(cmd.Context())
			if err != nil || printed(cmd, l) {
				return err
			}
			return showJails(cmd.OutOrStdout(), l)
		})
}

func showJails(out io.Writer, l []web.JailReport) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "JAIL\tFAILING\tFAILURES\tBANNED\tBANS\tREADS")
	for i := range l {
		j := &l[i]
		name := j.Name
		switch {
		case j.Idle:
			name += " (idle)"
		case j.Observe:
			name += " (observes)"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", name, j.Failing, j.Failures, len(j.Banned), j.Bans, jailReads(j))
	}
	return w.Flush()
}

// jailReads says where a jail's lines come from.
func jailReads(j *web.JailReport) string {
	switch {
	case len(j.Journal) > 0:
		var alternatives []string
		for _, words := range j.Journal {
			alternatives = append(alternatives, strings.Join(words, " "))
		}
		return strings.Join(append([]string{"journal " + strings.Join(alternatives, " + ")}, j.Files...), ", ")
	case len(j.Files) == 0:
		return "no log: none is there"
	}
	return strings.Join(j.Files, ", ")
}

func jailCommand() *cobra.Command {
	return question("jail NAME", "show one jail: its limits, what it has counted, whom it has banned", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			j, err := c.Jail(cmd.Context(), args[0])
			if err != nil || printed(cmd, j) {
				return err
			}
			return showJail(cmd.OutOrStdout(), &j)
		})
}

func showJail(out io.Writer, j *web.JailReport) error {
	fmt.Fprintf(out, "jail     %s, filter %s\nreads    %s\n", j.Name, j.Filter, jailReads(j))
	fmt.Fprintf(out, "bans     after %s in %s for %s%s\n", counted(j.MaxRetry, "failure", "failures"), migration.Span(float64(j.Window)), migration.Span(j.Seconds), jailManner(j))
	fmt.Fprintf(out, "actions  %s\n", strings.Join(j.Actions, ", "))
	n := &j.Lines
	fmt.Fprintf(out, "lines    %d seen: %d matched, %d ignored, %d missed", n.Seen, n.Matched, n.Ignored, n.Missed)
	if n.Old > 0 {
		fmt.Fprintf(out, ", %d too old", n.Old)
	}
	if n.Limits > 0 {
		fmt.Fprintf(out, "; %d matches given up at the step limit", n.Limits)
	}
	fmt.Fprintf(out, "\nfailures %d, %s failing now\nbanned   %d now, %d since the start\n", j.Failures, counted(j.Failing, "party", "parties"), len(j.Banned), j.Bans)
	if len(j.Banned) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\nBANNED\tSINCE\tUNTIL\tTIMES\tFAILURES\tLAST LINE")
	for i := range j.Banned {
		showTicket(w, &j.Banned[i])
	}
	return w.Flush()
}

func showTicket(w io.Writer, t *web.JailTicket) {
	until, last := "it is lifted", ""
	if !t.Until.IsZero() {
		until = stamp(t.Until)
	}
	if n := len(t.Matches); n > 0 {
		last = t.Matches[n-1]
	}
	id := t.ID
	if t.Observed {
		id += " (observed only)"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", id, stamp(t.Since), until, t.Count, t.Failures, last)
}

// jailManner says what else there is about a jail's bans.
func jailManner(j *web.JailReport) string {
	text := ""
	if j.Longer {
		text += ", longer for those who come again"
	}
	if j.Observe {
		text += "; it observes: nobody is banned"
	}
	if j.Idle {
		text += "; it is idle: lines are read and not judged"
	}
	return text
}
