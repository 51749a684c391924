package mqtt

import (
	"errors"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:mqtt.…).
const (
	EventMissingConnect     = "missing_connect"
	EventMissingPublish     = "missing_publish"
	EventMissingSubscribe   = "missing_subscribe"
	EventMissingUnsubscribe = "missing_unsubscribe"
	EventDoubleConnect      = "double_connect"
	EventUnintroduced       = "unintroduced_message"
	EventInvalidQoS         = "invalid_qos_level"
	EventMissingID          = "missing_msg_id"
	EventUnassigned         = "unassigned_msg_type"
	EventTooMany            = "too_many_transactions"
	EventMalformed          = "malformed_traffic"
)

// Bounds of a connection.
const (
	defaultMaxMessage = 1 << 20  // bytes of a message that is read; longer ones are skipped ("max-msg-length")
	defaultMaxTx      = 1024     // transactions that wait for an answer ("max-tx")
	maxMessages       = 64       // messages kept of one transaction
	maxHeld           = 16 << 20 // bytes of publications that wait for an answer
)

// connectID stands for the packet identifier that a Connect has not got.
const connectID = 1 << 16

// Transaction is a message with its answers.
type Transaction struct {
	Messages []Message
	// Version is the connection's protocol version: 3 (3.1), 4 (3.1.1), 5; 0 before a Connect.
	Version *uint8

	held  int // bytes of the publication that waits
	waits int // packet identifier, or connectID, of the answer that is awaited; -1: none
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.MQTT, TCP: true, Ports: "1883", Probe: probe, New: newParser,
		Events: []string{EventMissingConnect, EventMissingPublish, EventMissingSubscribe, EventMissingUnsubscribe,
			EventDoubleConnect, EventUnintroduced, EventInvalidQoS, EventMissingID, EventUnassigned, EventTooMany,
			EventMalformed},
	}
}

// probe accepts every fixed header that can be: the port has to say that it is MQTT.
func probe(_ app.Direction, data []byte) app.Answer {
	m, _, _, err := header(data)
	switch {
	case errors.Is(err, errShort):
		return app.More
	case err != nil, m.Type == Unassigned, m.QoS > 2:
		return app.No
	}
	return app.Yes
}

// parser is the state of one connection.
type parser struct {
	frames     *app.Frames
	txs        app.Transactions
	version    uint8
	connected  bool
	maxMessage int
	maxTx      int
	held       int    // bytes of all publications that wait
	skip       [2]int // bytes of a message that is too long and has not been seen to its end
}

func newParser(cfg *app.Config) app.Parser {
	p := &parser{maxMessage: defaultMaxMessage, maxTx: defaultMaxTx}
	if cfg != nil {
		p.maxMessage = int(cfg.Size("mqtt.max-msg-length", defaultMaxMessage))
		if cfg.MaxTx[app.MQTT] > 0 {
			p.maxTx = cfg.MaxTx[app.MQTT]
		}
	}
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap is survived inside of a message that is skipped.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	if int64(n) > int64(p.skip[dir]) {
		return false
	}
	p.skip[dir] -= int(n)
	return true
}

// Parse reads whole messages; those that are too long are skipped without being kept.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := min(p.skip[dir], len(data))
	p.skip[dir] -= used
	for used < len(data) {
		rest := data[used:]
		m, size, length, err := header(rest)
		switch {
		case errors.Is(err, errShort):
			return app.Result{Consumed: used, Need: len(rest) + 1}
		case err == nil && length > p.maxMessage:
			m.Truncated, m.Skipped = true, size+length
			p.announce(dir, rest, size, length)
			n := min(size+length, len(rest))
			p.skip[dir] = size + length - n
			used += n
			p.handle(app.ToClient, m) // Suricata files these under the client, whoever sent them
			continue
		case err == nil && len(rest) < size+length:
			return app.Result{Consumed: used, Need: size + length}
		case err == nil:
			err = m.body(rest[size:size+length], p.version)
		}
		if err != nil {
			tx := p.add(dir, nil)
			tx.AddEvent(EventMalformed)
			complete(tx)
			return app.Result{Consumed: used, Err: err}
		}
		p.announce(dir, rest, size, length)
		used += size + length
		p.handle(dir, m)
	}
	return app.Result{Consumed: used}
}

