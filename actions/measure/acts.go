package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"picket/actions"
)

// begin does a measure as soon as there is room: then it is in process, and what it does waits until that is on disk.
// While it waits for room it is pending, so that it has not begun if picket ends meanwhile.
func (d *Desk) begin(l *life) {
	var o *Order
	var work context.Context
	l.busy = true
	d.acts.add(d.ctx, func() bool {
		if l.busy = d.enters(l); l.busy {
			o, work = d.order(l), d.stoppable(l)
		}
		return l.busy
	}, func(context.Context) func() { return d.acting(work, l, o) })
}

// enters puts a measure in process, on disk; false when that is not possible, or when it was denied while it waited.
func (d *Desk) enters(l *life) bool {
	if l.State != Pending {
		return false
	}
	l.State, l.Started = InProcess, d.now().UTC()
	if d.keep(l) != nil {
		l.State, l.Started = Pending, time.Time{}
		d.timers.set(d.now().Add(retry), l.ID)
		return false
	}
	d.told(l)
	return true
}

// outcome is what an act has brought.
type outcome struct {
	plan    Plan
	verdict Verdict
	result  Result
	proof   string
	acted   bool // Do was called
	err     error
}

// act goes on with a measure that was in process when the run before ended.
func (d *Desk) act(l *life) {
	o, work := d.order(l), d.stoppable(l)
	l.busy = true
	if l.DeniedBy != "" { // it was being stopped
		l.stop(errDenied)
	}
	d.acts.add(d.ctx, nil, func(context.Context) func() { return d.acting(work, l, o) })
}

// acting does a measure, after asking the gate once more: time has passed.
func (d *Desk) acting(ctx context.Context, l *life, o *Order) func() {
	o = d.withCase(ctx, o)
	var out outcome
	switch {
	case context.Cause(ctx) != errDenied:
		out = d.doAndProve(ctx, o)
	case o.Again:
		out = d.abandoned(o)
	}
	if out.acted && out.err != nil && context.Cause(ctx) == errDenied {
		d.recant(o, &out)
	}
	return func() { d.acted(l, &out) }
}

func (d *Desk) doAndProve(ctx context.Context, o *Order) (out outcome) {
	out.plan, out.verdict, out.err = d.look(ctx, o)
	v := &out.verdict
	asks := v.Ruling == actions.AskFirst && o.Measure.Approved == "" && !o.Again
	if out.err != nil || v.Ruling == actions.Refused || v.Observe || asks {
		return out
	}
	doer := d.o.Doers[o.Measure.Name]
	out.acted = true
	if len(out.plan.Peers) > 0 && o.Measure.Name != banName { // bans are recorded by the responder, processes by their doers
		d.o.Gate.Record(v)
	}
	if out.result, out.err = doer.Do(ctx, o); out.err != nil {
		return out
	}
	if out.proof, out.err = doer.Prove(ctx, o); out.err != nil {
		out.err = fmt.Errorf("it was done, but its effect is not there: %w", out.err)
	}
	return out
}

// acted takes in what an act has brought.
func (d *Desk) acted(l *life, out *outcome) {
	l.busy = false
	l.stop(nil)
	if out.err != nil && d.ctx.Err() != nil {
		return // given up because picket stops: it stays in process and is taken up at the next start
	}
	if !out.acted && l.DeniedBy == "" {
		d.halted(l, &out.plan, out.verdict, out.err)
		return
	}
	r := &out.result
	l.Target = cmp.Or(out.plan.Target, l.Target)
	l.Exit, l.Output, l.Proof, l.result = r.Exit, r.Output.bounded(), out.proof, r.Evidence
	l.Ended, l.Until, l.Ends = d.now().UTC(), r.Until, r.Ends
	if p := &out.plan; p.Lasting && p.For > 0 && r.Until.IsZero() {
		l.Until = l.Started.Add(p.For.Duration()) // of the first time, when it was begun again after a crash
	}
	if l.DeniedBy != "" {
		d.endsDenied(l, out)
		return
	}
	var refusal *actions.Refusal
	switch {
	case errors.Is(out.err, ErrObserved):
		d.move(l, Observed)
	case errors.As(out.err, &refusal) && refusal.Ask && l.Approved == "":
		l.Ask = refusal.Why + "; " + refusal.Blast.String()
		d.waitForApproval(l)
	case errors.As(out.err, &refusal):
		l.Error = out.err.Error()
		d.move(l, Denied)
	case out.err != nil:
		l.Error = out.err.Error()
		d.move(l, Error)
	case out.plan.Lasting:
		d.move(l, Active)
	default:
		d.move(l, Complete)
	}
}

// bounded cuts what is longer than MaxOutput.
func (o Output) bounded() Output {
	if len(o.Text) > MaxOutput {
		o.Text, o.Cut = strings.ToValidUTF8(o.Text[:MaxOutput], ""), true
	}
	return o
}

// undo lifts what lasts. What could not be lifted stands on and is tried again.
func (d *Desk) undo(l *life, to State) {
	o := d.order(l)
	l.busy = true
	d.acts.add(d.ctx, nil, func(ctx context.Context) func() {
		err := d.undoing(ctx, d.withCase(ctx, o))
		return func() { d.undone(l, to, err) }
	})
}

func (d *Desk) undoing(ctx context.Context, o *Order) error {
	doer := d.o.Doers[o.Measure.Name]
	if doer == nil {
		return fmt.Errorf("measure %s: unknown (was its plugin removed?)", o.Measure.Name)
	}
	return doer.Undo(ctx, o)
}

func (d *Desk) undone(l *life, to State, err error) {
	l.busy = false
	if err == nil {
		l.Error = ""
		l.Until = d.now().UTC()
		d.move(l, to)
		return
	}
	if d.ctx.Err() != nil {
		return
	}
	l.Error = "not undone: " + err.Error()
	_ = d.keep(l)
	d.o.Log.Error("measure not undone", "measure", l.ID, "name", l.Name, "target", l.Target, "error", err)
	wait := min(retry<<min(l.tries, 10), retryMost)
	l.tries++
	d.timers.set(d.now().Add(wait), l.ID)
}
