package stream

import (
	"strconv"

	"picket/traffic/packet"
)

// Trigger asks that a direction's raw bytes are judged at its next packet, however few they are. The flow table
// does so when a transaction is complete (Suricata: StreamTcpReassembleTriggerRawInspection).
func (b *Bytes) Trigger(dir packet.Direction) { b.half[dir].trigger = true }

// Left tells whether a direction has bytes that were not judged or not given to the application layer.
func (b *Bytes) Left(dir packet.Direction) bool {
	h := &b.half[dir]
	return h.right() > h.raw || !h.appDone && h.right() > h.app
}

// Depth tells whether a direction has reached stream.reassembly.depth.
func (b *Bytes) Depth(dir packet.Direction) bool { return b.half[dir].depth }

// Bypassed tells whether nothing of the session will be looked at any more, and the configuration wants the kernel to
// have it then (stream.bypass). One direction alone does not suffice: the other one may bring requests.
func (e *Engine) Bypassed(b *Bytes) bool {
	return e.cfg.Bypass && b.half[0].depth && b.half[1].depth
}

// Gaps tells whether bytes of a direction were never seen.
func (b *Bytes) Gaps(dir packet.Direction) bool { return b.half[dir].hasGap }

// Raw returns the bytes of the packet's direction that are to be judged now. Inline it is the packet's own bytes
// with some before them; else what the receiver has acknowledged, once a chunk of it has come together, a
// transaction is complete, or the session ends.
func (e *Engine) Raw(s *Session, b *Bytes, p *packet.Packet) Window {
	if b == nil || !e.cfg.Reassembly.Raw {
		return Window{}
	}
	h := &b.half[p.Dir]
	h.window = span{}
	if len(h.blocks) == 0 {
		return Window{}
	}
	last := p.Has(packet.Pseudo | packet.StreamEOF)
	chunk := uint64(e.cfg.Reassembly.ToServerChunk)
	if p.Dir == packet.ToClient {
		chunk = uint64(e.cfg.Reassembly.ToClientChunk)
	}
	if e.cfg.Inline && !last {
		return h.around(p, chunk)
	}
	acked := uint64(max(h.offset(s.side[p.Dir].acked), 0))
	if last {
		acked = h.right()
	} else if !h.depth && !h.trigger && s.State <= TimeWait && acked < h.raw+chunk {
		return Window{}
	}
	return h.chunk(acked, last)
}

// chunk is the first unjudged run of bytes before the offset right.
func (h *half) chunk(right uint64, eof bool) Window {
	from := h.raw
	data, missing := h.at(from)
	if missing > 0 {
		if from += missing; from >= right {
			return Window{}
		}
		data, _ = h.at(from)
	}
	if from >= right || len(data) == 0 {
		return Window{}
	}
	data = data[:min(uint64(len(data)), right-from)]
	h.window = span{from, from + uint64(len(data))}
	return Window{Data: data, Offset: from, New: len(data), EOF: eof && h.window.end == h.right()}
}

// around is the packet's payload with what precedes it, about a chunk long, and with what had come before it and waited
// behind the hole that it fills.
func (h *half) around(p *packet.Packet, chunk uint64) Window {
	if len(p.Payload) == 0 || !p.Has(packet.StreamAdded) {
		return Window{}
	}
	n := uint64(len(p.Payload))
	if chunk/3*2 < n {
		chunk = n + chunk/3
	}
	i := firstBehind(h.blocks, h.added.start)
	if i == len(h.blocks) || h.blocks[i].start > h.added.start {
		return Window{Data: p.Payload, New: len(p.Payload)}
	}
	from, end := max(h.blocks[i].start, h.added.end-min(h.added.end, chunk)), min(h.blocks[i].end, h.added.end+chunk)
	h.window = span{from, end}
	return Window{Data: h.buf[from-h.base : end-h.base], Offset: from, New: int(end - h.added.start)}
}

// Text appends what is held of a direction to b: the acknowledged bytes, or all of them inline, with "[4 bytes missing]"
// in place of holes; at most limit bytes.
func (e *Engine) Text(b []byte, s *Session, held *Bytes, dir packet.Direction, limit int) []byte {
	h := &held.half[dir]
	end := h.right()
	if !e.cfg.Inline {
		end = min(end, max(uint64(max(h.offset(s.side[dir].acked), 0)), h.window.end))
	}
	start := len(b)
	for off := max(h.done, h.base); off < end && len(b)-start < limit; {
		data, missing := h.at(off)
		if missing > 0 {
			b = Missing(b, missing)
			off += missing
			continue
		}
		data = data[:min(uint64(len(data)), end-off)]
		b = append(b, data...)
		off += uint64(len(data))
	}
	return b[:min(len(b), start+limit)]
}

