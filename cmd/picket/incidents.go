package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

// incidentsCommand is the verb for everything about incidents; without a word behind it, it lists.
func incidentsCommand() *cobra.Command {
	cmd := listIncidentsCommand()
	cmd.Use, cmd.Args = "incidents", cobra.NoArgs
	cmd.Short = "list incidents, look into them, and say what becomes of them"
	list := listIncidentsCommand()
	list.Use = "list"
	cmd.AddCommand(
		list, showIncidentCommand(), evidenceCommand(), exportIncidentCommand(), openIncidentCommand(),
		actCommand("ack N...", "say that you look after incidents: they are not resolved soon by themselves", incidents.Acknowledge),
		actCommand("resolve N...", "end incidents; measures that still wait for them are skipped", incidents.Resolve),
		actCommand("reopen N...", "take incidents up again", incidents.Reopen),
		noteCommand(),
	)
	return cmd
}

// incidentFilter holds the flags that select incidents.
type incidentFilter struct {
	states, severity, since, until string
	attacker, victim, rule, text   string
	limit                          int
	before                         int64
}

func listIncidentsCommand() *cobra.Command {
	var f incidentFilter
	cmd := question("list", "list incidents, those with the newest findings first", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			filter, err := f.filter(time.Now())
			if err != nil {
				return err
			}
			l, err := c.Incidents(cmd.Context(), filter)
			err = orArchive(cmd, err, func(s *store.Store) (err error) {
				l.Incidents, l.Total, err = s.List(cmd.Context(), &filter)
				return err
			})
			if l.Incidents == nil {
				l.Incidents = []incidents.Incident{}
			}
			if err != nil || printed(cmd, l) {
				return err
			}
			return printIncidents(cmd.OutOrStdout(), l)
		})
	fl := cmd.Flags()
	fl.StringVar(&f.states, "state", "open,acknowledged", "states, with commas between: open, acknowledged, resolved, all")
	fl.StringVar(&f.severity, "severity", "info", "this severity and worse: info, low, medium, high, critical")
	fl.StringVar(&f.since, "since", "", "with a finding since then: 2h, 7d, 2026-11-21, 2026-11-21T06:00:00Z")
	fl.StringVar(&f.until, "until", "", "with the last finding before then")
	fl.StringVar(&f.attacker, "attacker", "", "attacked from this `ADDR|PREFIX`")
	fl.StringVar(&f.victim, "victim", "", "this `ADDR|PREFIX` was attacked")
	fl.StringVar(&f.rule, "rule", "", "with a finding of this rule: `1:2019401`, 2019401, sshd")
	fl.StringVar(&f.text, "text", "", "with these words in title, rules, users, files, tags or addresses")
	fl.IntVarP(&f.limit, "limit", "n", 50, "at most `N`")
	fl.Int64Var(&f.before, "before", 0, "those that come after incident `N` in the list: the next page")
	return cmd
}

func (f *incidentFilter) filter(now time.Time) (out incidents.Filter, err error) {
	out = incidents.Filter{Text: f.text, Limit: f.limit, Before: incidents.ID(f.before), Rule: f.rule}
	if _, err := strconv.ParseUint(f.rule, 10, 32); err == nil {
		out.Rule = "1:" + f.rule
	}
	if err := out.Severity.UnmarshalText([]byte(f.severity)); err != nil {
		return out, err
	}
	if out.States, err = parseStates(f.states); err != nil {
		return out, err
	}
	for _, t := range []struct {
		text string
		to   *time.Time
	}{{f.since, &out.Since}, {f.until, &out.Until}} {
		if *t.to, err = parseMoment(t.text, now); err != nil {
			return out, err
		}
	}
	for _, p := range []struct {
		text string
		to   *netip.Prefix
	}{{f.attacker, &out.Attacker}, {f.victim, &out.Victim}} {
		if p.text == "" {
			continue
		}
		if *p.to, err = actions.ParsePrefix(p.text); err != nil {
			return out, err
		}
	}
	return out, nil
}

func parseStates(text string) (states []incidents.State, err error) {
	for _, word := range strings.Split(text, ",") {
		switch s := incidents.State(word); s {
		case "all":
			return nil, nil
		case incidents.Open, incidents.Acknowledged, incidents.Resolved:
			states = append(states, s)
		default:
			return nil, fmt.Errorf("state %q is none of open, acknowledged, resolved, all", word)
		}
	}
	return states, nil
}

