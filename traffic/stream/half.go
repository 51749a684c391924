package stream

import (
	"bytes"
	"slices"
	"sort"
)

// Bounds of one direction's memory.
const (
	maxSpan     = 4 << 20  // bytes from the oldest kept byte to the newest, holes included
	maxSegments = 2048     // segments remembered for the overlap policies; touching ones are merged when there are more
	maxPayload  = 1 << 16  // no segment is longer
	keepCap     = 64 << 10 // bytes of a buffer that is kept for the next session
)

// span is a range of stream offsets, end excluded.
type span struct{ start, end uint64 }

// half holds one direction's bytes that are still needed.
type half struct {
	buf     []byte // buf[i] is the byte at base+i, where covered
	base    uint64
	baseSeq Seq
	blocks  []span // what is covered: sorted, disjoint, not touching
	segs    []span // the segments as they came, sorted by start: overlap policies judge by them
	sacks   []sack // what the receiver has acknowledged beyond a gap, disjoint
	app     uint64 // given to the application layer
	raw     uint64 // judged as raw stream
	done    uint64 // before it nobody needs anything, though it may be held
	offered uint64 // right edge of what the application layer was last offered
	window  span   // what Raw returned for this packet
	added   span   // where this packet's payload went
	search  Search
	urgent  uint32 // bytes that were sent out of band: they have sequence numbers and no place in the stream
	appDone bool
	eofSent bool
	depth   bool // the depth was reached: nothing more is taken
	hasGap  bool
	merged  bool   // segs holds some that were merged
	pin     uint64 // one more than the offset from which on bytes are kept all the same; 0: none
	trigger bool   // the raw stream is to be judged now
	// overlapped: this packet's payload lies on bytes that were there before
	overlapped bool
}

// reset makes the half ready for a stream whose first byte has sequence number seq.
func (h *half) reset(seq Seq) {
	*h = half{buf: h.buf[:0], blocks: h.blocks[:0], segs: h.segs[:0], sacks: h.sacks[:0],
		search: Search{Hits: h.search.Hits[:0]}, baseSeq: seq}
	if cap(h.buf) > keepCap {
		h.buf = nil
	}
}

// offset maps a sequence number; it may be negative for bytes before the stream.
func (h *half) offset(seq Seq) int64 {
	return int64(h.base) + int64(int32(seq-h.baseSeq)) - int64(h.urgent)
}

// seq maps an offset that is not before the base.
func (h *half) seq(off uint64) Seq { return h.baseSeq + Seq(off-h.base) + Seq(h.urgent) }

// right is the end of the last byte held.
func (h *half) right() uint64 {
	if n := len(h.blocks); n > 0 {
		return h.blocks[n-1].end
	}
	return h.base
}

// full makes room for one more segment; true: there is none. Segments that touch are merged first, so that only holes
// count: a sender of tiny segments loses the fine judgement of overlaps, not the bytes.
func (h *half) full() bool {
	if len(h.segs) < maxSegments {
		return false
	}
	h.segs, h.merged = append(h.segs[:0], h.blocks...), true
	return len(h.segs) >= maxSegments
}

// insert puts a segment's bytes at start (start >= base). It says whether older bytes differed. In inline mode
// data is rewritten where older bytes win. Allocates only while buf grows.
func (h *half) insert(start uint64, data []byte, policy Policy, inline bool) (differs bool) {
	sp := span{start, start + uint64(len(data))}
	if n := len(h.blocks); n == 0 && start == h.base {
		h.buf = append(h.buf[:0], data...)
		h.blocks = append(h.blocks, sp)
		h.segs = append(h.segs[:0], sp)
		return false
	} else if n == 1 && start == h.blocks[0].end {
		h.buf = append(h.buf, data...)
		h.blocks[0].end = sp.end
		h.remember(sp)
		return false
	}
	h.grow(sp.end)
	own := h.buf[start-h.base : sp.end-h.base]
	if h.contradicts(sp, own, data) {
		differs = h.overlay(own, data, sp, policy, inline)
	} else {
		copy(own, data)
	}
	h.cover(sp)
	h.remember(sp)
	return differs
}

// grow makes buf reach up to the offset end.
func (h *half) grow(end uint64) {
	if have, n := len(h.buf), int(end-h.base); n > have {
		h.buf = slices.Grow(h.buf, n-have)[:n]
		clear(h.buf[have:])
	}
}

