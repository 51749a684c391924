package measure

import (
	"context"

	"picket/incidents"
)

// Replay takes in a finding of the run before, as its case has kept it: picket may have been killed after the case knew
// of it and before what the policies wanted was on disk. known are the case's measures. What is among them was proposed,
// whatever has become of it since, and is not proposed again: all measures of a finding are written at once.
func (d *Desk) Replay(ctx context.Context, e *incidents.Event, known []Measure) error {
	return d.ask(ctx, func() error {
		made, proposed := false, false
		for i := range known {
			if m := &known[i]; m.Policy != "" && same(m.Cause, e.Finding) {
				made, proposed = made || m.AtOnce, proposed || !m.AtOnce
			}
		}
		if !made {
			d.BanAtOnce(e.Finding)
		}
		if proposed {
			d.ordered(e)
		} else {
			d.event(e)
		}
		return nil
	})
}

// same tells whether two records are of one finding.
func same(a, b *incidents.Finding) bool {
	return a != nil && b != nil && a.Time.Equal(b.Time) && a.Rule.ID == b.Rule.ID && a.Attacker == b.Attacker && a.Victim == b.Victim && a.FlowID == b.FlowID
}