// Missing appends the note that stands for n bytes which were never seen.
func Missing(b []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(b, '['), n, 10), " bytes missing]"...)
}

// Parsed returns how many bytes of a direction the application layer has taken.
func (b *Bytes) Parsed(dir packet.Direction) uint64 { return b.half[dir].app }

// Edge returns the offset up to which the bytes of the packet's direction may be judged: what is acknowledged, or all of
// them inline and at the end. last: no more will come.
func (e *Engine) Edge(s *Session, b *Bytes, p *packet.Packet) (edge uint64, last bool) {
	h := &b.half[p.Dir]
	last = p.Has(packet.Pseudo|packet.StreamEOF) || s.State == Closed
	if last || e.cfg.Inline {
		return h.right(), last
	}
	return min(uint64(max(h.offset(s.side[p.Dir].acked), 0)), h.right()), false
}

// Piece returns the bytes in one piece that are held of a direction at from or behind it, and where they end; they don't
// reach beyond end. Nil: there are none.
func (b *Bytes) Piece(dir packet.Direction, from, end uint64) (data []byte, next uint64) {
	h := &b.half[dir]
	from = max(from, h.base)
	data, missing := h.at(from)
	if missing > 0 {
		from += missing
		data, _ = h.at(from)
	}
	if from >= end || len(data) == 0 {
		return nil, end
	}
	data = data[:min(uint64(len(data)), end-from)]
	return data, from + uint64(len(data))
}

// Pin keeps the bytes of a direction from an offset on, though nobody else may need them, until Unpin. Of several offsets
// the smallest counts.
func (b *Bytes) Pin(dir packet.Direction, from uint64) {
	h := &b.half[dir]
	if h.pin == 0 || from < h.pin-1 {
		h.pin = from + 1
	}
}

// Unpin takes back what Pin has asked for a direction.
func (b *Bytes) Unpin(dir packet.Direction) { b.half[dir].pin = 0 }

// Settle marks what Raw returned for the direction as judged and forgets the bytes nobody needs any more. True:
// more is ready to be judged at once (behind a gap, at the end of a flow).
func (e *Engine) Settle(b *Bytes, dir packet.Direction) (more bool) {
	h := &b.half[dir]
	if h.window.end > h.raw {
		h.raw = h.window.end
		h.trigger = false
		more = h.raw < h.right()
	}
	h.window = span{}
	for i := range b.half {
		h := &b.half[i]
		keep := h.raw
		if !e.cfg.Reassembly.Raw {
			keep = h.right()
		}
		if !h.appDone && !h.eofSent {
			keep = min(keep, h.app)
		}
		if e.cfg.Inline {
			keep -= min(keep, uint64(e.cfg.Reassembly.ToServerChunk))
		}
		if more { // the next round belongs to the same packet and may tell of these bytes too
			continue
		}
		h.done = max(h.done, min(keep, h.right()))
		if h.pin > 0 {
			keep = min(keep, h.pin-1)
		}
		h.search.forget(keep)
		h.prune(keep)
		e.release(b, h)
	}
	return more
}

// maxSpare bounds the buffers that wait to be used again.
const maxSpare = 64

// buffer returns an empty buffer, used before if possible. Streams hold bytes for the time of a round trip only, so a
// few warm buffers serve all of them.
func (e *Engine) buffer() []byte {
	n := len(e.spare)
	if n == 0 {
		return nil
	}
	buf := e.spare[n-1]
	e.spare = e.spare[:n-1]
	return buf
}

// release takes the buffer of a direction that holds no bytes.
func (e *Engine) release(b *Bytes, h *half) {
	size := uint64(cap(h.buf))
	if size == 0 || len(h.blocks) > 0 {
		return
	}
	b.used -= min(size, b.used)
	e.Stats.Memuse -= min(size, e.Stats.Memuse)
	e.keep(h.buf)
	h.buf = nil
}

// keep puts a buffer aside to be used again.
func (e *Engine) keep(buf []byte) {
	if c := cap(buf); c > 0 && c <= keepCap && len(e.spare) < maxSpare {
		e.spare = append(e.spare, buf[:0])
	}
}
