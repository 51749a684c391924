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

// begin does a measure as soon as there is room: then it is in process, and what it does waits until that is on disk.
// While it waits for room it is pending, so that it has not begun if picket ends meanwhile.
func (d *Desk) begin(l *life) {
	var o *Order
	l.busy = true
	d.acts.add(d.ctx, func() bool {
		l.busy = d.enters(l)
		o = d.order(l)
		return l.busy
	}, func(ctx context.Context) func() { return d.acting(ctx, l, o) })
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
	o := d.order(l)
	l.busy = true
	d.acts.add(d.ctx, nil, func(ctx context.Context) func() { return d.acting(ctx, l, o) })
}

// acting does a measure, after asking the gate once more: time has passed.
func (d *Desk) acting(ctx context.Context, l *life, o *Order) func() {
	out := d.doAndProve(ctx, d.withCase(ctx, o))
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
	if out.err != nil && d.ctx.Err() != nil {
		return // given up because picket stops: it stays in process and is taken up at the next start
	}
	if !out.acted {
		d.halted(l, &out.plan, out.verdict, out.err)
		return
	}
	r := &out.result
	l.Target, l.Exit, l.Output, l.Proof, l.result = out.plan.Target, r.Exit, r.Output.bounded(), out.proof, r.Evidence
	l.Ended, l.Until, l.Ends = d.now().UTC(), r.Until, r.Ends
	if p := &out.plan; p.Lasting && p.For > 0 && r.Until.IsZero() {
		l.Until = l.Started.Add(p.For.Duration()) // of the first time, when it was begun again after a crash
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

// told tells the case, and the log, what a measure has come to.
func (d *Desk) told(l *life) {
	if d.stats.Moved == nil {
		d.stats.Moved = map[State]uint64{}
	}
	d.stats.Moved[l.State]++
	d.o.Log.Info("measure", "id", l.ID, "name", l.Name, "state", string(l.State), "target", l.Target, "incident", l.Incident, "by", l.By)
	if d.o.Told != nil {
		d.o.Told(&l.Measure)
	}
	if l.Incident == 0 || d.o.Cases == nil {
		return
	}
	evidence := l.result
	l.result = nil
	if l.Output.Text != "" && !l.shown {
		l.shown = true
		evidence = append(evidence, incidents.Evidence{
			Time: d.now().UTC(), Kind: "output", Name: fmt.Sprintf("measure %d: %s", l.ID, l.Name), Type: l.Output.Type,
			Data: []byte(l.Output.Text[:min(len(l.Output.Text), incidents.MaxEvidence)]),
		})
	}
	d.o.Cases.Moved(l.Incident, incidents.Entry{Time: d.now().UTC(), Kind: "measure", By: l.actor(), Text: l.Sentence()}, evidence)
}

// Word is the state, with who has brought it about where that was a person: "approved by alice".
func (m *Measure) Word() string {
	switch {
	case m.State == Pending && m.Approved != "" && m.Approved != m.By:
		return "approved by " + m.Approved
	case m.State == Denied && m.DeniedBy != "":
		return m.Error
	case m.State == Lifted:
		return "lifted by " + m.LiftedBy
	}
	return string(m.State)
}

// actor is who has brought the state about.
func (m *Measure) actor() string {
	switch m.State {
	case Pending:
		return cmp.Or(m.Approved, m.By)
	case Denied:
		return cmp.Or(m.DeniedBy, m.By)
	case Lifted:
		return m.LiftedBy
	}
	return m.By
}

// Sentence says in one line what a measure has come to.
func (m *Measure) Sentence() string {
	text := fmt.Sprintf("measure %d: %s", m.ID, m.Name)
	if m.Target != "" {
		text += " " + m.Target
	}
	text += ": " + m.Word()
	switch {
	case m.State == PendingApproval && m.Ask != "":
		text += ": " + m.Ask
	case m.State == Active && !m.Until.IsZero():
		text += " until " + m.Until.Format(time.RFC3339)
	case m.State == Lifted, m.DeniedBy != "":
	case m.Error != "":
		text += ": " + m.Error
	case m.Proof != "":
		text += ": " + m.Proof
	}
	return text
}
