package dnp3

import (
	"errors"
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:dnp3.…).
const (
	EventFlooded      = "flooded"
	EventTooSmall     = "len_too_small"
	EventLinkCRC      = "bad_link_crc"
	EventTransportCRC = "bad_transport_crc"
	EventMalformed    = "malformed"
	EventUnknown      = "unknown_object"
	EventTooLong      = "too_long_reassembly"
	EventPoints       = "max_points_per_object"
	EventObjects      = "max_objects"
)

// defaultMaxTx is how many requests may wait for an answer ("max-tx").
const defaultMaxTx = 32

var (
	errFrame   = errors.New("dnp3: malformed link frame")
	errFlooded = errors.New("dnp3: too many requests without an answer")
)

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.DNP3, TCP: true, Ports: "20000", Probe: probe, New: newParser,
		Events: []string{EventFlooded, EventTooSmall, EventLinkCRC, EventTransportCRC, EventMalformed, EventUnknown,
			EventTooLong, EventPoints, EventObjects},
	}
}

// probe knows the link header's start and checks that the direction fits.
func probe(dir app.Direction, b []byte) app.Answer {
	if len(b) < linkHeader {
		return app.More
	}
	if b[0] != 5 || b[1] != 0x64 || b[2] < minLength {
		return app.No
	}
	if master := b[3]&LinkDir != 0; master != (dir == app.ToServer) {
		return app.Reversed
	}
	return app.Yes
}

// parser is one connection.
type parser struct {
	txs     app.Transactions
	open    [2]*Transaction // whose fragment goes on, by direction
	waiting int             // requests without an answer
	maxTx   int
}

func newParser(c *app.Config) app.Parser {
	p := &parser{maxTx: defaultMaxTx}
	if c != nil {
		if n, err := strconv.Atoi(c.Settings["dnp3.max-tx"]); err == nil && n > 0 && n < 1<<16 {
			p.maxTx = n
		}
	}
	return p
}

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap ends the parsing.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads whole link frames.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for len(data)-used >= linkHeader {
		b := data[used:]
		if b[0] != 5 || b[1] != 0x64 {
			return app.Result{Consumed: used, Err: errFrame}
		}
		if !intact(b, linkHeader-2) {
			p.event(EventLinkCRC)
			return app.Result{Consumed: used, Err: errFrame}
		}
		if b[2] < minLength {
			p.event(EventTooSmall)
			return app.Result{Consumed: used, Err: errFrame}
		}
		n := frameSize(int(b[2]))
		if len(b) < n {
			return app.Result{Consumed: used, Need: n}
		}
		if err := p.frame(dir, b[:n]); err != nil {
			return app.Result{Consumed: used, Err: err}
		}
		used += n
	}
	return app.Result{Consumed: used, Need: linkHeader}
}

// frame works on a whole link frame. Those of the wrong direction and those that carry nothing are passed over.
func (p *parser) frame(dir app.Direction, b []byte) error {
	l := readLink(b)
	if (l.Control&LinkDir != 0) != (dir == app.ToServer) || !l.userData() || int(b[2]) <= minLength+1 {
		return nil
	}
	data, ok := userData(make([]byte, 0, len(b)), b[linkHeader:])
	if !ok {
		p.event(EventTransportCRC)
		return nil
	}
	return p.transport(dir, l, data[0], data[1:])
}

// Bits of the transport header.
const (
	transportFIN = 0x80
	transportFIR = 0x40
)

// transport puts fragments together.
func (p *parser) transport(dir app.Direction, l Link, head byte, data []byte) error {
	t := p.open[dir]
	switch {
	case head&transportFIR != 0:
		if t = p.begin(dir, l, data); t == nil {
			return nil
		}
	case t == nil || head&0x3f != (t.sequence+1)&0x3f:
		return nil
	case len(t.Data)+len(data) > maxFragment:
		t.App.AddEvent(EventTooLong)
		p.finish(dir, t)
		return nil
	default:
		t.Data = append(t.Data, data...)
		t.App.Touch()
	}
	t.sequence = head & 0x3f
	p.open[dir] = t
	if head&transportFIN != 0 {
		t.Complete = true
		t.read()
		p.finish(dir, t)
	}
	if t.Request && p.waiting > p.maxTx {
		t.App.AddEvent(EventFlooded)
		return errFlooded
	}
	return nil
}

// begin opens a fragment's transaction; nil when there is no whole header, and for a master's confirmations, which
// ask for nothing.
func (p *parser) begin(dir app.Direction, l Link, data []byte) *Transaction {
	t := &Transaction{Link: l, Request: dir == app.ToServer, Data: append([]byte(nil), data...)}
	if len(data) < t.headerSize() || t.Request && data[1] == functionConfirm {
		return nil
	}
	if old := p.open[dir]; old != nil {
		p.finish(dir, old)
	}
	if t.Request {
		p.waiting++
	} else {
		p.waiting = 0
	}
	t.Control, t.Function = data[0], data[1]
	if !t.Request {
		t.IIN = uint16(data[2])<<8 | uint16(data[3])
	}
	t.App = p.txs.Add(app.DNP3, t)
	t.App.Skip[dir.Reverse()] = true
	return t
}

// finish completes a transaction.
func (p *parser) finish(dir app.Direction, t *Transaction) {
	t.App.Progress = [2]app.Progress{app.Done, app.Done}
	t.App.Touch()
	if p.open[dir] == t {
		p.open[dir] = nil
	}
}

// event marks the newest transaction, if there is one.
func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}
