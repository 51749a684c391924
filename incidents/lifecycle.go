package incidents

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Act is what an operator does to a case.
type Act struct {
	ID   ID      `json:"id"`
	Kind ActKind `json:"kind"`
	By   string  `json:"by"`
	Text string  `json:"text,omitempty"` // of a note, or the reason

	archived *Incident // the case, when it is not in memory any more
}

// ActKind is the kind of an act.
type ActKind string

// Acts.
const (
	Acknowledge ActKind = "acknowledge" // somebody looks after it: it is not resolved soon by itself
	Resolve     ActKind = "resolve"
	Reopen      ActKind = "reopen"
	Note        ActKind = "note" // a line of the timeline
)

// Do does what an operator wants and answers with the case as it is then.
func (c *Casebook) Do(ctx context.Context, a Act) (Incident, error) {
	if _, here := c.Snapshot(a.ID); !here {
		old, err := c.journal.Find(ctx, a.ID)
		if err != nil {
			return Incident{}, err
		}
		a.archived = &old
	}
	return c.ask(ctx, message{act: &a})
}

func (c *Casebook) act(a *Act) (Incident, error) {
	if len(a.Text) > maxNote {
		a.Text = a.Text[:maxNote]
	}
	now := c.now().UTC()
	c.mu.Lock()
	d, err := c.docketOf(a)
	if err != nil {
		c.mu.Unlock()
		return Incident{}, err
	}
	event, entry, err := c.perform(d, a, now)
	if err != nil {
		c.mu.Unlock()
		return Incident{}, err
	}
	d.Entries++
	snapshot := d.snapshot()
	c.mu.Unlock()
	c.keep(d, &Change{Incident: snapshot, Entries: []Entry{entry}})
	switch event {
	case "":
	case WasResolved:
		c.tellResolved(snapshot)
	default:
		c.tell(Event{Kind: event, Incident: snapshot, Was: snapshot.Severity})
	}
	return snapshot, nil
}

// docketOf is the case of an act. One of the archive comes back into memory.
func (c *Casebook) docketOf(a *Act) (*docket, error) {
	if d := c.cases[c.current(a.ID)]; d != nil {
		return d, nil
	}
	if a.archived != nil && a.archived.Merged != 0 {
		return nil, fmt.Errorf("incident %d is part of incident %d", a.ID, a.archived.Merged)
	}
	if a.archived == nil {
		return nil, fmt.Errorf("incident %d has just been archived: ask again", a.ID)
	}
	d := remember(*a.archived, c.now())
	c.enter(d)
	return d, nil
}

// perform changes the state. event is "" for what is only written down.
func (c *Casebook) perform(d *docket, a *Act, now time.Time) (event EventKind, entry Entry, err error) {
	entry = Entry{Time: now, Kind: string(a.Kind), By: a.By, Text: a.Text}
	switch a.Kind {
	case Note:
		if a.Text == "" {
			return "", entry, fmt.Errorf("note to incident %d: it says nothing", a.ID)
		}
		return "", entry, nil
	case Acknowledge:
		if d.State != Open {
			return "", entry, fmt.Errorf("acknowledge incident %d: it is %s", a.ID, d.State)
		}
		d.State, d.Assignee, entry.Kind = Acknowledged, a.By, string(Acked)
		return Acked, entry, nil
	case Resolve:
		if d.State == Resolved {
			return "", entry, fmt.Errorf("resolve incident %d: it is resolved since %s", a.ID, d.Closed.Format(time.RFC3339))
		}
		return WasResolved, c.resolve(d, a.By, a.Text, now), nil
	case Reopen:
		if d.State != Resolved {
			return "", entry, fmt.Errorf("reopen incident %d: it is %s", a.ID, d.State)
		}
		return WasReopened, c.reopened(d, a.By, a.Text, now), nil
	}
	return "", entry, fmt.Errorf("incident %d: %q is none of acknowledge, resolve, reopen, note", a.ID, a.Kind)
}

