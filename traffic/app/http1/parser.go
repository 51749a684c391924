package http1

import (
	"bytes"
	"errors"

	"picket/traffic/app"
)

// errMessage ends the parsing of a connection.
var errMessage = errors.New("http1: message can't be read")

// parser is one connection. Requests and answers are matched in order.
type parser struct {
	frames *app.Frames
	at     [2]uint64     // stream offset of the next bytes
	open   [2]*app.Frame // of request and answer
	cfg    *settings
	txs    app.Transactions
	sides  [2]side
	// request is being received; nil between requests. answer is being received.
	request, answer *Transaction
	// pending are the transactions whose answer has not begun, oldest first.
	pending []*Transaction
	files   uint32
	// upgrade is set by an answer that hands the connection over.
	upgrade     app.Proto
	upgraded    *Transaction
	upgradePort uint16
}

// side is one direction.
type side struct {
	step   step
	carry  []byte // bytes of a line or header that is not whole
	left   uint64 // bytes of body or chunk to come
	closed bool   // nothing follows, and all there was has been offered
	ended  bool   // the direction is no HTTP any more
}

// step is what a direction's next bytes are.
type step uint8

const (
	stepIdle step = iota
	stepLine
	stepHeaders
	stepConnect // request side: the answer decides what follows
	stepBody    // content of known length
	stepToClose // content until the connection ends
	stepChunkSize
	stepChunk
	stepChunkEnd
	stepFinal  // after the message: more of it, or the next one?
	stepIgnore // behind an HTTP/0.9 request
)

// verdict is what a step says.
type verdict uint8

const (
	again  verdict = iota // go on with the rest
	more                  // the rest can't be judged without what follows
	wait                  // the other direction must speak first
	failed                // the stream can't be read
	leave                 // the connection goes on in another protocol
)

var _ app.Parser = (*parser)(nil)

func newParser(c *app.Config) *parser { return &parser{cfg: newSettings(c)} }

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Parse takes the next bytes of one direction. All are consumed, but behind a CONNECT that is not answered yet
// and behind an answer that hands the connection over.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	s := &p.sides[dir]
	if s.ended {
		return app.Result{Consumed: len(data)}
	}
	in := data
	if len(s.carry) > 0 {
		s.carry = append(s.carry, data...)
		in = s.carry
	}
	p.at[dir] = p.frames.At(data) - min(p.frames.At(data), uint64(len(in)-len(data)))
	n, v := p.run(dir, in)
	rest := in[n:]
	if v == more {
		s.carry = append(s.carry[:0], rest...)
		if eof {
			v = p.close(dir)
		}
		return p.result(v, len(data))
	}
	s.carry = nil
	if v == leave && p.upgrade == app.AnyProto { // line ends behind the answer to CONNECT
		rest = bytes.TrimLeft(rest, "\r\n")
	}
	return p.result(v, len(data)-min(len(rest), len(data)))
}

func (p *parser) result(v verdict, consumed int) app.Result {
	switch v {
	case failed:
		p.sides[0].ended, p.sides[1].ended = true, true
		return app.Result{Consumed: consumed, Err: errMessage}
	case leave:
		r := app.Result{Consumed: consumed, Upgrade: p.upgrade, UpgradePort: p.upgradePort}
		p.sides[0].ended, p.sides[1].ended = true, true
		return r
	}
	return app.Result{Consumed: consumed}
}

// close lets a direction conclude from its end; the server's end is the client's too, as libhtp has it.
func (p *parser) close(dir app.Direction) verdict {
	if dir == app.ToClient && !p.sides[app.ToServer].ended {
		if v := p.finish(app.ToServer); v == failed {
			return v
		}
	}
	v := p.finish(dir)
	p.truncate(dir)
	return v
}

func (p *parser) finish(dir app.Direction) verdict {
	s := &p.sides[dir]
	s.closed = true
	n, v := p.run(dir, s.carry)
	s.carry = append(s.carry[:0], s.carry[n:]...)
	return v
}

// truncate ends the bodies and files of messages that stopped in the middle.
func (p *parser) truncate(dir app.Direction) {
	for _, t := range [...]*Transaction{p.request, p.answer} {
		if t == nil {
			continue
		}
		if dir == app.ToServer || t == p.request {
			t.Request.Body.Complete = true
			t.endUpload(app.FileTruncated)
		}
		if dir == app.ToClient {
			t.Response.Body.Complete = true
			p.endResponseFile(t, app.FileTruncated)
		}
	}
}

// run drives a direction's steps over in until they ask for more. It returns how much was used.
func (p *parser) run(dir app.Direction, in []byte) (n int, v verdict) {
	for {
		var used int
		before := p.current(dir)
		if dir == app.ToServer {
			used, v = p.requestStep(in[n:])
		} else {
			used, v = p.answerStep(in[n:])
		}
		n += used
		if p.frames != nil {
			p.frame(dir, before, uint64(used))
		}
		if v != again {
			return n, v
		}
	}
}

// current is the message that is being received in a direction.
func (p *parser) current(dir app.Direction) *Transaction {
	if dir == app.ToServer {
		return p.request
	}
	return p.answer
}

// frame tells of the message that a step of used bytes has begun, and of the end of the one before.
func (p *parser) frame(dir app.Direction, before *Transaction, used uint64) {
	now := p.current(dir)
	if before != nil && now != before {
		p.open[dir].End(p.at[dir] + used)
	}
	if now != nil && now != before {
		p.open[dir] = p.frames.AddAt(dir, side2(dir, "request", "response"), p.at[dir], app.Unbounded).Of(now.App)
	}
	p.at[dir] += used
}

