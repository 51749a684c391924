// Package tftp reads the requests of TFTP (RFC 1350); the transfer itself uses other ports. A request is a
// transaction whose Data is a *Request.
package tftp

import (
	"errors"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
	"picket/traffic/app/datagram"
)

// Opcodes of requests.
const (
	Read  = 1
	Write = 2
)

// Request is a read or write request.
type Request struct {
	Opcode uint8
	File   []byte
	Mode   string // "octet", "netascii" or "mail"
}

var errMalformed = errors.New("tftp: malformed request")

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.TFTP, UDP: true, Ports: "69", Probe: probe, Events: []string{datagram.Malformed},
		New: func(*app.Config) app.Parser { return datagram.New(app.TFTP, read) },
	}
}

// probe knows the opcodes.
func probe(dir app.Direction, data []byte) app.Answer {
	if len(data) < 4 || data[0] != 0 || data[1] < 1 || data[1] > 5 {
		return app.No
	}
	return app.Yes
}

func read(dir app.Direction, data []byte) (any, []string, error) {
	c := cursor.New(data)
	r := &Request{Opcode: uint8(min(c.U16(), 255))}
	if dir != app.ToServer || r.Opcode != Read && r.Opcode != Write {
		return nil, nil, errMalformed
	}
	r.File = append([]byte{}, c.Until(0)...)
	r.Mode = strings.ToLower(string(c.Until(0)))
	if c.Failed() || r.Mode != "octet" && r.Mode != "netascii" && r.Mode != "mail" {
		return nil, nil, errMalformed
	}
	return r, nil, nil
}
