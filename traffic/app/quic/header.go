package quic

import (
	"encoding/binary"
	"errors"
)

// Versions that are treated apart.
const (
	Version1 = 0x00000001
	Version2 = 0x6b3343cf
)

// kind is the type of a packet.
type kind uint8

const (
	short kind = iota
	initial
	zeroRTT
	handshake
	retry
	negotiation
)

// header is a packet's header. Its slices lie in the datagram.
type header struct {
	kind       kind
	first      byte
	version    uint32
	dcid, scid []byte
	size       int // bytes of the header up to the packet number, or up to the payload
	length     int // bytes behind it
}

var errHeader = errors.New("quic: malformed header")

// Google tells Google's own versions, "Q043".
func Google(version uint32) bool { return version>>24 == 'Q' || version>>24 == 'T' }

// readHeader reads the header of the packet at the beginning of b.
func readHeader(b []byte) (h header, err error) {
	if len(b) == 0 {
		return h, errHeader
	}
	h.first = b[0]
	if b[0]&0x80 == 0 {
		return h, nil
	}
	if len(b) < 6 {
		return h, errHeader
	}
	h.version = binary.BigEndian.Uint32(b[1:])
	r := reader{b: b, at: 5}
	if Google(h.version) {
		lengths := r.u8()
		h.dcid, h.scid = r.take(googleLength(lengths>>4)), r.take(googleLength(lengths&15))
	} else {
		h.dcid = r.take(int(r.u8()))
		h.scid = r.take(int(r.u8()))
	}
	h.kind = packetKind(h.version, b[0])
	switch h.kind {
	case initial, zeroRTT, handshake:
		if Google(h.version) {
			r.take(int(b[0]&3) + 1) // the packet's number
			break
		}
		if h.kind == initial {
			r.take(int(min(r.varint(), 1<<16)))
		}
		h.length = int(min(r.varint(), 1<<17))
	}
	h.size = r.at
	switch {
	case r.failed, h.length > len(b)-r.at:
		return h, errHeader
	case h.length == 0 || h.kind == retry || h.kind == negotiation:
		h.length = len(b) - r.at
	}
	return h, nil
}

// googleLength is the length of a connection ID that four bits stand for.
func googleLength(n byte) int {
	if n == 0 {
		return 0
	}
	return int(n) + 3
}

// packetKind returns the type that the first byte of a long header says; version 2 has them in another order.
func packetKind(version uint32, first byte) kind {
	t := first >> 4 & 3
	switch version {
	case 0:
		return negotiation
	case Version2:
		t = (t + 3) & 3
	}
	return initial + kind(t)
}

// reader walks a packet.
type reader struct {
	b      []byte
	at     int
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		r.failed, r.at = true, len(r.b)
		return nil
	}
	p := r.b[r.at : r.at+n]
	r.at += n
	return p
}

func (r *reader) u8() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

// varint reads a number of variable length (RFC 9000 §16).
func (r *reader) varint() uint64 {
	first := r.u8()
	n := uint64(first & 0x3f)
	for range 1<<(first>>6) - 1 {
		n = n<<8 | uint64(r.u8())
	}
	return n
}

func (r *reader) left() int { return len(r.b) - r.at }
