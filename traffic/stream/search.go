package stream

import "picket/traffic/packet"

// Search is what a judge has found so far in a direction's bytes, packet by packet as they arrived, and will want to know
// again when they are judged as stream: what came in order needs no second search. The judge fills it in; the stream
// voids it when bytes change that were searched, and forgets what was judged.
type Search struct {
	// Owner says whose findings these are; for anybody else they are void.
	Owner any
	// From and To bound what was searched without a hole, as offsets in the stream.
	From, To uint64
	// Hits lie between From and To, at most maxHits.
	Hits []Hit
}

// Hit is something found.
type Hit struct {
	Key        uint32 // what was found; the owner knows
	Start, End uint64 // of the bytes that were searched when it was
}

// maxHits bounds what is remembered of a direction's bytes. A search that finds more is done again.
const maxHits = 128

// Extend begins a search of the bytes from off to end, which goes on with what was searched before if there is no hole
// between and the owner is the same.
func (s *Search) Extend(owner any, off, end uint64) {
	if s.Owner != owner || off > s.To || s.From == s.To {
		*s = Search{Owner: owner, From: off, Hits: s.Hits[:0]}
	}
	s.To = end
}

// Note remembers a hit in the bytes from start to end.
func (s *Search) Note(key uint32, start, end uint64) {
	if len(s.Hits) == maxHits {
		s.void()
	}
	if s.From != s.To {
		s.Hits = append(s.Hits, Hit{key, start, end})
	}
}

// Covers tells whether all bytes from off to end were searched by the owner.
func (s *Search) Covers(owner any, off, end uint64) bool {
	return s.Owner == owner && s.From <= off && end <= s.To && s.From != s.To
}

// void forgets everything.
func (s *Search) void() { *s = Search{Hits: s.Hits[:0]} }

// forget lets go of hits before off.
func (s *Search) forget(off uint64) {
	keep := s.Hits[:0]
	for _, h := range s.Hits {
		if h.End > off {
			keep = append(keep, h)
		}
	}
	s.Hits = keep
}

// Search returns what a judge has found in a direction's bytes.
func (b *Bytes) Search(dir packet.Direction) *Search { return &b.half[dir].search }

// Arrived returns the packet's payload as it stands in the stream, with up to before bytes in front of it, and the offset
// of the first of them. It is nil unless the payload has come in order, whole, and onto no older bytes.
func (b *Bytes) Arrived(p *packet.Packet, before int) (data []byte, off uint64) {
	h := &b.half[p.Dir]
	n := uint64(len(p.Payload))
	if !p.Has(packet.StreamAdded) || h.overlapped || h.added.end-h.added.start != n || h.added.end != h.right() {
		return nil, 0
	}
	from := h.blocks[len(h.blocks)-1].start
	if h.added.start < from {
		return nil, 0
	}
	from = max(from, h.added.start-min(h.added.start, uint64(before)))
	return h.buf[from-h.base : h.added.end-h.base], from
}
