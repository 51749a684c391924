package stream

import "encoding/binary"

// maxSacks bounds the ranges that are remembered of a direction; a segment tells of at most four (RFC 2018, section 3),
// the newest first, and a receiver repeats them.
const maxSacks = 32

// sack is a range of sequence numbers that was acknowledged out of order, end excluded.
type sack struct{ lo, hi Seq }

// sacked keeps the ranges that the segment acknowledges selectively and returns how many bytes of the other direction
// are acknowledged beyond the gap in all. A range must lie between the last acknowledgment and the window's edge, so
// the sum is bounded by the window.
func (c *conn) sacked() (n uint32) {
	if *c.b == nil {
		return 0 // nothing was sent, or nothing that counts
	}
	rcv, h := c.rcv(), &(*c.b).half[c.dir^1]
	if len(h.sacks) > 0 {
		h.sacks = forget(h.sacks, rcv.acked)
	}
	for b := c.p.TCP.SACK; len(b) >= 8; b = b[8:] {
		r := sack{Seq(binary.BigEndian.Uint32(b)), Seq(binary.BigEndian.Uint32(b[4:]))}
		if r.hi.after(rcv.acked) && r.hi.upTo(rcv.nextWin) && r.lo.before(r.hi) {
			if r.lo.before(rcv.acked) {
				r.lo = rcv.acked
			}
			h.sacks = join(h.sacks, r)
		}
	}
	for _, r := range h.sacks {
		n += uint32(r.hi - r.lo)
	}
	return n
}

// forget cuts off what lies before a sequence number.
func forget(list []sack, seq Seq) []sack {
	keep := list[:0]
	for _, r := range list {
		if r.hi.after(seq) {
			if r.lo.before(seq) {
				r.lo = seq
			}
			keep = append(keep, r)
		}
	}
	return keep
}

// join adds a range to disjoint ones and merges those that it touches. A full list stays as it is.
func join(list []sack, r sack) []sack {
	keep := list[:0]
	for _, old := range list {
		if old.hi.before(r.lo) || old.lo.after(r.hi) {
			keep = append(keep, old)
			continue
		}
		if old.lo.before(r.lo) {
			r.lo = old.lo
		}
		if old.hi.after(r.hi) {
			r.hi = old.hi
		}
	}
	if len(keep) == maxSacks {
		return keep
	}
	return append(keep, r)
}
