// Package cursor reads numbers and byte strings out of hostile bytes, one behind the other. A cursor that is asked
// for more than is left fails for good: everything read afterwards is zero, and Failed tells so once at the end.
// Parsers stay straight lines that way, without a check after each field. Nothing here allocates or copies: what
// is returned lies in the bytes that the cursor was made of.
package cursor

import "encoding/binary"

// Cursor is a place in a byte string. Its zero value is at the end of nothing.
type Cursor struct {
	rest   []byte
	failed bool
}

// New returns a cursor at the beginning of b.
func New(b []byte) Cursor { return Cursor{rest: b} }

// Failed tells whether more was asked for than there was.
func (c *Cursor) Failed() bool { return c.failed }

// Fail makes the cursor fail: the caller has read something that can't be.
func (c *Cursor) Fail() { c.failed, c.rest = true, nil }

// Left returns the number of bytes that were not read yet; none after a failure.
func (c *Cursor) Left() int { return len(c.rest) }

// Rest returns all that was not read yet and does not move.
func (c *Cursor) Rest() []byte { return c.rest }

// Bytes returns the next n bytes; nil when there are not as many.
func (c *Cursor) Bytes(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.Fail()
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

// Skip passes over n bytes.
func (c *Cursor) Skip(n int) { c.Bytes(n) }

// U8 reads one byte.
func (c *Cursor) U8() uint8 {
	if b := c.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 reads a number in network order.
func (c *Cursor) U16() uint16 {
	if b := c.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// U32 reads a number in network order.
func (c *Cursor) U32() uint32 {
	if b := c.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 reads a number in network order.
func (c *Cursor) U64() uint64 {
	if b := c.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// LE16 reads a number whose lowest byte comes first.
func (c *Cursor) LE16() uint16 {
	if b := c.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// LE32 reads a number whose lowest byte comes first.
func (c *Cursor) LE32() uint32 {
	if b := c.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Until returns the bytes before the next mark and passes over the mark; it fails when there is none.
func (c *Cursor) Until(mark byte) []byte {
	for i, b := range c.rest {
		if b == mark {
			out := c.rest[:i:i]
			c.rest = c.rest[i+1:]
			return out
		}
	}
	c.Fail()
	return nil
}