// contradicts tells whether data differ from what is held at their place already. Segments sent again seldom do.
func (h *half) contradicts(sp span, own, data []byte) bool {
	for _, b := range h.blocks[firstBehind(h.blocks, sp.start):] {
		if b.start >= sp.end {
			break
		}
		lo, hi := max(b.start, sp.start)-sp.start, min(b.end, sp.end)-sp.start
		if !bytes.Equal(own[lo:hi], data[lo:hi]) {
			return true
		}
	}
	return false
}

// firstBehind returns the index of the first of sorted, disjoint spans that ends behind off.
func firstBehind(spans []span, off uint64) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].end > off })
}

// overlay merges data into own where older segments hold bytes already, segment by segment as the policy says.
func (h *half) overlay(own, data []byte, sp span, policy Policy, inline bool) (differs bool) {
	merged := append([]byte(nil), data...)
	from := sp.start - min(sp.start, maxPayload)
	first := sort.Search(len(h.segs), func(i int) bool { return h.segs[i].start >= from })
	if h.merged { // they may be longer than a segment
		first = 0
	}
	for _, s := range h.segs[first:] {
		if s.start >= sp.end {
			break
		}
		lo, hi := max(s.start, sp.start), min(s.end, sp.end)
		if lo >= hi {
			continue
		}
		old, now := own[lo-sp.start:hi-sp.start], data[lo-sp.start:hi-sp.start]
		if string(old) == string(now) {
			continue
		}
		differs = true
		if inline || !newWins(policy, sp, s) {
			copy(merged[lo-sp.start:], old)
		}
	}
	copy(own, merged)
	if inline && differs {
		copy(data, merged)
	}
	return differs
}

// newWins tells whether the bytes of a new segment replace those of an older one that it overlaps.
func newWins(p Policy, now, old span) bool {
	if p == Last {
		return true
	}
	switch {
	case now.start == old.start:
		switch p {
		case OldLinux, Solaris, HPUX11:
			return now.end >= old.end
		case Linux:
			return now.end > old.end
		}
	case now.start < old.start:
		switch p {
		case BSD, HPUX10, IRIX, Windows, Windows2K3, OldLinux, Linux, MacOS:
			return true
		case Solaris, HPUX11:
			return now.end >= old.end
		}
	default:
		return (p == Solaris || p == HPUX11) && now.end > old.end
	}
	return false
}

// cover adds a range to blocks.
func (h *half) cover(sp span) {
	i := sort.Search(len(h.blocks), func(i int) bool { return h.blocks[i].end >= sp.start })
	j := i
	for j < len(h.blocks) && h.blocks[j].start <= sp.end {
		sp.start, sp.end = min(sp.start, h.blocks[j].start), max(sp.end, h.blocks[j].end)
		j++
	}
	if i == j {
		h.blocks = append(h.blocks, span{})
		copy(h.blocks[i+1:], h.blocks[i:])
	} else {
		h.blocks = append(h.blocks[:i+1], h.blocks[j:]...)
	}
	h.blocks[i] = sp
}

// remember keeps a segment's borders.
func (h *half) remember(sp span) {
	i := len(h.segs)
	if i > 0 && h.segs[i-1].start > sp.start {
		i = sort.Search(i, func(i int) bool { return h.segs[i].start > sp.start })
	}
	h.segs = append(h.segs, span{})
	copy(h.segs[i+1:], h.segs[i:])
	h.segs[i] = sp
}

// at returns the bytes held from off on, and how many are missing before the next ones when there are none.
func (h *half) at(off uint64) (data []byte, missing uint64) {
	i := firstBehind(h.blocks, off)
	if i == len(h.blocks) {
		return nil, 0
	}
	if b := h.blocks[i]; off >= b.start {
		return h.buf[off-h.base : b.end-h.base], 0
	}
	return nil, h.blocks[i].start - off
}

// prune forgets what lies before off.
func (h *half) prune(off uint64) {
	off = min(off, h.right())
	if off <= h.base {
		return
	}
	n := off - h.base
	if off != h.right() && n < 4096 && len(h.segs) < maxSegments/2 {
		return // not worth a copy yet
	}
	h.buf = h.buf[:copy(h.buf, h.buf[n:])]
	h.base, h.baseSeq = off, h.baseSeq+Seq(n)
	h.blocks, h.segs = cut(h.blocks, off), cut(h.segs, off)
}

// cut removes what of the spans lies before off.
func cut(spans []span, off uint64) []span {
	keep := spans[:0]
	for _, s := range spans {
		if s.end > off {
			s.start = max(s.start, off)
			keep = append(keep, s)
		}
	}
	return keep
}
