package sensor

import (
	"encoding/binary"

	"picket/traffic/packet"
)

// past holds the newest packets of all flows, so that the recording of a flow begins before its alert. It is one ring of
// bytes for each worker: a packet costs one bounded copy and no allocation, whatever flows there are, and the oldest go as
// room is needed. A flow's packets are looked for only when an alert brings evidence, which has a budget.
type past struct {
	ring       []byte
	head, tail uint64 // bytes ever written, and forgotten; both at record boundaries
	most       int    // bytes of one flow that are handed out
}

// pastPacket is one of them.
type pastPacket struct {
	link packet.LinkType
	time int64 // ns
	wire int   // its length on the wire
	data []byte
}

const (
	pastBytes = 4 << 20 // of one worker
	// pastSnap bounds what is kept of a packet: a frame of the wire, not what offloading has joined.
	pastSnap   = 2 << 10
	pastHead   = 40
	pastUnit   = 8
	maxPast    = maxTapePackets / 2 // packets before an alert: the others are for those after it
	fillerFlow = 0                  // flows are numbered from 1
)

func newPast(most int) *past {
	if most <= 0 {
		return nil
	}
	return &past{ring: make([]byte, pastBytes), most: most}
}

// put keeps a packet of a flow.
func (r *past) put(flow uint64, p *packet.Packet) {
	link, data := frameOf(p)
	if len(data) == 0 || p.Flags&packet.Pseudo != 0 {
		return
	}
	kept := data[:min(len(data), pastSnap)]
	size := uint64(pastHead+len(kept)+pastUnit-1) / pastUnit * pastUnit
	if at := r.head % pastBytes; at+size > pastBytes { // no record wraps around
		r.claim(pastBytes-at, fillerFlow)
	}
	b := r.claim(size, flow)
	binary.NativeEndian.PutUint64(b[16:], uint64(p.Time))
	binary.NativeEndian.PutUint32(b[24:], uint32(link))
	binary.NativeEndian.PutUint32(b[28:], uint32(len(kept)))
	binary.NativeEndian.PutUint32(b[32:], uint32(len(data)))
	copy(b[pastHead:], kept)
}

// claim makes room for a record and writes its size and flow; a filler may be no longer than that.
func (r *past) claim(size, flow uint64) []byte {
	for r.head+size-r.tail > pastBytes {
		r.tail += binary.NativeEndian.Uint64(r.ring[r.tail%pastBytes:])
	}
	b := r.ring[r.head%pastBytes:][:size]
	binary.NativeEndian.PutUint64(b, size)
	if size >= 16 {
		binary.NativeEndian.PutUint64(b[8:], flow)
	}
	r.head += size
	return b
}

// of returns the last packets of a flow, the oldest first, as many as the bounds allow. They are valid until the next put.
func (r *past) of(flow uint64) []pastPacket {
	var all []pastPacket
	for at := r.tail; at < r.head; {
		b := r.ring[at%pastBytes:]
		size := binary.NativeEndian.Uint64(b)
		if size >= pastHead && binary.NativeEndian.Uint64(b[8:]) == flow {
			all = append(all, pastPacket{
				link: packet.LinkType(binary.NativeEndian.Uint32(b[24:])), time: int64(binary.NativeEndian.Uint64(b[16:])),
				wire: int(binary.NativeEndian.Uint32(b[32:])), data: b[pastHead:][:binary.NativeEndian.Uint32(b[28:])],
			})
		}
		at += size
	}
	bytes := 0
	for i := len(all) - 1; i >= 0; i-- {
		if bytes += len(all[i].data); bytes > r.most || len(all)-i > maxPast {
			return all[i+1:]
		}
	}
	return all
}
