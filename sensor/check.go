package sensor

import (
	"fmt"
	"io"
	"time"

	"picket/signatures/language"
)

// Report is what picket check prints.
type Report struct {
	Rules   *RuleSet
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
	return &Report{Rules: set, verbose: o.Verbose}, nil
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	printFaults(w, r.Rules.Faults, true)
	fmt.Fprintf(w, "rules    %d of %d loaded in %s, %d refused\n",
		r.Rules.Loaded(), r.Rules.Read, r.Rules.Took.Round(time.Millisecond), len(r.Rules.Refused()))
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
