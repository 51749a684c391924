// Package rfb reads the handshake of the Remote Framebuffer protocol, VNC (RFC 6143): versions, authentication, the
// server's screen. A connection is one transaction whose Data is a *Session; what follows the handshake is not read.
package rfb

import (
	"bytes"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// The events, by the names that rules use (app-layer-event:rfb.…).
const (
	EventSecurityType   = "unimplemented_security_type"
	EventSecurityResult = "unknown_security_result"
	EventMalformed      = "malformed_message"
	EventConfused       = "confused_state"
)

// Bounds of texts.
const (
	maxReason = 4096
	maxName   = 1 << 16
)

var errMalformed = errors.New("rfb: malformed message")

// Security types and results (RFC 6143 §7.1.2, §7.1.3).
const (
	typeInvalid = 0
	typeNone    = 1
	TypeVNC     = 2
	resultOK    = 0
	resultFail  = 1
)

// Session is what a handshake has shown. Its slices belong to it and are nil until they were seen.
type Session struct {
	ServerMajor, ServerMinor []byte // "003", "008"
	ClientMajor, ClientMinor []byte
	SecurityType             uint32 // valid iff HasType
	HasType                  bool
	Challenge, Response      []byte // of VNC authentication
	Result                   uint32 // valid iff HasResult
	HasResult                bool
	Reason                   []byte // why the server refuses
	Shared                   bool   // valid iff HasInit
	HasInit                  bool
	Screen                   *Screen
}

// Screen is the server's framebuffer.
type Screen struct {
	Width, Height                   uint16
	BitsPerPixel, Depth             uint8
	BigEndian, TrueColor            bool
	RedMax, GreenMax, BlueMax       uint16
	RedShift, GreenShift, BlueShift uint8
	Name                            []byte
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.RFB, TCP: true, New: newParser,
		Patterns: []app.Pattern{{Dir: app.ToClient, Bytes: "RFB ", Depth: 4}, {Dir: app.ToServer, Bytes: "RFB ", Depth: 4}},
		Events:   []string{EventSecurityType, EventSecurityResult, EventMalformed, EventConfused},
	}
}

// step is what has to come next, and from whom.
type step uint8

const (
	serverVersion step = iota
	clientVersion
	securityTypes // of the server, 3.7 and later
	securityType  // of the server, 3.3
	selection
	challenge
	response
	result
	reason
	clientInit
	serverInit
	skip // nothing more is read
)

// fromServer tells who speaks in a step.
func (s step) fromServer() bool {
	switch s {
	case clientVersion, selection, response, clientInit:
		return false
	}
	return true
}

type parser struct {
	frames  *app.Frames
	session Session
	txs     app.Transactions
	tx      *app.Transaction
	step    step
}

func newParser(*app.Config) app.Parser { return &parser{} }

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap is survived when nothing more is read.
func (p *parser) Gap(app.Direction, uint32) bool { return p.step == skip }

// Parse goes from step to step. Bytes of the side whose turn it is not are passed over.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for used < len(data) && p.step != skip {
		if p.step.fromServer() != (dir == app.ToClient) {
			if p.tx == nil {
				return app.Result{Consumed: used, Err: errMalformed} // the client can't be first
			}
			p.tx.AddEvent(EventConfused)
			break
		}
		c := cursor.New(data[used:])
		left := c.Left()
		need, err := p.advance(&c)
		switch {
		case err != nil:
			if p.tx != nil {
				p.tx.AddEvent(EventMalformed)
			}
			return app.Result{Consumed: used, Err: err}
		case c.Failed():
			return app.Result{Consumed: used, Need: max(need, left+1)}
		}
		p.frames.Add(dir, "pdu", data[used:], int64(left-c.Left())).Of(p.tx)
		used += left - c.Left()
	}
	return app.Result{Consumed: len(data)}
}

