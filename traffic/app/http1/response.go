package http1

import (
	"bytes"

	"picket/traffic/app"
)

// unseenURI stands for the URI of a request that was not seen, as Suricata logs it.
const unseenURI = "/libhtp::request_uri_not_seen"

// answerStep does the next step of the server's direction.
func (p *parser) answerStep(in []byte) (int, verdict) {
	switch p.sides[app.ToClient].step {
	case stepIdle:
		return p.answerStart(in)
	case stepLine:
		return p.statusLine(in)
	case stepHeaders:
		return p.answerHeaders(in)
	case stepBody:
		return p.knownBody(p.answer, app.ToClient, in)
	case stepToClose:
		return p.bodyToClose(in)
	case stepChunkSize:
		return p.answerChunkSize(in)
	case stepChunk:
		return p.chunk(p.answer, app.ToClient, in)
	case stepChunkEnd:
		return p.chunkEnd(p.answer, app.ToClient, in)
	case stepFinal:
		return p.answerFinal(in)
	}
	return len(in), more
}

// answerStart matches the answer to the oldest request without one.
func (p *parser) answerStart(in []byte) (int, verdict) {
	if len(in) == 0 {
		return 0, more
	}
	s := &p.sides[app.ToClient]
	t := p.takePending()
	if t == nil {
		if t = p.start(); t == nil {
			return 0, failed
		}
		t.event("unable_to_match_response_to_request")
		t.Request.URI = []byte(unseenURI)
		t.Request.Target.Path = t.Request.URI
		t.App.Progress[app.ToServer] = app.Done
	}
	p.answer = t
	s.step = stepLine
	t.App.Progress[app.ToClient] = Line
	if t.Request.version == version09 {
		t.App.Progress[app.ToClient] = BodyStep
		s.step = stepToClose
	}
	return 0, again
}

func (p *parser) takePending() *Transaction {
	if len(p.pending) == 0 {
		return nil
	}
	t := p.pending[0]
	n := copy(p.pending, p.pending[1:])
	p.pending[n] = nil
	p.pending = p.pending[:n]
	if t.Request.Line == nil && t.Request.URI == nil {
		t.event("request_line_incomplete")
	}
	return t
}

// cutAnyLine takes a line that CR, LF or CRLF ends; nil when none is there yet.
func cutAnyLine(in []byte) []byte {
	i := bytes.IndexAny(in, "\r\n")
	switch {
	case i < 0:
		return nil
	case in[i] == '\n':
		return in[:i+1]
	case i+1 == len(in):
		return nil
	case in[i+1] == '\n':
		return in[:i+2]
	}
	return in[:i+1]
}

func (p *parser) statusLine(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToClient], p.answer
	l := cutAnyLine(in)
	if l == nil && s.closed {
		l = in
	}
	if len(l) > p.cfg.field || l == nil && len(in) > p.cfg.field {
		t.event("response_field_too_long")
		return 0, failed
	}
	if len(l) == 0 {
		return 0, more
	}
	if emptyLine(l) {
		if s.closed {
			s.step = stepFinal
		}
		return len(l), again
	}
	if !looksLikeStatus(l) {
		return len(l), p.noStatusLine(l, in[len(l):])
	}
	t.readStatusLine(l)
	t.App.Progress[app.ToClient] = HeadersStep
	s.step = stepHeaders
	return len(l), again
}

// noStatusLine treats a line that is no status line as content, as browsers do, unless a better one follows.
func (p *parser) noStatusLine(l, rest []byte) verdict {
	t := p.answer
	if len(rest) > 1 && (rest[0] == 'H' || len(chomp(l)) <= 2) {
		return again
	}
	t.Response.decode = false
	if !p.bodyData(t, app.ToClient, l) {
		return failed
	}
	if len(rest) == 0 {
		t.App.Progress[app.ToClient] = BodyStep
		p.sides[app.ToClient].step = stepFinal
	}
	return again
}

func (t *Transaction) readStatusLine(l []byte) {
	r := &t.Response
	r.Line = bytes.Clone(chomp(l))
	s := parseStatusLine(r.Line)
	r.Protocol, r.Code, r.Reason, r.version, r.Status = s.protocol, s.code, s.message, s.version, s.number
	if s.version == versionInvalid {
		t.event("response_invalid_protocol")
	}
	if s.number == 0 {
		t.event("response_invalid_status")
	}
}

func (p *parser) answerHeaders(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToClient], p.answer
	n, done, v := p.fields(t, app.ToClient, in)
	switch {
	case v == failed:
		return n, failed
	case done && t.App.Progress[app.ToClient] == Trailer:
		s.step = stepFinal
		return n, again
	case done:
		return n, p.answerHead()
	case s.closed:
		t.Response.whole = true
		s.step = stepFinal
		return len(in), again
	}
	return n, more
}

// answerHead acts on the complete header block of an answer.
func (p *parser) answerHead() verdict {
	t := p.answer
	r := &t.Response
	cl, te := r.Headers.find("content-length"), r.Headers.find("transfer-encoding")
	switch {
	case t.Request.method == methodConnect && r.Status >= 200 && r.Status < 300:
		p.tunnel(app.AnyProto, portNumber(t.Request.Target.Port))
		return leave
	case r.Status == 101 && te == nil && cl == nil:
		return p.switchProtocol()
	case r.Status == 100 && te == nil && !hasContent(cl):
		p.interim()
		return again
	case r.Status >= 400 && r.Status < 500:
		p.expectationFailed()
	}
	v := p.answerFraming(cl, te)
	p.initDecoding(t, app.ToClient)
	return v
}

func hasContent(cl *Header) bool {
	if cl == nil {
		return false
	}
	n, ok := contentLength(cl.Value)
	return ok && n > 0
}

