package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"picket/actions"
	"picket/incidents"
)

// Deviation is a standing measure whose effect was found gone: what was wanted and what is there.
type Deviation struct {
	Measure Measure
	Found   string // why its proof failed, and who has been seen at it
	By      string // the program that has been seen at it, "" for none
	Failed  error  // of doing it again; nil: it is in force again
}

// String tells it in one line.
func (v *Deviation) String() string {
	text := fmt.Sprintf("measure %d, %s %s: %s", v.Measure.ID, v.Measure.Name, v.Measure.Target, v.Found)
	if v.Failed != nil {
		return text + "; not repaired: " + v.Failed.Error()
	}
	return text + "; done again"
}

// away is to blame for what is found gone at the start.
const away = "an unknown program, while picket was away"

// proveDefault is how often a standing measure is proven anew.
const proveDefault = time.Minute

// A measure that stands is proven again and again: others may take its effect away, or the process that it holds may be
// gone. (Bans are the responder's, who holds the kernel's table against its ledger all the time.) What is gone is done
// again, as after a crash, and told as a deviation.

// nextProof is when a measure is proven next: an eighth of the interval earlier or later than others, by its number, so
// that many that began together do not stay together.
func (d *Desk) nextProof(id ID, now time.Time) time.Time {
	every := d.o.Prove
	return now.Add(every - every/8 + every/4*time.Duration(id%16)/16)
}

// Suspect has a standing measure proven now: what was seen done to it, and by which program. It does not wait; any
// goroutine may call it. Of a measure that does not stand it does nothing.
func (d *Desk) Suspect(id ID, what, by string) {
	select {
	case d.inbox <- func() { d.suspect(id, what, by) }:
	default: // a full inbox: the next proof comes by itself
	}
}

func (d *Desk) suspect(id ID, what, by string) {
	l := d.lives[id]
	if l == nil || l.State != Active {
		return
	}
	l.seen, l.seenBy, l.proveAt = what, by, d.now()
	d.step(l, l.proveAt)
}

// prove looks whether the effect of a standing measure is still there, and brings it back when it is not.
func (d *Desk) prove(l *life) {
	o := d.order(l)
	o.Again = true
	l.busy, l.proving = true, d.now()
	d.acts.add(d.ctx, nil, func(ctx context.Context) func() {
		found, failed := d.proving(ctx, d.withCase(ctx, o))
		return func() { d.proven(l, found, failed) }
	})
}

// proving returns nil, or why the proof failed and how doing it again has ended.
func (d *Desk) proving(ctx context.Context, o *Order) (found, failed error) {
	doer := d.o.Doers[o.Measure.Name]
	if doer == nil {
		return nil, nil // undoing will tell that it is unknown
	}
	if _, found = doer.Prove(ctx, o); found == nil || ctx.Err() != nil {
		return nil, nil
	}
	if errors.Is(found, ErrEnded) {
		return found, nil
	}
	_, v, failed := d.look(ctx, o)
	switch {
	case failed != nil:
		return found, failed
	case v.Observe:
		return found, ErrObserved
	case v.Ruling == actions.Refused:
		return found, errors.New("the gate refuses it now: " + v.Why)
	}
	if _, failed = doer.Do(ctx, o); failed == nil {
		_, failed = doer.Prove(ctx, o)
	}
	return found, failed
}

// proven takes in what was found. The same finding is told once, however often it is made, unless it was repaired
// between.
func (d *Desk) proven(l *life, found, failed error) {
	now := d.now()
	if errors.Is(found, ErrEnded) {
		l.busy, l.Until, l.Proof = false, now.UTC(), found.Error()
		d.move(l, Expired)
		return
	}
	asked := l.proveAt
	l.busy, l.proveAt = false, d.nextProof(l.ID, now)
	if asked.After(l.proving) { // suspected meanwhile
		l.proveAt = now
	}
	if d.ctx.Err() == nil && found != nil {
		v := Deviation{Measure: l.Measure, Found: found.Error(), By: l.seenBy, Failed: failed}
		if l.seen != "" {
			v.Found += " (" + l.seen + ")"
		}
		if text := v.String(); failed == nil || text != l.deviation {
			l.deviation = text
			d.deviates(&v)
		}
	}
	if found == nil {
		l.deviation = ""
	}
	l.seen, l.seenBy = "", ""
	d.step(l, now)
}

func (d *Desk) deviates(v *Deviation) {
	d.stats.Deviations++
	d.o.Log.Warn("a measure has lost its effect", "measure", v.Measure.ID, "name", v.Measure.Name, "target", v.Measure.Target,
		"found", v.Found, "by", v.By, "failed", v.Failed)
	if v.Measure.Incident != 0 && d.o.Cases != nil {
		d.o.Cases.Moved(v.Measure.Incident, incidents.Entry{Time: d.now().UTC(), Kind: "measure", By: "picket", Text: v.String()}, nil)
	}
	if d.o.Deviated != nil {
		d.o.Deviated(v)
	}
}
