package capture

import (
	"encoding/binary"
	"math/bits"
)

// endian reads numbers in the byte order of the machine that wrote a capture: true means big endian. Unlike
// binary.ByteOrder it is no interface, so the calls are inlined.
type endian bool

func (e endian) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if e {
		return bits.ReverseBytes16(v)
	}
	return v
}

func (e endian) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if e {
		return bits.ReverseBytes32(v)
	}
	return v
}

func (e endian) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if e {
		return bits.ReverseBytes64(v)
	}
	return v
}
