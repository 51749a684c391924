package capture

import (
	"encoding/binary"
	"fmt"
)

// The classic pcap format (draft-ietf-opsawg-pcap): a header of 24 bytes, then records of 16 bytes and a frame each,
// in the byte order of the machine that wrote it.
const (
	pcapMicro    = 0xa1b2c3d4
	pcapNano     = 0xa1b23c4d
	pcapModified = 0xa1b2cd34 // Kuznetzov's libpcap patch: records of 24 bytes

	pcapHeader         = 24
	pcapRecord         = 16
	pcapRecordModified = 24
)

// pcap reads the records of one file.
type pcap struct {
	order  endian
	record int   // bytes before each frame
	unit   int64 // nanoseconds in the stamp's fraction
	link   uint16
}

func isPcap(b []byte) bool {
	for _, m := range [...]uint32{binary.LittleEndian.Uint32(b), binary.BigEndian.Uint32(b)} {
		if m == pcapMicro || m == pcapNano || m == pcapModified {
			return true
		}
	}
	return false
}

// newPcap reads the file header; a nil reader asks for more bytes.
func newPcap(b []byte) (records, int, error) {
	if len(b) < pcapHeader {
		return nil, 0, nil
	}
	p := &pcap{record: pcapRecord, unit: 1000, order: b[0] == 0xa1}
	switch p.order.u32(b) {
	case pcapNano:
		p.unit = 1
	case pcapModified:
		p.record = pcapRecordModified
	}
	p.link = uint16(p.order.u32(b[20:])) // the upper half tells of frame check sequences
	return p, pcapHeader, nil
}

func (p *pcap) next(b []byte, f *Frame) (step, int64, error) {
	if len(b) < p.record {
		return stepNeed, int64(p.record), nil
	}
	have, wire := p.order.u32(b[8:]), p.order.u32(b[12:])
	if have > maxFrame {
		return 0, 0, fmt.Errorf("%w: a frame claims %d bytes, more than the %d a capture may hold", ErrDamaged, have, maxFrame)
	}
	size := p.record + int(have)
	if len(b) < size {
		return stepNeed, int64(size), nil
	}
	f.Data = b[p.record:size:size]
	f.Time = int64(p.order.u32(b))*1e9 + int64(p.order.u32(b[4:]))*p.unit
	f.WireLen = max(wire, have)
	f.Link = p.link
	return stepFrame, int64(size), nil
}
