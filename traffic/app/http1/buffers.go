package http1

import (
	"bytes"

	"picket/traffic/app"
)

// buffers holds what was built for rules; each is built once, when the part it is made of can't change.
type buffers struct {
	uri, path []byte
	headers   [2]cached
	names     [2]cached
	start     [2]cached
}

type cached struct {
	b     []byte
	count int // fields it was built from
}

// URI is http.uri: path, query and fragment with escapes undone.
func (t *Transaction) URI() []byte {
	if t.cache.uri == nil {
		if t.Request.URI == nil {
			return nil
		}
		var double bool
		t.cache.uri, double = t.cfg.normalURI(t.Request.Target)
		if double {
			t.event("double_encoded_uri")
		}
	}
	return t.cache.uri
}

// RawHost is http.host.raw: the Host header as sent, or the URI's host.
func (t *Transaction) RawHost() []byte {
	if t.Request.Target.Host != nil {
		return t.Request.Target.Host
	}
	return t.Request.Headers.Get("host")
}

// HeaderBuffer is http.header: "Name: value\r\n" for each field, without cookies.
func (t *Transaction) HeaderBuffer(dir app.Direction) []byte {
	cookie := side2(dir, "cookie", "set-cookie")
	h := t.message(dir).Headers.List
	return t.cache.headers[dir].get(h, func(b []byte) []byte {
		for i := range h {
			if len(h[i].Name) == len(cookie) && foldedNoNUL(h[i].Name, cookie) {
				continue
			}
			b = h[i].appendTo(b)
		}
		return b
	})
}

// HeaderNames is http.header_names: "\r\nHost\r\nAccept\r\n\r\n".
func (t *Transaction) HeaderNames(dir app.Direction) []byte {
	h := t.message(dir).Headers.List
	return t.cache.names[dir].get(h, func(b []byte) []byte {
		b = append(b, "\r\n"...)
		for i := range h {
			b = append(append(b, h[i].Name...), "\r\n"...)
		}
		return append(b, "\r\n"...)
	})
}

// Start is http.start: the first line and the fields, as sent but with lines put right.
func (t *Transaction) Start(dir app.Direction) []byte {
	m := t.message(dir)
	h := m.Headers.List
	return t.cache.start[dir].get(h, func(b []byte) []byte {
		b = append(append(b, m.Line...), "\r\n"...)
		for i := range h {
			b = h[i].appendTo(b)
		}
		return append(b, "\r\n"...)
	})
}

// Cookie is http.cookie.
func (t *Transaction) Cookie(dir app.Direction) []byte {
	return t.message(dir).Headers.Get(side2(dir, "cookie", "set-cookie"))
}

// AppendField appends "name: value" of field i, as http.request_header and http.response_header see it.
func (m *Message) AppendField(dst []byte, i int) []byte {
	h := &m.Headers.List[i]
	return append(append(append(dst, h.Name...), ": "...), h.Value...)
}

func (h *Header) appendTo(b []byte) []byte {
	return append(append(append(append(b, h.Name...), ": "...), h.Value...), "\r\n"...)
}

// get builds the buffer unless it was built from the same fields.
func (c *cached) get(h []Header, build func([]byte) []byte) []byte {
	if len(h) == 0 {
		return nil
	}
	if c.count != len(h) {
		c.b, c.count = build(c.b[:0]), len(h)
	}
	return c.b
}

// InspectBody is http.request_body and http.response_body: the content from its first byte, when it is worth a
// look: enough is there (the direction's minimal-inspect-size), and a window more than at the last look; or it is
// over; or packets are judged one by one. nil: not now. The look is noted.
func (t *Transaction) InspectBody(dir app.Direction) []byte {
	b := &t.message(dir).Body
	over := b.Complete || t.App.Progress[dir] > BodyStep
	if !over && !t.cfg.inline && (b.Size < uint64(t.cfg.minInspect[dir]) || len(b.Data) < b.judged+t.cfg.window[dir]) {
		return nil
	}
	b.seen = len(b.Data)
	return b.Data
}

// ContentType is the media type of a message in lower case, without parameters.
func (m *Message) ContentType() []byte {
	v := m.Headers.Get("content-type")
	return bytes.ToLower(trim(v[:notIn(v, ";")]))
}
