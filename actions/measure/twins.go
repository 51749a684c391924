package measure

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"picket/incidents"
)

// Twins are measures of one case that the same policy wants, by the same name, against the same target, as the same step of
// its list: one of them is enough, and what people have said about it holds for both. They come about when two cases turn out to be one, and when
// a policy wants again what still waits for people or what they have denied.

// twins tells whether two measures would do the same.
func twins(a, b *Measure) bool {
	return a.ID != b.ID && a.Policy != "" && a.Policy == b.Policy && a.Name == b.Name && a.Target != "" && a.Target == b.Target &&
		a.Delay == b.Delay && a.Approval == b.Approval && maps.Equal(a.Args, b.Args)
}

// family is where the twins of a measure are: its case as it is now, with those that turned out to be part of it, and what
// has been decided there. The zero family has none.
type family struct {
	cases   []incidents.ID
	decided []Measure
}

// family reads what was decided of a measure's twins: denied by people, and once two cases have become one, done as well.
// It reads the disk; jobs call it.
func (d *Desk) family(ctx context.Context, o *Order, merged bool) (f family) {
	m := o.Measure
	if m.Policy == "" || m.Incident == 0 {
		return f
	}
	f.cases = []incidents.ID{m.Incident}
	if o.Incident != nil {
		f.cases = append([]incidents.ID{o.Incident.ID}, o.Incident.Absorbed...)
	}
	states := []State{Denied}
	if merged {
		states = append(states, InProcess, Active, Complete)
	}
	var err error
	if f.decided, err = d.o.Store.MeasuresOf(ctx, f.cases[0], m.Name, states...); err != nil {
		d.o.Log.Warn("what was decided before may be asked again", "measure", m.ID, "incident", f.cases[0], "error", err)
	}
	return f
}

// spared ends a measure that waits when a twin has been decided on or, where once is enough, waits for both; true when it
// is over then. Once is enough to ask people, and for what two cases wanted that became one; a message about each finding
// is told each time.
func (d *Desk) spared(l *life, f *family, once bool) bool {
	if l.State != Pending && l.State != PendingApproval {
		return false
	}
	for i := range f.decided {
		if t := &f.decided[i]; twins(t, &l.Measure) && l.Approved == "" && (t.State != Denied || t.DeniedBy != "") {
			d.spare(l, t)
			return true
		}
	}
	for _, of := range f.cases {
		for _, id := range slices.Clone(d.ofCase[of]) {
			t := d.lives[id]
			if !twins(&t.Measure, &l.Measure) || t.busy || t.State != Pending && t.State != PendingApproval || !once {
				continue
			}
			if l.Approved != "" && t.Approved == "" { // what was approved stays so
				d.spare(t, &l.Measure)
				continue
			}
			d.spare(l, &t.Measure)
			return true
		}
	}
	return false
}

// spare ends a measure for the sake of its twin.
func (d *Desk) spare(l *life, twin *Measure) {
	l.Error = fmt.Sprintf("the same is measure %d, which is %s", twin.ID, twin.State)
	if twin.State == Denied {
		l.Error = fmt.Sprintf("the same, measure %d, was %s", twin.ID, twin.Error)
	}
	d.move(l, Skipped)
}

// merged holds what waits for a case against the measures of the one that it turned out to be part of.
func (d *Desk) merged(from incidents.ID) {
	for _, id := range slices.Clone(d.ofCase[from]) {
		l := d.lives[id]
		l.merged = true
		if l.planned && !l.busy {
			d.reunite(l)
		} // else it does so when it is planned
	}
}

func (d *Desk) reunite(l *life) {
	o := d.order(l)
	l.busy, l.merged = true, false
	d.plans.add(d.ctx, nil, func(ctx context.Context) func() {
		f := d.family(ctx, d.withCase(ctx, o), true)
		return func() {
			l.busy = false
			if d.ctx.Err() == nil && !d.spared(l, &f, true) {
				d.step(l, d.now())
			}
		}
	})
}
