// Package flag holds the measures that only say something about an incident: the red flag, for whoever leads, and the ops
// flag, for those who work on it. A flag has a severity, an impact and a text in Markdown, and stays with the incident.
package flag

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"picket/actions/measure"
	"picket/incidents"
)

// flag raises one kind of flag.
type flag struct{ name string }

var _ measure.Doer = (*flag)(nil)

// Doers are both flags. Arguments: severity (critical, high, medium, low, info; the incident's if not given), impact,
// content (Markdown).
func Doers() measure.Doers {
	return measure.Doers{"redflag": &flag{"red flag"}, "opsflag": &flag{"ops flag"}}
}

// maxContent bounds a flag's text.
const maxContent = 32 << 10

// Able implements measure.Doer.
func (f *flag) Able() error { return nil }

// Plan implements measure.Doer.
func (f *flag) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	severity, err := severityOf(o)
	if err != nil {
		return measure.Plan{}, err
	}
	if n := len(o.Measure.Args["content"]); n > maxContent {
		return measure.Plan{}, fmt.Errorf("content has %d bytes, the most is %d", n, maxContent)
	}
	if o.Incident == nil {
		return measure.Plan{}, errors.New("a flag needs an incident")
	}
	return measure.Plan{
		Target: fmt.Sprintf("incident %d", o.Incident.ID),
		Steps:  []string{fmt.Sprintf("raise a %s of severity %s on incident %d", f.name, severity, o.Incident.ID)},
	}, nil
}

func severityOf(o *measure.Order) (s incidents.Severity, err error) {
	text := o.Measure.Args["severity"]
	if text == "" && o.Incident != nil {
		return o.Incident.Severity, nil
	}
	err = s.UnmarshalText([]byte(strings.ToLower(text)))
	return s, err
}

// Do implements measure.Doer.
func (f *flag) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	severity, err := severityOf(o)
	if err != nil {
		return measure.Result{}, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "**%s, %s**\n", f.name, severity)
	if impact := o.Measure.Args["impact"]; impact != "" {
		fmt.Fprintf(&text, "\nImpact: %s\n", impact)
	}
	if content := o.Measure.Args["content"]; content != "" {
		fmt.Fprintf(&text, "\n%s\n", content)
	}
	out := measure.Output{Type: "text/markdown", Text: text.String()}
	return measure.Result{Output: out}, nil
}

// Prove implements measure.Doer.
func (f *flag) Prove(_ context.Context, o *measure.Order) (string, error) {
	return fmt.Sprintf("the %s stands with measure %d", f.name, o.Measure.ID), nil
}

// Undo implements measure.Doer.
func (f *flag) Undo(context.Context, *measure.Order) error {
	return errors.New("what was said stays in the timeline (add a note that it does not hold)")
}
