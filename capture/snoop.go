package capture

import (
	"encoding/binary"
	"fmt"
)

// The snoop format of Solaris (RFC 1761): big endian, a header of 16 bytes, records of 24 bytes, a frame and padding.
const (
	snoopHeader = 16
	snoopRecord = 24
)

// snoop reads the records of one file.
type snoop struct{ link uint16 }

func isSnoop(b []byte) bool { return string(b[:4]) == "snoo" }

// newSnoop reads the file header; a nil reader asks for more bytes.
func newSnoop(b []byte) (records, int, error) {
	if len(b) < snoopHeader {
		return nil, 0, nil
	}
	if string(b[:8]) != "snoop\x00\x00\x00" {
		return nil, 0, fmt.Errorf("%w: it begins with %q", ErrFormat, b[:8])
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != 2 {
		return nil, 0, fmt.Errorf("%w: snoop version %d is not read, only 2", ErrFormat, v)
	}
	link, ok := snoopLink(binary.BigEndian.Uint32(b[12:]))
	if !ok {
		return nil, 0, fmt.Errorf("%w: snoop data link type %d has no libpcap number", ErrFormat, binary.BigEndian.Uint32(b[12:]))
	}
	return &snoop{link: link}, snoopHeader, nil
}

// snoopLink translates RFC 1761's data link types into libpcap's.
func snoopLink(t uint32) (uint16, bool) {
	switch t {
	case 0, 4: // IEEE 802.3, Ethernet
		return 1, true
	case 2: // token ring
		return 6, true
	case 5: // HDLC
		return 104, true
	case 8: // FDDI
		return 10, true
	}
	return 0, false
}

func (s *snoop) next(b []byte, f *Frame) (step, int64, error) {
	if len(b) < snoopRecord {
		return stepNeed, snoopRecord, nil
	}
	be := binary.BigEndian
	wire, have, size := be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[8:])
	if have > maxFrame || size > maxRecord || size < snoopRecord+have {
		return 0, 0, fmt.Errorf("%w: a record of %d bytes claims a frame of %d", ErrDamaged, size, have)
	}
	if len(b) < int(size) {
		return stepNeed, int64(size), nil
	}
	f.Data = b[snoopRecord : snoopRecord+have : snoopRecord+have]
	f.Time = int64(be.Uint32(b[16:]))*1e9 + int64(be.Uint32(b[20:]))*1000
	f.WireLen = max(wire, have)
	f.Link = s.link
	return stepFrame, int64(size), nil
}