// advance reads the message of the present step; a failed cursor wants more bytes, need of them.
func (p *parser) advance(c *cursor.Cursor) (need int, err error) {
	s := &p.session
	switch p.step {
	case serverVersion:
		if err = version(c, &s.ServerMajor, &s.ServerMinor); err == nil && !c.Failed() {
			p.tx = p.txs.Add(app.RFB, s)
			p.step = clientVersion
		}
		return 12, err
	case clientVersion:
		if err = version(c, &s.ClientMajor, &s.ClientMinor); err == nil && !c.Failed() {
			p.step = securityTypes
			if string(s.ClientMajor) == "003" && string(s.ClientMinor) == "003" {
				p.step = securityType
			}
		}
		return 12, err
	case securityTypes:
		p.types(c)
	case securityType:
		if kind := c.U32(); !c.Failed() {
			p.choose(kind)
		}
	case selection:
		if kind := c.U8(); !c.Failed() {
			p.choose(uint32(kind))
		}
	case challenge:
		if b := c.Bytes(16); b != nil {
			s.Challenge, p.step = bytes.Clone(b), response
		}
	case response:
		if b := c.Bytes(16); b != nil {
			s.Response, p.step = bytes.Clone(b), result
		}
	case result:
		p.result(c)
	case reason:
		return p.reason(c)
	case clientInit:
		if b := c.U8(); !c.Failed() {
			s.Shared, s.HasInit, p.step = b != 0, true, serverInit
		}
	case serverInit:
		return p.screen(c)
	}
	return 0, nil
}

// version reads "RFB 003.008\n".
func version(c *cursor.Cursor, major, minor *[]byte) error {
	b := c.Bytes(12)
	switch {
	case b == nil:
		return nil
	case string(b[:4]) != "RFB " || b[7] != '.' || b[11] != '\n':
		return errMalformed
	}
	*major, *minor = bytes.Clone(b[4:7]), bytes.Clone(b[8:11])
	return nil
}

func (p *parser) types(c *cursor.Cursor) {
	n := c.U8()
	c.Skip(int(n))
	switch {
	case c.Failed():
	case n == 0:
		p.step = reason
	default:
		p.step = selection
	}
}

// choose goes on as the security type wants it.
func (p *parser) choose(kind uint32) {
	p.session.SecurityType, p.session.HasType = kind, true
	switch {
	case kind == typeInvalid && p.step == securityType:
		p.step = reason
	case kind == typeNone:
		p.step = clientInit
	case kind == TypeVNC:
		p.step = challenge
	default:
		p.tx.AddEvent(EventSecurityType)
		p.step = skip
	}
}

func (p *parser) result(c *cursor.Cursor) {
	status := c.U32()
	if c.Failed() {
		return
	}
	p.session.Result, p.session.HasResult = status, true
	switch status {
	case resultOK:
		p.step = clientInit
	case resultFail:
		p.step = reason
	default:
		p.tx.AddEvent(EventSecurityResult)
		p.step = skip
	}
}

// reason reads why the server refuses, and ends the transaction.
func (p *parser) reason(c *cursor.Cursor) (need int, err error) {
	n := int64(c.U32())
	if n > maxReason {
		return 0, errMalformed
	}
	if b := c.Bytes(int(n)); !c.Failed() {
		p.session.Reason = bytes.Clone(b)
		p.finish()
	}
	return int(4 + n), nil
}

// screen reads ServerInit (RFC 6143 §7.3.2), and ends the transaction.
func (p *parser) screen(c *cursor.Cursor) (need int, err error) {
	s := Screen{
		Width: c.U16(), Height: c.U16(), BitsPerPixel: c.U8(), Depth: c.U8(), BigEndian: c.U8() != 0, TrueColor: c.U8() != 0,
		RedMax: c.U16(), GreenMax: c.U16(), BlueMax: c.U16(), RedShift: c.U8(), GreenShift: c.U8(), BlueShift: c.U8(),
	}
	c.Skip(3)
	n := int64(c.U32())
	if n > maxName {
		return 0, errMalformed
	}
	if b := c.Bytes(int(n)); !c.Failed() {
		s.Name = bytes.Clone(b)
		p.session.Screen = &s
		p.finish()
	}
	return int(24 + n), nil
}

func (p *parser) finish() {
	p.step = skip
	p.tx.Progress = [2]app.Progress{app.Done, app.Done}
}
