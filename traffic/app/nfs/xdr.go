package nfs

import "encoding/binary"

// xdr reads the fields of a message (RFC 4506). Once a field is not all there, bad is set and all further ones are 0.
type xdr struct {
	b   []byte
	bad bool
}

func (x *xdr) take(n int) []byte {
	if x.bad || n < 0 || n > len(x.b) {
		x.bad = true
		return nil
	}
	out := x.b[:n]
	x.b = x.b[n:]
	return out
}

func (x *xdr) u32() uint32 {
	if b := x.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (x *xdr) u64() uint64 {
	high := x.u32()
	return uint64(high)<<32 | uint64(x.u32())
}

// opaque reads a length, as many bytes, and what fills them up to a multiple of 4.
func (x *xdr) opaque() []byte {
	n := x.u32()
	if n > 1<<30 {
		x.bad = true
		return nil
	}
	out := x.take(int(n))
	if fill := int(-n & 3); fill > 0 && !x.bad {
		x.b = x.b[min(fill, len(x.b)):]
	}
	return out
}

// words skips an array of numbers: a bitmap.
func (x *xdr) words() {
	if n := x.u32(); n <= 1024 {
		x.take(4 * int(n))
	} else {
		x.bad = true
	}
}
