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

// Google tells Google's own versions whose hello is read, "Q039" to "Q046"; later ones have the header of RFC 8999.
func Google(version uint32) bool { return version >= google039 && version <= google046 }

const (
	google039 = 'Q'<<24 | '0'<<16 | '3'<<8 | '9'
	google046 = 'Q'<<24 | '0'<<16 | '4'<<8 | '6'
)

// readHeader reads the header of the packet at the beginning of b.
func readHeader(b []byte) (h header, err error) {
	if len(b) == 0 {
		return h, errHeader
	}
	h.first = b[0]
	if b[0]&0x80 == 0 {
		err = h.googleShort(b)
		return h, err
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
	if s, _ := salt(h.version); s == "" && !Google(h.version) && !r.failed { // nothing is known of what follows (RFC 8999)
		h.size, h.length = r.at, len(b)-r.at
		return h, nil
	}
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

// googleShort reads the header of Google's versions up to Q043, if it is one: the flags say that there are a connection ID
// of 8 bytes and a version, and how long the packet's number is.
func (h *header) googleShort(b []byte) error {
	const flags, number = 0x09, 13
	if len(b) < number || b[0]&flags != flags || b[9] != 'Q' || b[10] != '0' {
		return nil
	}
	h.kind, h.dcid, h.version = initial, b[1:9], binary.BigEndian.Uint32(b[9:])
	h.size = number + [...]int{1, 2, 4, 6}[b[0]>>4&3]
	if h.length = len(b) - h.size; h.length < 0 {
		return errHeader
	}
	return nil
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