// interim drops a "100 Continue"; the answer proper follows.
func (p *parser) interim() {
	t := p.answer
	if t.flags&seenContinue != 0 {
		t.event("100_continue_already_seen")
	}
	t.flags |= seenContinue
	r := &t.Response
	r.Headers, r.Raw, r.odd, r.whole = Headers{}, nil, 0, false
	t.App.Progress[app.ToClient] = Line
	p.sides[app.ToClient].step = stepLine
}

// expectationFailed: a client that waits with its body for "100 Continue" will not send it after a refusal.
func (p *parser) expectationFailed() {
	t, s := p.answer, &p.sides[app.ToServer]
	if t == p.request && s.step == stepBody && t.Request.Body.Wire == 0 &&
		string(t.Request.Headers.Get("expect")) == "100-continue" {
		s.step = stepFinal
	}
}

// tunnel ends HTTP on the connection; what follows is looked at anew.
func (p *parser) tunnel(proto app.Proto, port uint16) {
	t := p.answer
	p.upgrade, p.upgradePort, p.upgraded = proto, port, t
	t.App.Progress = [2]app.Progress{app.Done, app.Done}
	t.Request.Body.Complete, t.Response.Body.Complete = true, true
	p.request, p.answer = nil, nil
}

// switchProtocol follows "101 Switching Protocols".
func (p *parser) switchProtocol() verdict {
	to := p.answer.Response.Headers.Get("upgrade")
	switch {
	case containsFold(to, "h2c"):
		p.tunnel(app.HTTP2, 0)
	case containsFold(to, "websocket"):
		p.tunnel(app.WebSocket, 0)
	default:
		p.tunnel(app.Unknown, 0)
	}
	return leave
}

// answerFraming decides how the content is delimited (RFC 9112 6.3, with libhtp's lenience).
func (p *parser) answerFraming(cl, te *Header) verdict {
	s, t := &p.sides[app.ToClient], p.answer
	r := &t.Response
	if t.Request.method == methodHead {
		s.step = stepFinal
		return again
	}
	if r.Status >= 100 && r.Status < 200 || r.Status == 204 || r.Status == 304 {
		if cl == nil && te == nil {
			s.step = stepFinal
			return again
		}
		t.event("response_body_unexpected")
	}
	switch {
	case te != nil && containsFold(te.Value, "chunked"):
		p.chunkedAnswer(te)
	case cl != nil:
		n, ok := contentLength(cl.Value)
		if !ok {
			t.event("invalid_content_length_field_in_response")
			return failed
		}
		if s.left = n; n == 0 {
			s.step = stepFinal
			return again
		}
		s.step = stepBody
	case containsFold(r.Headers.Get("content-type"), "multipart/byteranges"):
		t.event("response_multipart_byteranges")
		return failed
	default:
		s.step = stepToClose
	}
	t.App.Progress[app.ToClient] = BodyStep
	return again
}

func (p *parser) chunkedAnswer(te *Header) {
	t := p.answer
	if !bytes.EqualFold(te.Value, []byte("chunked")) {
		t.event("response_abnormal_transfer_encoding")
	}
	if t.Response.version < version11 {
		t.event("response_chunked_old_proto")
	}
	t.Response.chunked = true
	p.sides[app.ToClient].step = stepChunkSize
}

// answerChunkSize reads a chunk's size. When it is none the rest is content to the end, as browsers have it.
func (p *parser) answerChunkSize(in []byte) (int, verdict) {
	t := p.answer
	l := cutLine(in)
	if l == nil {
		if startsChunk(in) {
			if len(in) > p.cfg.field {
				t.event("response_field_too_long")
				return 0, failed
			}
			return 0, more
		}
		l = in
	}
	if _, rest := cutWhile(l, chunkControl); len(rest) == 0 {
		t.Response.Body.Wire += uint64(len(l))
		return len(l), again
	}
	n, extension, ok := chunkLength(l)
	if !ok {
		t.event("invalid_response_chunk_len")
		p.sides[app.ToClient].step = stepToClose
		return 0, again
	}
	t.Response.Body.Wire += uint64(len(l))
	if extension {
		t.event("response_chunk_extension")
	}
	p.nextChunk(t, app.ToClient, n)
	return len(l), again
}

func (p *parser) bodyToClose(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToClient], p.answer
	if len(in) > 0 && !p.bodyData(t, app.ToClient, in) {
		return len(in), failed
	}
	if s.closed {
		s.step = stepFinal
		return len(in), again
	}
	return len(in), more
}

// answerFinal looks at what follows an answer: another one, or unexpected content.
func (p *parser) answerFinal(in []byte) (int, verdict) {
	s, t := &p.sides[app.ToClient], p.answer
	if len(in) == 0 {
		p.answerDone()
		return 0, again
	}
	l := cutLine(in)
	if l == nil && !s.closed {
		if len(in) > p.cfg.field {
			t.event("response_field_too_long")
			return 0, failed
		}
		return 0, more
	}
	if l == nil || in[0] == '\n' {
		l = in
	}
	if looksLikeStatus(l) {
		p.answerDone()
		return 0, again
	}
	t.event("response_body_unexpected")
	if !p.bodyData(t, app.ToClient, l) {
		return len(l), failed
	}
	return len(l), again
}

// answerDone completes the answer.
func (p *parser) answerDone() {
	t := p.answer
	p.bodyEnd(t, app.ToClient)
	p.endResponseFile(t, app.FileClosed)
	t.Response.Body.Complete = true
	t.App.Progress[app.ToClient] = app.Done
	p.answer = nil
	p.sides[app.ToClient].step = stepIdle
}
