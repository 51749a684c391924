package measure

import (
	"context"
	"testing"
	"time"

	"picket/actions"
	"picket/incidents"
)

// TestTwins: after two cases became one, nothing that waits in both is done or asked for twice; what was denied in one of
// them stays denied, what was approved stays approved, also when the policy wants it once more.
func TestTwins(t *testing.T) {
	for name, c := range map[string]struct {
		spec          Spec
		before        func(ctx context.Context, d *Desk, first, second ID) (Measure, error) // of measure 1 of case 1 and 2 of case 2
		first, second State
		third         State // of the same, wanted once more
	}{
		"both are asked for":       {spec: Spec{Name: "act", Approval: true}, first: PendingApproval, second: Skipped, third: Skipped},
		"both wait for their time": {spec: Spec{Name: "act", Delay: incidents.Seconds(time.Hour)}, first: Pending, second: Skipped, third: Pending},
		"one was denied": {Spec{Name: "act", Approval: true}, func(ctx context.Context, d *Desk, first, _ ID) (Measure, error) {
			return d.Deny(ctx, first, "bob", "no")
		}, Denied, Skipped, Skipped},
		"the younger one was denied": {Spec{Name: "act", Approval: true}, func(ctx context.Context, d *Desk, _, second ID) (Measure, error) {
			return d.Deny(ctx, second, "bob", "no")
		}, PendingApproval, Denied, Skipped},
		"one was approved and waits": {Spec{Name: "act", Approval: true, Delay: incidents.Seconds(time.Hour)}, func(ctx context.Context, d *Desk, first, _ ID) (Measure, error) {
			return d.Approve(ctx, first, "bob")
		}, Pending, Skipped, Skipped},
		"the younger one was approved and waits": {Spec{Name: "act", Approval: true, Delay: incidents.Seconds(time.Hour)}, func(ctx context.Context, d *Desk, _, second ID) (Measure, error) {
			return d.Approve(ctx, second, "bob")
		}, Skipped, Pending, Skipped},
		"one was approved and done": {Spec{Name: "act", Approval: true}, func(ctx context.Context, d *Desk, first, _ ID) (Measure, error) {
			return d.Approve(ctx, first, "bob")
		}, Complete, Skipped, PendingApproval},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			d := h.desk(t)
			c.spec.Policy = "p"
			first, second := order(t, d, c.spec, 1), order(t, d, c.spec, 2)
			d.settle()
			if c.before != nil {
				if _, err := d.say(func(ctx context.Context) (Measure, error) { return c.before(ctx, d, first, second) }); err != nil {
					t.Fatal(err)
				}
				d.settle()
			}
			one := &incidents.Incident{ID: 1, Absorbed: []incidents.ID{2}}
			h.cases = map[incidents.ID]*incidents.Incident{1: one, 2: one}
			d.event(&incidents.Event{Kind: incidents.WasMerged, Incident: incidents.Incident{ID: 2, Merged: 1}})
			d.settle()
			h.want(t, "of the case that stays", first, c.first)
			h.want(t, "of the other", second, c.second)
			third := order(t, d, c.spec, 1)
			d.settle()
			h.want(t, "wanted once more", third, c.third)
		})
	}
}

// TestTwinsOfTheGate: where the gate asks, the same is asked once; what it refuses, nobody has denied.
func TestTwinsOfTheGate(t *testing.T) {
	h := newHouse()
	h.ruling = actions.AskFirst
	d := h.desk(t)
	s := Spec{Name: "hold", Policy: "p"}
	first := order(t, d, s, 1)
	d.settle()
	second := order(t, d, s, 1)
	other := order(t, d, Spec{Name: "hold", Policy: "q"}, 1)
	step := order(t, d, Spec{Name: "hold", Policy: "p", Delay: incidents.Seconds(time.Hour)}, 1)
	d.settle()
	h.want(t, "asked", first, PendingApproval)
	h.want(t, "the same", second, Skipped)
	h.want(t, "of another policy", other, PendingApproval)
	h.want(t, "another step of the policy", step, PendingApproval)
	h.ruling = actions.Refused
	refused := order(t, d, Spec{Name: "act", Policy: "p"}, 1)
	d.settle()
	h.ruling = actions.Allowed
	again := order(t, d, Spec{Name: "act", Policy: "p"}, 1)
	d.settle()
	h.want(t, "refused by the gate", refused, Denied)
	h.want(t, "when the gate lets it", again, Complete)
}
