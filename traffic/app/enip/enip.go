// Package enip reads EtherNet/IP (ODVA, "The CIP Networks Library", volume 2) over TCP and UDP, and the Common Industrial
// Protocol in it (volume 1): who asks a controller for what. A transaction is a request with its answer; its Data is a
// *Transaction.
package enip

import (
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:enip.…).
const (
	EventTooMany = "too_many_transactions"
	EventInvalid = "invalid_pdu"
)

// defaultMaxTx bounds a connection's open transactions ("max-tx").
const defaultMaxTx = 1024

// Transaction is a request and its answer, nil when not seen.
type Transaction struct{ Request, Response *PDU }

// PDU returns the direction's half.
func (t *Transaction) PDU(dir app.Direction) *PDU {
	if dir == app.ToServer {
		return t.Request
	}
	return t.Response
}

// TCP returns the table entry for EtherNet/IP over TCP.
func TCP() app.Protocol {
	p := protocol()
	p.TCP, p.New = true, func(c *app.Config) app.Parser { return newParser(c, true) }
	return p
}

// UDP returns the table entry for EtherNet/IP over UDP.
func UDP() app.Protocol {
	p := protocol()
	p.UDP, p.New = true, func(c *app.Config) app.Parser { return newParser(c, false) }
	return p
}

func protocol() app.Protocol {
	return app.Protocol{Proto: app.ENIP, Ports: "44818", Probe: probe, Events: []string{EventTooMany, EventInvalid}}
}

// probe knows the header by its command and status.
func probe(_ app.Direction, b []byte) app.Answer {
	if len(b) < headerSize {
		return app.More
	}
	if plausible(readHeader(b), b[headerSize:]) {
		return app.Yes
	}
	return app.No
}

func plausible(h PDU, data []byte) bool {
	if h.StatusName() == "" || h.CommandName() == "" {
		return false
	}
	switch h.Command {
	case CommandNop:
		return h.Options == 0
	case CommandRegisterSession:
		return h.Length == 4
	case CommandUnregisterSession:
		return h.Length == 4 || h.Length == 0
	case CommandListInterfaces:
		return len(data) >= 2 && len(data)-2 >= 2*(int(data[0])|int(data[1])<<8)
	}
	return true
}

// parser is one connection.
type parser struct {
	frames *app.Frames
	txs    app.Transactions
	stream bool
	lost   [2]bool // bytes are missing: the next PDU is looked for
	maxTx  int
}

func newParser(c *app.Config, stream bool) app.Parser {
	p := &parser{stream: stream, maxTx: defaultMaxTx}
	if c != nil {
		if n, err := strconv.Atoi(c.Settings["enip.max-tx"]); err == nil && n > 0 && n < 1<<16 {
			p.maxTx = n
		}
	}
	return p
}

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap goes on: where bytes are missing the next bytes that look like a PDU are taken for one.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.lost[dir] = true
	return true
}

// Parse reads whole PDUs, or the one PDU of a datagram.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	if !p.stream {
		return p.datagram(dir, data)
	}
	if p.lost[dir] {
		if probe(dir, data) != app.Yes {
			return app.Result{Consumed: len(data)}
		}
		p.lost[dir] = false
	}
	used := 0
	for len(data)-used >= headerSize {
		b := data[used:]
		n := headerSize + int(readHeader(b).Length)
		if len(b) < n {
			return app.Result{Consumed: used, Need: n}
		}
		p.pdu(dir, b, n)
		used += n
	}
	return app.Result{Consumed: used, Need: headerSize}
}

func (p *parser) datagram(dir app.Direction, data []byte) app.Result {
	if len(data) < headerSize || len(data) < headerSize+int(readHeader(data).Length) {
		return app.Result{Consumed: len(data), Err: errShort}
	}
	p.pdu(dir, data, headerSize+int(readHeader(data).Length))
	return app.Result{Consumed: len(data)}
}

// pdu files the PDU in the first n bytes of b with its transaction.
func (p *parser) pdu(dir app.Direction, b []byte, n int) {
	u, ok := readPDU(b[:n])
	tx := p.place(dir, u)
	if tx != nil && !ok {
		tx.AddEvent(EventInvalid)
	}
	p.announce(dir, u, b, tx)
}

// place finds or makes the transaction of a PDU; nil when there are too many.
func (p *parser) place(dir app.Direction, u *PDU) *app.Transaction {
	if dir == app.ToClient {
		if tx := p.asked(u); tx != nil {
			tx.Data.(*Transaction).Response = u
			tx.Touch()
			return tx
		}
	}
	if len(p.txs.Open) >= p.maxTx {
		p.flooded()
		return nil
	}
	t := &Transaction{Request: u}
	if dir == app.ToClient {
		t = &Transaction{Response: u}
	}
	tx := p.txs.Add(app.ENIP, t)
	tx.Progress[dir] = app.Done
	if dir == app.ToClient {
		tx.Skip[app.ToServer], tx.Progress[app.ToServer] = true, app.Done
	}
	return tx
}

// asked finds the request of an answer. Requests that were made before it will not be answered any more.
func (p *parser) asked(u *PDU) *app.Transaction {
	for _, tx := range p.txs.Open {
		t := tx.Data.(*Transaction)
		if t.Request == nil || t.Response != nil {
			continue
		}
		tx.Progress[app.ToClient] = app.Done
		if t.Request.answeredBy(u) {
			return tx
		}
	}
	return nil
}

// flooded closes all transactions.
func (p *parser) flooded() {
	p.txs.Open[0].AddEvent(EventTooMany)
	for _, tx := range p.txs.Open {
		tx.Progress = [2]app.Progress{app.Done, app.Done}
		tx.Touch()
	}
}

// announce tells of the frames of a PDU at the beginning of b.
func (p *parser) announce(dir app.Direction, u *PDU, b []byte, tx *app.Transaction) {
	if p.frames == nil {
		return
	}
	add := func(name string, at, n int) { p.frames.Add(dir, name, b[at:], int64(n)).Of(tx) }
	add("hdr", 0, headerSize)
	add("data", headerSize, int(u.Length))
	add("pdu", 0, headerSize+int(u.Length))
	for i := range u.Items {
		it := &u.Items[i]
		add("enip.item", it.offset, itemHeader+it.Length)
		if it.CIP == nil {
			continue
		}
		add("cip", it.CIP.offset, it.CIP.size)
		for j := range it.CIP.Parts {
			add("cip", it.CIP.Parts[j].offset, it.CIP.Parts[j].size)
		}
	}
}
