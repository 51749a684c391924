// Package sip reads SIP messages (RFC 3261) from datagrams and streams, and the session descriptions (SDP,
// RFC 8866) that they carry. Each message is a transaction of its own whose Data is a *Message: calls are not
// followed, since rules judge one message (Suricata 8's manual, "SIP Keywords" and "SDP Keywords").
package sip

import (
	"bytes"
	"errors"
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:sip.…).
const (
	EventIncomplete = "incomplete_data"
	EventInvalid    = "invalid_data"
)

// Bounds of a message.
const (
	maxHeader = 64 << 10 // bytes of start line and header fields in a stream
	maxBody   = 1 << 20  // bytes of a body that a stream waits for
	maxFields = 512      // header fields that are kept
)

var (
	errIncomplete = errors.New("sip: message is not whole")
	errInvalid    = errors.New("sip: malformed message")
)

// Message is one request or response. Its slices belong to it.
type Message struct {
	Request bool
	Method  []byte // requests
	URI     []byte // requests
	Version []byte
	Code    []byte // responses
	Reason  []byte // responses
	Line    []byte // the start line as far as it is printable
	Fields  []Field
	SDP     *Session // nil: the body is none, or can't be read

	lineEnd, headEnd int // where the start line and the header end
}

// Field is one header field. Name is as on the wire.
type Field struct{ Name, Value []byte }

// Get returns the i-th value of a field by its long and its compact name, both in any case (RFC 3261 §7.3.3).
func (m *Message) Get(long, compact string, i int) ([]byte, bool) {
	for k := range m.Fields {
		name := m.Fields[k].Name
		if !equalFold(name, long) && (compact == "" || !equalFold(name, compact)) {
			continue
		}
		if i == 0 {
			return m.Fields[k].Value, true
		}
		i--
	}
	return nil, false
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// UDP returns the table entry for SIP over UDP.
func UDP() app.Protocol {
	p := protocol()
	p.UDP, p.New = true, func(*app.Config) app.Parser { return &parser{} }
	return p
}

// TCP returns the table entry for SIP over TCP.
func TCP() app.Protocol {
	p := protocol()
	p.TCP, p.New = true, func(*app.Config) app.Parser { return &parser{stream: true} }
	return p
}

func protocol() app.Protocol {
	patterns := []app.Pattern{{Dir: app.ToClient, Bytes: "SIP/2.0 ", Depth: 8}}
	for _, m := range [...]string{"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "REFER", "PRACK", "SUBSCRIBE",
		"NOTIFY", "PUBLISH", "MESSAGE", "INFO", "OPTIONS"} {
		patterns = append(patterns, app.Pattern{Dir: app.ToServer, Bytes: m, Depth: len(m), Check: isRequest})
	}
	return app.Protocol{Proto: app.SIP, Patterns: patterns, Events: []string{EventIncomplete, EventInvalid}}
}

// isRequest wants a request line that ends in SIP's version: OPTIONS and MESSAGE are words of other protocols too.
func isRequest(_ app.Direction, data []byte) app.Answer {
	line, _, whole := bytes.Cut(data[:min(len(data), 4096)], []byte("\n"))
	switch {
	case whole && bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte(" SIP/2.0")):
		return app.Yes
	case whole || len(data) >= 4096:
		return app.No
	}
	return app.More
}

// parser is the state of one connection or of one exchange of datagrams.
type parser struct {
	frames *app.Frames
	txs    app.Transactions
	stream bool
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap can't be survived: a message does not show where it begins.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse takes one datagram, or the messages of a stream one after the other.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	if !p.stream {
		_, err := p.message(dir, data)
		return app.Result{Consumed: len(data), Err: err}
	}
	used := 0
	for used < len(data) {
		if rest := bytes.TrimLeft(data[used:], "\r\n"); len(rest) < len(data)-used { // keep-alives (RFC 5626 §3.5.1)
			used = len(data) - len(rest)
			continue
		}
		n, err := p.message(dir, data[used:])
		switch {
		case errors.Is(err, errIncomplete) && len(data)-used < maxHeader+maxBody && !eof:
			return app.Result{Consumed: used, Need: len(data) - used + 1}
		case err != nil:
			return app.Result{Consumed: used, Err: err}
		}
		used += n
	}
	return app.Result{Consumed: used}
}

// message reads one message at the beginning of data and files it.
func (p *parser) message(dir app.Direction, data []byte) (int, error) {
	m := &Message{Request: dir == app.ToServer}
	n, err := m.parse(data, p.stream)
	if err != nil {
		p.event(err)
		return 0, err
	}
	tx := p.txs.Add(app.SIP, m)
	p.announce(dir, data, m, n, tx)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	return n, nil
}

