package signatures

import (
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// raw returns the bytes of the stream in the packet's direction that are to be judged now.
func raw(s *flow.State, dir packet.Direction) stream.Window {
	return s.Raw(dir)
}

// arrived returns a payload as it stands in the stream, with up to before bytes in front of it, the offset of the first,
// and what was found in the bytes before. Nil: it has not come in order.
func arrived(s *flow.State, p *packet.Packet, before int) ([]byte, uint64, *stream.Search) {
	if s == nil || s.Bytes() == nil || p.Proto != packet.TCP {
		return nil, 0, nil
	}
	buf, off := s.Bytes().Arrived(p, before)
	return buf, off, s.Bytes().Search(p.Dir)
}

// streamEvent finds a stream event by the name that stream-event uses.
func streamEvent(name string) (packet.Event, bool) { return stream.EventByName(name) }

// streamSize returns how many bytes each side has sent.
func (v *view) streamSize() (toServer, toClient uint64, ok bool) {
	if v.State == nil {
		return 0, 0, false
	}
	if r, is := any(v.State).(interface {
		StreamSize(packet.Direction) uint64
	}); is {
		return r.StreamSize(packet.ToServer), r.StreamSize(packet.ToClient), true
	}
	return 0, 0, false
}

// dceLittle returns the byte order of the DCE/RPC message under inspection.
func (v *view) dceLittle() bool {
	if v.Tx == nil {
		return true
	}
	if d, ok := v.Tx.Data.(interface{ LittleEndian() bool }); ok {
		return d.LittleEndian()
	}
	return true
}

// replace writes over the payload of an inline packet.
func (v *view) replace(m *matcher, at int, with []byte) {
	if !v.insp.e.inline || len(m.buf) == 0 || len(v.Packet.Payload) == 0 || &m.buf[0] != &v.Packet.Payload[0] {
		return
	}
	copy(v.Packet.Payload[at:], with)
	v.insp.modified = true
}
