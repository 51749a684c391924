package dns

import (
	"encoding/binary"
	"errors"
	"slices"

	"picket/traffic/app"
)

// Transaction is one message: a request or a response, the other is nil.
type Transaction struct {
	Request, Response *Message
}

// Message returns the one message there is.
func (t *Transaction) Message() *Message {
	if t.Request != nil {
		return t.Request
	}
	return t.Response
}

// The events, by the names that rules use (app-layer-event:dns.…).
const (
	EventMalformed      = "malformed_data"
	EventNotRequest     = "not_a_request"
	EventNotResponse    = "not_a_response"
	EventZFlag          = "z_flag_set"
	EventOpcode         = "invalid_opcode"
	EventNameTooLong    = "name_too_long"
	EventLoop           = "infinite_loop"
	EventTooManyLabels  = "too_many_labels"
	EventBadAdditionals = "invalid_additionals"
	EventBadAuthorities = "invalid_authorities"
)

func events() []string {
	return []string{EventMalformed, EventNotRequest, EventNotResponse, EventZFlag, EventOpcode, EventNameTooLong,
		EventLoop, EventTooManyLabels, EventBadAdditionals, EventBadAuthorities}
}

// maxOpcode is the last operation that is in use (DSO).
const maxOpcode = 6

var errNotRequest = errors.New("dns: answer where a query should be")

// UDP returns the table entry for DNS over UDP.
func UDP() app.Protocol {
	return app.Protocol{Proto: app.DNS, UDP: true, Ports: "53", Probe: probe, New: newUDP, Events: events(), Steps: steps()}
}

// TCP returns the table entry for DNS over TCP.
func TCP() app.Protocol {
	return app.Protocol{Proto: app.DNS, TCP: true, Ports: "53", Probe: probeTCP, New: newTCP, Events: events(), Steps: steps()}
}

// MDNS returns the table entry for multicast DNS (RFC 6762).
func MDNS() app.Protocol {
	return app.Protocol{Proto: app.MDNS, UDP: true, Ports: "5353", Probe: probeMDNS, New: newMDNS, Events: events(), Steps: steps()}
}

func steps() [2][]string { return [2][]string{{"request_started"}, {"response_started"}} }

// parser is the state of one connection.
type parser struct {
	frames *app.Frames
	proto  app.Proto
	tcp    bool
	lost   [2]bool // after a gap, until a message begins at a segment's first byte
	txs    app.Transactions
	quiet  []uint16 // identifiers of requests whose answers are not to be told of, oldest first
}

func newUDP(*app.Config) app.Parser  { return &parser{proto: app.DNS} }
func newTCP(*app.Config) app.Parser  { return &parser{proto: app.DNS, tcp: true} }
func newMDNS(*app.Config) app.Parser { return &parser{proto: app.MDNS} }

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap goes on with the next bytes that look like a message.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.lost[dir] = true
	return true
}

// Parse takes a datagram, or the messages of a stream behind their lengths (RFC 1035 §4.2.2).
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	if !p.tcp {
		p.frames.Add(dir, "pdu", data, int64(len(data)))
		return app.Result{Consumed: len(data), Err: p.message(dir, data)}
	}
	if p.lost[dir] {
		if probeTCP(dir, data) == app.No {
			return app.Result{Consumed: len(data)}
		}
		p.lost[dir] = false
	}
	used := 0
	for len(data)-used >= 2 {
		n := int(binary.BigEndian.Uint16(data[used:]))
		if len(data)-used < 2+n {
			return app.Result{Consumed: used, Need: 2 + n}
		}
		if n > 0 {
			p.frames.Add(dir, "pdu", data[used+2:], int64(n))
			if err := p.message(dir, data[used+2:used+2+n]); err != nil {
				return app.Result{Consumed: used, Err: err}
			}
		}
		used += 2 + n
	}
	return app.Result{Consumed: used, Need: 2}
}

