package quic

import (
	"encoding/binary"
	"errors"
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/tls"
)

// The events, by the names that rules use (app-layer-event:quic.…).
const (
	EventDecrypt = "failed_decrypt"
	EventData    = "error_on_data"
	EventHeader  = "error_on_header"
	EventLong    = "crypto_frag_too_long"
)

// Transaction is one packet.
type Transaction struct {
	Version uint32
	// Client: the client has sent it.
	Client bool
	// SNI and UserAgent are what a client's hello says.
	SNI, UserAgent []byte
	// Hello holds the TLS hello that the packet has completed; nil when it has not.
	Hello *tls.Session
	CYU   []CYU
}

// VersionName prints a version: "Q046", "1", "2", else the number in hexadecimal.
func VersionName(v uint32) string {
	switch {
	case Google(v):
		return string(binary.BigEndian.AppendUint32(nil, v))
	case v == Version2:
		return "2"
	}
	return strconv.FormatUint(uint64(v), 16)
}

// VersionBytes is what rules look at: the four bytes as they were sent.
func (t *Transaction) VersionBytes(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, t.Version)
}

// Side is the hello's side; nil when there is none.
func (t *Transaction) Side() *tls.Side {
	switch {
	case t.Hello == nil:
		return nil
	case t.Client:
		return &t.Hello.Client
	}
	return &t.Hello.Server
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.QUIC, UDP: true, Ports: "443,80", Probe: probe, New: newParser,
		Events: []string{EventDecrypt, EventData, EventHeader, EventLong},
	}
}

// probe knows a long header, of whatever version (as Suricata: the version is what rules and records tell of it), and
// Google's older header.
func probe(_ app.Direction, b []byte) app.Answer {
	if len(b) < 7 {
		return app.No
	}
	if h, err := readHeader(b); err != nil || h.kind == short {
		return app.No
	}
	return app.Yes
}

// parser is one connection.
type parser struct {
	txs    app.Transactions
	keys   [2]*keys
	hellos [2]hello
	seen   [2]bool // the direction's hello was read: what follows is ciphertext
}

func newParser(*app.Config) app.Parser { return &parser{} }

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap is not known to datagrams.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads a datagram: one packet or several, one behind the other.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	all := len(data)
	for len(data) > 0 {
		h, err := readHeader(data)
		if err != nil {
			p.add(dir, &h).AddEvent(EventHeader)
			return app.Result{Consumed: all, Err: err}
		}
		if p.seen[dir] && (h.kind != retry) || h.kind == short {
			break
		}
		if err := p.packet(dir, data, &h); err != nil {
			return app.Result{Consumed: all, Err: err}
		}
		data = data[h.size+h.length:]
	}
	return app.Result{Consumed: all}
}

// packet works on one packet.
func (p *parser) packet(dir app.Direction, b []byte, h *header) error {
	switch {
	case h.kind == retry && dir == app.ToClient:
		// the client begins anew with the server's connection ID
		p.keys, p.seen, p.hellos = [2]*keys{}, [2]bool{}, [2]hello{}
	case h.kind != initial:
	case Google(h.version):
		return p.google(dir, b, h)
	default:
		return p.initial(dir, b, h)
	}
	p.add(dir, h)
	return nil
}

func (p *parser) google(dir app.Direction, b []byte, h *header) error {
	tx := p.add(dir, h)
	if tx.Data.(*Transaction).google(b[h.size:h.size+h.length]) != nil {
		tx.AddEvent(EventData)
	}
	return nil
}

// initial decrypts an Initial packet and reads its part of the hello.
func (p *parser) initial(dir app.Direction, b []byte, h *header) error {
	if p.keys[dir] == nil {
		p.keys = initialKeys(h.version, h.dcid)
	}
	tx := p.add(dir, h)
	if p.keys[dir] == nil { // an unknown version
		return nil
	}
	plain, err := p.keys[dir].open(b, h)
	if err != nil {
		tx.AddEvent(EventDecrypt)
		return err
	}
	c := &p.hellos[dir]
	switch err := c.frames(plain); {
	case errors.Is(err, errTooLong):
		tx.AddEvent(EventLong)
		return nil
	case err != nil:
		tx.AddEvent(EventData)
		return err
	}
	if m := c.message(); m != nil {
		t := tx.Data.(*Transaction)
		if t.Hello = tls.ReadHello(m); t.Hello != nil {
			t.SNI = t.Hello.Client.SNI
		}
		p.seen[dir], p.hellos[dir] = true, hello{}
	}
	return nil
}

// add makes a packet's transaction, which is whole from its beginning.
func (p *parser) add(dir app.Direction, h *header) *app.Transaction {
	tx := p.txs.Add(app.QUIC, &Transaction{Version: h.version, Client: dir == app.ToServer})
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	tx.Skip[dir.Reverse()] = true
	return tx
}