// start opens a transaction.
func (p *parser) start() *Transaction {
	if len(p.pending) >= p.cfg.maxTx {
		return nil
	}
	t := &Transaction{cfg: p.cfg}
	t.App = p.txs.Add(app.HTTP1, t)
	return t
}

// Gap says that bytes are missing. In a body of known length, and in one that lasts to the end, the place is
// kept; anywhere else the next bytes are read as if nothing had been missing, as libhtp does.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	s := &p.sides[dir]
	if s.ended {
		return true
	}
	if dir == app.ToClient && p.answer == nil && p.txs.Count() == 0 {
		return false
	}
	t := p.request
	if dir == app.ToClient {
		t = p.answer
	}
	if t == nil || s.step != stepBody && s.step != stepToClose && s.step != stepFinal {
		return true
	}
	if s.step == stepFinal {
		p.done(dir)
		return true
	}
	if s.step == stepToClose {
		p.bodyGap(t, dir, uint64(n))
	} else {
		missing := min(s.left, uint64(n))
		p.bodyGap(t, dir, missing)
		if s.left -= missing; s.left == 0 {
			p.done(dir)
		}
	}
	return true
}

// done completes the message of a direction.
func (p *parser) done(dir app.Direction) {
	if p.frames != nil { // only a gap ends a message from here
		p.open[dir].End(p.frames.At(nil))
	}
	if dir == app.ToServer {
		p.requestDone()
	} else {
		p.answerDone()
	}
}

// bodyGap takes n missing bytes of a body: its file counts them, its sums end. Decompression ends at a gap.
func (p *parser) bodyGap(t *Transaction, dir app.Direction, n uint64) {
	m := t.message(dir)
	m.Body.Wire += n
	if m.decode {
		p.bodyEnd(t, dir)
		return
	}
	f := m.file.open
	if dir == app.ToServer && t.Request.multipart != nil {
		f = t.Request.multipart.file
	}
	if f == nil && dir == app.ToClient && !m.file.failed {
		f = p.openResponseFile(t)
		m.file.open = f
	}
	if f != nil {
		f.Gaps = true
		f.Size += n
	}
}

// cutLine takes bytes up to and including the next LF; nil when there is none yet.
func cutLine(in []byte) []byte {
	if i := bytes.IndexByte(in, '\n'); i >= 0 {
		return in[:i+1]
	}
	return nil
}

// fields reads header fields from in. done tells of the empty line.
func (p *parser) fields(t *Transaction, dir app.Direction, in []byte) (n int, done bool, v verdict) {
	s, m := &p.sides[dir], t.message(dir)
	r := fieldReader{response: dir == app.ToClient, eof: s.closed}
	var scratch [256]byte
	for {
		r.first = len(m.Headers.List) == 0
		name, value, flags, used, st := r.next(in[n:], scratch[:0])
		if st == readMore {
			if len(in)-n > p.cfg.field {
				t.event(side2(dir, "request_field_too_long", "response_field_too_long"))
				return n, false, failed
			}
			return n, false, more
		}
		field := in[n : n+used]
		m.grow(in[n:])
		m.Raw = append(m.Raw, field...)
		own := m.Raw[len(m.Raw)-used:]
		n += used
		if st == readEnd {
			m.whole = true
			return n, true, again
		}
		name = within(own, field, name)
		if flags&valueFolded != 0 {
			value = bytes.Clone(value)
		} else {
			value = within(own, field, value)
		}
		t.oddField(dir, flags&^valueFolded)
		if !t.addField(dir, name, value) {
			return n, false, failed
		}
	}
}

// grow makes room for a header block, so that it is copied once: its fields are slices of the copy.
func (m *Message) grow(in []byte) {
	if m.Raw != nil {
		return
	}
	n := len(in)
	if i := bytes.Index(in, []byte("\r\n\r\n")); i >= 0 {
		n = i + 4
	}
	m.Raw = make([]byte, 0, min(n, 4096))
	m.Headers.List = make([]Header, 0, 10)
}

// within returns the part of copied that stands where part stands in original.
func within(copied, original, part []byte) []byte {
	if len(part) == 0 {
		return copied[:0:0]
	}
	at := cap(original) - cap(part) // both reach to the end of one array
	return copied[at : at+len(part) : at+len(part)]
}

func side2(dir app.Direction, request, response string) string {
	if dir == app.ToServer {
		return request
	}
	return response
}

// oddField turns a field's oddities into events, each once for a message.
func (t *Transaction) oddField(dir app.Direction, flags fieldFlags) {
	m := t.message(dir)
	flags &^= m.odd
	if flags == 0 {
		return
	}
	m.odd |= flags
	if flags&nameBlankBefore != 0 {
		t.event(side2(dir, "invalid_request_field_folding", "invalid_response_field_folding"))
	}
	if flags&missingColon != 0 {
		t.event(side2(dir, "request_field_missing_colon", "response_field_missing_colon"))
		m.odd |= nameEmpty
		flags &^= nameEmpty
	}
	if flags&(nameNotToken|nameEmpty|nameBlankAfter) != 0 {
		t.event(side2(dir, "request_header_invalid", "response_header_invalid"))
	}
}

// addField takes over a field whose bytes are the transaction's own.
func (t *Transaction) addField(dir app.Direction, name, value []byte) bool {
	m := t.message(dir)
	r := m.Headers.add(name, value)
	if r.tooMany {
		t.event(side2(dir, "request_too_many_headers", "response_too_many_headers"))
		return false
	}
	if r.repeated {
		t.event(side2(dir, "request_header_repetition", "response_header_repetition"))
	}
	if r.ambiguousLength {
		t.event(side2(dir, "duplicate_content_length_field_in_request", "duplicate_content_length_field_in_response"))
	}
	return true
}
