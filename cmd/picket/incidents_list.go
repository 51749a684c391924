package main

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

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
			if err := printIncidents(cmd.OutOrStdout(), l); err != nil {
				return err
			}
			return printWaiting(cmd, c)
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

// shownWaiting bounds the measures below a list that wait for approval.
const shownWaiting = 5

// printWaiting names what waits for people. A picket that is not running does nothing, approved or not.
func printWaiting(cmd *cobra.Command, c *web.Client) error {
	list, err := c.Measures(cmd.Context(), store.MeasureFilter{States: []measure.State{measure.PendingApproval}, Limit: shownWaiting + 1})
	if err != nil {
		return nil
	}
	for i := range list[:min(len(list), shownWaiting)] {
		m := &list[i]
		fmt.Fprintf(cmd.OutOrStdout(), "waits for approval, incident %d: %s\n  → %s\n", m.Incident, incidents.Printable(m.Sentence()), m.Next())
	}
	if len(list) > shownWaiting {
		fmt.Fprintln(cmd.OutOrStdout(), "and more: picket measures --state 'pending approval'")
	}
	return nil
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
