// Package dhcp reads DHCP over IPv4 (RFC 2131, RFC 2132). Each datagram is a transaction whose Data is a *Message.
package dhcp

import (
	"bytes"
	"encoding/binary"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
	"picket/traffic/app/datagram"
)

// The events, by the names that rules use (app-layer-event:dhcp.…).
const (
	EventTruncated = "truncated_options"
	EventMalformed = "malformed_options"
)

// Options that are looked at (RFC 2132).
const (
	OptPad           = 0
	OptSubnetMask    = 1
	OptRouters       = 3
	OptDNSServers    = 6
	OptHostname      = 12
	OptRequestedIP   = 50
	OptLeaseTime     = 51
	OptType          = 53
	OptParameterList = 55
	OptRenewalTime   = 58
	OptRebindingTime = 59
	OptVendorClass   = 60
	OptClientID      = 61
	OptEnd           = 255
)

// Message types (RFC 2132 §9.6).
const TypeAck = 5

var typeNames = [...]string{1: "discover", 2: "offer", 3: "request", 4: "decline", TypeAck: "ack", 6: "nak", 7: "release", 8: "inform"}

// TypeName returns a message type's name.
func TypeName(t uint8) string {
	if int(t) < len(typeNames) && t > 0 {
		return typeNames[t]
	}
	return "unknown"
}

// Operations of BOOTP.
const (
	Request = 1
	Reply   = 2
)

const (
	cookie     = 0x63825363
	maxOptions = 256
)

// Message is one datagram. Its slices belong to it.
type Message struct {
	Op                                          uint8
	ID                                          uint32
	ClientIP, AssignedIP, NextServerIP, RelayIP [4]byte
	ClientMAC                                   []byte
	Options                                     []Option
}

// Option is one option.
type Option struct {
	Code uint8
	Data []byte
}

// Get returns the data of an option.
func (m *Message) Get(code uint8) ([]byte, bool) {
	for i := range m.Options {
		if m.Options[i].Code == code {
			return m.Options[i].Data, true
		}
	}
	return nil, false
}

// Seconds returns the time in an option.
func (m *Message) Seconds(code uint8) (uint64, bool) {
	if b, ok := m.Get(code); ok && len(b) == 4 {
		return uint64(binary.BigEndian.Uint32(b)), true
	}
	return 0, false
}

var errMalformed = errors.New("dhcp: malformed message")

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.DHCP, UDP: true, Ports: "67,68", Probe: probe, Events: []string{EventTruncated, EventMalformed},
		New: func(*app.Config) app.Parser { return datagram.New(app.DHCP, read) },
	}
}

// probe knows BOOTP's magic cookie.
func probe(_ app.Direction, data []byte) app.Answer {
	if len(data) < 240 || binary.BigEndian.Uint32(data[236:]) != cookie {
		return app.No
	}
	return app.Yes
}

func read(_ app.Direction, data []byte) (any, []string, error) {
	if probe(app.ToServer, data) == app.No {
		return nil, nil, errMalformed
	}
	c := cursor.New(data)
	m := &Message{Op: c.U8()}
	c.U8() // kind of hardware
	hardware := min(int(c.U8()), 16)
	c.U8() // hops
	m.ID = c.U32()
	c.U32() // seconds, flags
	for _, ip := range [...]*[4]byte{&m.ClientIP, &m.AssignedIP, &m.NextServerIP, &m.RelayIP} {
		copy(ip[:], c.Bytes(4))
	}
	m.ClientMAC = bytes.Clone(c.Bytes(16)[:hardware])
	c.Skip(64 + 128 + 4) // server's name, file, cookie
	return m, m.options(&c), nil
}

// options reads the options up to the end mark; it returns the events.
func (m *Message) options(c *cursor.Cursor) []string {
	for c.Left() > 0 && len(m.Options) < maxOptions {
		code := c.U8()
		switch code {
		case OptPad:
			continue
		case OptEnd:
			return nil
		}
		data := bytes.Clone(c.Bytes(int(c.U8())))
		if c.Failed() {
			return []string{EventTruncated}
		}
		if wrong(code, data) {
			return []string{EventMalformed}
		}
		m.Options = append(m.Options, Option{code, data})
	}
	return []string{EventTruncated}
}

// wrong tells whether an option of a fixed form has another.
func wrong(code uint8, data []byte) bool {
	switch code {
	case OptLeaseTime, OptRenewalTime, OptRebindingTime:
		return len(data) != 4
	case OptClientID:
		return len(data) < 1
	}
	return false
}