// parseMoment reads a time, or how long ago it was; "" is no time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if span, err := time.ParseDuration(text); err == nil {
		return now.Add(-span), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time (write 2h, 7d, 2026-11-21 or 2026-11-21T06:00:00Z)", text)
}

func printIncidents(out io.Writer, l web.IncidentList) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "N\tSEVERITY\tSURE\tSTATE\tLAST\tFINDINGS\tTITLE")
	for i := range l.Incidents {
		c := &l.Incidents[i]
		fmt.Fprintf(w, "%d\t%s\t%d%%\t%s\t%s\t%d\t%s\n", c.ID, c.Severity, c.Confidence, c.State,
			stamp(c.Updated), c.Findings, incidents.Printable(c.Title))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	n := len(l.Incidents)
	switch {
	case n > 0 && n < l.Total:
		fmt.Fprintf(out, "%d of %d; the next page: --before %d\n", n, l.Total, l.Incidents[n-1].ID)
	case n > 0 && l.Total < 0:
		fmt.Fprintf(out, "%d of very many; the next page: --before %d\n", n, l.Incidents[n-1].ID)
	}
	return nil
}

// orArchive answers from the database on disk when no picket is running; err is what asking the running one has brought.
func orArchive(cmd *cobra.Command, err error, read func(s *store.Store) error) error {
	absent := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
	if !absent || cmd.Flags().Changed("socket") {
		return err
	}
	c, e := loadConfig(cmd)
	if e != nil {
		return err
	}
	s, e := store.OpenReadOnly(c.StateDir)
	if e != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(cmd.ErrOrStderr(), "picket is not running; from %s, as it was left\n", s.Path())
	return read(s)
}

// incidentNumber reads the number of an incident.
func incidentNumber(text string) (incidents.ID, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is not the number of an incident (picket incidents lists them)", text)
	}
	return incidents.ID(id), nil
}

func showIncidentCommand() *cobra.Command {
	return question("show N", "show an incident with its timeline and evidence", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			f, err := c.Incident(cmd.Context(), id)
			err = orArchive(cmd, err, func(s *store.Store) (err error) {
				f, err = s.Incident(cmd.Context(), id)
				return err
			})
			if err != nil || printed(cmd, f) {
				return err
			}
			return printIncident(cmd.OutOrStdout(), &f)
		})
}

