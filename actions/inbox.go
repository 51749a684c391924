package actions

import (
	"context"
	"errors"
	"net/netip"
)

// ErrStopped is the answer when the responder is not running any more.
var ErrStopped = errors.New("picket is stopping: nothing was done")

// Ban asks for a ban and waits for its proof. Any goroutine may call it.
func (r *Responder) Ban(ctx context.Context, q Request) (Ban, error) {
	answers := make(chan answer, 1)
	if err := r.send(ctx, message{ban: &q, answer: answers}); err != nil {
		return Ban{}, err
	}
	return r.wait(ctx, answers)
}

// Offer asks for a ban without waiting; false means that the inbox is full. For workers.
func (r *Responder) Offer(q Request) bool {
	select {
	case r.inbox <- message{ban: &q}:
		return true
	default:
		return false
	}
}

// Submit asks for a ban and waits for room in the inbox, not for the proof: such a request is not lost. For judges
// that can make their sources wait.
func (r *Responder) Submit(ctx context.Context, q Request) error {
	return r.send(ctx, message{ban: &q})
}

// Unban lifts all bans of a prefix, whosever they are; by is who wants it. The error is ErrNotBanned when there is none.
func (r *Responder) Unban(ctx context.Context, p netip.Prefix, by string) error {
	return r.unban(ctx, unban{prefix: p, by: by})
}

// UnbanOf lifts one jail's bans of a prefix; those of others stand. The error is ErrNotBanned when there is none.
func (r *Responder) UnbanOf(ctx context.Context, jail string, p netip.Prefix) error {
	return r.unban(ctx, unban{prefix: p, jail: jail, own: true})
}

func (r *Responder) unban(ctx context.Context, u unban) error {
	answers := make(chan answer, 1)
	if err := r.send(ctx, message{unban: &u, answer: answers}); err != nil {
		return err
	}
	_, err := r.wait(ctx, answers)
	return err
}

// Bans lists all that stands, ordered by address.
func (r *Responder) Bans(ctx context.Context) ([]Ban, error) {
	list := make(chan []Ban, 1)
	if err := r.send(ctx, message{list: list}); err != nil {
		return nil, err
	}
	select {
	case l := <-list:
		return ordered(l), nil // by who asks: nobody waits for a ban meanwhile
	case <-r.done:
		return nil, ErrStopped
	}
}

// Explain tells what the gate would say to a ban of a prefix at this moment, and which bans touch it. Nothing is done.
func (r *Responder) Explain(ctx context.Context, p netip.Prefix) (Explanation, error) {
	answers := make(chan Explanation, 1)
	if err := r.send(ctx, message{explain: Normal(p), told: answers}); err != nil {
		return Explanation{}, err
	}
	select {
	case e := <-answers:
		return e, nil
	case <-r.done:
		return Explanation{}, ErrStopped
	}
}

// Ask tells what the gate rules on a request at this moment. Nothing is done, and nothing recorded: who acts on the
// answer hands it to Gate.Record.
func (r *Responder) Ask(ctx context.Context, q Request) (Decision, error) {
	answers := make(chan Decision, 1)
	if err := r.send(ctx, message{ask: &q, ruled: answers}); err != nil {
		return Decision{}, err
	}
	select {
	case d := <-answers:
		return d, nil
	case <-r.done:
		return Decision{}, ErrStopped
	}
}

func (r *Responder) rule(q Request) Decision {
	q.Prefix = Normal(q.Prefix)
	return r.gate.Decide(&q, r.now())
}

// Explanation is what the responder knows about a prefix.
type Explanation struct {
	Decision  Decision   `json:"decision"`            // on a ban asked for now, by nobody in particular
	Bans      []Ban      `json:"bans,omitempty"`      // that touch it
	Decisions []Decision `json:"decisions,omitempty"` // of the past, the newest first
	Damages   []Damage   `json:"damages,omitempty"`   // to the kernel's side of its bans, since the oldest of them
}

// maxExplained bounds the decisions of the past in an explanation.
const maxExplained = 20

func (r *Responder) explain(p netip.Prefix) Explanation {
	e := Explanation{Decision: r.gate.Decide(&Request{Prefix: p, By: "why"}, r.now())}
	oldest := r.now()
	for _, b := range ordered(r.bans.touching(p)) {
		if b.Expired(r.now()) {
			continue
		}
		e.Bans = append(e.Bans, b)
		if b.inKernel() && b.Since.Before(oldest) {
			oldest = b.Since
		}
	}
	if len(e.Bans) > 0 {
		e.Damages = r.since(oldest)
	}
	if r.gate.decisions != nil {
		e.Decisions = r.gate.decisions.About(p, maxExplained)
	}
	return e
}

// Stats returns the counters.
func (r *Responder) Stats(ctx context.Context) (Stats, error) {
	stats := make(chan Stats, 1)
	if err := r.send(ctx, message{stats: stats}); err != nil {
		return Stats{}, err
	}
	select {
	case s := <-stats:
		return s, nil
	case <-r.done:
		return Stats{}, ErrStopped
	}
}

func (r *Responder) send(ctx context.Context, m message) error {
	select {
	case r.inbox <- m:
		return nil
	case <-r.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Responder) wait(ctx context.Context, answers <-chan answer) (Ban, error) {
	select {
	case a := <-answers:
		return a.ban, a.err
	case <-r.done:
		return Ban{}, ErrStopped
	case <-ctx.Done():
		return Ban{}, ctx.Err()
	}
}
