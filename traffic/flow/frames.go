package flow

import (
	"picket/traffic/app"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// Frames of a stream are judged when they are complete, and a long one each time that so many bytes have come.
const (
	frameStep   = 2500
	frameWindow = 16 << 10 // bytes of a frame that are judged together; behind them the window moves on
)

// Part is what of a frame is to be judged now: the bytes of the stream, or of the datagram, from Start to End.
type Part struct {
	Start, End uint64
	// Complete: no more will come of the frame.
	Complete bool
}

// Due says which part of a frame in the packet's direction is to be judged and told now; false: none. Not acknowledged
// bytes of a stream don't count, except inline and at the end.
func (s *State) Due(r *app.Frame) (Part, bool) {
	if s.cur == nil {
		return Part{}, false
	}
	if s.cur.Proto != packet.TCP {
		n := uint64(len(s.cur.Payload))
		end := n
		if r.Len >= 0 {
			end = min(n, r.Offset+uint64(r.Len))
		}
		return Part{min(r.Offset, end), end, true}, true
	}
	if s.bytes == nil {
		return Part{}, false
	}
	edge, last := s.engine.Edge(s.tcp, s.bytes, s.cur)
	part := Part{Start: r.Offset, End: max(edge, r.Offset), Complete: last}
	if r.Len >= 0 && part.End >= r.Offset+uint64(r.Len) {
		part.End, part.Complete = r.Offset+uint64(r.Len), true
	}
	have := part.End - r.Offset
	if have > frameWindow {
		part.Start += r.Judged - min(r.Judged, frameStep)
	}
	inline := s.engine.Config().Inline && have > r.Judged
	return part, part.Complete || inline || have >= r.Judged+frameStep
}

// Piece returns the bytes in one piece that are held of a direction's stream at from or behind it, and where they end;
// they don't reach beyond end. Of a datagram it is the payload. Nil: there are no more.
func (s *State) Piece(dir packet.Direction, from, end uint64) (data []byte, next uint64) {
	if from >= end || s.cur == nil {
		return nil, end
	}
	if s.cur.Proto != packet.TCP {
		end = min(end, uint64(len(s.cur.Payload)))
		return s.cur.Payload[min(from, end):end], end
	}
	return s.bytes.Piece(dir, from, end)
}

// PartText appends the bytes of a part to b, with "[4 bytes missing]" in place of holes; at most limit bytes.
func (s *State) PartText(b []byte, dir packet.Direction, p Part, limit int) []byte {
	start := len(b)
	for from := p.Start; from < p.End && len(b)-start < limit; {
		data, next := s.Piece(dir, from, p.End)
		if data == nil {
			break
		}
		if at := next - uint64(len(data)); at > from {
			b = stream.Missing(b, at-from)
		}
		b = append(b, data...)
		from = next
	}
	return b[:min(len(b), start+limit)]
}

// settleFrames notes what was judged of the frames in the packet's direction, forgets the complete ones, and keeps the
// bytes of the others.
func (t *Table) settleFrames(p *packet.Packet, s *State) {
	frames := s.App.Frames
	if p.Proto != packet.TCP {
		frames.Open = [2][]*app.Frame{frames.Open[0][:0], frames.Open[1][:0]}
		return
	}
	if s.bytes == nil || s.cur == nil {
		return
	}
	for _, r := range frames.Open[p.Dir] {
		if part, due := s.Due(r); due {
			r.Judged, r.Complete = part.End-r.Offset, part.Complete
		}
	}
	frames.Forget(p.Dir)
	for dir := packet.ToServer; dir <= packet.ToClient; dir++ {
		s.bytes.Unpin(dir)
		for _, r := range frames.Open[dir] {
			from := r.Offset
			if r.Judged > frameWindow-frameStep {
				from += r.Judged - frameStep
			}
			s.bytes.Pin(dir, from)
		}
	}
}
