package capture

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The state of a queue says who may touch its socket. A positive number means that the worker has held a batch since
// that moment (nanoseconds since the queue was made) and is not in our code: then, and only then, the watchdog may
// close the socket. Every change is one atomic step, so the socket's number can never be used after it was closed.
const (
	stateOurs = 0  // the worker is in Receive or Release, or holds nothing
	stateCut  = -1 // the watchdog has closed the socket
)

// hold notes that the worker now holds packets.
func (q *queue) hold(b *Batch) {
	if len(b.Frames) > 0 {
		q.state.Store(q.monotonic())
	}
}

// take ends the hold. It is false when the watchdog came first.
func (q *queue) take() bool {
	s := q.state.Load()
	return s == stateOurs || s > 0 && q.state.CompareAndSwap(s, stateOurs)
}

func (q *queue) hung() error {
	return fmt.Errorf("queue %d: %w (limit %v; traffic now goes on as the rule's bypass flag says)", q.opt.Num, ErrHung, q.opt.Watchdog)
}

// start sets the watchdog on a queue that wants one. It ends with Close.
func (q *queue) start() {
	if q.opt.Watchdog <= 0 {
		close(q.done)
		return
	}
	go q.watch()
}

func (q *queue) watch() {
	defer close(q.done)
	t := time.NewTicker(max(q.opt.Watchdog/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-q.closed:
			return
		case <-t.C:
			if q.bite() {
				return
			}
		}
	}
}

// bite closes the socket of a worker that has held its batch too long.
func (q *queue) bite() bool {
	since := q.state.Load()
	if since <= 0 || q.monotonic()-since < int64(q.opt.Watchdog) || !q.state.CompareAndSwap(since, stateCut) {
		return false
	}
	q.errors.Add(1)
	unix.Close(q.fd)
	return true
}

// Close unbinds the queue, unless the watchdog already has. Packets still waiting in it are dropped by the kernel.
func (q *queue) Close() error {
	close(q.closed)
	<-q.done
	if q.state.Load() == stateCut {
		return nil
	}
	return unix.Close(q.fd)
}

// monotonic is the time since the queue was made, never 0.
func (q *queue) monotonic() int64 { return int64(time.Since(q.made)) + 1 }
