package ike

import (
	"bytes"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// Payload types of version 1 that are read.
const (
	payloadSA          = 1
	payloadProposal    = 2
	payloadTransform   = 3
	payloadKeyExchange = 4
	payloadNonce       = 10
	payloadVendor      = 13
)

// version1 reads the payloads and adds them to the session; false: they can't be read.
func (p *parser) version1(m *Message, next uint8, c *cursor.Cursor, events *[]string) bool {
	m.saw(next)
	if m.Encrypted = m.Flags&1 != 0; m.Encrypted {
		return true
	}
	if !p.payloads(m, next, c, 0) {
		return false
	}
	side := &p.session.Client
	if m.Dir == app.ToClient {
		side = &p.session.Server
	}
	if bytes.Contains(m.Payloads, []byte{payloadSA}) {
		*side = Side{}
	}
	if m.Dir == app.ToClient && side.Transforms <= 1 && side.Transforms+len(m.Proposals) > 1 {
		*events = append(*events, EventMultiple)
	}
	side.KeyExchange, side.Nonce = m.KeyExchange, m.Nonce
	if side.Transforms == 0 && len(m.Proposals) > 0 {
		side.Chosen = m.Proposals[0]
	}
	side.Transforms += len(m.Proposals)
	if c.Left() > 0 {
		*events = append(*events, EventExtra)
	}
	return true
}

// payloads reads a list of payloads, the first of a kind that is known; depth is how many lists it lies in.
func (p *parser) payloads(m *Message, kind uint8, c *cursor.Cursor, depth int) bool {
	for range maxPayloads {
		next, body, ok := payload(c)
		if !ok {
			break
		}
		m.saw(kind)
		if !p.payload1(m, kind, body, depth) {
			return false
		}
		kind = next
	}
	return true
}

func (p *parser) payload1(m *Message, kind uint8, body []byte, depth int) bool {
	c := cursor.New(body)
	switch kind {
	case payloadSA:
		p.session.DOI, p.session.HasDOI = c.U32(), true
		if c.Failed() || depth > 0 {
			return false
		}
		if p.session.DOI == 1 {
			c.U32() // situation
			return !c.Failed() && p.payloads(m, payloadProposal, &c, 1)
		}
	case payloadProposal:
		c.Skip(2)
		spi := c.U8()
		c.U8()
		c.Skip(int(spi))
		return !c.Failed() && depth <= 1 && p.payloads(m, payloadTransform, &c, 2)
	case payloadTransform:
		c.Skip(4)
		if !c.Failed() && len(m.Proposals) < maxTransforms {
			m.Proposals = append(m.Proposals, attributes(&c))
		}
	case payloadKeyExchange:
		m.KeyExchange = bytes.Clone(body)
	case payloadNonce:
		m.Nonce = bytes.Clone(body)
	case payloadVendor:
		m.Vendors = append(m.Vendors, toHex(body))
	}
	return true
}

// attributes reads the attributes of a transform (RFC 2408 §3.3).
func attributes(c *cursor.Cursor) []Attribute {
	var list []Attribute
	for len(list) < maxAttributes {
		head, value := c.U16(), c.U16()
		a := Attribute{Type: head & 0x7fff, Number: uint32(value), Name: "Unknown"}
		if names := valueNames[a.Type]; int(value) < len(names) && names[value] != "" {
			a.Name = names[value]
		}
		switch {
		case head&0x8000 != 0:
		case value == 4:
			a.Number = c.U32()
		default:
			a.Hex = toHex(c.Bytes(int(value)))
		}
		if c.Failed() {
			break
		}
		list = append(list, a)
	}
	return list
}
