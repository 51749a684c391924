package measure

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"picket/actions"
	"picket/incidents"
)

// Desk keeps the life of all measures. One goroutine, Run, owns it; everything reaches it through one inbox. Work that
// takes time runs in two lanes of bounded width, one for plans and one for acts, so that neither a slow act nor a missing
// approval holds up another measure.
//
//	proposed ──► pending ────────────► in process ──► complete
//	    │           ▲   (delay over)        │    └───► active ──► lifted, expired
//	    │           │ approved              ├────────► error
//	    └──► pending approval               └────────► pending approval (the gate has changed its mind)
//
// From both waiting states a measure is skipped when its incident is resolved, denied by an operator or the gate, or
// observed when nothing may be done. Each arrow is on disk before what follows it begins.
type Desk struct {
	o        Options
	inbox    chan func()
	changes  chan actions.Change
	policies atomic.Pointer[Policies]
	orders   atomic.Uint64
	lost     atomic.Uint64 // changes of bans that no record was made of
	done     chan struct{}

	// What follows belongs to Run's goroutine.
	ctx      context.Context
	last     ID
	lives    map[ID]*life
	ofCase   map[incidents.ID][]ID // that wait or run
	timers   timers
	plans    *lane
	acts     *lane
	joins    joins
	standing map[standing]ID // bans in force, the newest first to be found
	asked    map[standing]ID // bans that wait for approval: the same is not asked about twice
	records  []*life         // made after the fact, not on disk yet
	stats    Stats
	now      func() time.Time
}

// life is a measure in memory: one that waits, runs, or must be undone.
type life struct {
	Measure
	planned bool                    // the gate has been asked
	busy    bool                    // a job is at it
	stop    context.CancelCauseFunc // ends the act that is in process; nil: none is
	again   bool                    // found in process at the start
	merged  bool                    // its case turned out to be part of another: its twins there are to be looked for
	tries   int                     // to undo it
	result  []incidents.Evidence
	shown   bool // its output is with the case

	proveAt   time.Time // of what stands: when its effect is looked for again
	proving   time.Time // when the look at hand began
	seen      string    // what was seen done to it since the last look
	seenBy    string    // by which program
	deviation string    // that was told last
}

// Options of a desk.
type Options struct {
	Doers Doers
	Gate  Gate
	Store Store
	Cases Cases
	// Deviated hears of every standing measure whose effect was gone. It must not wait. nil: nobody listens.
	Deviated func(*Deviation)
	Prove    time.Duration  // how often a standing measure is proven anew; 0: 1 min
	Told     func(*Measure) // hears of each new state; it must not wait, nor keep the measure. nil: nobody listens
	// Order hands a ban to the responder without waiting; false when its inbox is full.
	Order   func(actions.Request) bool
	Workers int // measures in process at once; 0: 8
	Max     int // measures that may wait, run or stand to be undone; more are refused and counted; 0: 16384
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Stats count what the desk has done since it started, by the state that a measure came to.
type Stats struct {
	Proposed uint64 `json:"proposed"`
	Refused  uint64 `json:"refused,omitempty"` // past the bound of what may wait
	Lost     uint64 `json:"lost,omitempty"`    // bans of which no record was made
	Unkept   uint64 `json:"unkept,omitempty"`  // steps that the disk did not take at once
	// Deviations are standing measures whose effect was found gone, whether it could be brought back or not.
	Deviations uint64 `json:"deviations"`

	Moved    map[State]uint64 `json:"moved,omitempty"`
	Waiting  int              `json:"waiting"` // now: pending, pending approval
	Running  int              `json:"running"`
	Standing int              `json:"standing"`
}

const (
	inboxSize   = 4096
	changesSize = 8192
	workers     = 8
	planners    = 4
	maxLives    = 16384
	maxStanding = 1 << 17
	// approvalWait is how long somebody may take to approve.
	approvalWait = 7 * 24 * time.Hour
	// retry is when a step is tried again that the disk did not take, or an effect that could not be undone; the latter
	// doubles up to retryMost.
	retry     = time.Second
	retryMost = time.Minute
)

// NewDesk makes a desk and takes up the measures that are not over. Policies may be nil until SetPolicies.
func NewDesk(o Options) (*Desk, error) {
	d := &Desk{
		o: o, inbox: make(chan func(), inboxSize), changes: make(chan actions.Change, changesSize), done: make(chan struct{}),
		lives: map[ID]*life{}, ofCase: map[incidents.ID][]ID{}, standing: map[standing]ID{}, asked: map[standing]ID{}, now: o.Now,
	}
	if d.o.Workers <= 0 {
		d.o.Workers = workers
	}
	if d.o.Max <= 0 {
		d.o.Max = maxLives
	}
	if d.o.Prove <= 0 {
		d.o.Prove = proveDefault
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.plans, d.acts, d.joins = newLane(planners), newLane(d.o.Workers), newJoins()
	var err error
	d.last, err = o.Store.OpenMeasures(context.Background(), d.takeUp)
	return d, err
}

// SetPolicies swaps the policies. Any goroutine may call it.
func (d *Desk) SetPolicies(p Policies) { d.policies.Store(&p) }

// takeUp puts a measure of an earlier run where it belongs.
func (d *Desk) takeUp(m *Measure) {
	if m.State == Active && m.Ends && m.LiftedBy == "" {
		d.stands(m)
		return
	}
	// What has a target was planned, and what it asks for was told, by the run before.
	l := &life{Measure: *m, again: m.State == InProcess, planned: m.Target != ""}
	if key, ok := standingOf(m); ok && m.Name == banName && m.State == PendingApproval {
		d.asked[key] = m.ID
	}
	if l.State == Active { // it may have lost its effect since
		l.proveAt, l.seenBy = d.now(), away
	}
	d.enter(l)
	d.timers.set(d.now(), l.ID) // look at it as soon as the desk runs
}

// Run works until ctx ends. Measures in process are given up by their context and taken up at the next start.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.done)
	d.ctx = ctx
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case f := <-d.inbox:
			f()
		case c := <-d.changes:
			d.changed(c)
			d.drainChanges()
		case then := <-d.plans.finished:
			d.plans.done(ctx, then)
		case then := <-d.acts.finished:
			d.acts.done(ctx, then)
		case <-timer.C:
			d.wake()
		case <-ctx.Done():
			return d.stop()
		}
		d.keepRecords()
		timer.Reset(d.timers.wait(d.now(), retry))
	}
}

