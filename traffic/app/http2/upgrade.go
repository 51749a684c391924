package http2

import (
	"bytes"
	"encoding/base64"

	"picket/traffic/app"
	"picket/traffic/app/http1"
)

// upgraded is an HTTP/1.1 parser whose connection has changed to HTTP/2.
type upgraded interface {
	// Upgraded returns the transaction whose answer was "101 Switching Protocols"; nil: there was none.
	Upgraded() *http1.Transaction
}

// Succeed implements app.Successor: the request that asked for the upgrade is the first stream (RFC 7540 §3.2),
// and its HTTP2-Settings field holds the client's first settings.
func (p *parser) Succeed(old app.Parser) {
	u, ok := old.(upgraded)
	if !ok {
		return
	}
	from := u.Upgraded()
	if from == nil {
		return
	}
	var settings []byte
	t := p.open(1)
	s := &t.Sides[app.ToServer]
	s.Frames |= 1 << Headers
	s.Fields = append(s.Fields, Field{Name: []byte(":method"), Value: from.Request.Method}, Field{Name: []byte(":path"), Value: from.Request.URI})
	for i := range from.Request.Headers.List {
		h := &from.Request.Headers.List[i]
		name := h.Name // in the client's case, as Suricata leaves it
		switch lowerName(name) {
		case "http2-settings":
			settings = h.Value
			continue
		case "host":
			name = []byte(":authority")
		}
		if len(s.Fields) < maxFields {
			s.Fields = append(s.Fields, Field{Name: name, Value: h.Value})
		}
	}
	t.become(ClientClosed)
	if settings != nil {
		p.firstSettings(t, settings)
	}
}

// firstSettings reads the HTTP2-Settings field: a SETTINGS frame's content in base64.
func (p *parser) firstSettings(t *Transaction, coded []byte) {
	coded = bytes.TrimRight(coded, "=")
	b, err := base64.RawURLEncoding.DecodeString(string(coded))
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(string(coded))
	}
	if err != nil || len(b)%6 != 0 {
		t.App.AddEvent(EventUpgradeSettings)
		if err != nil {
			return
		}
	}
	if b = b[:len(b)/6*6]; len(b) > 0 && len(b) < maxWhole {
		p.handle(app.ToServer, head{length: len(b), kind: Settings}, b, true)
	}
}
