package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket/actions"
	"picket/incidents"
)

// ErrObserved is a Doer's answer when observe mode kept it from acting after all.
var ErrObserved = errors.New("observe mode: nothing was done")

// propose begins the life of a measure.
func (d *Desk) propose(s Spec, of incidents.ID, cause *incidents.Finding, by, reason string) (*life, error) {
	l, err := d.draft(s, of, cause, by, reason)
	if err == nil {
		d.begins(l)
	}
	return l, err
}

// draft makes a measure, which is not on disk yet.
func (d *Desk) draft(s Spec, of incidents.ID, cause *incidents.Finding, by, reason string) (*life, error) {
	if len(d.lives) >= d.o.Max {
		d.stats.Refused++
		return nil, fmt.Errorf("measure %s: %d measures wait, run or stand, the most allowed (approve, deny or lift some: picket measures)", s.Name, len(d.lives))
	}
	d.last++
	now := d.now().UTC()
	l := &life{Measure: Measure{
		ID: d.last, Incident: of, Spec: s, State: Pending, Reason: reason, By: by,
		Created: now, Due: now.Add(s.Delay.Duration()), Cause: bare(cause),
	}}
	if s.Approval {
		l.State = PendingApproval
	}
	if d.o.Doers[s.Name] == nil {
		return nil, fmt.Errorf("measure %s: unknown (known: %s)", s.Name, strings.Join(d.o.Doers.names(), ", "))
	}
	d.stats.Proposed++
	d.enter(l)
	return l, nil
}

// begins keeps new measures in one write, so that after a crash all of a finding's are there or none, and does what is
// to be done next with each.
func (d *Desk) begins(list ...*life) {
	_ = d.keep(list...) // each is kept again before anything is done
	now := d.now()
	for _, l := range list {
		d.step(l, now)
	}
}

func (d Doers) names() []string {
	var list []string
	for name := range d {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// bare is a finding without what is only for its way: a measure keeps it for long.
func bare(f *incidents.Finding) *incidents.Finding {
	if f == nil {
		return nil
	}
	c := *f
	c.Evidence, c.Orders = nil, nil
	return &c
}

// step does the next thing with a measure, if it is time.
func (d *Desk) step(l *life, now time.Time) {
	switch {
	case l.busy || l.State.Over():
	case l.State == Active:
		d.stepActive(l, now)
	case l.State == InProcess: // of an earlier run
		d.act(l)
	case !l.planned:
		d.plan(l)
	case l.State == PendingApproval:
		if end := l.Created.Add(approvalWait); now.Before(end) {
			d.timers.set(end, l.ID)
			return
		}
		l.Error = "nobody has approved it"
		d.move(l, Skipped)
	case now.Before(l.Due):
		d.timers.set(l.Due, l.ID)
	default:
		d.begin(l)
	}
}

func (d *Desk) stepActive(l *life, now time.Time) {
	switch {
	case l.LiftedBy != "":
		d.undo(l, Lifted)
	case !l.Until.IsZero() && !now.Before(l.Until):
		d.undo(l, Expired)
	case l.proveAt.IsZero():
		l.proveAt = d.nextProof(l.ID, now)
		d.stepActive(l, now)
	case !now.Before(l.proveAt):
		d.prove(l)
	case l.Until.IsZero() || l.proveAt.Before(l.Until):
		d.timers.set(l.proveAt, l.ID)
	default:
		d.timers.set(l.Until, l.ID)
	}
}

// order is what a job gets: copies, since the desk may change the measure meanwhile.
func (d *Desk) order(l *life) *Order {
	m := l.Measure
	return &Order{Measure: &m, Finding: m.Cause, Again: l.again}
}

// withCase adds the case as it is now. Jobs call it, since it may read the disk.
func (d *Desk) withCase(ctx context.Context, o *Order) *Order {
	if id := o.Measure.Incident; id != 0 && d.o.Cases != nil {
		o.Incident = d.o.Cases.Case(ctx, id)
	}
	return o
}

// plan works out what a measure would do, and asks the gate.
func (d *Desk) plan(l *life) {
	o := d.order(l)
	l.busy = true
	d.plans.add(d.ctx, nil, func(ctx context.Context) func() {
		p, v, err := d.look(ctx, d.withCase(ctx, o))
		f := d.family(ctx, o, false)
		return func() { d.planned(l, &p, v, &f, err) }
	})
}

// look plans and asks the gate. It changes nothing; jobs call it.
func (d *Desk) look(ctx context.Context, o *Order) (Plan, Verdict, error) {
	doer := d.o.Doers[o.Measure.Name]
	if doer == nil {
		return Plan{}, Verdict{}, fmt.Errorf("measure %s: unknown (was its plugin removed?)", o.Measure.Name)
	}
	if err := doer.Able(); err != nil {
		return Plan{}, Verdict{}, fmt.Errorf("this host cannot do it: %w", err)
	}
	p, err := doer.Plan(ctx, o)
	if err != nil {
		return p, Verdict{}, err
	}
	v, err := d.o.Gate.Ask(ctx, o, &p)
	v.Observe = v.Observe || o.Measure.Observe
	return p, v, err
}

func (d *Desk) planned(l *life, p *Plan, v Verdict, f *family, err error) {
	l.busy = false
	if d.ctx.Err() != nil || l.State.Over() {
		return
	}
	l.planned = true
	if p.Args != nil { // it is done to whom it was approved for, and to the process that was meant
		l.Args = p.Args
	}
	l.Target = cmp.Or(p.Target, l.Target)
	asks := l.State == PendingApproval || v.Ruling == actions.AskFirst && l.Approved == ""
	if d.spared(l, f, asks) || d.halted(l, p, v, err) {
		return
	}
	if l.State == PendingApproval && l.Ask == "" {
		l.Ask = v.request()
	}
	_ = d.keep(l)
	if l.State == PendingApproval {
		d.told(l)
	}
	if l.merged {
		d.reunite(l)
		return
	}
	d.step(l, d.now())
}

// halted stops a measure that must not be done, or not without being asked about; true when it goes on no further now.
func (d *Desk) halted(l *life, p *Plan, v Verdict, err error) bool {
	if p.Target != "" {
		l.Target = p.Target
	}
	switch {
	case err != nil:
		l.Error = err.Error()
		d.move(l, Error)
	case v.Ruling == actions.Refused:
		d.o.Gate.Record(&v)
		l.Error = v.Why
		d.move(l, Denied)
	case v.Observe:
		d.o.Gate.Record(&v)
		l.Output = Output{Type: "text/plain", Text: "would do: " + strings.Join(p.Steps, "\n")}
		d.move(l, Observed)
	case v.Ruling == actions.AskFirst && l.Approved == "" && !l.again:
		d.o.Gate.Record(&v)
		l.Ask = v.request()
		d.waitForApproval(l)
	default:
		return false
	}
	return true
}

// waitForApproval parks a measure until somebody approves it.
func (d *Desk) waitForApproval(l *life) {
	d.timers.set(l.Created.Add(approvalWait), l.ID)
	d.move(l, PendingApproval)
}

// move puts a measure into a state, on disk and in its case's timeline.
func (d *Desk) move(l *life, to State) {
	l.State = to
	if to.Over() && l.Ended.IsZero() {
		l.Ended = d.now().UTC()
	}
	if d.keep(l) != nil && !l.State.Over() {
		d.timers.set(d.now().Add(retry), l.ID)
	}
	d.told(l)
	switch {
	case to.Over():
		d.leave(l)
	case to == Active && l.Ends:
		d.leave(l)
		d.stands(&l.Measure)
	case to == Active:
		d.step(l, d.now())
	}
}
