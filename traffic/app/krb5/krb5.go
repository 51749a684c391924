// Package krb5 reads what Kerberos 5 shows in clear (RFC 4120): who asks for a ticket, for which service, and with
// what encryption it is given. Each request, answer and error is a transaction whose Data is a *Message.
package krb5

import (
	"bytes"
	"encoding/binary"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/ber"
)

// The events, by the names that rules use (app-layer-event:krb5.…).
const (
	EventMalformed = "malformed_data"
	EventWeak      = "weak_encryption"
)

// Message types.
const (
	ASReq  = 10
	ASRep  = 11
	TGSReq = 12
	TGSRep = 13
	APReq  = 14
	APRep  = 15
	Error  = 30
)

// Bounds.
const (
	maxRecord = 1 << 16 // bytes of a message over TCP
	maxProbe  = 16384   // bytes of the first one
	maxNames  = 64      // components of a name
)

// Message is one message. Slices belong to it; they are nil when the field was not there.
type Message struct {
	Type           uint8
	Failed         uint8 // of an Error: the type of the request that failed, 0 when it was not seen
	Code           int32 // valid iff Type is Error
	Client, Server [][]byte
	Realm          []byte
	// Encryption of the answer and of the ticket in it; valid iff Type is ASRep or TGSRep.
	Encryption, TicketEncryption int32
}

// Answered tells whether the message is an answer with a ticket.
func (m *Message) Answered() bool { return m.Type == ASRep || m.Type == TGSRep }

var errMalformed = errors.New("krb5: malformed message")

// UDP returns the table entry for Kerberos over UDP.
func UDP() app.Protocol {
	p := protocol()
	p.UDP, p.Probe, p.New = true, probe, func(*app.Config) app.Parser { return &parser{} }
	return p
}

// TCP returns the table entry for Kerberos over TCP.
func TCP() app.Protocol {
	p := protocol()
	p.TCP, p.Probe, p.New = true, probeTCP, func(*app.Config) app.Parser { return &parser{stream: true} }
	return p
}

func protocol() app.Protocol {
	return app.Protocol{Proto: app.KRB5, Ports: "88", Events: []string{EventMalformed, EventWeak}}
}

// probe knows an application tag, a sequence in it, and version 5 at its beginning.
func probe(_ app.Direction, data []byte) app.Answer {
	if len(data) <= 10 {
		return app.No
	}
	if _, err := ber.Size(data); errors.Is(err, ber.ErrMalformed) {
		return app.No
	}
	// The message need not be whole: only its beginning is looked at.
	rest, ok := enter(data, 0x60)
	if !ok || data[0]&0x1f > 30 {
		return app.No
	}
	if rest, ok = enter(rest, 0x30); !ok || len(rest) < 5 {
		return app.No
	}
	if rest[0]&0xe0 == 0xa0 && rest[2] == 2 && rest[3] == 1 && rest[4] == 5 {
		return app.Yes
	}
	return app.No
}

// enter passes over a tag, whose class and form it wants, and a length.
func enter(b []byte, class byte) ([]byte, bool) {
	if len(b) < 2 || b[0]&0xe0 != class&0xe0 || class == 0x30 && b[0] != class {
		return nil, false
	}
	n := 2
	if b[1]&0x80 != 0 {
		n += int(b[1] & 0x7f)
	}
	if n > 6 || n > len(b) {
		return nil, false
	}
	return b[n:], true
}

func probeTCP(dir app.Direction, data []byte) app.Answer {
	if len(data) < 15 {
		return app.More
	}
	if binary.BigEndian.Uint32(data) > maxProbe {
		return app.No
	}
	return probe(dir, data[4:])
}

type parser struct {
	txs    app.Transactions
	stream bool
	asked  uint8 // type of the request that is not answered yet
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap can't be survived: records have no mark.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads a datagram, or the records of a stream behind their lengths (RFC 4120 §7.2.2).
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	if !p.stream {
		return app.Result{Consumed: len(data), Err: p.message(dir, data)}
	}
	used := 0
	for len(data)-used >= 4 {
		n := int64(binary.BigEndian.Uint32(data[used:]))
		switch {
		case n > maxRecord:
			p.event(EventMalformed)
			return app.Result{Consumed: used, Err: errMalformed}
		case int64(len(data)-used) < 4+n:
			return app.Result{Consumed: used, Need: int(4 + n)}
		}
		if err := p.message(dir, data[used+4:used+4+int(n)]); err != nil {
			return app.Result{Consumed: used, Err: err}
		}
		used += 4 + int(n)
	}
	return app.Result{Consumed: used, Need: 4}
}

