package measure

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"picket/actions"
	"picket/incidents"
)

// eager are policies that want a measure through the case and a ban at once for every finding, whatever was before.
type eager struct {
	kept, failed int
	bans         int
}

func (*eager) Propose(e *incidents.Event) []Proposal {
	if e.Finding == nil {
		return nil
	}
	return []Proposal{{Spec: Spec{Name: "act", Policy: "p"}}, {Spec: Spec{Name: "hold", Policy: "p"}}}
}

func (p *eager) Kept() error { p.kept++; return nil }

func (p *eager) Bans(_ *incidents.Finding, order func(actions.Request)) {
	p.bans++
	order(actions.Request{})
}

func (*eager) Released(actions.Ban) {}

func (p *eager) Failed(actions.Ban) { p.failed++ }

// TestReplay: killed at any moment of a finding's way to its measures, the next run makes what is missing, and nothing
// twice.
func TestReplay(t *testing.T) {
	for die := 1; ; die++ {
		h, p := newHouse(), &eager{}
		e := &incidents.Event{Kind: incidents.Grew, Incident: incidents.Incident{ID: 1}, Finding: &incidents.Finding{Time: h.at, Rule: incidents.Rule{ID: "1:1"}}}
		h.die = die
		d := h.desk(t)
		d.SetPolicies(p)
		d.event(e)
		d.settle()
		survived := !h.dead
		for range 2 { // and what was replayed is not replayed again
			h.dead, h.die = false, 0
			d = h.desk(t)
			d.SetPolicies(p)
			known := slices.Collect(maps.Values(h.disk))
			if _, err := d.say(func(ctx context.Context) (Measure, error) { return Measure{}, d.Replay(ctx, e, known) }); err != nil {
				t.Fatal(err)
			}
			d.settle()
		}
		if len(h.disk) != 2 {
			t.Errorf("killed at step %d: %d measures", die, len(h.disk))
		}
		for id := range h.disk {
			if h.effects[id] != 1 {
				t.Errorf("killed at step %d: measure %d was done %d times", die, id, h.effects[id])
			}
		}
		for _, f := range h.faults {
			t.Error(f)
		}
		if survived {
			return
		}
	}
}

// TestReplayOfBans: a ban at once that has its record is not ordered again, whatever has become of it.
func TestReplayOfBans(t *testing.T) {
	h, p := newHouse(), &eager{}
	d := h.desk(t)
	d.SetPolicies(p)
	f := &incidents.Finding{Time: h.at.Add(time.Nanosecond), Rule: incidents.Rule{ID: "1:1"}}
	e := &incidents.Event{Kind: incidents.Grew, Incident: incidents.Incident{ID: 1}, Finding: f}
	lifted := Measure{Spec: Spec{Name: banName, Policy: "p"}, State: Lifted, AtOnce: true, Cause: bare(f)}
	for known, want := range map[*Measure]int{&lifted: 0, {Spec: Spec{Name: "act", Policy: "p"}, Cause: bare(f)}: 1} {
		p.bans = 0
		if _, err := d.say(func(ctx context.Context) (Measure, error) { return Measure{}, d.Replay(ctx, e, []Measure{*known}) }); err != nil || p.bans != want {
			t.Errorf("with %s known %d bans are ordered, want %d, %v", known.Name, p.bans, want, err)
		}
	}
}
