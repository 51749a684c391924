package incidents

import (
	"context"
	"errors"
)

// submitted is how many findings SubmitAll lets wait at once: enough to spare the casebook and its caller a change of
// goroutines for each, few enough that the evidence of all of them fits the inbox's bound.
const submitted = 128

// SubmitAll hands over findings in order and waits until the cases of all of them are in the journal, as Submit does for
// one. It returns on the first error; what has been handed over until then may have been taken.
func (c *Casebook) SubmitAll(ctx context.Context, list []*Finding) error {
	for len(list) > 0 {
		n := min(len(list), submitted)
		if err := c.submitSome(ctx, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// submitSome hands over a few findings and waits for all their answers.
func (c *Casebook) submitSome(ctx context.Context, list []*Finding) (err error) {
	answers := make(chan answer, len(list)) // the casebook never waits for us
	for _, f := range list {
		c.fit(f)
		select {
		case c.inbox <- message{finding: f, answer: answers}:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return ErrClosed
		}
	}
	for range list {
		select {
		case a := <-answers:
			err = errors.Join(err, a.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return ErrClosed
		}
	}
	return err
}
