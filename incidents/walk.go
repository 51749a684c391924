package incidents

import (
	"fmt"
	"slices"
	"time"
)

// A finding's walk, in the one goroutine of the casebook:
//
//  1. Offer (packet workers, which never wait) or Submit (judges of lines, which do) puts it into the inbox   inbox.go
//  2. what our own blocks cause is counted with its case and goes no further       block.go
//  3. match finds the case that it belongs to; without one, adopt opens a case     correlate.go
//  4. the case takes it: parties, rules, stages, severity, title                   docket.go, assess.go
//  5. Journal.Keep writes the case and the line of its timeline down
//  6. Tell hands the event on, unless it is a repeat of what was told a moment ago
//  7. evidence follows into the journal

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
