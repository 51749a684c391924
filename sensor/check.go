package sensor

import (
	"errors"
	"fmt"
	"io"
	"time"

	"picket/signatures/language"
)

// Report is what picket check prints.
type Report struct {
	Rules   *RuleSet
	Logs    []LogRule    // rules of our own for logs
	Faults  ConfigFaults // what is wrong with those in files
	verbose bool
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
	r := &Report{Rules: set, verbose: o.Verbose}
	if r.Logs, err = o.Config.LogRules(); err != nil && !errors.As(err, &r.Faults) {
		return nil, err
	}
	return r, nil
}

// Err is the error that ends picket check: rules for logs that cannot work.
func (r *Report) Err() error {
	if len(r.Faults) > 0 {
		return r.Faults
	}
	return nil
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	printFaults(w, r.Rules.Faults, true)
	fmt.Fprintf(w, "rules    %d of %d loaded in %s, %d refused\n",
		r.Rules.Loaded(), r.Rules.Read, r.Rules.Took.Round(time.Millisecond), len(r.Rules.Refused()))
	for _, l := range r.Logs {
		where := "not on this host yet"
		if l.Found {
			where = "on this host"
		}
		fmt.Fprintf(w, "logs     %s (%s): %s, %s\n", l.Name, l.From, l.About, where)
	}
}

// printFaults names every rule that was refused; warnings only when all is wanted.
func printFaults(w io.Writer, faults []language.Fault, all bool) {
	warnings := 0
	for _, f := range faults {
		if f.Soft && !all {
			warnings++
			continue
		}
		kind := "refused"
		if f.Soft {
			kind = "warning"
		}
		fmt.Fprintf(w, "%s: %s\n", kind, f.Error())
	}
	if warnings > 0 {
		fmt.Fprintf(w, "%d warnings about rules (shown with -v)\n", warnings)
	}
}