// message makes a transaction of one message.
func (p *parser) message(dir app.Direction, msg []byte) error {
	if len(msg) < headerLen || !plausible(msg, len(msg)) {
		p.event(EventMalformed)
		return errMalformed
	}
	m, err := parseMessage(msg)
	if err != nil {
		p.event(EventMalformed)
		return err
	}
	request := m.Flags&FlagQR == 0
	if dir == app.ToServer && !request && p.proto != app.MDNS {
		p.event(EventNotRequest)
		return errNotRequest
	}
	var tx *app.Transaction
	// An mDNS answer is multicast like the question: both travel to the group.
	if dir == app.ToServer {
		tx = p.txs.Add(p.proto, &Transaction{Request: m})
	} else {
		tx = p.txs.Add(p.proto, &Transaction{Response: m})
	}
	tx.Skip[dir.Reverse()] = true
	tx.Unlogged = !request && p.quietly(m.ID)
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	if dir == app.ToClient && request {
		tx.AddEvent(EventNotResponse)
	}
	judge(tx, m)
	return nil
}

// maxQuiet bounds the requests whose answers are waited for.
const maxQuiet = 64

// PairUnlogged implements app.Pairer: the answer to an unlogged request is not told of either.
func (p *parser) PairUnlogged(tx *app.Transaction) {
	t, ok := tx.Data.(*Transaction)
	if !ok || t.Request == nil || slices.Contains(p.quiet, t.Request.ID) {
		return
	}
	if len(p.quiet) >= maxQuiet {
		p.quiet = slices.Delete(p.quiet, 0, 1)
	}
	p.quiet = append(p.quiet, t.Request.ID)
}

// quietly tells whether an answer belongs to an unlogged request; each request has one answer.
func (p *parser) quietly(id uint16) bool {
	i := slices.Index(p.quiet, id)
	if i >= 0 {
		p.quiet = slices.Delete(p.quiet, i, i+1)
	}
	return i >= 0
}

// judge records what is odd about a message.
func judge(tx *app.Transaction, m *Message) {
	for _, c := range [...]struct {
		odd  bool
		name string
	}{
		{m.Flags&FlagZ != 0, EventZFlag},
		{m.Opcode() > maxOpcode, EventOpcode},
		{m.marks&markTruncated != 0, EventNameTooLong},
		{m.marks&markLoop != 0, EventLoop},
		{m.marks&markLabels != 0, EventTooManyLabels},
		{m.BadAdditional, EventBadAdditionals},
		{m.BadAuthorities, EventBadAuthorities},
	} {
		if c.odd {
			tx.AddEvent(c.name)
		}
	}
}

// event marks the last open transaction, if there is one: a message that can't be read has none of its own.
func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}

// plausible tells whether the counts of the header can be true for a message of size bytes.
func plausible(msg []byte, size int) bool {
	records := 0
	for i := 4; i < headerLen; i += 2 {
		records += int(binary.BigEndian.Uint16(msg[i:]))
	}
	return 2*records <= size
}

// probe tells whether a datagram is a DNS message, and which way round.
func probe(dir app.Direction, data []byte) app.Answer {
	if len(data) < headerLen || !plausible(data, len(data)) {
		return app.No
	}
	if _, err := parseMessage(data); err != nil {
		return app.No
	}
	return facing(dir, data)
}

// facing compares a message's own direction with that of the flow.
func facing(dir app.Direction, msg []byte) app.Answer {
	if (msg[2]&0x80 == 0) != (dir == app.ToServer) {
		return app.Reversed
	}
	return app.Yes
}

// probeTCP looks at the beginning of a stream; a message that is not yet whole is judged by its header.
func probeTCP(dir app.Direction, data []byte) app.Answer {
	if len(data) < 2+headerLen {
		return app.More
	}
	n := int(binary.BigEndian.Uint16(data))
	msg := data[2:]
	if n < headerLen || !plausible(msg, n) {
		return app.No
	}
	if len(msg) >= n {
		msg = msg[:n]
		if _, err := parseMessage(msg); err != nil {
			return app.No
		}
	}
	return facing(dir, msg)
}

// probeMDNS accepts queries and answers in either direction: both go to the multicast group.
func probeMDNS(dir app.Direction, data []byte) app.Answer {
	if probe(dir, data) == app.No {
		return app.No
	}
	return app.Yes
}
