package measure

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"picket/incidents"
)

// Event takes in what has happened to a case. It waits while the inbox is full: no event is lost.
func (d *Desk) Event(ctx context.Context, e *incidents.Event) error {
	if e.Kind == incidents.MeasureMoved {
		return nil
	}
	select {
	case d.inbox <- func() { d.event(e) }:
		return nil
	case <-d.done:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Desk) event(e *incidents.Event) {
	if e.Kind == incidents.WasResolved {
		d.skip(e.Incident.ID)
		return
	}
	if e.Kind == incidents.WasMerged {
		d.merged(e.Incident.ID)
		return
	}
	d.ordered(e)
	policies := d.policies.Load()
	if policies == nil {
		return
	}
	list := (*policies).Propose(e)
	var lives []*life
	for _, p := range list {
		l, err := d.draft(p.Spec, e.Incident.ID, e.Finding, "policy "+p.Policy, p.Reason)
		if err != nil {
			d.o.Log.Error("measure not taken on", "name", p.Name, "incident", e.Incident.ID, "policy", p.Policy, "error", err)
			continue
		}
		lives = append(lives, l)
	}
	if len(list) == 0 {
		return
	}
	d.begins(lives...)
	if err := (*policies).Kept(); err != nil {
		d.o.Log.Error("that measures were proposed is not kept; after a crash they may be again", "error", err)
	}
}

// ordered joins the bans that a finding has set off with its case.
func (d *Desk) ordered(e *incidents.Event) {
	if e.Finding == nil {
		return
	}
	for _, order := range e.Finding.Orders {
		d.joins.knows(order, caseOf{e.Incident.ID, bare(e.Finding)}, d.now(), d.record)
	}
}

// skip ends what waits for a case that is resolved.
func (d *Desk) skip(of incidents.ID) {
	for _, id := range slices.Clone(d.ofCase[of]) {
		if l := d.lives[id]; l.State == Pending || l.State == PendingApproval {
			l.Error = "its incident was resolved first"
			d.move(l, Skipped)
		}
	}
}

// Approve lets a measure be done. It may be said early: the measure still waits for its time.
func (d *Desk) Approve(ctx context.Context, id ID, by string) (m Measure, err error) {
	return m, d.ask(ctx, func() error {
		l, err := d.waiting(ctx, id, "approve")
		if err != nil {
			return err
		}
		before := l.Measure
		l.Approved, l.State = by, Pending
		if err := d.keep(l); err != nil {
			l.Measure = before
			return fmt.Errorf("approve %d: nothing was done, since the approval could not be kept: %w", id, err)
		}
		d.told(l)
		d.step(l, d.now())
		m = l.Measure
		return nil
	})
}

// Deny ends a measure that waits, and stops one that is in process; what has become of that is told by its state later.
func (d *Desk) Deny(ctx context.Context, id ID, by, reason string) (m Measure, err error) {
	return m, d.ask(ctx, func() error {
		if l := d.lives[id]; l != nil && l.State == InProcess {
			err := d.stopped(l, by, reason)
			m = l.Measure
			return err
		}
		l, err := d.waiting(ctx, id, "deny")
		if err != nil {
			return err
		}
		l.deny(by, reason)
		d.move(l, Denied)
		m = l.Measure
		return nil
	})
}

// waiting finds a measure that waits for its time or for approval.
func (d *Desk) waiting(ctx context.Context, id ID, verb string) (*life, error) {
	l := d.lives[id]
	if l == nil {
		m, err := d.o.Store.Measure(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", verb, id, err)
		}
		return nil, fmt.Errorf("%s %d: it is %s already", verb, id, m.State)
	}
	if l.State != Pending && l.State != PendingApproval {
		return nil, fmt.Errorf("%s %d: it is %s already", verb, id, l.State)
	}
	return l, nil
}

// Lift undoes a measure that stands. That it is gone is told by the measure's state later.
func (d *Desk) Lift(ctx context.Context, id ID, by string) (m Measure, err error) {
	return m, d.ask(ctx, func() error {
		l, err := d.active(ctx, id)
		if err != nil {
			return err
		}
		l.LiftedBy = by
		if err := d.keep(l); err != nil {
			l.LiftedBy = ""
			return fmt.Errorf("lift %d: nothing was done, since the order could not be kept: %w", id, err)
		}
		d.step(l, d.now())
		m = l.Measure
		return nil
	})
}

// active finds a measure that stands; what ends by itself is not in memory and comes back for its lifting.
func (d *Desk) active(ctx context.Context, id ID) (*life, error) {
	if l := d.lives[id]; l != nil {
		if l.State != Active {
			return nil, fmt.Errorf("lift %d: it is %s, nothing stands (picket deny ends what waits or is in process)", id, l.State)
		}
		return l, nil
	}
	m, err := d.o.Store.Measure(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("lift %d: %w", id, err)
	}
	if m.State != Active || m.Ends && !m.Until.IsZero() && !d.now().Before(m.Until) {
		return nil, fmt.Errorf("lift %d: it is over: %s", id, m.Sentence())
	}
	l := &life{Measure: *m, planned: true}
	d.enter(l)
	return l, nil
}

// Order takes on a measure for an operator, who approves it by that; case 0 is none.
func (d *Desk) Order(ctx context.Context, s Spec, of incidents.ID, by, reason string) (m Measure, err error) {
	return m, d.ask(ctx, func() error {
		s.Approval = false
		l, err := d.draft(s, of, nil, by, reason)
		if err != nil {
			return err
		}
		l.Approved = by
		d.begins(l)
		m = l.Measure
		return nil
	})
}

// DryRun tells what an order would do, and what the gate would say. Nothing is done or kept.
func (d *Desk) DryRun(ctx context.Context, s Spec, of incidents.ID, by string) (Plan, Verdict, error) {
	m := Measure{Incident: of, Spec: s, By: by, Approved: by}
	return d.look(ctx, d.withCase(ctx, &Order{Measure: &m}))
}

// Able tells for each kind of measures why this host cannot do it, or nil.
func (d *Desk) Able() map[string]error {
	able := map[string]error{}
	for name, doer := range d.o.Doers {
		able[name] = doer.Able()
	}
	return able
}

// Stats returns the counters.
func (d *Desk) Stats(ctx context.Context) (s Stats, err error) {
	return s, d.ask(ctx, func() error {
		s = d.stats
		s.Moved = maps.Clone(d.stats.Moved)
		s.Lost, s.Running = d.lost.Load(), d.acts.running
		s.Standing = len(d.standing)
		for _, l := range d.lives {
			switch l.State {
			case Pending, PendingApproval:
				s.Waiting++
			case Active:
				s.Standing++
			}
		}
		return nil
	})
}
