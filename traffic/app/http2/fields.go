package http2

import (
	"bytes"
	"encoding/base64"

	"picket/traffic/app"
)

// fields reads a whole header block.
func (p *parser) fields(t *Transaction, dir app.Direction, b []byte) {
	table := &p.sides[dir].table
	list, err := table.block(b)
	if err != nil {
		t.App.AddEvent(EventFrameData)
	}
	s := &t.Sides[dir]
	size, update := uint64(0), false
	for i := range list {
		switch f := &list[i]; f.Kind {
		case SizeUpdate:
			size, update = max(size, f.Update), true
		case IntegerOverflow:
			t.App.AddEvent(EventHeader)
			t.App.AddEvent(EventOverflow)
		case NotIndexed, IndexZero:
			t.App.AddEvent(EventHeader)
		}
	}
	if update {
		table.resize(size)
	}
	s.Fields = append(s.Fields, list[:min(len(list), maxFields-len(s.Fields))]...)
	p.judge(t, dir, list)
}

// judge looks at the fields that say what the content is, and at those that contradict one another.
func (p *parser) judge(t *Transaction, dir app.Direction, list []Field) {
	var authority, host, path []byte
	for i := range list {
		f := &list[i]
		switch lowerName(f.Name) {
		case "content-encoding":
			t.Sides[dir].body.encoding = f.Value
		case "content-type":
			t.Sides[dir].body.dns = t.Sides[dir].body.dns || bytes.EqualFold(f.Value, []byte(dnsType))
		case "accept":
			t.accept = t.accept || dir == app.ToServer && bytes.EqualFold(f.Value, []byte(dnsType))
		case ":authority":
			authority = f.Value
		case "host":
			host = f.Value
		case ":path":
			path = f.Value
		}
	}
	if bytes.IndexByte(authority, '@') >= 0 {
		t.App.AddEvent(EventUserInfo)
	}
	if authority != nil && host != nil && !bytes.EqualFold(authority, host) {
		t.App.AddEvent(EventAuthority)
	}
	if t.accept && path != nil {
		p.question(t, path)
	}
}

// lowerName returns a name in lower case; "" for names longer than any that judge looks for.
func lowerName(name []byte) string {
	if len(name) > 16 {
		return ""
	}
	var buf [16]byte
	n := copy(buf[:], name)
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	return string(buf[:n])
}

// dnsType is the media type of DNS over HTTPS (RFC 8484 §6).
const dnsType = "application/dns-message"

// question reads the question of a GET request: "…?dns=" and the message in URL-safe base64 (RFC 8484 §4.1).
func (p *parser) question(t *Transaction, path []byte) {
	_, query, ok := bytes.Cut(path, []byte("?"))
	for ok {
		var part []byte
		part, query, ok = bytes.Cut(query, []byte("&"))
		coded, is := bytes.CutPrefix(part, []byte("dns="))
		if !is {
			continue
		}
		msg, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(coded, "=")))
		if err == nil {
			p.message(t, app.ToServer, msg)
		}
		return
	}
}
