package measure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/actions"
	"picket/incidents"
)

// house is a host with a disk, effects and a clock, which outlive the desks that work in it. It can be made to die
// between any two steps.
type house struct {
	mu       sync.Mutex
	disk     map[ID]Measure
	last     ID
	effects  map[ID]int // how often each order has acted
	stands   map[ID]bool
	again    map[ID]bool
	recorded int // decisions of the gate
	told     []string
	at       time.Time
	points   int // steps so far
	die      int // at this one; 0: never
	dead     bool
	full     bool // the disk takes nothing
	ruling   actions.Ruling
	observe  bool
	fails    map[string]bool // measures by name whose Do fails
	faults   []string        // what must never happen
	cases    map[incidents.ID]*incidents.Incident
}

func newHouse() *house {
	return &house{
		disk: map[ID]Measure{}, effects: map[ID]int{}, stands: map[ID]bool{}, again: map[ID]bool{}, fails: map[string]bool{},
		at: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC),
	}
}

var (
	errDead = errors.New("killed")
	errFull = errors.New("no space left on device")
)

// step is a point at which the house may die; what comes after it is not done then.
func (h *house) step() error {
	if h.points++; h.points == h.die {
		h.dead = true
	}
	if h.dead {
		return errDead
	}
	return nil
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) KeepMeasures(list ...*Measure) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.step(); err != nil {
		return err
	}
	if h.full {
		return errFull
	}
	for _, m := range list {
		h.disk[m.ID] = *m
		h.last = max(h.last, m.ID)
	}
	return h.step()
}

func (h *house) OpenMeasures(_ context.Context, each func(*Measure)) (ID, error) {
	for _, id := range slices.Sorted(maps.Keys(h.disk)) {
		if m := h.disk[id]; !m.State.Over() {
			each(&m)
		}
	}
	return h.last, nil
}

func (h *house) Measure(_ context.Context, id ID) (*Measure, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.disk[id]
	if !ok {
		return nil, ErrUnknown
	}
	return &m, nil
}

func (h *house) MeasuresOf(_ context.Context, of incidents.ID, name string, states ...State) (list []Measure, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cases := []incidents.ID{of}
	for id, c := range h.cases {
		if c.ID == of {
			cases = append(cases, id)
		}
	}
	for _, m := range h.disk {
		if slices.Contains(cases, m.Incident) && m.Name == name && slices.Contains(states, m.State) {
			list = append(list, m)
		}
	}
	return list, nil
}

func (h *house) Case(_ context.Context, id incidents.ID) *incidents.Incident { return h.cases[id] }

func (h *house) Moved(_ incidents.ID, e incidents.Entry, _ []incidents.Evidence) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, e.Text)
}

func (h *house) Ask(context.Context, *Order, *Plan) (Verdict, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Verdict{Ruling: h.ruling, Why: "it is a test", Observe: h.observe}, nil
}

func (h *house) Record(*Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recorded++
}

// worker is a Doer that counts what it does. It lasts when its name says so.
type worker struct {
	house *house
	name  string
}

func (w worker) lasts() bool { return strings.HasPrefix(w.name, "hold") }

func (w worker) Able() error { return nil }

func (w worker) Plan(context.Context, *Order) (Plan, error) {
	return Plan{Target: "t", Args: map[string]string{"pinned": "yes"}, Steps: []string{w.name}, Lasting: w.lasts()}, nil
}

func (w worker) Do(_ context.Context, o *Order) (r Result, err error) {
	h, id := w.house, o.Measure.ID
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.step(); err != nil {
		return r, err
	}
	h.judge(o)
	if h.fails[w.name] {
		return r, errors.New("it failed")
	}
	if !o.Again || h.effects[id] == 0 {
		h.effects[id]++
		h.stands[id] = w.lasts()
	}
	if w.lasts() && o.Measure.For > 0 {
		r.Until = h.at.Add(o.Measure.For.Duration())
	}
	r.Output = Output{Type: "text/plain", Text: "did " + w.name}
	return r, h.step()
}

