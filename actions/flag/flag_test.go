package flag

import (
	"context"
	"strings"
	"testing"

	"picket/actions/measure"
	"picket/incidents"
)

func TestFlag(t *testing.T) {
	ctx := context.Background()
	o := &measure.Order{
		Measure:  &measure.Measure{ID: 3, Spec: measure.Spec{Args: map[string]string{"severity": "Critical", "impact": "all mail", "content": "* see the runbook"}}},
		Incident: &incidents.Incident{ID: 7},
	}
	for name, d := range Doers() {
		p, err := d.Plan(ctx, o)
		if err != nil || !strings.Contains(p.Steps[0], "critical on incident 7") {
			t.Errorf("%s: %+v %v", name, p, err)
		}
		r, err := d.Do(ctx, o)
		if err != nil || r.Output.Type != "text/markdown" || !strings.Contains(r.Output.Text, "Impact: all mail") || !strings.Contains(r.Output.Text, "* see the runbook") {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	for _, bad := range []*measure.Order{
		{Measure: &measure.Measure{Spec: measure.Spec{Args: map[string]string{"severity": "huge"}}}, Incident: o.Incident},
		{Measure: &measure.Measure{Spec: measure.Spec{Args: map[string]string{"severity": "low"}}}},
		{Measure: &measure.Measure{Spec: measure.Spec{Args: map[string]string{"content": strings.Repeat("x", maxContent+1)}}}, Incident: o.Incident},
	} {
		if _, err := Doers()["redflag"].Plan(ctx, bad); err == nil {
			t.Errorf("%v is taken", bad.Measure.Args)
		}
	}
}