// announce tells of the frames of a message: its fixed header, and length bytes behind it.
func (p *parser) announce(dir app.Direction, b []byte, size, length int) {
	p.frames.Add(dir, "pdu", b, int64(size+length))
	p.frames.Add(dir, "header", b, int64(size))
	p.frames.Add(dir, "data", b[size:], int64(length))
}

// handle files a message: it opens a transaction or answers one.
func (p *parser) handle(dir app.Direction, m Message) {
	switch {
	case m.Truncated:
		complete(p.add(dir, &m))
		return
	case m.Type == Unassigned:
		tx := p.add(dir, &m)
		tx.AddEvent(EventUnassigned)
		complete(tx)
		return
	case m.Type == Connect:
		p.version = m.Connect.Version
		tx := p.add(dir, &m)
		tx.Data.(*Transaction).waits = connectID
		if p.connected {
			tx.AddEvent(EventDoubleConnect)
		}
		return
	}
	switch m.Type {
	case ConnAck:
		p.answer(dir, &m, connectID, EventMissingConnect)
	case PubAck, PubComp, PubRec, PubRel:
		p.answer(dir, &m, int(m.ID), EventMissingPublish)
	case SubAck:
		p.answer(dir, &m, int(m.ID), EventMissingSubscribe)
	case UnsubAck:
		p.answer(dir, &m, int(m.ID), EventMissingUnsubscribe)
	default:
		tx := p.add(dir, &m)
		p.open(tx, &m)
		p.introduced(tx)
	}
}

// open judges a message that begins a transaction: whether it waits for an answer.
func (p *parser) open(tx *app.Transaction, m *Message) {
	switch {
	case m.Type != Publish && m.Type != Subscribe && m.Type != Unsubscribe, m.QoS == 0:
		complete(tx)
	case m.QoS > 2:
		tx.AddEvent(EventInvalidQoS)
	case !m.HasID:
		tx.AddEvent(EventMissingID)
	default:
		t := tx.Data.(*Transaction)
		t.waits, t.held = int(m.ID), len(m.Body)
		for p.held += t.held; p.held > maxHeld; {
			p.closeOldest()
		}
	}
}

// answer adds a message to the transaction that waits for it; missing is the event when there is none.
func (p *parser) answer(dir app.Direction, m *Message, id int, missing string) {
	for _, tx := range p.txs.Open {
		t := tx.Data.(*Transaction)
		if t.waits != id || tx.Progress[0] == app.Done {
			continue
		}
		if len(t.Messages) < maxMessages {
			t.Messages = append(t.Messages, *m)
		}
		tx.Touch()
		if m.Type != PubRec && m.Type != PubRel {
			p.done(tx)
		}
		p.connected = p.connected || m.Type == ConnAck
		return
	}
	tx := p.add(dir, m)
	tx.AddEvent(missing)
	if m.Type != ConnAck {
		p.introduced(tx)
	}
	complete(tx)
}

func (p *parser) introduced(tx *app.Transaction) {
	if !p.connected {
		tx.AddEvent(EventUnintroduced)
	}
}

// add opens a transaction that is judged in the direction of its first message. m may be nil.
func (p *parser) add(dir app.Direction, m *Message) *app.Transaction {
	p.bound()
	t := &Transaction{Version: &p.version, waits: -1}
	if m != nil {
		t.Messages = []Message{*m}
	}
	tx := p.txs.Add(app.MQTT, t)
	tx.Skip[dir.Reverse()] = true
	return tx
}

// bound closes the oldest transaction that waits when there are too many.
func (p *parser) bound() {
	if len(p.txs.Open) > p.maxTx {
		p.closeOldest()
	}
}

// closeOldest closes a transaction as if nobody would answer.
func (p *parser) closeOldest() {
	for _, tx := range p.txs.Open {
		if tx.Progress[0] != app.Done {
			tx.AddEvent(EventTooMany)
			tx.Touch()
			p.done(tx)
			return
		}
	}
	p.held = 0 // the sensor has dropped what was counted
}

// done completes a transaction that has waited.
func (p *parser) done(tx *app.Transaction) {
	t := tx.Data.(*Transaction)
	p.held -= t.held
	t.waits, t.held = -1, 0
	complete(tx)
}

func complete(tx *app.Transaction) { tx.Progress = [2]app.Progress{app.Done, app.Done} }
