package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
	"picket/outputs/web"
)

func whyCommand() *cobra.Command {
	return question("why ADDR|PREFIX", "tell all about a party: protected or banned, by what, since when, what it did, what would lift it", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			p, err := actions.ParsePrefix(args[0])
			if err != nil {
				return fmt.Errorf("why: %w", err)
			}
			w, err := c.Why(cmd.Context(), p)
			if err != nil || printed(cmd, w) {
				return err
			}
			printWhy(cmd.OutOrStdout(), &w)
			return nil
		})
}

func printWhy(out io.Writer, w *web.Why) {
	fmt.Fprintf(out, "%s %s\n", w.Party, standing(w))
	for i, b := range w.Bans {
		fmt.Fprintf(out, "  ban       %s%s since %s %s, by %s: %s\n", actions.Text(b.Prefix), scoped(b), stamp(b.Since), until(b), b.By, b.Reason)
		if b.Observed {
			fmt.Fprintf(out, "            observed only: the kernel does not hold it\n")
		}
		fmt.Fprintf(out, "  lifted by %s\n", w.Lifts[i])
	}
	for _, d := range w.Damages {
		fmt.Fprintf(out, "  damaged   %s %s%s\n", stamp(d.Time), incidents.Printable(d.What), repair(&d))
	}
	d := &w.Decision
	switch d.Ruling {
	case actions.Refused:
		fmt.Fprintf(out, "  gate      a ban would be refused: %s%s\n", covers(d), d.Why)
	case actions.AskFirst:
		fmt.Fprintf(out, "  gate      a ban would need an operator's approval: %s\n", d.Why)
	default:
		fmt.Fprintf(out, "  gate      a ban would be made (mode %s)\n", w.Mode)
	}
	fmt.Fprintf(out, "  blast     %s\n", d.Blast)
	printPart(out, w)
	for i := range w.Explanation.Decisions {
		fmt.Fprintf(out, "  decided   %s\n", past(&w.Explanation.Decisions[i]))
	}
}

// printPart tells of the incidents and measures that the party has a part in.
func printPart(out io.Writer, w *web.Why) {
	for i := range w.Incidents {
		c := &w.Incidents[i]
		fmt.Fprintf(out, "  incident  %d, %s, %s, as %s since %s, %s, last %s: %s\n", c.ID, c.State, c.Severity, c.Part,
			stamp(c.Since), counted(c.Findings, "finding", "findings"), stamp(c.Last), incidents.Printable(c.Title))
	}
	for i := range w.Measures {
		m := &w.Measures[i]
		text := fmt.Sprintf("%d, %s", m.ID, m.Name)
		if m.Target != "" {
			text += " " + m.Target
		}
		text += ": " + m.Outcome + " at " + stamp(m.At)
		if m.State == measure.Active && !m.Until.IsZero() {
			text += " until " + stamp(m.Until)
		}
		text += ", by " + m.By
		if m.Incident != 0 {
			text += fmt.Sprintf(", incident %d", m.Incident)
		}
		fmt.Fprintf(out, "  measure   %s\n", incidents.Printable(text))
		for _, line := range []string{m.Asks, m.Deviated, m.Next} {
			if line != "" {
				fmt.Fprintf(out, "            %s\n", incidents.Printable(line))
			}
		}
	}
}

// repair tells how a damage to the kernel's side of a ban ended.
func repair(d *actions.Damage) string {
	if d.Failed != "" {
		return "; not restored: " + d.Failed
	}
	return "; restored"
}

// standing is what the party is to picket at this moment, in a few words.
func standing(w *web.Why) string {
	switch {
	case len(w.Bans) > 0 && w.Decision.Ruling == actions.Refused:
		return "is protected, and a ban touches it"
	case len(w.Bans) > 0:
		return "is banned"
	case w.Decision.Ruling == actions.Refused:
		return "is protected"
	}
	return "is not banned"
}

// scoped names what of the party's traffic is refused.
func scoped(b actions.Ban) string {
	if b.Scope.All() {
		return ""
	}
	return " (" + b.Scope.String() + ")"
}

func covers(d *actions.Decision) string {
	if d.Protected.IsValid() && d.Protected != d.Prefix {
		return actions.Text(d.Protected) + ", "
	}
	return ""
}

// past is one line about a decision of the past.
func past(d *actions.Decision) string {
	parts := []string{stamp(d.Time), d.Ruling.String()}
	if d.Observed {
		parts = append(parts, "(observed)")
	}
	parts = append(parts, "a ban of", actions.Text(d.Prefix), "by", d.By)
	if d.Approved != "" {
		parts = append(parts, "approved by", d.Approved)
	}
	text := strings.Join(parts, " ")
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	if d.Why != "" {
		text += "; " + d.Why
	}
	return text
}
