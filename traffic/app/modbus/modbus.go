// Package modbus reads Modbus over TCP (Modbus Application Protocol V1.1b3 and its TCP/IP implementation guide): who reads and
// writes which coils and registers. A transaction is a request with its answer, found by the number that both carry; its Data
// is a *Transaction.
package modbus

import (
	"encoding/binary"
	"errors"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:modbus.…).
const (
	EventUnsolicited = "unsolicited_response"
	EventFunction    = "invalid_function_code"
	EventLength      = "invalid_length"
	EventValue       = "invalid_value"
	EventException   = "invalid_exception_code"
	EventMismatch    = "value_mismatch"
	EventFlooded     = "flooded"
	EventProtocol    = "invalid_protocol_id"
)

// Sizes and bounds.
const (
	headerSize = 8   // with the function code
	minLength  = 2   // what the header's length counts at least: unit and function
	maxLength  = 254 // and at most
	maxWaiting = 500 // open transactions; Suricata's flood limit
)

var errHeader = errors.New("modbus: malformed header")

// Transaction is a request and its answer, nil when not seen.
type Transaction struct{ Request, Response *Message }

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.Modbus, TCP: true, Ports: "502", Probe: probe, New: func(*app.Config) app.Parser { return &parser{} },
		Events: []string{EventUnsolicited, EventFunction, EventLength, EventValue, EventException, EventMismatch, EventFlooded,
			EventProtocol},
	}
}

// probe knows the header.
func probe(_ app.Direction, b []byte) app.Answer {
	if len(b) < headerSize {
		return app.More
	}
	if n := binary.BigEndian.Uint16(b[4:]); b[2] != 0 || b[3] != 0 || n < minLength || n > maxLength {
		return app.No
	}
	return app.Yes
}

// parser is one connection.
type parser struct {
	frames *app.Frames
	txs    app.Transactions
	flood  bool // no more transactions until some are over
}

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap ends the parsing.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads whole messages.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for len(data)-used >= headerSize {
		b := data[used:]
		length := int(binary.BigEndian.Uint16(b[4:]))
		if length < minLength || length > maxLength {
			return app.Result{Consumed: used, Err: errHeader}
		}
		n := headerSize - minLength + length
		if len(b) < n {
			return app.Result{Consumed: used, Need: n}
		}
		tx := p.message(dir, readMessage(dir, b[:n]))
		p.frames.Add(dir, "pdu", b, int64(n)).Of(tx)
		used += n
	}
	return app.Result{Consumed: used, Need: headerSize}
}

// message files a message with its transaction; nil when there are too many.
func (p *parser) message(dir app.Direction, m *Message) *app.Transaction {
	tx := p.partner(dir, m)
	if tx == nil {
		if tx = p.begin(); tx == nil {
			return nil
		}
		if dir == app.ToClient {
			tx.AddEvent(EventUnsolicited)
		}
	}
	t := tx.Data.(*Transaction)
	if dir == app.ToServer {
		t.Request = m
	} else {
		t.Response = m
		m.compare(t.Request)
	}
	for _, e := range m.Events {
		tx.AddEvent(e)
	}
	tx.Progress[dir] = app.Done
	if t.Response != nil { // as in Suricata an answer completes both
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
	tx.Touch()
	return tx
}

// partner finds the transaction whose other half a message is.
func (p *parser) partner(dir app.Direction, m *Message) *app.Transaction {
	for _, tx := range p.txs.Open {
		t := tx.Data.(*Transaction)
		other, own := t.Request, t.Response
		if dir == app.ToServer {
			other, own = t.Response, t.Request
		}
		if own == nil && other != nil && m.answers(other) {
			return tx
		}
	}
	return nil
}

// begin opens a transaction, the last one of a flood with an event.
func (p *parser) begin() *app.Transaction {
	full := len(p.txs.Open) >= maxWaiting
	if p.flood = p.flood && full; p.flood {
		return nil
	}
	tx := p.txs.Add(app.Modbus, &Transaction{})
	if full {
		p.flood = true
		tx.AddEvent(EventFlooded)
	}
	return tx
}