// resolve ends a case. It stays in memory while it may be reopened.
func (c *Casebook) resolve(d *docket, by, why string, now time.Time) Entry {
	d.State, d.Closed = Resolved, now
	c.resolved++
	c.leaveCrowd(d)
	c.count.resolvedCount.Add(1)
	return Entry{Time: now, Kind: string(WasResolved), By: by, Text: why}
}

// reopened brings a case back to life.
func (c *Casebook) reopened(d *docket, by, why string, now time.Time) Entry {
	d.State, d.Closed, d.heard = Open, time.Time{}, now
	d.Reopened++
	c.resolved--
	c.count.reopened.Add(1)
	return Entry{Time: now, Kind: string(WasReopened), By: by, Text: why}
}

// leaveCrowd makes room for another case of the same rule and victim.
func (c *Casebook) leaveCrowd(d *docket) {
	if d.crowd == (key{}) {
		return
	}
	if c.crowds[d.crowd]--; c.crowds[d.crowd] <= 0 {
		delete(c.crowds, d.crowd)
	}
	d.crowd = key{}
}

// tick resolves cases that have been quiet, forgets those that cannot be reopened any more, and writes down what has
// only been counted.
func (c *Casebook) tick() {
	now := c.now().UTC()
	for _, d := range c.cases {
		switch {
		case d.State == Resolved && now.Sub(d.Closed) > c.reopen:
			c.save(d)
			c.forget(d)
		case d.State == Open && now.Sub(d.heard) > c.quiet:
			c.rest(d, fmt.Sprintf("nothing more for %s", c.quiet), now)
		case d.State == Acknowledged && now.Sub(d.heard) > c.idle:
			c.rest(d, fmt.Sprintf("acknowledged, and nothing more for %s", c.idle), now)
		default:
			c.save(d)
		}
	}
}

// rest resolves a case by itself.
func (c *Casebook) rest(d *docket, why string, now time.Time) {
	c.mu.Lock()
	entry := c.resolve(d, "picket", why, now)
	d.Entries++
	snapshot := d.snapshot()
	c.mu.Unlock()
	c.keep(d, &Change{Incident: snapshot, Entries: []Entry{entry}})
	c.tellResolved(snapshot)
}

// mended takes a deviation in and tells whether the case is nothing but deviations, all of them repaired now.
func (d *docket) mended(f *Finding) bool {
	if f.Drift == nil {
		return false
	}
	if !f.Drift.Repaired {
		if d.broken == nil {
			d.broken = map[string]bool{}
		}
		if len(d.broken) < maxParties {
			d.broken[f.Drift.Subject] = true
		}
		return false
	}
	delete(d.broken, f.Drift.Subject)
	others := slices.ContainsFunc(d.Rules, func(r RuleCount) bool { return r.Kind != Deviation })
	return len(d.broken) == 0 && !others && d.State != Resolved
}

// forget takes a case out of memory; the journal has it.
func (c *Casebook) forget(d *docket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(d)
}

func (c *Casebook) drop(d *docket) {
	c.release(d)
	c.leaveCrowd(d)
	delete(c.cases, d.ID)
	for _, id := range d.Absorbed {
		delete(c.merged, id)
	}
	if d.State == Resolved {
		c.resolved--
	}
}

// evict forgets the resolved case that was closed first, and tells whether there was one.
func (c *Casebook) evict() bool {
	if c.resolved == 0 {
		return false
	}
	var oldest *docket
	for _, d := range c.cases {
		if d.State == Resolved && (oldest == nil || d.Closed.Before(oldest.Closed)) {
			oldest = d
		}
	}
	if oldest == nil {
		return false
	}
	if oldest.dirty {
		c.keep(oldest, &Change{Incident: oldest.snapshot()})
	}
	c.drop(oldest)
	return true
}
