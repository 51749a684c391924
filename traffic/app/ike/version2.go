package ike

import (
	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// Payload types of version 2 that are read.
const (
	payload2SA     = 33
	payload2Notify = 41
)

// Encrypted payloads end the list (RFC 7296 §3.14, RFC 7383).
const (
	payload2Encrypted = 46
	payload2Fragment  = 53
)

// protocolAH is the protocol of a proposal that does not encrypt.
const protocolAH = 2

// firstStatus is the first notification that is no error.
const firstStatus = 16384

// version2 reads the payloads up to the encrypted one.
func (p *parser) version2(m *Message, kind uint8, c *cursor.Cursor, events *[]string) {
	for range maxPayloads {
		next, body, ok := payload(c)
		if kind == 0 || !ok {
			return
		}
		m.Payloads = append(m.Payloads, kind)
		switch kind {
		case payload2SA:
			in := cursor.New(body)
			p.proposals(m, &in, events)
		case payload2Notify:
			in := cursor.New(body)
			in.Skip(2)
			if t := in.U16(); !in.Failed() {
				m.Notify = append(m.Notify, t)
				if t < firstStatus {
					m.Errors++
				}
			}
		case payload2Encrypted, payload2Fragment:
			return
		}
		kind = next
	}
}

// proposals reads an SA payload (RFC 7296 §3.3).
func (p *parser) proposals(m *Message, c *cursor.Cursor, events *[]string) {
	for range maxPayloads {
		_, body, ok := payload(c)
		if !ok {
			return
		}
		in := cursor.New(body)
		in.U8()
		protocol, spi := in.U8(), in.U8()
		in.U8()
		in.Skip(int(spi))
		var list []Transform
		for len(list) < maxTransforms {
			_, t, ok := payload(&in)
			if !ok {
				break
			}
			x := cursor.New(t)
			kind := x.U8()
			x.U8()
			if id := x.U16(); !x.Failed() {
				list = append(list, Transform{kind, id})
			}
		}
		*events = append(*events, judge(list, protocol)...)
		if m.Dir == app.ToClient {
			p.choose(m, list)
		}
	}
}

// choose remembers what the responder takes.
func (p *parser) choose(m *Message, list []Transform) {
	for _, t := range list {
		if t.Type >= TransformEncryption && t.Type <= TransformESN {
			p.session.Algorithms[t.Type] = t.ID
			if len(m.Chosen) < maxTransforms {
				m.Chosen = append(m.Chosen, t)
			}
		}
	}
}

// judge says what is weak about a proposal, as Suricata's rust/src/ike/ikev2.rs does.
func judge(list []Transform, protocol uint8) []string {
	var events []string
	dh, auth, aead := false, false, false
	for _, t := range list {
		switch t.Type {
		case TransformEncryption:
			if t.ID >= 1 && t.ID <= 9 || t.ID == 11 {
				events = append(events, EventWeakEnc)
			}
			aead = aead || t.ID >= 14 && t.ID <= 20 || t.ID >= 25 && t.ID <= 28
		case TransformPRF:
			switch t.ID {
			case 0:
				events = append(events, EventInvalid)
			case 1, 2:
				events = append(events, EventWeakPRF)
			}
		case TransformAuth:
			auth = auth || t.ID != 0
			if t.ID >= 1 && t.ID <= 7 {
				events = append(events, EventWeakAuth)
			}
		case TransformDH:
			dh = true
			switch t.ID {
			case 0:
				events = append(events, EventInvalid)
			case 1, 2, 5, 22:
				events = append(events, EventWeakDH)
			}
		case TransformESN:
		default:
			events = append(events, EventUnknown)
		}
	}
	if !dh {
		events = append(events, EventNoDH)
	}
	if protocol == protocolAH {
		events = append(events, EventNoEncryption)
	}
	if !auth && !aead {
		events = append(events, EventNoAuth)
	}
	return events
}
