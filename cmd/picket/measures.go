package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/policy"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

// measuresCommand is the verb for everything about measures; without a word behind it, it lists.
func measuresCommand() *cobra.Command {
	cmd := listMeasuresCommand()
	cmd.Use, cmd.Short = "measures", "list measures, look into them, approve, deny, lift and run them"
	list := listMeasuresCommand()
	list.Use = "list"
	cmd.AddCommand(list, showMeasureCommand(), approveCommand(), denyCommand(), liftCommand(), runMeasureCommand())
	return cmd
}

func listMeasuresCommand() *cobra.Command {
	var states, name string
	var of, before int64
	var limit int
	cmd := question("list", "list measures, the newest first", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			f := store.MeasureFilter{Incident: incidents.ID(of), Name: name, Before: measure.ID(before), Limit: limit}
			var err error
			if f.States, err = parseMeasureStates(states); err != nil {
				return err
			}
			l, err := c.Measures(cmd.Context(), f)
			if err != nil || printed(cmd, l) {
				return err
			}
			return printMeasures(cmd.OutOrStdout(), l)
		})
	fl := cmd.Flags()
	fl.StringVar(&states, "state", "all", "states, with commas between: "+stateWords()+", waiting (for time or approval), all")
	fl.StringVar(&name, "name", "", "of this name: ban, notify …")
	fl.Int64Var(&of, "incident", 0, "of incident `N`")
	fl.IntVarP(&limit, "limit", "n", 50, "at most `N`")
	fl.Int64Var(&before, "before", 0, "older than measure `N`: the next page")
	return cmd
}

var measureStates = []measure.State{
	measure.Pending, measure.PendingApproval, measure.InProcess, measure.Active, measure.Complete, measure.Error, measure.Skipped,
	measure.Denied, measure.Lifted, measure.Expired, measure.Observed,
}

func stateWords() string {
	words := make([]string, len(measureStates))
	for i, s := range measureStates {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

func parseMeasureStates(text string) (list []measure.State, err error) {
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "all":
			return nil, nil
		case word == "waiting":
			list = append(list, measure.Pending, measure.PendingApproval)
		case slices.Contains(measureStates, measure.State(word)):
			list = append(list, measure.State(word))
		default:
			return nil, fmt.Errorf("state %q is none of %s, waiting, all", word, stateWords())
		}
	}
	return list, nil
}

func printMeasures(out io.Writer, list []measure.Measure) error {
	if len(list) == 0 {
		fmt.Fprintln(out, "no measures")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "N\tSTATE\tMEASURE\tTARGET\tINCIDENT\tWHEN\tBY")
	for i := range list {
		m := &list[i]
		of := "-"
		if m.Incident != 0 {
			of = strconv.FormatInt(int64(m.Incident), 10)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.State, m.Name, incidents.Printable(m.Target), of, whenText(m), incidents.Printable(byText(m)))
	}
	return w.Flush()
}

// byText is who has ordered a measure, and who has decided on it.
func byText(m *measure.Measure) string {
	text := m.By
	for _, p := range []struct{ word, who string }{{"approved", m.Approved}, {"denied", m.DeniedBy}, {"lifted", m.LiftedBy}} {
		if p.who != "" && p.who != m.By {
			text += ", " + p.word + " by " + p.who
		}
	}
	return text
}

// whenText is the time that matters in a measure's state.
func whenText(m *measure.Measure) string {
	at := func(word string, t time.Time) string { return word + " " + stamp(t) }
	switch {
	case m.State == measure.Pending:
		return at("due", m.Due)
	case m.State == measure.PendingApproval:
		return at("since", m.Created)
	case m.State == measure.Active && m.Until.IsZero():
		return "until lifted"
	case m.State == measure.Active:
		return at("until", m.Until)
	case m.Ended.IsZero():
		return at("since", m.Started)
	}
	return at("at", m.Ended)
}

func showMeasureCommand() *cobra.Command {
	return question("show N", "show a measure with its output", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := measureNumber(args[0])
			if err != nil {
				return err
			}
			m, err := c.Measure(cmd.Context(), id)
			if err != nil || printed(cmd, m) {
				return err
			}
			printMeasure(cmd.OutOrStdout(), &m)
			return nil
		})
}

func measureNumber(text string) (measure.ID, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("measure %q: a number is wanted, as picket measures lists it", text)
	}
	return measure.ID(n), nil
}

