package http1

import (
	"bytes"
	"math"

	"picket/traffic/app"
)

// requestStep does the next step of the client's direction.
func (p *parser) requestStep(in []byte) (int, verdict) {
	switch p.sides[app.ToServer].step {
	case stepIdle:
		return p.requestStart(in)
	case stepLine:
		return p.requestLine(in)
	case stepHeaders:
		return p.requestHeaders(in)
	case stepConnect:
		return p.requestConnect(in)
	case stepBody:
		return p.knownBody(p.request, app.ToServer, in)
	case stepChunkSize:
		return p.requestChunkSize(in)
	case stepChunk:
		return p.chunk(p.request, app.ToServer, in)
	case stepChunkEnd:
		return p.chunkEnd(p.request, app.ToServer, in)
	case stepFinal:
		return p.requestFinal(in)
	}
	return len(in), more
}

func (p *parser) requestStart(in []byte) (int, verdict) {
	if len(in) == 0 {
		return 0, more
	}
	t := p.start()
	if t == nil {
		return 0, failed
	}
	p.request = t
	p.pending = append(p.pending, t)
	t.App.Progress[app.ToServer] = Line
	p.sides[app.ToServer].step = stepLine
	return 0, again
}

func (p *parser) requestLine(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToServer], p.request
	l := cutLine(in)
	if l == nil && s.closed {
		l = in
	}
	if len(l) > p.cfg.field || l == nil && len(in) > p.cfg.field {
		t.event("request_field_too_long")
		return 0, failed
	}
	if len(l) == 0 {
		return 0, more
	}
	if emptyLine(l) {
		return len(l), again
	}
	rest := in[len(l):]
	if !t.readRequestLine(l) {
		return len(l), failed
	}
	if t.Request.version != version09 {
		t.App.Progress[app.ToServer] = HeadersStep
		s.step = stepHeaders
		return len(l), again
	}
	return len(l), p.oldStyle(rest)
}

// maxJunk09 is how much whitespace may follow an HTTP/0.9 request.
const maxJunk09 = 16

// oldStyle decides whether a line without protocol is HTTP/0.9: then nothing follows it.
func (p *parser) oldStyle(rest []byte) verdict {
	s, t := &p.sides[app.ToServer], p.request
	blank, text := cutWhile(rest, isSpace)
	if len(text) > 0 || len(blank) > maxJunk09 {
		t.event("request_line_missing_protocol")
		t.Request.version = versionUnknown
		t.App.Progress[app.ToServer] = HeadersStep
		s.step = stepHeaders
		return again
	}
	s.step = stepFinal
	return again
}

// readRequestLine takes the line's parts over.
func (t *Transaction) readRequestLine(raw []byte) bool {
	r := &t.Request
	r.Line = bytes.Clone(chomp(raw))
	parts := parseRequestLine(r.Line)
	for _, e := range parts.events[:parts.count] {
		t.event(e)
	}
	r.Method, r.URI, r.Protocol, r.version = parts.method, parts.uri, parts.protocol, parts.version
	r.method = methodOf(r.Method)
	if r.method == methodConnect {
		return t.readAuthority()
	}
	if r.URI == nil {
		return true
	}
	r.Target = splitTarget(r.URI)
	if t.cfg.doublePath || t.cfg.doubleQuery {
		t.URI() // the event comes whether a rule looks at the URI or not
	}
	if r.Target.Host != nil {
		t.setHost(t.cfg.decode(nil, r.Target.Host), r.Target.Port)
	}
	return true
}

// readAuthority reads CONNECT's host:port.
func (t *Transaction) readAuthority() bool {
	if t.Request.URI == nil {
		return false
	}
	host, port, valid, ok := hostPort(t.Request.URI)
	if !ok {
		return true
	}
	t.Request.Target.Host, t.Request.Target.Port = host, port
	t.setHost(bytes.Clone(host), port)
	if !valid {
		t.event("request_uri_host_invalid")
	}
	return true
}