// stop takes in what was said before the end, waits for what runs, and keeps what is known about bans.
func (d *Desk) stop() error {
	for range len(d.inbox) {
		(<-d.inbox)()
	}
	d.plans.drain()
	d.acts.drain()
	d.drainChanges()
	d.joins.all(d.record)
	d.keepRecords()
	return nil
}

// drainChanges takes what else has happened to bans, so that a burst becomes few writes.
func (d *Desk) drainChanges() {
	for range changesSize {
		select {
		case c := <-d.changes:
			d.changed(c)
		default:
			return
		}
	}
}

// wake looks at every measure whose time has come.
func (d *Desk) wake() {
	now := d.now()
	d.joins.late(now, d.record)
	for {
		id, ok := d.timers.due(now)
		if !ok {
			return
		}
		if l := d.lives[id]; l != nil && !l.busy {
			d.step(l, now)
		}
	}
}

// enter makes a measure known; leave forgets it.
func (d *Desk) enter(l *life) {
	d.lives[l.ID] = l
	if l.Incident != 0 {
		d.ofCase[l.Incident] = append(d.ofCase[l.Incident], l.ID)
	}
}

func (d *Desk) leave(l *life) {
	delete(d.lives, l.ID)
	if key, ok := standingOf(&l.Measure); ok && d.asked[key] == l.ID {
		delete(d.asked, key)
	}
	list := d.ofCase[l.Incident]
	for i, id := range list {
		if id == l.ID {
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(d.ofCase, l.Incident)
		return
	}
	d.ofCase[l.Incident] = list
}

// keep writes measures, all in one write; with an error they are not on disk yet.
func (d *Desk) keep(lives ...*life) error {
	if len(lives) == 0 {
		return nil
	}
	list := make([]*Measure, len(lives))
	for i, l := range lives {
		m := l.Measure // the store may hold on to it
		list[i] = &m
	}
	err := d.o.Store.KeepMeasures(list...)
	if err != nil {
		l := lives[0]
		d.stats.Unkept += uint64(len(lives))
		d.o.Log.Error("measure not kept", "measure", l.ID, "name", l.Name, "state", string(l.State), "count", len(lives), "error", err)
	}
	return err
}

// errStopped is the answer when the desk is not running any more.
var errStopped = errors.New("picket is stopping: nothing was done")

// ask runs f at the desk and waits for it.
func (d *Desk) ask(ctx context.Context, f func() error) error {
	answer := make(chan error, 1)
	select {
	case d.inbox <- func() { answer <- f() }:
	case <-d.done:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-d.done:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
