package sensor

import (
	"sync/atomic"

	"picket/capture"
	"picket/traffic/packet"
	"picket/traffic/packet/filter"
)

// filtered is a source that hands over only the frames that a filter expression wants. Frames keep their numbers.
type filtered struct {
	capture.Source
	want          *filter.Filter
	frames, bytes atomic.Uint64
}

// Receive leaves the wanted frames in the batch.
func (s *filtered) Receive(b *capture.Batch) error {
	err := s.Source.Receive(b)
	keep := b.Frames[:0]
	for i := range b.Frames {
		if f := &b.Frames[i]; s.want.Match(packet.LinkType(f.Link), f.Data, int(f.WireLen)) {
			s.bytes.Add(uint64(len(f.Data)))
			keep = append(keep, *f)
		}
	}
	s.frames.Add(uint64(len(keep)))
	b.Frames = keep
	return err
}

// Stats counts the wanted frames.
func (s *filtered) Stats() capture.Stats {
	stats := s.Source.Stats()
	stats.Received, stats.Bytes = s.frames.Load(), s.bytes.Load()
	return stats
}
