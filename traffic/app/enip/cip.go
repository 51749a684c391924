package enip

import (
	"bytes"

	"picket/traffic/app/cursor"
)

// Bounds of one CIP message.
const (
	maxParts      = 256
	maxAttributes = 256
)

// Services that are read into (volume 1, appendix A).
const (
	serviceGetAttributes = 3
	serviceSetAttributes = 4
	serviceMultiple      = 10
	responseBit          = 0x80
)

// Message is a CIP request or answer.
type Message struct {
	Service  uint8 // without the bit that makes it an answer
	Response bool
	// Of a request: what it is about, and the attributes that it lists.
	Path       []Segment
	Attributes []uint16
	// Of an answer.
	Status   uint8
	Extended []byte
	// Parts are the messages of a Multiple Service Packet; they have none themselves.
	Parts []Message

	offset, size int // in the PDU
}

// Segment is a logical segment of a path.
type Segment struct {
	Type  uint8
	Value uint32
}

// Kinds of logical segments: the bits of their type above the format.
const (
	Class     = 8
	Instance  = 9
	Attribute = 12
)

// Kind is what the segment names.
func (s Segment) Kind() uint8 { return s.Type >> 2 }

// Each calls f with a message and its parts until f says that it is enough, and tells whether it did.
func (m *Message) Each(f func(*Message) bool) bool {
	if f(m) {
		return true
	}
	for i := range m.Parts {
		if f(&m.Parts[i]) {
			return true
		}
	}
	return false
}

// Names tells whether the path of a request has a segment of a kind with a value.
func (m *Message) Names(kind uint8, match func(uint32) bool) bool {
	for _, s := range m.Path {
		if s.Kind() == kind && match(s.Value) {
			return true
		}
	}
	return false
}

// HasAttribute tells whether a request names or lists an attribute.
func (m *Message) HasAttribute(match func(uint32) bool) bool {
	if m.Names(Attribute, match) {
		return true
	}
	for _, a := range m.Attributes {
		if match(uint32(a)) {
			return true
		}
	}
	return false
}

// ExtendedStatus is the additional status, if it is one number.
func (m *Message) ExtendedStatus() (uint16, bool) {
	if len(m.Extended) != 2 {
		return 0, false
	}
	return uint16(m.Extended[0]) | uint16(m.Extended[1])<<8, true
}

// readMessage reads a message that begins at an offset of the PDU. Parts are read one level deep.
func readMessage(c *cursor.Cursor, offset int, parts bool) *Message {
	whole := c.Left()
	m := &Message{offset: offset, size: whole}
	service := c.U8()
	m.Service, m.Response = service&^responseBit, service&responseBit != 0
	if m.Response {
		c.Skip(1)
		m.Status = c.U8()
		m.Extended = bytes.Clone(c.Bytes(2 * int(c.U8()))) // counted in words (volume 1, 2-4.2)
	} else {
		m.readPath(c)
	}
	switch {
	case m.Service == serviceMultiple && parts:
		m.readParts(c, offset+whole-c.Left())
	case m.Response:
	case m.Service == serviceGetAttributes:
		m.readAttributes(c, int(c.LE16()))
	case m.Service == serviceSetAttributes:
		m.readAttributes(c, min(int(c.LE16()), 1)) // the size of the values depends on the class
	}
	return m
}

func (m *Message) readPath(c *cursor.Cursor) {
	path := cursor.New(c.Bytes(2 * int(c.U8())))
	for path.Left() > 0 {
		s := Segment{Type: path.U8()}
		switch {
		case s.Type>>5 != 1: // not a logical segment
			path.Fail()
		case s.Type&3 == 0:
			s.Value = uint32(path.U8())
		case s.Type&3 == 1:
			path.Skip(1)
			s.Value = uint32(path.LE16())
		case s.Type&3 == 2:
			path.Skip(1)
			s.Value = path.LE32()
		default:
			path.Fail()
		}
		m.Path = append(m.Path, s)
	}
	if path.Failed() {
		c.Fail()
	}
}

func (m *Message) readAttributes(c *cursor.Cursor, n int) {
	if n > maxAttributes {
		c.Fail()
	}
	for ; n > 0 && !c.Failed(); n-- {
		m.Attributes = append(m.Attributes, c.LE16())
	}
}

// readParts reads the messages of a Multiple Service Packet, whose offsets count from their number, at an offset of the PDU.
func (m *Message) readParts(c *cursor.Cursor, offset int) {
	area := c.Rest()
	n := int(c.LE16())
	if n > maxParts {
		c.Fail()
	}
	for ; n > 0 && !c.Failed(); n-- {
		at := int(c.LE16())
		if at >= len(area) {
			c.Fail()
			return
		}
		part := cursor.New(area[at:])
		read := readMessage(&part, offset+at, false)
		if part.Failed() {
			c.Fail()
		}
		read.size -= part.Left()
		m.Parts = append(m.Parts, *read)
	}
}
