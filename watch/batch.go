package watch

import (
	"context"
	"slices"
	"sync"
)

// Batch is a set of observations that a source lends to a judge. Between Borrow and Send it is the source's, between
// Send and Release the judge's.
type Batch struct {
	Observations []Observation
	Mark         Mark // the position after the last observation

	// Memory of the source. The judge reads it through the observations only.
	Buffer []byte  // as read
	Text   []byte  // as decoded or composed
	Fields []Field // of all observations

	lender *Lender
}

// Lender owns the batches of one source, and with them its memory: there are never more. It remembers the order in
// which batches were sent, so that a position is kept only when everything before it has been acknowledged.
type Lender struct {
	free chan *Batch
	keep func(Mark) error // nil: positions are not kept

	mu      sync.Mutex
	pending []loan // in the order sent
}

// loan is a batch under way, or a mark that waits behind one.
type loan struct {
	batch *Batch // nil when it is back
	mark  Mark
	done  bool
	bare  bool // a note: there was no batch
}

// NewLender makes n batches with read buffers of size bytes. keep, which may be nil, gets the marks in order.
func NewLender(n, size int, keep func(Mark) error) *Lender {
	l := &Lender{free: make(chan *Batch, n), keep: keep}
	for range n {
		l.free <- &Batch{Buffer: make([]byte, size), lender: l}
	}
	return l
}

// Borrow waits for an empty batch. It returns ctx's error when ctx ends first.
func (l *Lender) Borrow(ctx context.Context) (*Batch, error) {
	select {
	case b := <-l.free:
		b.empty()
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *Batch) empty() {
	b.Observations, b.Text, b.Fields = b.Observations[:0], b.Text[:0], b.Fields[:0]
	b.Mark = Mark{}
}

// Return gives back a batch that was not sent.
func (l *Lender) Return(b *Batch) { l.free <- b }

// Send hands b to the judge and waits until it is taken. When ctx ends first the batch is taken back. One goroutine
// at a time may send.
func (l *Lender) Send(ctx context.Context, out chan<- *Batch, b *Batch) error {
	l.mu.Lock()
	l.pending = append(l.pending, loan{batch: b, mark: b.Mark})
	l.mu.Unlock()
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		l.takeBack(b)
		return ctx.Err()
	}
}

// TrySend is Send that does not wait: it reports whether the judge took the batch.
func (l *Lender) TrySend(out chan<- *Batch, b *Batch) bool {
	l.mu.Lock()
	l.pending = append(l.pending, loan{batch: b, mark: b.Mark})
	l.mu.Unlock()
	select {
	case out <- b:
		return true
	default:
		l.forget(b)
		return false
	}
}

func (l *Lender) takeBack(b *Batch) {
	l.forget(b)
	l.free <- b
}

func (l *Lender) forget(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.pending {
		if l.pending[i].batch == b {
			l.pending = append(l.pending[:i], l.pending[i+1:]...)
			return
		}
	}
}

// Note keeps a position that moved without an observation (bytes thrown away, a file finished). It is kept behind
// everything sent before. It replaces an earlier note about the same file, so that there are never more than files.
func (l *Lender) Note(m Mark) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = slices.DeleteFunc(l.pending, func(p loan) bool { return p.bare && p.mark.Same(&m) })
	l.pending = append(l.pending, loan{mark: m, done: true, bare: true})
	return l.commit()
}

// Release acknowledges the batch: everything in it was judged. The positions that this allows are kept before it
// returns, and its error says that keeping failed (the batch is free all the same). The bytes must not be read any more.
// Any goroutine may call it, once for each batch.
func (b *Batch) Release() error {
	l := b.lender
	l.mu.Lock()
	for i := range l.pending {
		if l.pending[i].batch == b {
			l.pending[i].batch, l.pending[i].done = nil, true
		}
	}
	err := l.commit()
	l.mu.Unlock()
	l.free <- b
	return err
}

// commit keeps the marks up to the first batch that is still out. The caller holds mu.
func (l *Lender) commit() error {
	var first error
	n := 0
	for ; n < len(l.pending) && l.pending[n].done; n++ {
		if m := l.pending[n].mark; l.keep != nil && m.Source != "" {
			if err := l.keep(m); err != nil && first == nil {
				first = err
			}
		}
	}
	l.pending = append(l.pending[:0], l.pending[n:]...)
	return first
}

// Marks returns the positions that wait for a Release, in order.
func (l *Lender) Marks() []Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	marks := make([]Mark, 0, len(l.pending))
	for i := range l.pending {
		marks = append(marks, l.pending[i].mark)
	}
	return marks
}
