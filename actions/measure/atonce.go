package measure

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"picket/actions"
	"picket/incidents"
)

// A ban that needs neither delay nor approval goes its own way, so that a match is a ban in the kernel after some tens of
// microseconds:
//
//  1. who has made the finding calls BanAtOnce, which asks the policies and orders the ban from the responder
//  2. the responder asks the gate, puts the ban into the kernel and its journal, proves it, and tells Changed
//  3. the casebook tells the desk of the finding, with the order's number
//  4. the desk joins both and writes the record of the measure, many in one write
//
// The ban journal is the truth between 2 and 4: a crash there loses the record, never the ban. A crash before 2 loses the
// ban; once the case knows of the finding, the next run orders it (replay.go).

// ordered marks the numbers of such orders; those of measures are without.
const ordered = 1 << 63

// NewOrder numbers a ban that somebody asks the responder for on behalf of a finding: put it into the request and into
// the finding's Orders. Any goroutine may call it.
func (d *Desk) NewOrder() uint64 { return ordered | d.orders.Add(1) }

// BanAtOnce orders the bans that policies want for a finding and that need nothing else. It returns how many were lost
// because the responder's inbox is full. It does not wait; any goroutine may call it.
func (d *Desk) BanAtOnce(f *incidents.Finding) (lost int) {
	policies := d.policies.Load()
	if policies == nil {
		return 0
	}
	(*policies).Bans(f, func(q actions.Request) {
		q.Order = d.NewOrder()
		if !d.o.Order(q) {
			lost++
			(*policies).Failed(actions.Ban{Prefix: q.Prefix, By: q.By})
			return
		}
		f.Orders = append(f.Orders, q.Order)
	})
	return lost
}

// Changed takes in what has happened to a ban. It never waits, so that the responder may call it; what does not fit is
// counted, and has no record as a measure.
func (d *Desk) Changed(c actions.Change) {
	select {
	case d.changes <- c:
	default:
		d.lost.Add(1)
	}
}

// standing is a ban as the ledger tells it apart from others.
type standing struct {
	prefix netip.Prefix
	scope  actions.Scope
	jail   string
}

func (d *Desk) changed(c actions.Change) {
	if policies := d.policies.Load(); policies != nil {
		switch c.Kind {
		case actions.BanFailed:
			(*policies).Failed(c.Ban)
		case actions.BanLifted:
			(*policies).Released(c.Ban)
		}
	}
	switch {
	case c.Order&ordered != 0:
		d.joins.happened(c, d.now(), d.record)
	case c.Order != 0: // of a measure that has its record
	case c.Kind == actions.BanLifted || c.Kind == actions.BanExpired:
		d.ended(c)
	case c.Kind == actions.BanMade || c.Kind == actions.BanRenewed:
		d.record(c, caseOf{})
	}
}

// record makes the measure of a ban after the fact. It is written by keepRecords.
func (d *Desk) record(c actions.Change, of caseOf) {
	b := &c.Ban
	key := standing{b.Prefix, b.Scope, b.Jail}
	var refusal *actions.Refusal
	asks := errors.As(c.Err, &refusal) && refusal.Ask && len(d.lives) < d.o.Max
	if _, waits := d.asked[key]; asks && waits {
		return // somebody is asked about it already
	}
	l := d.recordOf(b, of)
	switch {
	case asks:
		l.State, l.Ask = PendingApproval, refusal.Why+"; "+refusal.Blast.String()
		l.Started, l.Ended, l.Until, l.Ends = time.Time{}, time.Time{}, time.Time{}, false
		d.asked[key] = l.ID
		d.enter(l)
		d.timers.set(l.Created.Add(approvalWait), l.ID)
	case c.Kind == actions.BanRefused:
		l.State, l.Error = Denied, c.Err.Error()
	case c.Err != nil:
		l.State, l.Error = Error, c.Err.Error()
	case b.Observed:
		l.State = Observed
	default:
		l.State, l.Proof = Active, "read back from the kernel"
		d.stands(&l.Measure)
	}
	d.records = append(d.records, l)
}

func (d *Desk) recordOf(b *actions.Ban, of caseOf) *life {
	d.last++
	d.stats.Proposed++
	return &life{planned: true, Measure: Measure{
		ID: d.last, Incident: of.incident, Cause: of.finding, By: b.By, Reason: b.Reason, Target: targetText(b.Prefix, b.Scope),
		Spec: specOf(b), Created: b.Since, Due: b.Since, Started: b.Since, Ended: b.Since, Until: b.Until, Ends: true, AtOnce: true,
	}}
}

