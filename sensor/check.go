package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/actions/plugin"
	"picket/actions/policy"
	"picket/rules"
	"picket/sensor/strict"
	"picket/signatures/language"
)

// Report is what picket check tells: what would be at work with a configuration, and what is wrong with it.
type Report struct {
	Mode     Mode            `json:"mode"`
	Rules    RuleReport      `json:"rules"`
	Jails    []JailReport    `json:"jails"`
	Policies int             `json:"policies"`
	Measures []MeasureReport `json:"measures"` // by name
	Plugins  PluginReport    `json:"plugins"`
	Warnings []string        `json:"warnings"` // what is left out or changed when it comes to work
	Faults   []string        `json:"faults"`   // what must be mended
}

// RuleReport tells of the rules for packets.
type RuleReport struct {
	Read    int     `json:"read"`
	Loaded  int     `json:"loaded"`
	Refused int     `json:"refused"`
	Seconds float64 `json:"seconds"` // to load them
}

// JailReport is a jail as it would judge.
type JailReport struct {
	Name  string   `json:"name"`
	From  string   `json:"from"` // "library", a file, the folder of fail2ban's configuration
	About string   `json:"about"`
	Reads []string `json:"reads"`
}

// MeasureReport is a measure that policies and operators may order.
type MeasureReport struct {
	Name   string `json:"name"`
	Unable string `json:"unable,omitempty"` // why this host cannot do it
}

// PluginReport tells of the measures that others have written.
type PluginReport struct {
	Dir       string   `json:"dir"`
	Installed []string `json:"installed"` // textkeys
}

// Check reads configuration, settings and rules and touches nothing. Rules that could not be loaded are an error
// when InitErrorsFatal says so; otherwise they stand in the report.
func Check(o *ReadOptions) (*Report, error) {
	s, err := o.settings()
	if err != nil {
		return nil, err
	}
	set, err := o.ruleSet(s)
	if err != nil {
		return nil, err
	}
	r := &Report{Mode: o.Config.Mode, Jails: []JailReport{}, Warnings: []string{}, Faults: []string{}}
	r.Rules = RuleReport{Read: set.Read, Loaded: set.Loaded(), Refused: refusedRules(set.Faults), Seconds: set.Took.Seconds()}
	for _, f := range set.Faults {
		r.Warnings = append(r.Warnings, ruleFault(f))
	}
	if err := r.addJails(o.Config); err != nil {
		return nil, err
	}
	return r, r.addMeasures(o.Config)
}

// addJails makes the jails that a sensor would make of the configuration, and notes what it would warn of.
func (r *Report) addJails(c *Config) error {
	stock, err := (&Sensor{log: slog.New(&notes{to: &r.Warnings})}).fail2banJails(&c.Logs)
	if err != nil {
		return err
	}
	for i := range stock {
		r.addJail(&stock[i], c.Logs.Fail2ban, "filter "+stock[i].Filter.Name)
	}
	own, err := c.LogRules()
	var faults strict.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			r.Faults = append(r.Faults, f.Error())
		}
	} else if err != nil {
		return err
	}
	for _, l := range own {
		j, _ := l.Settings() // its faults were told by LogRules
		l.settleSource(&j)
		c.Logs.settleSyslog(&j)
		about := l.About
		if !l.Found {
			about += ", not on this host yet"
		}
		r.addJail(&j, l.From, about)
		stock = append(stock, j)
	}
	if unheard(&c.Logs, stock) {
		r.Warnings = append(r.Warnings, "warning: "+noHearer)
	}
	return nil
}

func (r *Report) addJail(j *rules.Settings, from, about string) {
	if slices.ContainsFunc(r.Jails, func(o JailReport) bool { return o.Name == j.Name }) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("warning: jail %s of %s is left out: there is one of this name already", j.Name, from))
		return
	}
	_, _, err := compileJail(j)
	if err = errors.Join(err, checkSource(j)); err != nil {
		r.Faults = append(r.Faults, fmt.Sprintf("jail %s: %v", j.Name, err))
		return
	}
	out := JailReport{Name: j.Name, From: from, About: about}
	for _, l := range j.Logs {
		out.Reads = append(out.Reads, l.Pattern)
	}
	if len(j.Logs) == 0 && len(j.Journal) > 0 {
		out.Reads = []string{"journal " + strings.Join(journalMatches(j.Journal), " ")}
	}
	out.Reads = append(out.Reads, programs(j)...)
	r.Jails = append(r.Jails, out)
}

