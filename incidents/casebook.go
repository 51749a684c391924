package incidents

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Casebook turns findings into cases; walk.go has a finding's way. Its memory is bounded: so many cases, each of a bounded size.
type Casebook struct {
	journal Journal
	tell    func(Event)
	log     *slog.Logger
	now     func() time.Time
	max     int
	least   Severity
	quiet   time.Duration
	idle    time.Duration
	reopen  time.Duration

	inbox  chan message
	done   chan struct{}
	blocks blocks
	queued atomic.Int64 // bytes of evidence in the inbox
	count  counters

	recordsMu sync.Mutex
	records   []Change      // of measures, from Moved
	recorded  chan struct{} // one of them waits

	mu       sync.Mutex // guards the dockets against Snapshot; only the casebook's goroutine changes anything
	cases    map[ID]*docket
	index    map[key]*docket
	crowds   map[key]int // open cases of one rule against one victim
	merged   map[ID]ID   // cases that are part of another one in memory
	resolved int         // of cases
	last     ID
	logins   logins
}

// Options of a casebook. Zero values mean the defaults.
type Options struct {
	Journal Journal
	// Tell is called by the casebook's goroutine with every event. It may wait: then findings wait, and those of
	// packet workers are dropped and counted. It must not call Submit or Do. nil: nobody listens.
	Tell   func(Event)
	Max    int           // cases in memory, open and lately resolved; 0: 4096
	Least  Severity      // a finding below it joins cases and opens none
	Quiet  time.Duration // an open case is resolved this long after its last finding; 0: 1 h
	Idle   time.Duration // an acknowledged one; 0: 7 days
	Reopen time.Duration // a resolved case that grows within this time is reopened; 0: 24 h
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

const (
	inboxSize  = 4096
	maxQueued  = 32 << 20 // bytes of evidence in the inbox
	maxRecords = 65536    // of measures, that wait
	maxCases   = 4096
	quietTime  = time.Hour
	idleTime   = 7 * 24 * time.Hour
	reopenTime = 24 * time.Hour
	tickEvery  = time.Second
)

// New makes a casebook that knows the cases of the last run.
func New(o Options) (*Casebook, error) {
	c := &Casebook{
		journal: o.Journal, tell: o.Tell, log: o.Log, now: o.Now, least: o.Least,
		max: positive(o.Max, maxCases), quiet: positive(o.Quiet, quietTime), idle: positive(o.Idle, idleTime), reopen: positive(o.Reopen, reopenTime),
		inbox: make(chan message, inboxSize), done: make(chan struct{}), recorded: make(chan struct{}, 1),
		cases: map[ID]*docket{}, index: map[key]*docket{}, crowds: map[key]int{}, merged: map[ID]ID{},
	}
	if c.tell == nil {
		c.tell = func(Event) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	list, last, err := c.journal.Recent(c.max)
	if err != nil {
		return nil, fmt.Errorf("read the cases of the last run: %w", err)
	}
	c.last = last
	for i := len(list) - 1; i >= 0; i-- { // the newest last: it takes the contested keys
		c.recall(list[i])
	}
	return c, nil
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// recall takes a case of the last run into memory, if it may still grow.
func (c *Casebook) recall(i Incident) {
	now := c.now()
	if i.State == Resolved && (now.Sub(i.Closed) > c.reopen || i.Merged != 0) {
		return
	}
	d := remember(i, now)
	c.enter(d)
	for _, id := range i.Absorbed {
		c.merged[id] = i.ID
	}
	for _, a := range i.Attackers {
		c.claim(d, key{kind: byAttacker, addr: network(a)}, false)
	}
	for k := range i.Processes {
		c.register(d, &Finding{Host: i.Host, Process: &i.Processes[k]})
	}
	for _, f := range i.Files {
		c.register(d, &Finding{Host: i.Host, File: f})
	}
	for _, v := range i.Victims {
		c.register(d, &Finding{Host: i.Host, Victim: v})
	}
	for _, u := range i.Users {
		c.register(d, &Finding{Host: i.Host, User: u, Stage: d.furthest()})
	}
}

// enter takes a case into memory.
func (c *Casebook) enter(d *docket) {
	c.cases[d.ID] = d
	if d.State == Resolved {
		c.resolved++
	}
}

// Case returns a case as it is now, nil when there is none. It may read the disk.
func (c *Casebook) Case(ctx context.Context, id ID) *Incident {
	if i, here := c.Snapshot(id); here {
		return &i
	}
	i, err := c.journal.Find(ctx, id)
	if err != nil {
		return nil
	}
	return &i
}

// Snapshot returns a case that is in memory, as it is now.
func (c *Casebook) Snapshot(id ID) (Incident, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.cases[c.current(id)]; d != nil {
		return d.snapshot(), true
	}
	return Incident{}, false
}

// Run works until ctx ends, and then through what is in the inbox.
func (c *Casebook) Run(ctx context.Context) error {
	defer close(c.done)
	ticks := time.NewTicker(tickEvery)
	defer ticks.Stop()
	for {
		select {
		case m := <-c.inbox:
			c.hear(&m)
		case <-c.recorded:
			c.takeRecords()
		case <-ticks.C:
			c.tick()
		case <-ctx.Done():
			c.finish()
			return nil
		}
	}
}

// finish hears what still waits and writes down what has only been counted.
func (c *Casebook) finish() {
	for {
		select {
		case m := <-c.inbox:
			c.hear(&m)
			continue
		default:
		}
		break
	}
	c.takeRecords()
	for _, d := range c.cases {
		c.save(d)
	}
}

func (c *Casebook) hear(m *message) {
	var a answer
	switch {
	case m.act != nil:
		a.incident, a.err = c.act(m.act)
	case m.finding != nil:
		c.queued.Add(-size(m.finding.Evidence))
		a.incident = c.find(m.finding)
	default:
		c.queued.Add(-int64(len(m.evidence.Data)))
		c.attach(m.flow, m.evidence)
	}
	if m.answer != nil {
		m.answer <- a
	}
}
