package measure

import (
	"context"
	"errors"
	"fmt"
)

// What is in process can be denied, too. Its Doer's context ends, and with it the processes that it has started; what it
// leaves that would last is undone. The denial is on disk before: picket may be killed in between.
//
//	in process ──► error      it was stopped; what would last is undone
//	           ├─► denied     it had not begun to act
//	           ├─► complete   too late: it was done, and nothing of it lasts
//	           └─► lifted     too late: what lasts was done, and is undone again

// errDenied is why the context of an act that people have denied has ended.
var errDenied = errors.New("denied while it ran")

// stoppable is the context of an act that people may stop.
func (d *Desk) stoppable(l *life) context.Context {
	work, stop := context.WithCancelCause(d.ctx)
	l.stop = stop
	return work
}

// stopped ends the act at hand on behalf of people.
func (d *Desk) stopped(l *life, by, reason string) error {
	if l.stop == nil || l.DeniedBy != "" {
		return fmt.Errorf("deny %d: it is %s already", l.ID, l.Word())
	}
	before := l.Measure
	l.deny(by, reason)
	if err := d.keep(l); err != nil {
		l.Measure = before
		return fmt.Errorf("deny %d: it goes on, since the denial could not be kept: %w", l.ID, err)
	}
	d.told(l)
	l.stop(errDenied)
	return nil
}

// deny notes who has denied a measure.
func (m *Measure) deny(by, reason string) {
	m.DeniedBy, m.Error = by, "denied by "+by
	if reason != "" {
		m.Error += ": " + reason
	}
}

// abandoned is the outcome of an act that was being stopped when the run before ended: it is not begun again.
func (d *Desk) abandoned(o *Order) (out outcome) {
	out.plan, _, _ = d.look(d.ctx, o) // what cannot be planned any more does not last
	out.acted, out.err = true, errors.New("picket ended while it was stopped; what it had done is not known")
	return out
}

// recant undoes what an act that was stopped leaves. Jobs call it; the act's own context has ended.
func (d *Desk) recant(o *Order, out *outcome) {
	if !out.plan.Lasting {
		return
	}
	if err := d.undoing(d.ctx, o); err != nil {
		out.err = fmt.Errorf("%w; not undone: %w", out.err, err)
		return
	}
	out.err = fmt.Errorf("%w; what it had done is undone", out.err)
}

// endsDenied takes in how an act has ended that people have denied meanwhile.
func (d *Desk) endsDenied(l *life, out *outcome) {
	switch {
	case !out.acted:
		d.move(l, Denied)
	case out.err != nil:
		l.Error += "; " + out.err.Error()
		d.move(l, Error)
	case out.plan.Lasting:
		l.LiftedBy, l.DeniedBy, l.Error = l.DeniedBy, "", ""
		d.move(l, Active)
	default:
		l.Error += "; too late, it was done"
		d.move(l, Complete)
	}
}