func printMeasure(w io.Writer, m *measure.Measure) {
	fmt.Fprintln(w, incidents.Printable(m.Sentence()))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-9s %s\n", name, incidents.Printable(text))
		}
	}
	moment := func(name string, t time.Time) {
		if !t.IsZero() {
			line(name, stamp(t))
		}
	}
	line("reason", m.Reason)
	line("by", m.By)
	if m.Incident != 0 {
		line("incident", strconv.FormatInt(int64(m.Incident), 10))
	}
	line("with", argsText(m.Args))
	line("asked", m.Ask)
	line("for whom", m.Audience)
	line("approved", m.Approved)
	line("denied by", m.DeniedBy)
	moment("created", m.Created)
	moment("due", m.Due)
	moment("started", m.Started)
	moment("ended", m.Ended)
	moment("until", m.Until)
	line("lifted by", m.LiftedBy)
	line("proof", m.Proof)
	line("error", m.Error)
	if m.Exit != 0 {
		line("exit", strconv.Itoa(m.Exit))
	}
	if m.Output.Text != "" {
		fmt.Fprintf(w, "  output (%s):\n%s\n", m.Output.Type, printableLines(m.Output.Text))
		if m.Output.Cut {
			fmt.Fprintf(w, "  (cut at %d bytes)\n", measure.MaxOutput)
		}
	}
}

// printableLines keeps an output's lines, and its escape codes from the terminal.
func printableLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		columns := strings.Split(l, "\t")
		for j, c := range columns {
			columns[j] = incidents.Printable(c)
		}
		lines[i] = strings.Join(columns, "\t")
	}
	return strings.Join(lines, "\n")
}

func argsText(args map[string]string) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(args)) {
		words = append(words, k+"="+args[k])
	}
	return strings.Join(words, " ")
}

// actOnCommand is a verb that does something with measures by their numbers.
func actOnCommand(use, short string, act func() web.MeasureAct) *cobra.Command {
	return question(use, short, cobra.MinimumNArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			var list []measure.Measure
			for _, arg := range args {
				id, err := measureNumber(arg)
				if err != nil {
					return err
				}
				m, err := c.ActOnMeasure(cmd.Context(), id, act())
				if err != nil {
					return err
				}
				if list = append(list, m); m.State != measure.Denied {
					list[len(list)-1] = settled(cmd, c, m)
				}
			}
			if !printed(cmd, list) {
				for i := range list {
					fmt.Fprintln(cmd.OutOrStdout(), incidents.Printable(list[i].Sentence()))
				}
			}
			if act().Act == "deny" { // their end is what was wanted
				list = slices.DeleteFunc(list, func(m measure.Measure) bool { return m.State != measure.Complete })
			}
			return fruitless(list)
		})
}

// fruitless is the error of a verb when a measure came to nothing, which has been printed with it.
func fruitless(list []measure.Measure) error {
	for i := range list {
		if m := &list[i]; m.Error != "" {
			return quiet{errors.New(m.Error)}
		}
	}
	return nil
}

func approveCommand() *cobra.Command {
	return actOnCommand("approve N...", "let measures be done; said early, they still wait for their time",
		func() web.MeasureAct { return web.MeasureAct{Act: "approve"} })
}

func denyCommand() *cobra.Command {
	var reason string
	cmd := actOnCommand("deny N...", "end measures that wait, and stop those in process",
		func() web.MeasureAct { return web.MeasureAct{Act: "deny", Reason: reason} })
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who ask later")
	return cmd
}

func liftCommand() *cobra.Command {
	return actOnCommand("lift N...", "undo measures that stand",
		func() web.MeasureAct { return web.MeasureAct{Act: "lift"} })
}

// settleFor is how long a verb waits for what it has set off.
const settleFor = 10 * time.Second

// settled waits until a measure that is at work has come to something, and returns what that is.
func settled(cmd *cobra.Command, c *web.Client, m measure.Measure) measure.Measure {
	end := time.Now().Add(settleFor)
	for wait := 20 * time.Millisecond; !atRest(&m) && time.Now().Before(end); wait = min(2*wait, time.Second) {
		select {
		case <-cmd.Context().Done():
			return m
		case <-time.After(wait):
		}
		now, err := c.Measure(cmd.Context(), m.ID)
		if err != nil {
			return m
		}
		m = now
	}
	return m
}

