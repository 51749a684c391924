package capture

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// Split deals the frames of one source out to n sources, so that n workers can share a capture file. Frames of
// equal number (pick) go to the same worker, in their order. Run reads the source; it ends when the source does.
type Split struct {
	from  Source
	pick  func(f *Frame) uint32
	parts []*part
	stop  atomic.Bool
}

// A parcel holds copies of frames: the worker may keep it while the reader goes on.
type parcel struct {
	frames []Frame
	bytes  []byte
}

const (
	parcelFrames = 256
	parcelBytes  = 256 << 10
	parcelsAhead = 8 // parcels that may wait for one worker
)

// part is one worker's share; it implements Source.
type part struct {
	full, empty chan *parcel
	filling     *parcel
	lent        *parcel
	mu          sync.Mutex
	stats       Stats
	split       *Split
}

// NewSplit makes n sources of one. The original is closed by its owner, after Run has returned.
func NewSplit(from Source, n int, pick func(f *Frame) uint32) *Split {
	s := &Split{from: from, pick: pick}
	for range n {
		p := &part{full: make(chan *parcel, parcelsAhead), empty: make(chan *parcel, parcelsAhead+2), split: s}
		for range parcelsAhead + 2 {
			p.empty <- &parcel{}
		}
		p.filling = <-p.empty
		s.parts = append(s.parts, p)
	}
	return s
}

// Sources are the shares.
func (s *Split) Sources() []Source {
	out := make([]Source, len(s.parts))
	for i, p := range s.parts {
		out[i] = p
	}
	return out
}

// Run deals until the source ends or a share was interrupted. Its error is the source's, nil at the end of a file.
func (s *Split) Run() error {
	var b Batch
	var err error
	for err == nil && !s.stop.Load() {
		err = s.from.Receive(&b)
		for i := range b.Frames {
			f := &b.Frames[i]
			s.parts[s.pick(f)%uint32(len(s.parts))].add(f)
		}
		err = errors.Join(err, s.from.Release(&b))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	for _, p := range s.parts {
		p.send()
		close(p.full)
	}
	return err
}

func (p *part) add(f *Frame) {
	c := p.filling
	if len(c.frames) >= parcelFrames || len(c.frames) > 0 && len(c.bytes)+len(f.Data) > cap(c.bytes) {
		p.send()
		c = p.filling
	}
	if cap(c.bytes) < max(parcelBytes, len(f.Data)) {
		c.bytes = make([]byte, 0, max(parcelBytes, len(f.Data)))
	}
	at := len(c.bytes)
	c.bytes = append(c.bytes, f.Data...)
	own := *f
	own.Data = c.bytes[at:len(c.bytes):len(c.bytes)]
	c.frames = append(c.frames, own)
}

func (p *part) send() {
	p.full <- p.filling
	p.filling = <-p.empty
	p.filling.frames, p.filling.bytes = p.filling.frames[:0], p.filling.bytes[:0]
}

// Receive implements Source.
func (p *part) Receive(b *Batch) error {
	c, ok := <-p.full
	if !ok {
		b.Frames = b.Frames[:0]
		return io.EOF
	}
	p.lent, b.Frames = c, c.frames
	p.mu.Lock()
	p.stats.Received += uint64(len(c.frames))
	p.stats.Bytes += uint64(len(c.bytes))
	p.mu.Unlock()
	return nil
}

// Release implements Source.
func (p *part) Release(b *Batch) error {
	if p.lent != nil {
		p.empty <- p.lent
		p.lent = nil
	}
	b.Frames = nil
	return nil
}

// Stats implements Source.
func (p *part) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Interrupt implements Source: it ends the whole split.
func (p *part) Interrupt() {
	p.split.stop.Store(true)
	p.split.from.Interrupt()
}

// Close implements Source.
func (p *part) Close() error { return nil }