// judge notes what must never happen when something is done.
func (h *house) judge(o *Order) {
	m, kept := o.Measure, h.disk[o.Measure.ID]
	fault := func(format string, args ...any) {
		h.faults = append(h.faults, fmt.Sprintf("measure %d: ", m.ID)+fmt.Sprintf(format, args...))
	}
	if kept.State != InProcess {
		fault("done while the disk says %q", kept.State)
	}
	if h.at.Before(m.Due) {
		fault("done before its time")
	}
	if m.Spec.Approval && kept.Approved == "" {
		fault("done without approval")
	}
	if m.Observe || h.observe {
		fault("done in observe mode")
	}
	if h.effects[m.ID] > 0 && !o.Again {
		fault("done twice")
	}
}

func (w worker) Prove(_ context.Context, o *Order) (string, error) {
	w.house.mu.Lock()
	defer w.house.mu.Unlock()
	if err := w.house.step(); err != nil {
		return "", err
	}
	if w.house.effects[o.Measure.ID] == 0 {
		return "", errors.New("no effect")
	}
	return "seen", w.house.step()
}

func (w worker) Undo(_ context.Context, o *Order) error {
	w.house.mu.Lock()
	defer w.house.mu.Unlock()
	if err := w.house.step(); err != nil {
		return err
	}
	w.house.stands[o.Measure.ID] = false
	return w.house.step()
}

// desk makes a desk in the house. The test's goroutine takes the place of Run, so that all is in order.
func (h *house) desk(t testing.TB) *Desk {
	t.Helper()
	doers := Doers{}
	for _, name := range []string{"act", "hold", "bad"} {
		doers[name] = worker{h, name}
	}
	h.fails["bad"] = true
	d, err := NewDesk(Options{Doers: doers, Gate: h, Store: h, Cases: h, Order: func(actions.Request) bool { return true }, Workers: 2, Log: slog.New(slog.DiscardHandler), Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	d.ctx = t.Context()
	return d
}

// settle lets the desk do what is to be done now.
func (d *Desk) settle() {
	for {
		d.wake()
		d.keepRecords()
		select {
		case then := <-d.plans.finished:
			d.plans.done(d.ctx, then)
			continue
		case then := <-d.acts.finished:
			d.acts.done(d.ctx, then)
			continue
		default:
		}
		if d.plans.running+d.acts.running == 0 {
			return
		}
		select {
		case then := <-d.plans.finished:
			d.plans.done(d.ctx, then)
		case then := <-d.acts.finished:
			d.acts.done(d.ctx, then)
		}
	}
}

// say is ask without Run.
func (d *Desk) say(f func(ctx context.Context) (Measure, error)) (m Measure, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		m, err = f(d.ctx)
	}()
	for {
		select {
		case do := <-d.inbox:
			do()
		case <-done:
			return m, err
		}
	}
}

func (h *house) later(span time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(span)
}

func (h *house) state(id ID) State { return h.disk[id].State }

func order(t *testing.T, d *Desk, s Spec, of incidents.ID) ID {
	t.Helper()
	l, err := d.propose(s, of, nil, "policy test", "test")
	if err != nil {
		t.Fatal(err)
	}
	return l.ID
}

func (h *house) want(t *testing.T, what string, id ID, want State) {
	t.Helper()
	if got := h.state(id); got != want {
		t.Errorf("%s: measure %d is %q, want %q (%s)", what, id, got, want, h.disk[id].Error)
	}
	for _, f := range h.faults {
		t.Error(f)
	}
}

func TestLife(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	now := order(t, d, Spec{Name: "act"}, 1)
	bad := order(t, d, Spec{Name: "bad"}, 1)
	late := order(t, d, Spec{Name: "act", Delay: incidents.Seconds(time.Minute)}, 1)
	holds := order(t, d, Spec{Name: "hold", For: incidents.Seconds(time.Hour)}, 1)
	d.settle()
	h.want(t, "at once", now, Complete)
	h.want(t, "that fails", bad, Error)
	h.want(t, "with a delay", late, Pending)
	h.want(t, "that lasts", holds, Active)
	if m := h.disk[now]; m.Proof != "seen" || m.Output.Text != "did act" || m.Started.IsZero() || m.Ended.IsZero() {
		t.Errorf("what is kept: %+v", m)
	}
	h.later(time.Minute)
	d.settle()
	h.want(t, "after its delay", late, Complete)
	h.later(time.Hour)
	d.settle()
	h.want(t, "after its time", holds, Expired)
	if h.stands[holds] {
		t.Error("what has expired still stands")
	}
}

func TestApproval(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	early := order(t, d, Spec{Name: "act", Delay: incidents.Seconds(time.Minute), Approval: true}, 1)
	never := order(t, d, Spec{Name: "act", Approval: true}, 2)
	denied := order(t, d, Spec{Name: "act", Approval: true}, 2)
	others := order(t, d, Spec{Name: "act"}, 2)
	d.settle()
	h.want(t, "waits for approval", early, PendingApproval)
	h.want(t, "behind one that waits", others, Complete)
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Approve(ctx, early, "cli root") }); err != nil {
		t.Fatal(err)
	}
	d.settle()
	h.want(t, "approved early", early, Pending)
	h.later(time.Minute)
	d.settle()
	h.want(t, "approved, and its time has come", early, Complete)
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Deny(ctx, denied, "cli root", "a test") }); err != nil {
		t.Fatal(err)
	}
	h.want(t, "denied", denied, Denied)
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Approve(ctx, denied, "cli root") }); err == nil {
		t.Error("what was denied was approved")
	}
	d.skip(2)
	h.want(t, "its incident was resolved", never, Skipped)
	if h.effects[never]+h.effects[denied] != 0 {
		t.Error("done without approval")
	}
}