// atRest tells whether nothing more is to be expected of a measure soon.
func atRest(m *measure.Measure) bool {
	switch m.State {
	case measure.Pending:
		return time.Now().Before(m.Due)
	case measure.InProcess:
		return false
	case measure.Active:
		return m.LiftedBy == "" || m.Error != ""
	}
	return true
}

// orderFlags are the flags of picket measures run.
type orderFlags struct {
	of     int64
	args   []string
	span   policy.Span
	delay  policy.Span
	reason string
	dry    bool
}

func runMeasureCommand() *cobra.Command {
	var f orderFlags
	cmd := question("run NAME", "order a measure by hand: ban, a recon, a plugin …", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			order, err := f.order(args[0])
			if err != nil {
				return err
			}
			a, err := c.OrderMeasure(cmd.Context(), order)
			if err != nil {
				return err
			}
			var done []measure.Measure
			if a.Measure != nil {
				*a.Measure = settled(cmd, c, *a.Measure)
				done = append(done, *a.Measure)
			}
			if !printed(cmd, a) {
				printAnswer(cmd.OutOrStdout(), &a)
			}
			return fruitless(done)
		})
	fl := cmd.Flags()
	fl.Int64Var(&f.of, "incident", 0, "for incident `N`, which says against whom")
	fl.StringArrayVar(&f.args, "arg", nil, "an argument of the measure: `KEY=VALUE`, several times")
	span(cmd, &f.span, "for", "how long it lasts: 90s, 1h30m, 7d; without it until picket lift")
	span(cmd, &f.delay, "delay", "wait so long before it is done")
	fl.StringVar(&f.reason, "reason", "by hand", "why, for those who ask later")
	fl.BoolVar(&f.dry, "dry-run", false, "only tell what would be done, and what the gate would say")
	return cmd
}

func (f *orderFlags) order(name string) (web.MeasureOrder, error) {
	o := web.MeasureOrder{Incident: incidents.ID(f.of), Reason: f.reason, DryRun: f.dry}
	o.Spec = measure.Spec{Name: name, For: incidents.Seconds(f.span), Delay: incidents.Seconds(f.delay), Args: map[string]string{}}
	for _, arg := range f.args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return o, fmt.Errorf("argument %q: write --arg who=192.0.2.1", arg)
		}
		o.Args[key] = value
	}
	if who, err := actions.ParsePrefix(o.Args["who"]); name == "ban" && err == nil {
		return o, notMyself(who, os.Getenv("SSH_CONNECTION"))
	}
	return o, nil // a party that is no address is for the running picket to find, or to refuse
}

func printAnswer(w io.Writer, a *web.MeasureAnswer) {
	if a.Measure != nil {
		printMeasure(w, a.Measure)
		return
	}
	fmt.Fprintf(w, "would do, for %s:\n", incidents.Printable(a.Plan.Target))
	for _, step := range a.Plan.Steps {
		fmt.Fprintln(w, "  "+incidents.Printable(step))
	}
	switch {
	case a.Verdict.Ruling == actions.Refused:
		fmt.Fprintf(w, "the gate would refuse it: %s\n", a.Verdict.Why)
	case a.Verdict.Observe:
		fmt.Fprintln(w, "observe mode would keep it from being done")
	default:
		fmt.Fprintln(w, "the gate would let it be done")
	}
}

// printMeasureStatus is the status's line about measures; what should not happen is told only when it has.
func printMeasureStatus(w io.Writer, s *measure.Stats) {
	fmt.Fprintf(w, "measures %d waiting, %d running, %d standing; %d since the start", s.Waiting, s.Running, s.Standing, s.Proposed)
	if n := s.Moved[measure.Error]; n > 0 {
		fmt.Fprintf(w, ", %s", counted(n, "error", "errors"))
	}
	if s.Deviations > 0 {
		fmt.Fprintf(w, ", %s", counted(s.Deviations, "deviation", "deviations"))
	}
	if s.Refused > 0 {
		fmt.Fprintf(w, ", %d refused: too many wait", s.Refused)
	}
	if s.Lost+s.Unkept > 0 {
		fmt.Fprintf(w, ", %d bans without a record, %d steps the disk did not take at once", s.Lost, s.Unkept)
	}
	fmt.Fprintln(w)
}
