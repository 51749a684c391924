package sensor

import (
	"sync/atomic"
	"time"
)

// counters are what a worker publishes after each batch, for other goroutines to read.
type counters struct {
	alerts, drops, flows, rejectErrors atomic.Uint64
}

// publish copies what the worker's stations count.
func (c *counters) publish(w *worker) { c.flows.Store(w.flows.Stats().Created) }

// clock is the time by which flows expire: the packets' own for captures, and the wall's where no packet comes.
func (w *worker) clock() int64 {
	if w.live {
		return time.Now().UnixNano()
	}
	return w.now
}
