// Package datagram is the parser of protocols in which each datagram is a message, and each message a transaction of
// its own: NTP, TFTP, DHCP, SNMP. A protocol gives the function that reads a message.
package datagram

import "picket/traffic/app"

// Read reads one message. Its record becomes the transaction's Data and must not refer to data; events are the
// transaction's. With an error there is no transaction, and the event Malformed goes to the newest one.
type Read func(dir app.Direction, data []byte) (record any, events []string, err error)

// Malformed is the event of a message that can't be read; all these protocols have it by this name.
const Malformed = "malformed_data"

// New returns a parser of one exchange.
func New(proto app.Proto, read Read) app.Parser { return &parser{proto: proto, read: read} }

type parser struct {
	proto app.Proto
	read  Read
	txs   app.Transactions
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap is for streams; datagrams have none.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads one datagram.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	if len(data) == 0 {
		return app.Result{}
	}
	record, events, err := p.read(dir, data)
	if err != nil {
		if n := len(p.txs.Open); n > 0 {
			p.txs.Open[n-1].AddEvent(Malformed)
		}
		return app.Result{Consumed: len(data), Err: err}
	}
	tx := p.txs.Add(p.proto, record)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	for _, e := range events {
		tx.AddEvent(e)
	}
	return app.Result{Consumed: len(data)}
}
