package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions/measure"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

func showIncidentCommand() *cobra.Command {
	return question("show N", "show an incident with its timeline and evidence", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			f, err := wholeIncident(cmd, c, id)
			if err != nil || printed(cmd, f) {
				return err
			}
			return printIncident(cmd.OutOrStdout(), &f)
		})
}

// incidentFile is a case with what was done about it.
type incidentFile struct {
	incidents.File
	Measures []measure.Measure `json:"measures"`
}

// shownMeasures bounds the measures that are shown with a case: the newest.
const shownMeasures = 100

// wholeIncident asks the running picket for a case, or the archive.
func wholeIncident(cmd *cobra.Command, c *web.Client, id incidents.ID) (f incidentFile, err error) {
	of := store.MeasureFilter{Incident: id, Limit: shownMeasures}
	if f.File, err = c.Incident(cmd.Context(), id); err == nil {
		f.Measures, err = c.Measures(cmd.Context(), of)
	}
	return f, orArchive(cmd, err, func(s *store.Store) (err error) {
		if f.File, err = s.Incident(cmd.Context(), id); err == nil {
			f.Measures, err = s.Measures(cmd.Context(), of)
		}
		return err
	})
}

func printIncident(out io.Writer, f *incidentFile) error {
	c := &f.Incident
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, incidents.Printable(text))
		}
	}
	line(fmt.Sprintf("incident %d", c.ID), c.Title)
	line("state", stateText(c))
	line("severity", fmt.Sprintf("%s, %d%% sure", c.Severity, c.Confidence))
	line("findings", countsText(c))
	line("attackers", texts(c.Attackers, netip.Addr.String))
	line("victims", texts(c.Victims, incidents.Endpoint.Address))
	line("host", c.Host)
	line("users", strings.Join(c.Users, ", "))
	line("files", strings.Join(c.Files, ", "))
	line("processes", texts(c.Processes, func(p incidents.Process) string { return fmt.Sprintf("%d %s (%s)", p.PID, p.Exe, p.User) }))
	line("stages", texts(c.Stages, incidents.Stage.String))
	line("tags", strings.Join(c.Tags, ", "))
	line("community ids", strings.Join(c.Communities, ", "))
	for i := range c.Rules {
		r := &c.Rules[i]
		line("rule "+r.ID, fmt.Sprintf("%s: %d × %s, last %s", r.Name, r.Count, r.Severity, stamp(r.Last)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printDone(out, f.Measures)
	printTimeline(out, f.Timeline)
	return printEvidence(out, &f.File)
}

func stateText(c *incidents.Incident) string {
	text := fmt.Sprintf("%s, opened %s", c.State, stamp(c.Opened))
	if c.Reopened > 0 {
		text += fmt.Sprintf(", reopened %d times", c.Reopened)
	}
	if c.Assignee != "" {
		text += ", looked after by " + c.Assignee
	}
	if !c.Closed.IsZero() {
		text += ", resolved " + stamp(c.Closed)
	}
	return text
}

func countsText(c *incidents.Incident) string {
	text := fmt.Sprintf("%d, last %s", c.Findings, stamp(c.Updated))
	for _, n := range []struct {
		count uint64
		what  string
	}{{c.Suppressed, "in no line of the timeline"}, {c.Own, "more that our own block has caused"}, {c.Unlisted, "parties not listed"}} {
		if n.count > 0 {
			text += fmt.Sprintf("; %d %s", n.count, n.what)
		}
	}
	return text
}

// shownParties is how many of a list a line shows.
const shownParties = 10

func texts[T any](list []T, text func(T) string) string {
	var words []string
	for _, v := range list[:min(len(list), shownParties)] {
		words = append(words, text(v))
	}
	if more := len(list) - shownParties; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// printDone tells what was done about a case and what waits, what proves it, and what an operator can do now; the newest
// come last, as in the timeline.
func printDone(out io.Writer, list []measure.Measure) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(out, "\nmeasures (picket measures show N)")
	for i := range slices.Backward(list) {
		m := &list[i]
		fmt.Fprintf(out, "  %s  %s\n", stamp(m.Changed()), incidents.Printable(m.Sentence()))
		fmt.Fprintf(out, "  %19s  %s: %s\n", "", incidents.Printable(byText(m)), incidents.Printable(m.Reason))
		if next := m.Next(); next != "" {
			fmt.Fprintf(out, "  %19s  → %s\n", "", next)
		}
	}
}

func printTimeline(out io.Writer, timeline []incidents.Entry) {
	fmt.Fprintf(out, "\ntimeline (times in %s)\n", time.Now().Format("MST"))
	for i := range timeline {
		e := &timeline[i]
		fmt.Fprintf(out, "  %s  %-12s %s\n", stamp(e.Time), e.Kind, e.Line())
	}
}

func printEvidence(out io.Writer, f *incidents.File) error {
	if len(f.Evidence) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\nevidence (picket incidents evidence %d NUMBER, or export %d for all)\n", f.Incident.ID, f.Incident.ID)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i := range f.Evidence {
		p := &f.Evidence[i]
		fmt.Fprintf(w, "  %d\t%s\t%s\t%d bytes\t%s\n", p.Number, stamp(p.Time), p.Kind, p.Bytes, incidents.Printable(p.Name))
	}
	return w.Flush()
}
