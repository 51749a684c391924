// Package ntp reads NTP 3 and 4 (RFC 5905). Each datagram is a transaction whose Data is a *Message.
package ntp

import (
	"bytes"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/datagram"
)

// The events, by the names that rules use (app-layer-event:ntp.…).
const (
	EventUnsolicited = "unsolicited_response"
	EventNotRequest  = "not_request"
	EventNotResponse = "not_response"
)

// Modes (RFC 5905 §7.3).
const (
	SymmetricActive  = 1
	SymmetricPassive = 2
	Client           = 3
	Server           = 4
)

var modeNames = [...]string{"reserved", "symmetric_active", "symmetric_passive", "client", "server", "broadcast", "control", "private"}

// ModeByName returns the mode with a name.
func ModeByName(name string) (uint8, bool) {
	for i, n := range modeNames {
		if n == name {
			return uint8(i), true
		}
	}
	return 0, false
}

// headerLen is the length of a message without extensions.
const headerLen = 48

// Message is one datagram.
type Message struct {
	Leap, Version, Mode, Stratum uint8
	ReferenceID                  []byte // four bytes
}

var errMalformed = errors.New("ntp: malformed message")

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.NTP, UDP: true, Ports: "123", Probe: probe,
		New:    func(*app.Config) app.Parser { return datagram.New(app.NTP, read) },
		Events: []string{EventUnsolicited, datagram.Malformed, EventNotRequest, EventNotResponse},
	}
}

// probe knows versions 3 and 4, and which side sends a mode.
func probe(dir app.Direction, data []byte) app.Answer {
	if len(data) < headerLen {
		return app.No
	}
	version, mode := data[0]>>3&7, data[0]&7
	if version != 3 && version != 4 {
		return app.No
	}
	server := mode == Server || mode == SymmetricPassive
	client := mode == Client || mode == SymmetricActive
	if server && dir == app.ToServer || client && dir == app.ToClient {
		return app.Reversed
	}
	return app.Yes
}

func read(_ app.Direction, data []byte) (any, []string, error) {
	if len(data) < headerLen {
		return nil, nil, errMalformed
	}
	version := data[0] >> 3 & 7
	if version != 3 && version != 4 {
		return nil, nil, errMalformed
	}
	return &Message{Leap: data[0] >> 6, Version: version, Mode: data[0] & 7, Stratum: data[1], ReferenceID: bytes.Clone(data[12:16])}, nil, nil
}