// addMeasures counts what could be done, and by which policies.
func (r *Report) addMeasures(c *Config) error {
	installed, faults := plugin.Load(c.Plugins.Dir)
	for _, f := range faults {
		r.Faults = append(r.Faults, f.Error())
	}
	r.Plugins = PluginReport{Dir: c.Plugins.Dir, Installed: []string{}}
	for _, m := range installed {
		r.Plugins.Installed = append(r.Plugins.Installed, m.Textkey)
	}
	doers := c.doersToCheck()
	r.Measures = measureReports(doers)
	set, wrong := c.compilePolicies(doers, policy.NewMemory())
	if len(wrong) > 0 {
		return wrong
	}
	r.Policies = set.Len()
	for name, why := range set.Unable(doers) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("warning: a policy wants the measure %s, which this host cannot do: %v", name, why))
	}
	return nil
}

func measureReports(doers measure.Doers) (list []MeasureReport) {
	for _, name := range slices.Sorted(maps.Keys(doers)) {
		m := MeasureReport{Name: name}
		if err := doers[name].Able(); err != nil {
			m.Unable = err.Error()
		}
		list = append(list, m)
	}
	return list
}

// Err is the error that ends picket check: what must be mended.
func (r *Report) Err() error {
	if len(r.Faults) > 0 {
		return errors.New(strings.Join(r.Faults, "\n"))
	}
	return nil
}

// Print writes the report for people; the faults are Err's.
func (r *Report) Print(w io.Writer) {
	for _, text := range r.Warnings {
		fmt.Fprintln(w, text)
	}
	fmt.Fprintf(w, "mode     %s\n", r.Mode)
	took := time.Duration(r.Rules.Seconds * float64(time.Second)).Round(time.Millisecond)
	fmt.Fprintf(w, "rules    %d of %d loaded in %s, %d refused\n", r.Rules.Loaded, r.Rules.Read, took, r.Rules.Refused)
	fmt.Fprintf(w, "jails    %d\n", len(r.Jails))
	for _, j := range r.Jails {
		fmt.Fprintf(w, "         %s (%s): %s; reads %s\n", j.Name, j.From, j.About, strings.Join(j.Reads, ", "))
	}
	fmt.Fprintf(w, "policies %d\n", r.Policies)
	fmt.Fprintf(w, "measures %d\n", len(r.Measures))
	for _, m := range r.Measures {
		if m.Unable != "" {
			fmt.Fprintf(w, "         %s cannot be done here: %s\n", m.Name, m.Unable)
		}
	}
	fmt.Fprintf(w, "plugins  %d in %s\n", len(r.Plugins.Installed), r.Plugins.Dir)
}

// ruleFault tells of a rule that was refused, or that loads with a warning.
func ruleFault(f language.Fault) string {
	if f.Soft {
		return "warning: " + f.Error()
	}
	return "refused: " + f.Error()
}

// printFaults names every rule that was refused; warnings only when all is wanted.
func printFaults(w io.Writer, faults []language.Fault, all bool) {
	warnings := 0
	for _, f := range faults {
		if f.Soft && !all {
			warnings++
			continue
		}
		fmt.Fprintln(w, ruleFault(f))
	}
	if warnings > 0 {
		fmt.Fprintf(w, "%d warnings about rules (shown with -v)\n", warnings)
	}
}

// notes is a log that keeps its warnings as lines.
type notes struct {
	to *[]string
	slog.Handler
}

// Enabled implements slog.Handler.
func (n *notes) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (n *notes) Handle(_ context.Context, r slog.Record) error {
	line := "warning: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(", %s: %s", a.Key, a.Value)
		return true
	})
	*n.to = append(*n.to, line)
	return nil
}