// event marks the newest transaction.
func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}

// message reads one message. One that is broken inside is passed over, as Suricata does.
func (p *parser) message(dir app.Direction, data []byte) error {
	r := ber.New(data)
	e := r.Next()
	if r.Failed() {
		p.event(EventMalformed)
		return errMalformed
	}
	if e.Class != ber.Application {
		return nil
	}
	in := ber.New(e.Body)
	m := &Message{Type: uint8(min(e.Tag, 255))}
	body := in.Enter(ber.Universal, ber.Sequence)
	asked := p.asked
	p.asked = 0
	switch m.Type {
	case ASReq, TGSReq:
		p.asked = m.Type
		m.request(&body)
	case ASRep, TGSRep:
		m.reply(&body)
	case Error:
		m.Failed = asked
		m.error(&body)
	case APReq:
		p.asked = m.Type
		return nil
	default:
		return nil
	}
	if body.Failed() {
		return nil
	}
	tx := p.txs.Add(app.KRB5, m)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	if m.Answered() && Weak(m.Encryption) {
		tx.AddEvent(EventWeak)
	}
	return nil
}

// field reads a field that must be there.
func field(r *ber.Reader, tag uint32) ber.Reader { return ber.New(r.Expect(ber.Context, tag)) }

// request reads KDC-REQ (RFC 4120 §5.4.1).
func (m *Message) request(r *ber.Reader) {
	r.Expect(ber.Context, 1) // version
	r.Expect(ber.Context, 2) // type
	r.Optional(ber.Context, 3)
	in := field(r, 4)
	body := in.Enter(ber.Universal, ber.Sequence)
	body.Expect(ber.Context, 0) // options
	if b, ok := body.Optional(ber.Context, 1); ok {
		m.Client = principal(b)
	}
	m.Realm = text(body.Expect(ber.Context, 2))
	if b, ok := body.Optional(ber.Context, 3); ok {
		m.Server = principal(b)
	}
	if body.Failed() {
		r.Fail()
	}
}

// reply reads KDC-REP (RFC 4120 §5.4.2).
func (m *Message) reply(r *ber.Reader) {
	r.Expect(ber.Context, 0)
	r.Expect(ber.Context, 1)
	r.Optional(ber.Context, 2)
	m.Realm = text(r.Expect(ber.Context, 3))
	m.Client = principal(r.Expect(ber.Context, 4))
	in := field(r, 5)
	ticket := ber.New(in.Expect(ber.Application, 1))
	t := ticket.Enter(ber.Universal, ber.Sequence)
	t.Expect(ber.Context, 0)
	t.Expect(ber.Context, 1)
	m.Server = principal(t.Expect(ber.Context, 2))
	m.TicketEncryption = encryption(t.Expect(ber.Context, 3))
	m.Encryption = encryption(r.Expect(ber.Context, 6))
	if t.Failed() {
		r.Fail()
	}
}

// error reads KRB-ERROR (RFC 4120 §5.9.1).
func (m *Message) error(r *ber.Reader) {
	r.Expect(ber.Context, 0)
	r.Expect(ber.Context, 1)
	r.Optional(ber.Context, 2)
	r.Optional(ber.Context, 3)
	r.Expect(ber.Context, 4)
	r.Expect(ber.Context, 5)
	in := field(r, 6)
	m.Code = int32(in.Int())
	if b, ok := r.Optional(ber.Context, 7); ok {
		m.Realm = text(b)
	}
	if b, ok := r.Optional(ber.Context, 8); ok {
		m.Client = principal(b)
	}
	r.Expect(ber.Context, 9)
	m.Server = principal(r.Expect(ber.Context, 10))
}

// text reads a KerberosString.
func text(b []byte) []byte {
	r := ber.New(b)
	return bytes.Clone(r.Next().Body)
}

// principal reads the components of a PrincipalName.
func principal(b []byte) [][]byte {
	r := ber.New(b)
	in := r.Enter(ber.Universal, ber.Sequence)
	in.Expect(ber.Context, 0)
	names := field(&in, 1)
	list := names.Enter(ber.Universal, ber.Sequence)
	var out [][]byte
	for list.More() && len(out) < maxNames {
		if e := list.Next(); !list.Failed() {
			out = append(out, bytes.Clone(e.Body))
		}
	}
	return out
}

// encryption reads the type of EncryptedData.
func encryption(b []byte) int32 {
	r := ber.New(b)
	in := r.Enter(ber.Universal, ber.Sequence)
	kind := field(&in, 0)
	return int32(kind.Int())
}
