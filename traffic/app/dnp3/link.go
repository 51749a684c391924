package dnp3

import "encoding/binary"

// Sizes and bounds.
const (
	linkHeader  = 10 // with its checksum
	minLength   = 5  // what the length counts without any user data
	block       = 16 // bytes of user data between checksums
	maxFragment = 63 * 255
)

// Link is a link frame's header.
type Link struct {
	Control  byte
	Dst, Src uint16
}

// Bits of the link control byte: the frame comes from a master; it comes from the primary station; frame count bit, and
// whether it means something.
const (
	LinkDir = 0x80
	LinkPri = 0x40
	LinkFCB = 0x20
	LinkFCV = 0x10
)

// Function is the link layer's function code.
func (l Link) Function() byte { return l.Control & 0x0f }

// userData tells whether a frame carries a fragment: confirmed or unconfirmed user data.
func (l Link) userData() bool { f := l.Function(); return l.Control&LinkPri != 0 && (f == 3 || f == 4) }

func readLink(b []byte) Link {
	return Link{Control: b[3], Dst: binary.LittleEndian.Uint16(b[4:]), Src: binary.LittleEndian.Uint16(b[6:])}
}

// frameSize is a frame's size with all checksums, by the length in its header.
func frameSize(length int) int {
	data := length - minLength
	return linkHeader + data + 2*((data+block-1)/block)
}

// checksum is the CRC of IEEE 1815: polynomial 0x3d65, reflected, inverted.
func checksum(b []byte) uint16 {
	crc := uint16(0)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa6bc
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

// intact compares the checksum behind n bytes of b.
func intact(b []byte, n int) bool { return binary.LittleEndian.Uint16(b[n:]) == checksum(b[:n]) }

// userData takes the checksums out of a frame's user data; false when one is wrong.
func userData(dst, b []byte) ([]byte, bool) {
	for len(b) > 2 {
		n := min(block, len(b)-2)
		if !intact(b, n) {
			return dst, false
		}
		dst = append(dst, b[:n]...)
		b = b[n+2:]
	}
	return dst, true
}