// setHost takes over the host of a URI; host is the transaction's own.
func (t *Transaction) setHost(host, port []byte) {
	host = bytes.TrimRight(host, ".")
	for i, c := range host {
		host[i] = lower(c)
	}
	t.Host, t.Port = host, portNumber(port)
	if !validHost(host) || port != nil && t.Port == 0 {
		t.event("request_uri_host_invalid")
	}
}

func (p *parser) requestHeaders(in []byte) (int, verdict) {
	t := p.request
	n, done, v := p.fields(t, app.ToServer, in)
	switch {
	case v == failed:
		return n, failed
	case done && t.App.Progress[app.ToServer] == Trailer:
		p.sides[app.ToServer].step = stepFinal
		return n, again
	case done:
		return n, p.requestHead()
	case p.sides[app.ToServer].closed:
		t.Request.whole = true
		t.App.Progress[app.ToServer] = Trailer
		p.sides[app.ToServer].step = stepFinal
		return len(in), again
	}
	return n, more
}

// requestHead acts on the complete header block.
func (p *parser) requestHead() verdict {
	s, t := &p.sides[app.ToServer], p.request
	ok := p.requestFraming(t)
	t.hostHeader()
	t.authorization()
	p.initDecoding(t, app.ToServer)
	switch {
	case t.Request.method == methodConnect:
		s.step = stepConnect
	case !ok:
		return failed
	case t.Request.chunked:
		t.App.Progress[app.ToServer] = BodyStep
		s.step = stepChunkSize
	case s.left > 0:
		t.App.Progress[app.ToServer] = BodyStep
		s.step = stepBody
	default:
		s.step = stepFinal
	}
	return again
}

// requestFraming decides how the body is delimited; false: it can't be known.
func (p *parser) requestFraming(t *Transaction) bool {
	s, h := &p.sides[app.ToServer], &t.Request.Headers
	s.left = 0
	if te := h.find("transfer-encoding"); te != nil {
		if !containsFold(te.Value, "chunked") {
			t.event("invalid_transfer_encoding_value_in_request")
			return false
		}
		if t.Request.version < version11 {
			t.event("invalid_transfer_encoding_value_in_request")
		}
		t.Request.chunked = true
		return true
	}
	if cl := h.find("content-length"); cl != nil {
		n, ok := contentLength(cl.Value)
		if !ok {
			t.event("invalid_content_length_field_in_request")
			return false
		}
		s.left = n
	}
	return true
}

// hostHeader compares the Host header with the URI's host.
func (t *Transaction) hostHeader() {
	h := t.Request.Headers.find("host")
	if h == nil {
		if t.Request.version >= version11 {
			t.event("missing_host_header")
		}
		return
	}
	host, port, valid, ok := hostPort(h.Value)
	if !ok {
		if t.Host != nil {
			t.event("host_header_ambiguous")
		}
		return
	}
	if !valid {
		t.event("request_header_host_invalid")
	}
	if t.Host == nil {
		t.Host, t.Port = bytes.ToLower(host), portNumber(port)
		return
	}
	if !bytes.EqualFold(host, t.Host) || port != nil && t.Port != 0 && portNumber(port) != t.Port {
		t.event("host_header_ambiguous")
	}
}

func (t *Transaction) authorization() {
	v := t.Request.Headers.Get("authorization")
	if v == nil {
		return
	}
	for _, scheme := range [...]string{"basic", "digest", "bearer"} {
		if matchFold(v, scheme) {
			return
		}
	}
	t.event("request_auth_unrecognized")
}

// requestConnect waits for the answer to CONNECT. A refusal lets the client go on. Line ends behind the request belong to
// nothing, as those between two requests.
func (p *parser) requestConnect(in []byte) (int, verdict) {
	t := p.request
	if t.App.Progress[app.ToClient] <= Line || t.Response.Status >= 200 && t.Response.Status < 300 {
		return len(in) - len(bytes.TrimLeft(in, "\r\n")), wait
	}
	p.sides[app.ToServer].step = stepFinal
	return 0, again
}