// announce tells of the frames of a message of n bytes.
func (p *parser) announce(dir app.Direction, b []byte, m *Message, n int, tx *app.Transaction) {
	kind := [2]string{"request", "response"}[dir]
	p.frames.Add(dir, "pdu", b, int64(n)).Of(tx)
	p.frames.Add(dir, kind+".line", b, int64(m.lineEnd)).Of(tx)
	p.frames.Add(dir, kind+".headers", b[m.lineEnd:], int64(m.headEnd-m.lineEnd-2)).Of(tx) // without the empty line
	if n > m.headEnd {
		p.frames.Add(dir, kind+".body", b[m.headEnd:], int64(n-m.headEnd)).Of(tx)
	}
}

// event marks the last transaction that is still open: a message that can't be read has none of its own.
func (p *parser) event(err error) {
	n := len(p.txs.Open)
	if n == 0 || p.stream && errors.Is(err, errIncomplete) {
		return
	}
	name := EventInvalid
	if errors.Is(err, errIncomplete) {
		name = EventIncomplete
	}
	p.txs.Open[n-1].AddEvent(name)
}

// parse reads start line, header fields and body; it returns where the message ends.
func (m *Message) parse(data []byte, stream bool) (int, error) {
	rest, err := m.start(data)
	if err != nil {
		return 0, err
	}
	m.lineEnd = len(data) - len(rest)
	if rest, err = m.fields(rest); err != nil {
		return 0, err
	}
	m.headEnd = len(data) - len(rest)
	body := rest
	if stream {
		n := m.contentLength()
		if n > len(rest) {
			return 0, errIncomplete
		}
		body = rest[:n]
	}
	if kind, ok := m.Get("Content-Type", "c", 0); ok && bytes.HasPrefix(bytes.ToLower(kind), []byte("application/sdp")) {
		m.SDP = parseSDP(body)
	}
	return len(data) - len(rest) + len(body), nil
}

func (m *Message) contentLength() int {
	v, ok := m.Get("Content-Length", "l", 0)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(v), 10, 31)
	if err != nil {
		return 0
	}
	return int(min(n, maxBody))
}

// start reads the request or status line and returns what follows.
func (m *Message) start(data []byte) ([]byte, error) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		if len(data) > maxHeader {
			return nil, errInvalid
		}
		return nil, errIncomplete
	}
	line, ok := bytes.CutSuffix(data[:i], []byte("\r"))
	if !ok {
		return nil, errInvalid
	}
	first, rest, ok1 := bytes.Cut(line, []byte(" "))
	second, third, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 {
		return nil, errInvalid
	}
	if m.Request {
		m.Method, m.URI, m.Version = bytes.Clone(first), bytes.Clone(second), bytes.Clone(third)
		ok = all(first, isAlpha) && len(second) > 0 && all(second, isURI) && len(third) > 0 && all(third, isVersion)
	} else {
		m.Version, m.Code, m.Reason = bytes.Clone(first), bytes.Clone(second), bytes.Clone(third)
		ok = len(first) > 0 && all(first, isVersion) && len(second) == 3 && all(third, isReason)
	}
	if !ok {
		return nil, errInvalid
	}
	m.Line = bytes.Clone(takeWhile(line, isReason))
	return data[i+1:], nil
}

// fields reads the header fields up to the empty line and returns what follows it.
func (m *Message) fields(data []byte) ([]byte, error) {
	for {
		if len(data) < 2 {
			return nil, errIncomplete
		}
		if data[0] == '\r' && data[1] == '\n' {
			return data[2:], nil
		}
		name := takeWhile(data, isToken)
		rest := bytes.TrimLeft(data[len(name):], " \t")
		switch {
		case len(rest) == 0:
			return nil, errIncomplete
		case rest[0] != ':':
			return nil, errInvalid
		}
		value, after, err := fieldValue(bytes.TrimLeft(rest[1:], " \t"))
		if err != nil {
			return nil, err
		}
		if len(m.Fields) < maxFields {
			m.Fields = append(m.Fields, Field{bytes.Clone(name), bytes.Clone(value)})
		}
		data = after
	}
}

// fieldValue reads a value with its folded lines; spaces around it are taken off.
func fieldValue(data []byte) (value, rest []byte, err error) {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 || at+i+1 >= len(data) {
			return nil, nil, errIncomplete
		}
		at += i + 1
		if data[at] != ' ' && data[at] != '\t' {
			return bytes.TrimRight(data[:at], " \t\r\n"), data[at:], nil
		}
	}
}

func all(b []byte, is func(byte) bool) bool { return len(takeWhile(b, is)) == len(b) }

func takeWhile(b []byte, is func(byte) bool) []byte {
	for i, c := range b {
		if !is(c) {
			return b[:i]
		}
	}
	return b
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isAlpha(c) || c >= '0' && c <= '9' }
func isToken(c byte) bool { return isAlnum(c) || bytes.IndexByte([]byte("!%'*+-._`"), c) >= 0 }
func isURI(c byte) bool   { return isToken(c) || bytes.IndexByte([]byte("~#@:;=?+&$,/"), c) >= 0 }
func isVersion(c byte) bool {
	return isAlnum(c) || c == '.' || c == '/'
}
func isReason(c byte) bool {
	return isToken(c) || bytes.IndexByte([]byte("$&(),/:;=?@[\\]^ "), c) >= 0
}
