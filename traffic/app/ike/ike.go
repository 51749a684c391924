// Package ike reads IKE versions 1 and 2 (RFC 2408, RFC 2409, RFC 7296) as far as they are not encrypted. Each datagram
// is a transaction whose Data is a *Message; what both sides have shown so far stands in its Session.
package ike

import (
	"bytes"
	"encoding/hex"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// The events, by the names that rules use (app-layer-event:ike.…).
const (
	EventMalformed    = "malformed_data"
	EventNoEncryption = "no_encryption"
	EventWeakEnc      = "weak_crypto_enc"
	EventWeakPRF      = "weak_crypto_prf"
	EventWeakDH       = "weak_crypto_dh"
	EventWeakAuth     = "weak_crypto_auth"
	EventNoDH         = "weak_crypto_no_dh"
	EventNoAuth       = "weak_crypto_no_auth"
	EventInvalid      = "invalid_proposal"
	EventUnknown      = "unknown_proposal"
	EventExtra        = "payload_extra_data"
	EventMultiple     = "multiple_server_proposal"
)

// Bounds of a message.
const (
	maxPayloads   = 64
	maxTransforms = 256
	maxAttributes = 32
)

// headerLen is the length of the header that both versions share.
const headerLen = 28

// flagInitiator marks messages of version 2's initiator.
const flagInitiator = 0x08

var errMalformed = errors.New("ike: malformed message")

// Message is one datagram. Slices and strings belong to it.
type Message struct {
	Session            *Session
	Dir                app.Direction
	InitSPI, RespSPI   []byte // 16 hexadecimal digits
	Major, Minor       uint8
	Exchange, Flags    uint8
	ID                 uint32
	Encrypted          bool // version 1: nothing below is known
	Payloads           []uint8
	KeyExchange, Nonce []byte        // version 1
	Vendors            [][]byte      // version 1, in hexadecimal
	Proposals          [][]Attribute // version 1: one list for each transform
	Errors             int           // version 2: notifications that are errors
	Notify             []uint16      // version 2
	Chosen             []Transform   // version 2: what the server chose
}

// Initiator tells whether the message says that it comes from the initiator; version 2.
func (m *Message) Initiator() bool { return m.Flags&flagInitiator != 0 }

// Attribute is an SA attribute of version 1.
type Attribute struct {
	Type   uint16
	Name   string // of the value, "Unknown" when it has none
	Number uint32 // valid iff Hex is nil
	Hex    []byte // a value that is no number, in hexadecimal
}

// Transform is a transform of version 2.
type Transform struct {
	Type uint8
	ID   uint16
}

// Session is what both sides have shown so far.
type Session struct {
	DOI            uint32 // valid iff HasDOI
	HasDOI         bool
	Client, Server Side
	// Algorithms are what the responder of version 2 chose, by transform type.
	Algorithms [6]uint16
}

// Side is one peer of version 1.
type Side struct {
	KeyExchange, Nonce []byte
	Transforms         int
	Chosen             []Attribute // its first transform
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.IKE, UDP: true, Ports: "500", Probe: probe, New: func(*app.Config) app.Parser { return newParser() },
		Events: []string{EventMalformed, EventNoEncryption, EventWeakEnc, EventWeakPRF, EventWeakDH, EventWeakAuth, EventNoDH,
			EventNoAuth, EventInvalid, EventUnknown, EventExtra, EventMultiple},
	}
}

// probe knows ISAKMP's header: the length is the datagram's; version 1 is met at its beginning.
func probe(_ app.Direction, data []byte) app.Answer {
	if len(data) < headerLen {
		return app.No
	}
	c := cursor.New(data[8:])
	responder := c.U64()
	c.U8()
	version, exchange := c.U8(), c.U8()
	c.Skip(5)
	if int64(c.U32()) != int64(len(data)) {
		return app.No
	}
	switch {
	case version>>4 == 1 && responder == 0,
		version == 0x20 && exchange >= 34 && exchange <= 37:
		return app.Yes
	}
	return app.No
}

type parser struct {
	txs     app.Transactions
	session Session
}

func newParser() *parser {
	p := &parser{}
	p.session.Algorithms[TransformEncryption] = 11 // NULL, as Suricata has it before anything was chosen
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap is for streams.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads one datagram.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	c := cursor.New(data)
	m := &Message{Session: &p.session, Dir: dir, InitSPI: toHex(c.Bytes(8)), RespSPI: toHex(c.Bytes(8))}
	next := c.U8()
	version := c.U8()
	m.Major, m.Minor, m.Exchange, m.Flags, m.ID = version>>4, version&15, c.U8(), c.U8(), c.U32()
	c.U32() // length
	if c.Failed() {
		p.event(EventMalformed)
		return app.Result{Consumed: len(data), Err: errMalformed}
	}
	var events []string
	switch m.Major {
	case 1:
		if !p.version1(m, next, &c, &events) {
			return app.Result{Consumed: len(data), Err: errMalformed}
		}
	case 2:
		p.version2(m, next, &c, &events)
	default:
		return app.Result{Consumed: len(data)}
	}
	tx := p.txs.Add(app.IKE, m)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	for _, e := range events {
		tx.AddEvent(e)
	}
	return app.Result{Consumed: len(data)}
}

func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}

func toHex(b []byte) []byte {
	out := make([]byte, hex.EncodedLen(len(b)))
	hex.Encode(out, b)
	return out
}

// payload reads one payload behind its generic header; false: there is none that is whole.
func payload(c *cursor.Cursor) (next uint8, body []byte, ok bool) {
	look := *c
	next = look.U8()
	look.U8()
	n := int(look.U16())
	if n >= 4 {
		body = look.Bytes(n - 4)
	}
	if look.Failed() {
		return 0, nil, false
	}
	*c = look
	return next, body, true
}

func (m *Message) saw(kind uint8) {
	if !bytes.Contains(m.Payloads, []byte{kind}) && len(m.Payloads) < maxPayloads {
		m.Payloads = append(m.Payloads, kind)
	}
}