func (p *parser) requestChunkSize(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToServer], p.request
	l := cutLine(in)
	if l == nil {
		if !startsChunk(in) {
			t.event("invalid_request_chunk_len")
			return 0, failed
		}
		if len(in) > p.cfg.field {
			t.event("request_field_too_long")
			return 0, failed
		}
		return 0, more
	}
	t.Request.Body.Wire += uint64(len(l))
	if _, rest := cutWhile(l, chunkControl); len(rest) == 0 {
		return len(l), again
	}
	n, extension, ok := chunkLength(l)
	if !ok {
		t.event("invalid_request_chunk_len")
		return 0, failed
	}
	if extension {
		t.event("request_chunk_extension")
	}
	p.nextChunk(t, app.ToServer, n)
	s.left = n
	return len(l), again
}

// nextChunk goes to a chunk's data, or behind the last chunk to the trailer.
func (p *parser) nextChunk(t *Transaction, dir app.Direction, n uint64) {
	s := &p.sides[dir]
	if s.left = n; n > 0 {
		s.step = stepChunk
		return
	}
	t.App.Progress[dir] = Trailer
	s.step = stepHeaders
}

func (p *parser) chunk(t *Transaction, dir app.Direction, in []byte) (int, verdict) {
	s := &p.sides[dir]
	if s.closed && dir == app.ToClient {
		p.bodyEnd(t, dir)
		s.step = stepFinal
		return 0, again
	}
	n := int(min(uint64(len(in)), s.left))
	if n == 0 {
		return 0, more
	}
	if !p.bodyData(t, dir, in[:n]) {
		return n, failed
	}
	if s.left -= uint64(n); s.left == 0 {
		s.step = stepChunkEnd
		return n, again
	}
	return n, more
}

// chunkEnd skips the rest of the line behind a chunk's data.
func (p *parser) chunkEnd(t *Transaction, dir app.Direction, in []byte) (int, verdict) {
	l := cutLine(in)
	if l == nil {
		t.message(dir).Body.Wire += uint64(len(in))
		return len(in), more
	}
	t.message(dir).Body.Wire += uint64(len(l))
	p.sides[dir].step = stepChunkSize
	return len(l), again
}

// knownBody takes content up to Content-Length.
func (p *parser) knownBody(t *Transaction, dir app.Direction, in []byte) (int, verdict) {
	s := &p.sides[dir]
	if s.closed && dir == app.ToClient {
		p.bodyEnd(t, dir)
		s.step = stepFinal
		return 0, again
	}
	n := int(min(uint64(len(in)), s.left, math.MaxInt32))
	if n == 0 {
		return 0, more
	}
	if !p.bodyData(t, dir, in[:n]) {
		return n, failed
	}
	if s.left -= uint64(n); s.left > 0 {
		return n, more
	}
	p.bodyEnd(t, dir)
	s.step = stepFinal
	return n, again
}

// requestFinal looks at what follows a request: another request, or bytes that belong to this one's body.
func (p *parser) requestFinal(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToServer], p.request
	if len(in) == 0 {
		p.requestDone()
		return 0, again
	}
	l := cutLine(in)
	if l == nil && !s.closed {
		if len(in) > p.cfg.field {
			t.event("request_field_too_long")
			return 0, failed
		}
		return 0, more
	}
	if l == nil {
		l = in
	}
	_, rest := cutWhile(l, isSpace)
	word, _ := cutWhile(rest, notSpace)
	if len(word) > 0 && methodOf(word) != methodUnknown {
		p.requestDone()
		return 0, again
	}
	if len(word) > 0 {
		t.event("request_body_unexpected")
	}
	if !p.bodyData(t, app.ToServer, l) {
		return len(l), failed
	}
	return len(l), again
}

// requestDone completes the request.
func (p *parser) requestDone() {
	s, t := &p.sides[app.ToServer], p.request
	p.bodyEnd(t, app.ToServer)
	t.endUpload(app.FileClosed)
	t.Request.Body.Complete = true
	t.App.Progress[app.ToServer] = app.Done
	p.request = nil
	s.step = stepIdle
	if t.Request.version == version09 {
		s.step = stepIgnore
	}
}

// endUpload ends the files of a request's body.
func (t *Transaction) endUpload(state app.FileState) {
	if m := t.Request.multipart; m != nil {
		m.end(state)
		t.Request.multipart = nil
	}
	closeFiles(&t.Request.Message, state)
}