func printIncident(out io.Writer, f *incidents.File) error {
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
	printTimeline(out, f.Timeline)
	return printEvidence(out, f)
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

func printTimeline(out io.Writer, timeline []incidents.Entry) {
	fmt.Fprintln(out, "\ntimeline")
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

func actCommand(use, short string, kind incidents.ActKind) *cobra.Command {
	var reason string
	cmd := question(use, short, cobra.MinimumNArgs(1), func(cmd *cobra.Command, c *web.Client, args []string) error {
		return eachIncident(cmd, args, func(ctx context.Context, id incidents.ID) (incidents.Incident, error) {
			return c.Act(ctx, incidents.Act{ID: id, Kind: kind, Text: reason})
		})
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who read the timeline")
	return cmd
}

// eachIncident does the same to several incidents and prints what they are then.
func eachIncident(cmd *cobra.Command, args []string, do func(context.Context, incidents.ID) (incidents.Incident, error)) error {
	ids := make([]incidents.ID, len(args))
	for i, a := range args {
		var err error
		if ids[i], err = incidentNumber(a); err != nil {
			return err
		}
	}
	for _, id := range ids {
		c, err := do(cmd.Context(), id)
		if err != nil {
			return err
		}
		if !printed(cmd, c) {
			fmt.Fprintf(cmd.OutOrStdout(), "incident %d is %s: %s\n", c.ID, c.State, incidents.Printable(c.Title))
		}
	}
	return nil
}

func noteCommand() *cobra.Command {
	return question("note N TEXT...", "write a line into an incident's timeline", cobra.MinimumNArgs(2),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			text := strings.Join(args[1:], " ")
			return eachIncident(cmd, args[:1], func(ctx context.Context, id incidents.ID) (incidents.Incident, error) {
				return c.Act(ctx, incidents.Act{ID: id, Kind: incidents.Note, Text: text})
			})
		})
}

func openIncidentCommand() *cobra.Command {
	var attacker, victim, severity string
	f := incidents.Finding{Rule: incidents.Rule{ID: "manual"}, Confidence: 99}
	cmd := question("open TITLE...", "open an incident by hand", cobra.MinimumNArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			if err := f.Severity.UnmarshalText([]byte(severity)); err != nil {
				return err
			}
			f.Rule.Name = strings.Join(args, " ")
			for _, p := range []struct {
				text string
				to   *incidents.Endpoint
			}{{attacker, &f.Attacker}, {victim, &f.Victim}} {
				var err error
				if *p.to, err = parseEndpoint(p.text); err != nil {
					return err
				}
			}
			i, err := c.OpenIncident(cmd.Context(), f)
			if err != nil || printed(cmd, i) {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "incident %d is %s: %s\n", i.ID, i.State, incidents.Printable(i.Title))
			return nil
		})
	cmd.Flags().StringVar(&attacker, "attacker", "", "`ADDR` or ADDR:PORT")
	cmd.Flags().StringVar(&victim, "victim", "", "`ADDR` or ADDR:PORT")
	cmd.Flags().StringVar(&f.Host, "host", "", "name of the host that it is about")
	cmd.Flags().StringVar(&severity, "severity", "medium", "info, low, medium, high or critical")
	return cmd
}

func parseEndpoint(text string) (e incidents.Endpoint, err error) {
	if text == "" {
		return e, nil
	}
	if p, err := netip.ParseAddrPort(text); err == nil {
		return incidents.Endpoint{Addr: p.Addr().Unmap(), Port: p.Port()}, nil
	}
	if e.Addr, err = netip.ParseAddr(text); err != nil {
		return e, fmt.Errorf("%q is no address (write 192.0.2.1 or 192.0.2.1:22)", text)
	}
	return e, nil
}

func evidenceCommand() *cobra.Command {
	var file string
	cmd := question("evidence N NUMBER", "write one piece of evidence to standard output or a file", cobra.ExactArgs(2),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			number, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a piece of evidence (picket incidents show %d lists them)", args[1], id)
			}
			return written(file, cmd.OutOrStdout(), func(w io.Writer) error {
				err := c.Evidence(cmd.Context(), id, number, w)
				return orArchive(cmd, err, func(s *store.Store) error {
					e, err := s.Evidence(cmd.Context(), id, number)
					if err == nil {
						_, err = w.Write(e.Data)
					}
					return err
				})
			})
		})
	cmd.Flags().StringVarP(&file, "output", "o", "-", "`FILE` to write")
	return cmd
}

func exportIncidentCommand() *cobra.Command {
	var file string
	cmd := question("export N", "write an incident with timeline, evidence and packets into a zip archive", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			if yes, _ := cmd.Flags().GetBool("json"); yes {
				f, err := c.Incident(cmd.Context(), id)
				printed(cmd, f)
				return err
			}
			name := file
			if name == "" {
				name = fmt.Sprintf("incident-%d.zip", id)
			}
			err = written(name, cmd.OutOrStdout(), func(w io.Writer) error {
				err := c.ExportIncident(cmd.Context(), id, w)
				return orArchive(cmd, err, func(s *store.Store) error { return s.Export(cmd.Context(), id, w) })
			})
			if err == nil && name != "-" {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return err
		})
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write, - for standard output (default incident-N.zip)")
	return cmd
}

// written writes a file whole or not at all; "-" is standard output. Evidence is for nobody else's eyes.
func written(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "-" {
		return write(stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".picket-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// printIncidentStatus is the status's lines about incidents; what should not happen is told only when it has.
func printIncidentStatus(w io.Writer, s *web.Incidents) {
	fmt.Fprintf(w, "cases    %d open, %d acknowledged; %d opened, %d reopened, %d resolved; %s, %d of our own doing",
		s.Open, s.Acknowledged, s.Opened, s.Reopened, s.Resolved, counted(s.Findings, "finding", "findings"), s.Own)
	for _, n := range []struct {
		count uint64
		what  string
	}{
		{s.Crowded, "sharing an incident for want of room"}, {s.Dropped, "lost: too many at once"}, {s.Stripped, "pieces of evidence lost"},
		{s.Through, "signs of a ban without effect"}, {s.Unkept, "changes not in the journal"}, {s.Store.Retries, "commits tried again"},
		{s.Store.Lost, "lines or pieces of evidence lost"}, {s.Store.Moved, "damaged databases moved aside"},
	} {
		if n.count > 0 {
			fmt.Fprintf(w, ", %d %s", n.count, n.what)
		}
	}
	fmt.Fprintf(w, "\nstore    %d KiB, %s waiting\n", s.Store.Bytes>>10, counted(s.Store.Waiting, "record", "records"))
}
