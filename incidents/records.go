package incidents

import "slices"

// What measures have done comes from their own goroutines and waits in a list of its own: the inbox may be full of what
// attackers do.

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
