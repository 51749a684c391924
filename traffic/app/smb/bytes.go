package smb

import (
	"bytes"
	"encoding/binary"
)

// The fields of records are little-endian. A field that is cut off is 0: lengths are checked where data is taken.

func u8(b []byte, at int) uint8 {
	if at < 0 || at >= len(b) {
		return 0
	}
	return b[at]
}

func u16(b []byte, at int) uint16 {
	if at < 0 || at+2 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint16(b[at:])
}

func u32(b []byte, at int) uint32 {
	if at < 0 || at+4 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

func u64(b []byte, at int) uint64 {
	if at < 0 || at+8 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[at:])
}

// part returns n bytes from at on, as many as there are.
func part(b []byte, at, n int) []byte {
	if at < 0 || n <= 0 || at >= len(b) {
		return nil
	}
	return b[at:min(len(b), at+n)]
}

// whole returns n bytes from at on; nil when they are not all there.
func whole(b []byte, at, n int) []byte {
	if at < 0 || n < 0 || at > len(b) || n > len(b)-at {
		return nil
	}
	return b[at : at+n]
}

// maxText bounds names.
const maxText = 4096

// text copies a name without its zero bytes, which turns UTF-16 into ASCII where it is that.
func text(b []byte) []byte {
	out := make([]byte, 0, min(len(b), maxText))
	for _, c := range b[:min(len(b), 2*maxText)] {
		if c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// str cuts a string that ends with zeros off b; wide: of UTF-16.
func str(b []byte, wide bool) (s, rest []byte) {
	if !wide {
		s, rest, _ = bytes.Cut(b, []byte{0})
		return text(s), rest
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return text(b[:i]), b[i+2:]
		}
	}
	return text(b), nil
}

// unix turns a FILETIME (100 ns since 1601) into seconds since 1970.
func unix(t uint64) uint32 {
	const epoch = 116444736000000000
	if t < epoch {
		return 0
	}
	return uint32((t - epoch) / 10000000)
}
