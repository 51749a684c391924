// Package ldap reads LDAP over TCP and connectionless LDAP over UDP (RFC 4511, RFC 1798). A transaction is a request
// with its responses, found by the message's number; its Data is a *Transaction.
package ldap

import (
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/ber"
)

// The events, by the names that rules use (app-layer-event:ldap.…).
const (
	EventTooMany    = "too_many_transactions"
	EventInvalid    = "invalid_data"
	EventNoRequest  = "request_not_found"
	EventIncomplete = "incomplete_data"
)

// Bounds of a connection.
const (
	defaultMaxTx = 256     // requests that wait for an answer ("max-tx")
	maxResponses = 4096    // responses kept of one request
	maxMessage   = 4 << 20 // bytes of a message
	maxKept      = 8 << 20 // bytes of the responses to one request; later ones are kept without their content
)

// startTLS is the name of the extended request after whose success TLS begins (RFC 4511 §4.14).
const startTLS = "1.3.6.1.4.1.1466.20037"

// Transaction is a request, nil when it was not seen, and its responses.
type Transaction struct {
	Request   *Message
	Responses []*Message

	kept int // bytes of the responses
}

// TCP returns the table entry for LDAP over TCP.
func TCP() app.Protocol {
	p := protocol()
	p.TCP, p.New = true, func(c *app.Config) app.Parser { return newParser(c, true) }
	return p
}

// UDP returns the table entry for connectionless LDAP.
func UDP() app.Protocol {
	p := protocol()
	p.UDP, p.New = true, func(c *app.Config) app.Parser { return newParser(c, false) }
	return p
}

func protocol() app.Protocol {
	return app.Protocol{
		Proto: app.LDAP, Ports: "389,3268", Probe: probe,
		Events: []string{EventTooMany, EventInvalid, EventNoRequest, EventIncomplete},
	}
}

// probe wants a whole message and compares the direction with that of the operation.
func probe(dir app.Direction, data []byte) app.Answer {
	n, err := size(data)
	switch {
	case errors.Is(err, ber.ErrShort):
		return app.More
	case err != nil:
		return app.No
	}
	m, err := parse(data[:n])
	switch {
	case err != nil:
		return app.No
	case m.Op.request() != (dir == app.ToServer):
		return app.Reversed
	}
	return app.Yes
}

// size returns the length of the message at the beginning of b.
func size(b []byte) (int, error) {
	if len(b) > 0 && b[0] != 0x30 {
		return 0, ber.ErrMalformed
	}
	n, err := ber.Size(b)
	if n > maxMessage {
		return 0, ber.ErrMalformed
	}
	return n, err
}

type parser struct {
	frames *app.Frames
	txs    app.Transactions
	stream bool
	max    int
}

func newParser(cfg *app.Config, stream bool) *parser {
	p := &parser{stream: stream, max: defaultMaxTx}
	if cfg != nil && cfg.MaxTx[app.LDAP] > 0 {
		p.max = cfg.MaxTx[app.LDAP]
	}
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap goes on; the next bytes have to begin a message, or they are an error.
func (p *parser) Gap(app.Direction, uint32) bool { return true }

// Parse reads messages. A client's datagram holds one, a server's may hold several.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for used < len(data) {
		n, err := size(data[used:])
		if errors.Is(err, ber.ErrShort) && p.stream {
			return app.Result{Consumed: used, Need: n}
		}
		var m *Message
		if err == nil {
			m, err = parse(data[used : used+n])
		}
		rest := data[used:]
		if err != nil {
			p.broken(dir, err)
			return app.Result{Consumed: used, Err: err}
		}
		used += n
		if dir == app.ToServer {
			p.frames.Add(dir, "pdu", rest, int64(n)).Of(p.request(m))
			if !p.stream {
				break
			}
			continue
		}
		tx, upgrade := p.response(m, n)
		if p.frames.Add(dir, "pdu", rest, int64(n)).Of(tx); upgrade {
			return app.Result{Consumed: used, Upgrade: app.TLS}
		}
	}
	return app.Result{Consumed: used}
}

// broken marks the newest transaction.
func (p *parser) broken(dir app.Direction, err error) {
	n := len(p.txs.Open)
	if n == 0 || p.stream && dir == app.ToServer {
		return
	}
	name := EventInvalid
	if errors.Is(err, ber.ErrShort) {
		name = EventIncomplete
	}
	p.txs.Open[n-1].AddEvent(name)
}

func (p *parser) add(t *Transaction) *app.Transaction {
	if len(p.txs.Open) > p.max {
		p.closeOldest()
	}
	return p.txs.Add(app.LDAP, t)
}

func (p *parser) closeOldest() {
	for _, tx := range p.txs.Open {
		if tx.Progress[0] != app.Done {
			tx.AddEvent(EventTooMany)
			tx.Touch()
			complete(tx)
			return
		}
	}
}

func complete(tx *app.Transaction) { tx.Progress = [2]app.Progress{app.Done, app.Done} }

func (p *parser) request(m *Message) *app.Transaction {
	tx := p.add(&Transaction{Request: m})
	if m.Op == UnbindRequest || m.Op == AbandonRequest {
		complete(tx) // nobody answers these
	}
	return tx
}

// response files a response of size bytes with its request; upgrade: TLS follows.
func (p *parser) response(m *Message, size int) (tx *app.Transaction, upgrade bool) {
	for _, tx := range p.txs.Open {
		t := tx.Data.(*Transaction)
		if t.Request == nil || t.Request.ID != m.ID {
			continue
		}
		if t.kept += size; t.kept > maxKept {
			m = &Message{ID: m.ID, Op: m.Op, Result: Result{Code: m.Result.Code}}
		}
		if len(t.Responses) < maxResponses {
			t.Responses = append(t.Responses, m)
		}
		tx.Touch()
		if m.Op != SearchResultEntry && m.Op != SearchReference && m.Op != IntermediateResponse {
			complete(tx)
		}
		return tx, p.stream && m.Op == ExtendedResponse && m.Result.Code == 0 && string(t.Request.Name) == startTLS
	}
	tx = p.add(&Transaction{Responses: []*Message{m}})
	complete(tx)
	if m.Op != ExtendedResponse { // a notice that nobody asked for (RFC 4511 §4.4)
		tx.AddEvent(EventNoRequest)
	}
	return tx, false
}
