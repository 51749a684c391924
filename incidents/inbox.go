package incidents

import (
	"context"
	"errors"
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
