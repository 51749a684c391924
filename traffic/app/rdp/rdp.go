// Package rdp reads the beginning of a Remote Desktop connection (MS-RDPBCGR §1.3.1.1): what client and server negotiate,
// what the client says of itself, and the certificates when TLS follows. Each message is a transaction whose Data is
// a *Message.
package rdp

import (
	"bytes"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/ber"
	"picket/traffic/app/cursor"
)

// Kind is what a message is.
type Kind uint8

// The messages that are read.
const (
	InitialRequest Kind = iota
	InitialResponse
	ConnectRequest
	ConnectResponse
	TLSHandshake
)

// String is the kind's name, as EVE writes it.
func (k Kind) String() string {
	return [...]string{"initial_request", "initial_response", "connect_request", "connect_response", "tls_handshake"}[k]
}

// Message is one message. Slices belong to it.
type Message struct {
	Kind Kind

	Cookie     []byte // InitialRequest: mstshash
	Negotiated bool   // initial messages: the fields below are valid
	Failed     bool   // InitialResponse: Number is an error
	Flags      uint8
	Number     uint32 // InitialResponse: the protocol, or the error

	Client   *Client  // ConnectRequest; nil when it was not there
	Channels [][]byte // ConnectRequest
	Serials  [][]byte // TLSHandshake: of the certificates
}

const (
	maxPacket   = 1 << 16
	maxChannels = 31 // MS-RDPBCGR §2.2.1.3.4
	maxCerts    = 16
)

var errMalformed = errors.New("rdp: malformed packet")

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{Proto: app.RDP, TCP: true, Ports: "3389", Probe: probe, New: func(*app.Config) app.Parser { return &parser{} }}
}

// probe knows a TPKT header with an X.224 connection request or confirmation (T.123, X.224).
func probe(_ app.Direction, data []byte) app.Answer {
	if len(data) < 6 {
		return app.More
	}
	if code := data[5] & 0xf0; data[0] == 3 && data[1] == 0 && (code == codeRequest || code == codeConfirm) {
		return app.Yes
	}
	return app.No
}

// X.224 codes.
const (
	codeRequest = 0xe0
	codeConfirm = 0xd0
	codeData    = 0xf0
)

type parser struct {
	txs  app.Transactions
	tls  bool // TLS records follow
	over bool // nothing more is read
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap is survived when nothing more is read.
func (p *parser) Gap(app.Direction, uint32) bool { return p.over }

// Parse reads packets, or TLS records, until the handshake is over.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for used < len(data) && !p.over {
		rest := data[used:]
		if !p.tls && rest[0] == 0x16 {
			p.tls = true
		}
		size, need := p.size(rest)
		switch {
		case size < 0:
			return app.Result{Consumed: used, Err: errMalformed}
		case size == 0:
			return app.Result{Consumed: used, Need: need}
		}
		if p.tls {
			p.record(dir, rest[:size])
		} else {
			p.packet(dir, rest[4:size])
		}
		used += size
	}
	return app.Result{Consumed: len(data)}
}

// size returns the length of the packet or record at the beginning of b: 0 when it is not whole, -1 when it is none.
func (p *parser) size(b []byte) (size, need int) {
	c := cursor.New(b)
	if p.tls {
		kind, major := c.U8(), c.U8()
		c.U8()
		size = 5 + int(c.U16())
		if len(b) >= 2 && (kind < 0x14 || kind > 0x18 || major != 3) {
			return -1, 0
		}
	} else {
		version := c.U8()
		c.U8()
		size = int(c.U16())
		if version != 3 || !c.Failed() && size < 4 {
			return -1, 0
		}
	}
	switch {
	case c.Failed():
		return 0, len(b) + 1
	case size > maxPacket+5:
		return -1, 0
	case size > len(b):
		return 0, size
	}
	return size, 0
}

func (p *parser) add(dir app.Direction, m *Message) {
	tx := p.txs.Add(app.RDP, m)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
}

// packet reads an X.224 TPDU.
func (p *parser) packet(dir app.Direction, b []byte) {
	c := cursor.New(b)
	c.U8() // length of the header
	code := c.U8() & 0xf0
	switch {
	case c.Failed():
	case code == codeRequest && dir == app.ToServer:
		c.Skip(5)
		p.add(dir, request(&c))
	case code == codeConfirm && dir == app.ToClient:
		c.Skip(5)
		p.add(dir, confirm(&c))
	case code == codeData:
		c.U8() // end of TSDU
		p.data(dir, c.Rest())
	}
}

// request reads cookie and negotiation request (MS-RDPBCGR §2.2.1.1).
func request(c *cursor.Cursor) *Message {
	m := &Message{Kind: InitialRequest}
	if rest := c.Rest(); bytes.HasPrefix(rest, []byte("Cookie: mstshash=")) {
		line := c.Until('\n')
		_, value, _ := bytes.Cut(line, []byte("="))
		m.Cookie = bytes.Clone(bytes.TrimSuffix(value, []byte("\r")))
	}
	if kind, flags := c.U8(), c.U8(); kind == 1 && !c.Failed() {
		m.Negotiated, m.Flags = true, flags
	}
	return m
}

// confirm reads the negotiation response or failure (MS-RDPBCGR §2.2.1.2).
func confirm(c *cursor.Cursor) *Message {
	m := &Message{Kind: InitialResponse}
	kind, flags := c.U8(), c.U8()
	c.LE16()
	number := c.LE32()
	if !c.Failed() && (kind == 2 || kind == 3) {
		m.Negotiated, m.Failed, m.Flags, m.Number = true, kind == 3, flags, number
	}
	return m
}

// data reads an MCS connect message (T.125): Connect-Initial is application 101, Connect-Response 102.
func (p *parser) data(dir app.Direction, b []byte) {
	r := ber.New(b)
	e := r.Next()
	switch {
	case dir == app.ToServer && e.Is(ber.Application, 101):
		m := &Message{Kind: ConnectRequest}
		in := ber.New(e.Body)
		in.Octets() // calling domain
		in.Octets() // called domain
		in.Next()   // upward flag
		for range 3 {
			in.Next() // domain parameters
		}
		m.blocks(in.Octets())
		p.add(dir, m)
	case dir == app.ToClient && e.Is(ber.Application, 102):
		p.add(dir, &Message{Kind: ConnectResponse})
		p.over = true
	}
}

// record reads the certificates of a TLS handshake record.
func (p *parser) record(dir app.Direction, b []byte) {
	if b[0] != 0x16 || dir != app.ToClient {
		return
	}
	c := cursor.New(b[5:])
	for c.Left() >= 4 {
		kind := c.U8()
		body := c.Bytes(u24(&c))
		if kind != 11 || c.Failed() {
			continue
		}
		m := &Message{Kind: TLSHandshake}
		list := cursor.New(body)
		list.Skip(3)
		for list.Left() > 3 && len(m.Serials) < maxCerts {
			if s := serial(list.Bytes(u24(&list))); s != nil {
				m.Serials = append(m.Serials, s)
			}
		}
		p.add(dir, m)
		p.over = true
		return
	}
}

func u24(c *cursor.Cursor) int { return int(c.U8())<<16 | int(c.U16()) }

// serial returns the serial number of a certificate without leading zeros (RFC 5280 §4.1).
func serial(b []byte) []byte {
	r := ber.New(b)
	cert := r.Enter(ber.Universal, ber.Sequence)
	tbs := cert.Enter(ber.Universal, ber.Sequence)
	tbs.Optional(ber.Context, 0)
	n := tbs.Expect(ber.Universal, ber.Integer)
	if tbs.Failed() {
		return nil
	}
	return bytes.Clone(n)
}