func TestNobodyApproves(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	id := order(t, d, Spec{Name: "act", Approval: true}, 0)
	d.settle()
	h.later(approvalWait)
	d.settle()
	h.want(t, "nobody has approved", id, Skipped)
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name    string
		ruling  actions.Ruling
		observe bool // the mode
		own     bool // the policy's
		want    State
	}{
		{"allowed", actions.Allowed, false, false, Complete},
		{"asked about", actions.AskFirst, false, false, PendingApproval},
		{"refused", actions.Refused, false, false, Denied},
		{"observe mode", actions.Allowed, true, false, Observed},
		{"an observing policy", actions.Allowed, false, true, Observed},
		{"refused in observe mode", actions.Refused, true, false, Denied},
	} {
		h := newHouse()
		h.ruling, h.observe = c.ruling, c.observe
		d := h.desk(t)
		id := order(t, d, Spec{Name: "act", Observe: c.own}, 1)
		d.settle()
		h.want(t, c.name, id, c.want)
		if done := h.effects[id] > 0; done != (c.want == Complete) {
			t.Errorf("%s: done %v", c.name, done)
		}
	}
}

// TestAskedOnceOverRestarts: what a measure asks for is told and recorded once, over restarts too, and what its plan has found is kept.
func TestAskedOnceOverRestarts(t *testing.T) {
	h := newHouse()
	h.ruling = actions.AskFirst
	d := h.desk(t)
	id := order(t, d, Spec{Name: "act"}, 1)
	d.settle()
	again := h.desk(t)
	again.settle()
	h.want(t, "after a restart", id, PendingApproval)
	if told := slices.DeleteFunc(slices.Clone(h.told), func(text string) bool { return !strings.Contains(text, "pending approval") }); len(told) != 1 {
		t.Errorf("told %q", told)
	}
	if _, _, err := again.DryRun(t.Context(), Spec{Name: "act"}, 1, "cli root"); err != nil || h.recorded != 1 {
		t.Errorf("%d decisions are recorded, %v", h.recorded, err)
	}
	if h.disk[id].Args["pinned"] != "yes" {
		t.Errorf("what was found is not kept: %v", h.disk[id].Args)
	}
}

// TestGateChangesItsMind: between plan and act time passes, and the gate is asked again.
func TestGateChangesItsMind(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	id := order(t, d, Spec{Name: "act", Delay: incidents.Seconds(time.Minute)}, 1)
	d.settle()
	h.ruling = actions.AskFirst
	h.later(time.Minute)
	d.settle()
	h.want(t, "asked about at last", id, PendingApproval)
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Approve(ctx, id, "cli root") }); err != nil {
		t.Fatal(err)
	}
	d.settle()
	h.want(t, "approved", id, Complete)
}

func TestLift(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	id := order(t, d, Spec{Name: "hold"}, 1)
	d.settle()
	h.want(t, "until it is lifted", id, Active)
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Lift(ctx, id, "cli root") }); err != nil {
		t.Fatal(err)
	}
	d.settle()
	h.want(t, "lifted", id, Lifted)
	if h.stands[id] || h.disk[id].LiftedBy != "cli root" {
		t.Errorf("stands %v, lifted by %q", h.stands[id], h.disk[id].LiftedBy)
	}
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Lift(ctx, id, "cli root") }); err == nil {
		t.Error("lifted twice")
	}
}

