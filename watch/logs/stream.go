package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"picket/watch"
)

// Stream reads lines from a pipe or standard input until it ends. There are no positions: what was read is gone.
type Stream struct {
	name   string
	in     io.Reader
	enc    Encoding
	split  splitter
	count  lineCounters
	lender *watch.Lender
	origin *watch.Origin
}

var _ watch.Source = (*Stream)(nil)

// NewStream reads from in. host is the host whose lines they are; maxLine 0 is DefaultMaxLine.
func NewStream(name, host string, in io.Reader, enc Encoding, maxLine int) *Stream {
	if maxLine <= 0 || maxLine > ReadSize/2 {
		maxLine = DefaultMaxLine
	}
	s := &Stream{name: name, in: in, enc: enc, origin: &watch.Origin{Source: name, Host: host}}
	s.split = splitter{max: max(16, maxLine&^1), count: &s.count}
	s.lender = watch.NewLender(batchesPerSource, ReadSize, nil)
	return s
}

// Name implements watch.Source.
func (s *Stream) Name() string { return s.name }

// Counters implements watch.Source.
func (s *Stream) Counters() []watch.Counter { return s.count.counters() }

// Run implements watch.Source. It returns nil at the end of the input. A Read that waits does not notice the end of
// ctx: close the input, or leave the goroutine to the end of the program, as with standard input.
func (s *Stream) Run(ctx context.Context, out chan<- *watch.Batch) error {
	carry := make([]byte, 0, ReadSize)
	var p place
	for begun, ended := false, false; !ended; {
		b, err := s.lender.Borrow(ctx)
		if err != nil {
			return nil
		}
		have := copy(b.Buffer, carry)
		n, err := s.in.Read(b.Buffer[have:])
		ended = errors.Is(err, io.EOF)
		data := b.Buffer[:have+n]
		if !begun && (len(data) >= 3 || ended) {
			begun = true
			var mark int
			p.enc, mark = s.enc.resolve(data)
			data = data[mark:]
		}
		if begun {
			proto := watch.Observation{Origin: s.origin, Time: time.Now().UnixNano()}
			data = data[s.split.split(b, &proto, &p, data, ended):]
		}
		carry = append(carry[:0], data...)
		if len(b.Observations) == 0 {
			s.lender.Return(b)
		} else if s.lender.Send(ctx, out, b) != nil {
			return nil
		}
		if err != nil && !ended {
			return fmt.Errorf("read %s: %w", s.name, err)
		}
	}
	return nil
}
