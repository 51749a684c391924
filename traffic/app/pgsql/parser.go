package pgsql

import (
	"errors"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:pgsql.…).
const (
	EventRequest  = "malformed_request"
	EventResponse = "malformed_response"
	EventTooMany  = "too_many_transactions"
)

// Bounds of one transaction.
const (
	maxResponses = 1024    // messages that are kept
	maxKept      = 4 << 20 // bytes of texts in them; later ones are kept without
)

// Transaction is a request with its responses.
type Transaction struct {
	Requests  []Message
	Responses []Message

	in, out Message // what is only counted, until it is over
	kept    int     // bytes of the responses' texts
}

// Query returns the simple query of the transaction.
func (t *Transaction) Query() []byte {
	for i := range t.Requests {
		if t.Requests[i].Kind == Query {
			return t.Requests[i].Text
		}
	}
	return nil
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.PgSQL, TCP: true, Ports: "5432", Probe: probe, New: newParser,
		Events: []string{EventRequest, EventResponse, EventTooMany},
	}
}

// probe reads the first message: it must be one that begins a connection or that is known.
func probe(dir app.Direction, data []byte) app.Answer {
	var m Message
	var err error
	if dir == app.ToServer {
		m, _, err = request(data, Unknown)
	} else {
		if len(data) > 0 && (data[0] == 'N' || data[0] == 'S') {
			return app.Yes
		}
		m, _, err = response(data)
	}
	switch {
	case errors.Is(err, errShort):
		return app.More
	case err != nil, m.Kind == Unknown:
		return app.No
	}
	return app.Yes
}

// parser is the state of one connection.
type parser struct {
	txs  app.Transactions
	last Kind // the message that says what may come next
	lost [2]bool
	max  int
}

func newParser(cfg *app.Config) app.Parser {
	p := &parser{max: 1024}
	if cfg != nil && cfg.MaxTx[app.PgSQL] > 0 {
		p.max = cfg.MaxTx[app.PgSQL]
	}
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap goes on with the next bytes that look like a message.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.lost[dir] = true
	return true
}

// Parse reads messages until the bytes are over or TLS begins.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	if p.lost[dir] && len(data) > 0 {
		if probe(dir, data) != app.Yes {
			return app.Result{Consumed: len(data)}
		}
		p.lost[dir] = false
	}
	used := 0
	for used < len(data) {
		m, size, err := p.read(dir, data[used:])
		switch {
		case errors.Is(err, errShort):
			return app.Result{Consumed: used, Need: size}
		case err != nil:
			p.malformed(dir)
			return app.Result{Consumed: used, Err: err}
		}
		used += size
		if dir == app.ToServer {
			p.request(&m)
		} else {
			p.response(&m)
		}
		if m.Kind == SSLAccepted {
			return app.Result{Consumed: used, Upgrade: app.TLS}
		}
	}
	return app.Result{Consumed: used}
}

func (p *parser) read(dir app.Direction, b []byte) (m Message, size int, err error) {
	if dir == app.ToServer {
		return request(b, p.meaning())
	}
	if p.last != SSLRequest {
		return response(b)
	}
	switch b[0] {
	case 'S':
		m.Kind = SSLAccepted
	case 'N':
		m.Kind = SSLRejected
	default:
		err = errMalformed
	}
	return m, 1, err
}

// meaning tells what a client's "p" is.
func (p *parser) meaning() Kind {
	switch p.last {
	case AuthSASL:
		return SASLInitial
	case SASLInitial, AuthSASLContinue:
		return SASLResponse
	case AuthCleartext, AuthMD5:
		return Password
	}
	return Unknown
}

// request files a client's message: nearly each opens a transaction.
func (p *parser) request(m *Message) {
	switch m.Kind {
	case Unknown:
		return
	case CopyDataIn:
		p.copyIn(m)
		return
	case CopyDoneIn, CopyFail:
		if p.last != CopyDataIn {
			p.open()
		}
	default:
		p.open()
	}
	tx := p.current()
	t := tx.Data.(*Transaction)
	if t.in.Count > 0 {
		t.Requests = append(t.Requests, t.in)
		t.in = Message{}
	}
	t.Requests = append(t.Requests, *m)
	tx.Progress[app.ToServer] = app.Done
	if m.Kind == Terminate || m.Kind == CancelRequest {
		tx.Progress[app.ToClient] = app.Done
	}
	p.last = m.Kind
	tx.Touch()
}

// copyIn counts a piece of data that a COPY brings.
func (p *parser) copyIn(m *Message) {
	if p.last != CopyDataIn || p.current() == nil {
		p.open()
	}
	p.last = CopyDataIn
	t := p.current().Data.(*Transaction)
	t.in.Kind = CopyDataIn
	t.in.Count++
	t.in.Size += m.Size
}

// open begins a transaction; the oldest that is still open is closed when there are too many.
func (p *parser) open() {
	if len(p.txs.Open) > p.max {
		for _, tx := range p.txs.Open {
			if tx.Progress[app.ToClient] < app.Done {
				tx.Progress = [2]app.Progress{app.Done, app.Done}
				tx.AddEvent(EventTooMany)
				tx.Touch()
				break
			}
		}
	}
	p.txs.Add(app.PgSQL, &Transaction{})
}

// current returns the newest transaction, nil when there is none.
func (p *parser) current() *app.Transaction {
	if n := len(p.txs.Open); n > 0 {
		return p.txs.Open[n-1]
	}
	return nil
}

// response files a server's message with the newest transaction.
func (p *parser) response(m *Message) {
	if p.last == Unknown {
		p.open() // the beginning was not seen
	}
	tx := p.current()
	if tx == nil || m.Kind == Unknown {
		return
	}
	t := tx.Data.(*Transaction)
	p.next(m)
	switch m.Kind {
	case DataRow, CopyDataOut:
		t.out.Kind = m.Kind
		t.out.Count++
		t.out.Size += m.Size
		return
	case CommandComplete, CopyDoneOut:
		if t.out.Count > 0 {
			t.keep(t.out)
			t.out = Message{}
		}
	case Notice, Notification:
		t.keep(*m)
		return
	}
	t.keep(*m)
	if completes(m.Kind) {
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
	tx.Touch()
}

// next remembers a message that decides what may follow.
func (p *parser) next(m *Message) {
	if m.Kind != AuthSSPI && m.Kind != Notice && m.Kind != Notification {
		p.last = m.Kind
	}
}

func (t *Transaction) keep(m Message) {
	if len(t.Responses) >= maxResponses {
		return
	}
	t.kept += len(m.Text) + len(m.Channel)
	for i := range m.Parameters {
		t.kept += len(m.Parameters[i].Value)
	}
	if t.kept > maxKept {
		m.Text, m.Channel, m.Parameters = nil, nil, nil
	}
	t.Responses = append(t.Responses, m)
}

// completes tells whether it is the client's turn after a message.
func completes(k Kind) bool {
	switch k {
	case Ready, SSLAccepted, SSLRejected, AuthCleartext, AuthMD5, AuthSASL, AuthSASLContinue, AuthSASLFinal, CopyInResponse:
		return true
	}
	return false
}

// malformed makes a transaction of what can't be read.
func (p *parser) malformed(dir app.Direction) {
	p.open()
	tx := p.current()
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	if dir == app.ToServer {
		tx.AddEvent(EventRequest)
	} else {
		tx.AddEvent(EventResponse)
	}
}
