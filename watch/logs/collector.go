package logs

import (
	"context"
	"sync"
	"time"

	"picket/watch"
)

const (
	// collectMessages bounds the messages of a batch.
	collectMessages = 1024
	// collectTime is how long a message waits at most for others to come.
	collectTime = 50 * time.Millisecond
)

// collector gathers messages of several connections into batches: small ones while the judge is idle, large ones while
// it is busy. When all batches are lent, add waits, and with it the senders.
type collector struct {
	ctx    context.Context
	out    chan<- *watch.Batch
	lender *watch.Lender

	mu    sync.Mutex // held while waiting for the judge: then all wait
	batch *watch.Batch
}

// add appends one observation, which fill writes into the batch.
func (c *collector) add(fill func(*watch.Batch)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.batch == nil {
		var err error
		if c.batch, err = c.lender.Borrow(c.ctx); err != nil {
			return err
		}
	}
	fill(c.batch)
	if c.lender.TrySend(c.out, c.batch) {
		c.batch = nil
		return nil
	}
	if len(c.batch.Observations) < collectMessages && len(c.batch.Text) < ReadSize {
		return nil
	}
	return c.send()
}

// send hands the batch over and waits for that. The caller holds mu.
func (c *collector) send() error {
	b := c.batch
	c.batch = nil
	return c.lender.Send(c.ctx, c.out, b)
}

// run hands over what was left waiting, until ctx ends.
func (c *collector) run() {
	ticker := time.NewTicker(collectTime)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		if c.batch != nil && len(c.batch.Observations) > 0 {
			_ = c.send() // fails only when ctx has ended
		}
		c.mu.Unlock()
	}
}
