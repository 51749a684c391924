// Package ber reads the Basic Encoding Rules of ASN.1 (X.690) as LDAP, SNMP and Kerberos use them: elements of a
// definite length, one behind the other. Nothing is copied; a reader that meets what can't be fails for good, and
// everything read afterwards is empty.
package ber

import (
	"errors"

	"picket/traffic/app/cursor"
)

// Class is an element's class.
type Class uint8

// The classes (X.690 §8.1.2.2).
const (
	Universal Class = iota
	Application
	Context
	Private
)

// Universal tags that are in use.
const (
	Boolean     = 1
	Integer     = 2
	BitString   = 3
	OctetString = 4
	Null        = 5
	OID         = 6
	Enumerated  = 10
	Sequence    = 16
	Set         = 17
)

// Element is one encoded value. Body lies in the bytes that were read.
type Element struct {
	Class       Class
	Constructed bool
	Tag         uint32
	Body        []byte
}

// Is tells whether an element has a class and a tag.
func (e *Element) Is(c Class, tag uint32) bool { return e.Class == c && e.Tag == tag }

// Errors of Size.
var (
	ErrShort     = errors.New("ber: element is not whole yet")
	ErrMalformed = errors.New("ber: malformed element")
)

// maxLength bounds the length of an element.
const maxLength = 1 << 28

// Reader reads elements.
type Reader struct{ c cursor.Cursor }

// New returns a reader at the beginning of b.
func New(b []byte) Reader { return Reader{cursor.New(b)} }

// Failed tells whether something could not be read.
func (r *Reader) Failed() bool { return r.c.Failed() }

// Fail makes the reader fail.
func (r *Reader) Fail() { r.c.Fail() }

// More tells whether another element follows.
func (r *Reader) More() bool { return r.c.Left() > 0 }

// header reads tag and length.
func header(c *cursor.Cursor) (e Element, length int) {
	first := c.U8()
	e = Element{Class: Class(first >> 6), Constructed: first&0x20 != 0, Tag: uint32(first & 0x1f)}
	if e.Tag == 0x1f {
		e.Tag = 0
		for range 4 {
			b := c.U8()
			e.Tag = e.Tag<<7 | uint32(b&0x7f)
			if b&0x80 == 0 {
				break
			}
		}
	}
	n := c.U8()
	if n < 0x80 {
		return e, int(n)
	}
	if n == 0x80 || n > 0x84 {
		c.Fail()
		return e, -1
	}
	for range n & 0x7f {
		length = length<<8 | int(c.U8())
	}
	if length > maxLength {
		c.Fail()
		return e, -1
	}
	return e, length
}

// Next reads an element; its body is nil after a failure.
func (r *Reader) Next() Element {
	e, length := header(&r.c)
	e.Body = r.c.Bytes(length)
	if r.c.Failed() {
		return Element{}
	}
	return e
}

// Peek returns the next element without passing over it.
func (r *Reader) Peek() Element {
	look := *r
	return look.Next()
}

// Expect reads an element of a class and tag; another one is a failure.
func (r *Reader) Expect(c Class, tag uint32) []byte {
	e := r.Next()
	if !e.Is(c, tag) {
		r.Fail()
		return nil
	}
	return e.Body
}

// Optional reads an element if it is the one with a class and tag.
func (r *Reader) Optional(c Class, tag uint32) ([]byte, bool) {
	if !r.More() {
		return nil, false
	}
	if e := r.Peek(); !e.Is(c, tag) {
		return nil, false
	}
	return r.Next().Body, true
}

// Enter returns a reader of a constructed element's content.
func (r *Reader) Enter(c Class, tag uint32) Reader { return New(r.Expect(c, tag)) }

// Octets reads an OCTET STRING.
func (r *Reader) Octets() []byte { return r.Expect(Universal, OctetString) }

// Int reads an INTEGER or ENUMERATED of at most eight bytes.
func (r *Reader) Int() int64 {
	e := r.Next()
	if e.Class != Universal || e.Tag != Integer && e.Tag != Enumerated || len(e.Body) == 0 || len(e.Body) > 9 {
		r.Fail()
		return 0
	}
	return ParseInt(e.Body)
}

// Bool reads a BOOLEAN.
func (r *Reader) Bool() bool {
	b := r.Expect(Universal, Boolean)
	if len(b) != 1 {
		r.Fail()
		return false
	}
	return b[0] != 0
}

// ParseInt returns the number in an INTEGER's body.
func ParseInt(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	v := int64(int8(b[0]))
	for _, x := range b[1:] {
		v = v<<8 | int64(x)
	}
	return v
}

// Size returns the whole length of the element at the beginning of b, which need not be there as a whole. With
// ErrShort it is how many bytes are needed.
func Size(b []byte) (int, error) {
	c := cursor.New(b)
	_, length := header(&c)
	switch {
	case length < 0:
		return 0, ErrMalformed
	case c.Failed():
		return len(b) + 1, ErrShort
	}
	total := len(b) - c.Left() + length
	if total > len(b) {
		return total, ErrShort
	}
	return total, nil
}
