package incidents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A finding's walk, in the one goroutine of the casebook:
//
//  1. Offer (packet workers, which never wait) or Submit (judges of lines, which do) puts it into the inbox
//  2. what our own blocks cause is counted with its case and goes no further       block.go
//  3. match finds the case that it belongs to; without one, adopt opens a case     correlate.go
//  4. the case takes it: parties, rules, stages, severity, title                   docket.go, assess.go
//  5. Journal.Keep writes the case and the line of its timeline down
//  6. Tell hands the event on, unless it is a repeat of what was told a moment ago
//  7. evidence follows into the journal
//
// Casebook turns findings into cases. Its memory is bounded: so many cases, each of a bounded size.
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

type counters struct {
	findings, dropped, stripped, own, ignored, joined, opened, reopened, resolvedCount, crowded, merged, unkept, unproven, recordsLost, blocksLost, through atomic.Uint64
}

// Stats is what a casebook has done since the start.
type Stats struct {
	Open         int    `json:"open"`
	Acknowledged int    `json:"acknowledged"`
	Remembered   int    `json:"remembered"` // resolved, may be reopened
	Findings     uint64 `json:"findings"`
	Opened       uint64 `json:"opened"`
	Reopened     uint64 `json:"reopened"`
	Resolved     uint64 `json:"resolved"`
	Own          uint64 `json:"own"`                // findings that our own blocks caused
	Ignored      uint64 `json:"ignored"`            // too slight to open a case, and logins
	Crowded      uint64 `json:"crowded,omitempty"`  // findings that shared a case because there were too many
	Merged       uint64 `json:"merged,omitempty"`   // cases that turned out to be part of others
	Dropped      uint64 `json:"dropped,omitempty"`  // of packet workers: the inbox was full
	Stripped     uint64 `json:"stripped,omitempty"` // findings whose evidence was left out, for want of room
	Unproven     uint64 `json:"unproven,omitempty"` // pieces of evidence over the bound of their case
	Unkept       uint64 `json:"unkept,omitempty"`   // changes that the journal has not taken yet
	RecordsLost  uint64 `json:"records_lost,omitempty"`
	BlocksLost   uint64 `json:"blocks_lost,omitempty"` // blocks too many to know what they cause
	Through      uint64 `json:"through,omitempty"`     // signs that a banned peer gets through
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

// message is what the casebook hears: a finding, a piece of evidence for a flow, or an operator's act.
type message struct {
	finding  *Finding
	flow     uint64
	evidence Evidence
	act      *Act
	answer   chan answer // nil: nobody waits
}

type answer struct {
	incident Incident
	err      error
}

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

// Offer hands over a finding without waiting. A full inbox loses it, counted.
func (c *Casebook) Offer(f *Finding) bool {
	c.fit(f)
	if c.send(message{finding: f}, f.Evidence) {
		return true
	}
	c.count.dropped.Add(1)
	return false
}

// Attach hands over evidence for the case that a flow belongs to, without waiting. A full inbox loses it, counted.
func (c *Casebook) Attach(flow uint64, e Evidence) {
	size := int64(len(e.Data))
	if c.queued.Add(size) > maxQueued || !c.send(message{flow: flow, evidence: e}, nil) {
		c.queued.Add(-size)
		c.count.stripped.Add(1)
	}
}

func (c *Casebook) send(m message, evidence []Evidence) bool {
	select {
	case c.inbox <- m:
		return true
	default:
		c.queued.Add(-size(evidence))
		return false
	}
}

// fit leaves out evidence when too much of it waits.
func (c *Casebook) fit(f *Finding) {
	n := size(f.Evidence)
	if n > 0 && c.queued.Add(n) > maxQueued {
		c.queued.Add(-n)
		c.count.stripped.Add(1)
		f.Evidence = nil
	}
}

func size(list []Evidence) (n int64) {
	for i := range list {
		n += int64(len(list[i].Data))
	}
	return n
}

// ErrClosed is the answer of a casebook that has ended.
var ErrClosed = errors.New("the casebook is closed")

// Submit hands over a finding and waits until its case is in the journal and its event was told, so that who kept the
// finding for a repeat may forget it. The answer is the case, of a repeat that is only counted its number and state; the
// zero Incident when there is none.
func (c *Casebook) Submit(ctx context.Context, f *Finding) (Incident, error) {
	c.fit(f)
	return c.ask(ctx, message{finding: f})
}

func (c *Casebook) ask(ctx context.Context, m message) (Incident, error) {
	m.answer = make(chan answer, 1)
	select {
	case c.inbox <- m:
	case <-ctx.Done():
		return Incident{}, ctx.Err()
	case <-c.done:
		return Incident{}, ErrClosed
	}
	select {
	case a := <-m.answer:
		return a.incident, a.err
	case <-ctx.Done():
		return Incident{}, ctx.Err()
	case <-c.done:
		return Incident{}, ErrClosed
	}
}

// Moved puts what has happened to a measure into the timeline of its case, with what it has brought. It does not wait.
func (c *Casebook) Moved(id ID, e Entry, evidence []Evidence) {
	c.recordsMu.Lock()
	defer c.recordsMu.Unlock()
	if len(c.records) >= maxRecords {
		c.count.recordsLost.Add(1)
		return
	}
	c.records = append(c.records, Change{Incident: Incident{ID: id}, Entries: []Entry{e}, Evidence: evidence})
	select {
	case c.recorded <- struct{}{}:
	default: // one waits
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

// find walks a finding to its case.
func (c *Casebook) find(f *Finding) Incident {
	c.count.findings.Add(1 + f.Repeats)
	c.trim(f)
	now := c.now()
	c.mu.Lock()
	owner := c.blocks.ownership(f)
	if owner == ours {
		c.disown(c.first(f), f)
		c.mu.Unlock()
		return Incident{}
	}
	d, merged := c.match(f, now)
	if owner == through {
		c.count.through.Add(1)
		f = ineffective(f)
	}
	if d == nil && (f.Kind == Login || f.Severity < c.least && f.Kind != Manual) {
		c.count.ignored.Add(1)
		if f.Kind == Login {
			c.logins.put(f)
		}
		c.mu.Unlock()
		return Incident{}
	}
	return c.grow(d, f, now, merged)
}

// trim bounds what a finding says.
func (c *Casebook) trim(f *Finding) {
	f.Text = f.Text[:min(len(f.Text), maxFindText)]
	f.Tags = f.Tags[:min(len(f.Tags), maxFindLists)]
	if f.Time.IsZero() {
		f.Time = c.now()
	}
	f.Time = f.Time.UTC()
}

// disown counts what our own block has caused.
func (c *Casebook) disown(d *docket, f *Finding) {
	c.count.own.Add(1 + f.Repeats)
	if d != nil {
		d.Own += 1 + f.Repeats
		d.dirty = true
	}
}

// ineffective is the finding that a block has no effect, made of what shows it.
func ineffective(f *Finding) *Finding {
	g := *f
	g.Kind, g.Severity, g.Confidence = Deviation, max(f.Severity, High), 90
	g.Text = fmt.Sprintf("%s: %s, though it is banned (is it reached past this firewall, through a container's network or a proxy?)", f.Rule.Name, f.Text)
	g.Rule = Rule{ID: "picket:ban-without-effect", Name: "a banned peer gets through"}
	return &g
}

// growth is what a finding has made of a case.
type growth struct {
	kind    EventKind
	was     Severity // before
	entries []Entry  // of the timeline
	proofs  []Evidence
	novel   bool // it lists what it did not list before
	tell    bool // it is an event: no repeat of what was told a moment ago
	begins  bool // its party has had no part in it before
}

// grow lets a case take a finding, or opens one. It is called with the lock and gives it back.
func (c *Casebook) grow(d *docket, f *Finding, now time.Time, merged []merger) Incident {
	g := growth{begins: d == nil || d.newcomer(f)}
	if d == nil {
		d = c.explained(f)
	}
	if d == nil {
		d = c.adopt(f, now)
	}
	c.takes(d, f, now, &g)
	g.tell = g.tell || len(merged) > 0
	mended := d.mended(f)
	if !g.tell && len(g.entries) == 0 && !mended { // a repeat: counted
		defer c.mu.Unlock()
		return Incident{ID: d.ID, State: d.State}
	}
	snapshot := d.snapshot()
	c.mu.Unlock()
	c.tellMerged(merged)
	if g.novel || len(g.entries) > 0 {
		c.keep(d, &Change{Incident: snapshot, Entries: g.entries})
	}
	if g.tell {
		c.tell(Event{Kind: g.kind, Incident: snapshot, Was: g.was, Finding: f})
	}
	c.prove(d, g.proofs)
	if mended {
		c.rest(d, "everything is in force again", now)
	}
	return snapshot
}

// takes lets the case grow, and works out what is to be written and told.
func (c *Casebook) takes(d *docket, f *Finding, now time.Time, g *growth) {
	g.kind, g.was = Grew, d.Severity
	switch {
	case d.Findings == 0:
		g.kind, g.was = Opened, Info
	case d.State == Resolved:
		g.kind = WasReopened
		g.entries = append(g.entries, c.reopened(d, "", "it goes on", now))
	}
	if g.begins {
		g.entries = append(g.entries, c.earlier(d, f)...)
	}
	if g.kind != Opened {
		c.count.joined.Add(1)
	}
	g.novel = d.take(f, now)
	c.register(d, f)
	tell, note := d.repeated(f, now)
	g.tell = tell || g.novel || g.kind != Grew
	note = note || g.novel
	if note {
		g.proofs = f.Evidence // a repeat proves nothing new
	}
	if note && d.Entries < maxEntries {
		g.entries = append(g.entries, findingEntry(f))
	} else {
		d.Suppressed++
	}
	if g.kind == Opened {
		g.entries = slices.Insert(g.entries, 0, Entry{Time: f.Time, Kind: string(Opened), Text: d.Title})
	}
	d.Entries += len(g.entries)
}

// open makes a new case for a finding.
func (c *Casebook) open(f *Finding, now time.Time) *docket {
	c.last++
	c.count.opened.Add(1)
	d := newDocket(c.last, f, now)
	c.enter(d)
	return d
}

// findingEntry is a finding's line in the timeline.
func findingEntry(f *Finding) Entry {
	shown := *f
	shown.Evidence, shown.Rule.Metadata = nil, nil // the case has the metadata
	return Entry{Time: f.Time, Kind: "finding", Text: f.Line(), Finding: &shown}
}

// keep writes a change into the journal. What it does not take is counted; the journal tries again by itself.
func (c *Casebook) keep(d *docket, change *Change) {
	d.dirty = false
	if err := c.journal.Keep(change); err != nil {
		c.count.unkept.Add(1)
	}
}

// save writes a case down whose counts have changed.
func (c *Casebook) save(d *docket) {
	if !d.dirty {
		return
	}
	c.mu.Lock()
	snapshot := d.snapshot()
	c.mu.Unlock()
	c.keep(d, &Change{Incident: snapshot})
}

// prove adds evidence to a case.
func (c *Casebook) prove(d *docket, list []Evidence) {
	if len(list) == 0 {
		return
	}
	c.mu.Lock()
	var kept []Evidence
	for _, e := range list {
		if !d.admit(&e) {
			c.count.unproven.Add(1)
			continue
		}
		kept = append(kept, e)
	}
	snapshot := d.snapshot()
	c.mu.Unlock()
	if len(kept) > 0 {
		c.keep(d, &Change{Incident: snapshot, Evidence: kept})
	}
}

// attach adds evidence to the case of a flow.
func (c *Casebook) attach(flow uint64, e Evidence) {
	if d := c.index[key{kind: byFlow, n: flow}]; d != nil {
		c.prove(d, []Evidence{e})
		return
	}
	c.count.unproven.Add(1)
}

// takeRecords writes down what measures have done.
func (c *Casebook) takeRecords() {
	c.recordsMu.Lock()
	list := c.records
	c.records = nil
	c.recordsMu.Unlock()
	for len(list) > 0 {
		r, n := together(list)
		c.takeRecord(&r)
		list = list[n:]
	}
}

// together joins the first of a list with those behind it that belong to the same case: a burst of bans is written down
// once, not the whole case once for each. n is how many it joined.
func together(list []Change) (r Change, n int) {
	r, n = list[0], 1
	r.Entries, r.Evidence = slices.Clip(r.Entries), slices.Clip(r.Evidence)
	for n < len(list) && list[n].Incident.ID == r.Incident.ID {
		r.Entries = append(r.Entries, list[n].Entries...)
		r.Evidence = append(r.Evidence, list[n].Evidence...)
		n++
	}
	return r, n
}

func (c *Casebook) takeRecord(r *Change) {
	d := c.cases[c.current(r.Incident.ID)]
	if d == nil { // long resolved: its timeline still grows
		if err := c.journal.Keep(r); err != nil {
			c.count.unkept.Add(1)
		}
		return
	}
	c.mu.Lock()
	d.Entries += len(r.Entries)
	snapshot := d.snapshot()
	c.mu.Unlock()
	c.keep(d, &Change{Incident: snapshot, Entries: r.Entries})
	c.prove(d, r.Evidence)
	c.tell(Event{Kind: MeasureMoved, Incident: snapshot, Was: snapshot.Severity})
}

// Stats may be called by any goroutine.
func (c *Casebook) Stats() Stats {
	n := &c.count
	s := Stats{
		Findings: n.findings.Load(), Opened: n.opened.Load(), Reopened: n.reopened.Load(), Resolved: n.resolvedCount.Load(),
		Own: n.own.Load(), Ignored: n.ignored.Load(), Crowded: n.crowded.Load(), Merged: n.merged.Load(), Dropped: n.dropped.Load(), Stripped: n.stripped.Load(),
		Unproven: n.unproven.Load(), Unkept: n.unkept.Load(), RecordsLost: n.recordsLost.Load(), BlocksLost: n.blocksLost.Load(), Through: n.through.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.cases {
		switch d.State {
		case Open:
			s.Open++
		case Acknowledged:
			s.Acknowledged++
		default:
			s.Remembered++
		}
	}
	return s
}