// keepRecords writes the measures that were made after the fact, in one write.
func (d *Desk) keepRecords() {
	if len(d.records) == 0 {
		return
	}
	list := make([]*Measure, len(d.records))
	for i, l := range d.records {
		m := l.Measure
		list[i] = &m
	}
	if err := d.o.Store.KeepMeasures(list...); err != nil {
		d.stats.Unkept += uint64(len(list))
		d.o.Log.Error("measures of bans not kept; the bans stand", "count", len(list), "error", err)
	}
	for _, l := range d.records {
		d.told(l)
	}
	d.records = d.records[:0]
}

// stands remembers which measure a ban in force belongs to. Past the bound a ban's lifting by hand is not written into
// its measure.
func (d *Desk) stands(m *Measure) {
	if m.Name != banName || len(d.standing) >= maxStanding {
		return
	}
	if key, ok := standingOf(m); ok {
		d.standing[key] = m.ID
	}
}

// ended notes the end of a ban. That its time was over needs no note: its record says when.
func (d *Desk) ended(c actions.Change) {
	key := standing{c.Ban.Prefix, c.Ban.Scope, c.Ban.Jail}
	id, known := d.standing[key]
	delete(d.standing, key)
	if !known || c.Kind == actions.BanExpired || d.lives[id] != nil { // the latter is being lifted by Lift
		return
	}
	m, err := d.o.Store.Measure(d.ctx, id)
	if err != nil {
		d.o.Log.Error("measure of a lifted ban not found", "measure", id, "error", err)
		return
	}
	m.State, m.LiftedBy, m.Until = Lifted, cmp.Or(c.By, "unban"), d.now().UTC()
	d.records = append(d.records, &life{Measure: *m})
}

// caseOf is the case that an order belongs to; zero: none.
type caseOf struct {
	incident incidents.ID
	finding  *incidents.Finding
}

// joins brings together what the responder and the casebook say of an order, whoever speaks first.
type joins struct {
	changes map[uint64]actions.Change
	cases   map[uint64]caseOf
	queue   []joinWait // in order of their times
}

type joinWait struct {
	order uint64
	until time.Time
}

const (
	// joinFor is how long one waits for the other; a finding that the casebook had to drop never comes.
	joinFor  = 3 * time.Second
	maxJoins = 1 << 16
)

func newJoins() joins {
	return joins{changes: map[uint64]actions.Change{}, cases: map[uint64]caseOf{}}
}

// happened takes the responder's part; record is called when the case is known.
func (j *joins) happened(c actions.Change, now time.Time, record func(actions.Change, caseOf)) {
	if of, known := j.cases[c.Order]; known {
		delete(j.cases, c.Order)
		record(c, of)
		return
	}
	if len(j.queue) >= maxJoins {
		record(c, caseOf{})
		return
	}
	j.changes[c.Order] = c
	j.queue = append(j.queue, joinWait{c.Order, now.Add(joinFor)})
}

// knows takes the casebook's part.
func (j *joins) knows(order uint64, of caseOf, now time.Time, record func(actions.Change, caseOf)) {
	if c, known := j.changes[order]; known {
		delete(j.changes, order)
		record(c, of)
		return
	}
	if len(j.queue) < maxJoins {
		j.cases[order] = of
		j.queue = append(j.queue, joinWait{order, now.Add(joinFor)})
	}
}

// late gives up waiting: a ban without a case is recorded without one.
func (j *joins) late(now time.Time, record func(actions.Change, caseOf)) {
	n := 0
	for ; n < len(j.queue) && !now.Before(j.queue[n].until); n++ {
		order := j.queue[n].order
		if c, waits := j.changes[order]; waits {
			delete(j.changes, order)
			record(c, caseOf{})
		}
		delete(j.cases, order)
	}
	if j.queue = j.queue[n:]; len(j.queue) == 0 {
		j.queue = nil
	}
}

// all gives up all waiting, at the end.
func (j *joins) all(record func(actions.Change, caseOf)) {
	for _, c := range j.changes {
		record(c, caseOf{})
	}
	*j = newJoins()
}

// Adopt gives a measure to each ban that stood before the desk did and has none: a crash between the ban and its record
// leaves such ones, and so does a picket of before there were measures.
func (d *Desk) Adopt(ctx context.Context, list []actions.Ban, before time.Time) error {
	return d.ask(ctx, func() error {
		d.adopt(list, before)
		return nil
	})
}

func (d *Desk) adopt(list []actions.Ban, before time.Time) {
	for _, b := range list {
		if _, known := d.standing[standing{b.Prefix, b.Scope, b.Jail}]; !known && b.Since.Before(before) && !b.Observed {
			d.record(actions.Change{Kind: actions.BanMade, Ban: b}, caseOf{})
		}
	}
}