// TestFullDisk: without room for its state nothing begins; when there is room again it does.
func TestFullDisk(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	h.full = true
	id := order(t, d, Spec{Name: "act"}, 1)
	d.settle()
	if h.effects[id] != 0 {
		t.Error("done without its state on disk")
	}
	h.full = false
	h.later(retry)
	d.settle()
	h.want(t, "after the disk has room", id, Complete)
}

// TestBound: what may wait is bounded, and what is refused is counted.
func TestBound(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	d.o.Max = 3
	for range 3 {
		order(t, d, Spec{Name: "act", Approval: true}, 1)
	}
	if _, err := d.propose(Spec{Name: "act"}, 1, nil, "policy test", ""); err == nil || d.stats.Refused != 1 {
		t.Errorf("the fourth: %v, %d refused", err, d.stats.Refused)
	}
}

// TestCrashPoints kills the desk at every step of several measures, one after the other, and starts it again: nothing
// is executed twice, nothing is lost, an approval that was answered is kept.
func TestCrashPoints(t *testing.T) {
	for die := 1; ; die++ {
		h := newHouse()
		h.die = die
		approved, ended := crashScenario(t, h)
		if !h.dead {
			if die < 30 {
				t.Fatalf("only %d steps: the scenario does nothing", die)
			}
			return
		}
		h.dead, h.die = false, 0
		d := h.desk(t)
		d.settle()
		if m := h.disk[approved]; approved != 0 && m.Approved == "" {
			t.Errorf("killed at step %d: the approval was lost", die)
		}
		for id, m := range h.disk {
			if m.State == PendingApproval {
				if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Approve(ctx, id, "cli root") }); err != nil {
					t.Errorf("killed at step %d: approve: %v", die, err)
				}
			}
		}
		for range 3 {
			h.later(time.Hour)
			d.settle()
		}
		if len(h.disk) < ended {
			t.Errorf("killed at step %d: %d of %d measures are left", die, len(h.disk), ended)
		}
		for id, m := range h.disk {
			if !m.State.Over() || h.effects[id] != 1 || h.stands[id] {
				t.Errorf("killed at step %d: measure %d (%s) is %s, done %d times, stands %v: %s", die, id, m.Name, m.State, h.effects[id], h.stands[id], m.Error)
			}
		}
		for _, f := range h.faults {
			t.Errorf("killed at step %d: %s", die, f)
		}
	}
}

// crashScenario takes on three measures and lets two hours go by, until the house dies. It returns the measure whose
// approval was answered and how many measures were taken on.
func crashScenario(t *testing.T, h *house) (approved ID, kept int) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	d := h.desk(t)
	d.ctx = ctx
	for _, s := range []Spec{{Name: "act"}, {Name: "hold", For: incidents.Seconds(time.Hour)}, {Name: "act", Approval: true, Delay: incidents.Seconds(time.Minute)}} {
		if l, err := d.propose(s, 1, nil, "policy test", ""); err == nil && h.disk[l.ID].ID != 0 {
			kept++
		}
		d.settleUntil(h, kill)
		if h.dead {
			return 0, kept
		}
	}
	if _, err := d.say(func(ctx context.Context) (Measure, error) { return d.Approve(ctx, 3, "cli root") }); err == nil {
		approved = 3
	}
	for range 3 {
		d.settleUntil(h, kill)
		if h.dead {
			return approved, kept
		}
		h.later(time.Hour)
	}
	d.settleUntil(h, kill)
	return approved, kept
}

// settleUntil settles, but a dead house's desk learns nothing any more.
func (d *Desk) settleUntil(h *house, kill func()) {
	for range 100 {
		d.wake()
		if h.isDead() {
			kill()
		}
		if d.plans.running+d.acts.running == 0 {
			return
		}
		select {
		case then := <-d.plans.finished:
			if h.isDead() {
				kill()
			}
			d.plans.done(d.ctx, then)
		case then := <-d.acts.finished:
			if h.isDead() {
				kill()
			}
			d.acts.done(d.ctx, then)
		}
	}
}

func (h *house) isDead() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dead
}
