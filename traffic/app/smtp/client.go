package smtp

import (
	"bytes"
	"strconv"

	"picket/traffic/app"
)

// command is a client's command that waits for its reply.
type command uint8

const (
	other command = iota
	startTLS
	data
	content // the end of a mail, which is answered as a command is
	reset
)

// client works on a line of the client: of the mail, or a command.
func (p *parser) client(l line) {
	p.open(l.text)
	if !p.welcome {
		p.event(EventNoWelcome)
	}
	if !p.mode || p.body == nil {
		p.command(l.text)
		return
	}
	if string(l.text) == "." && l.whole() && !p.body.midLine {
		p.endMail()
		p.await(content)
		return
	}
	if !p.body.midLine {
		l.text = bytes.TrimPrefix(l.text, []byte(".")) // RFC 5321 §4.5.2
	}
	p.body.line(l)
}

// command works on a command line.
func (p *parser) command(text []byte) {
	kind := other
	switch {
	case is(text, "STARTTLS"):
		kind = startTLS
	case is(text, "DATA"):
		if kind = data; p.body != nil { // the one before was never answered
			p.event(EventUnparsable)
			return
		}
		p.startData()
	case is(text, "BDAT"):
		p.startChunk(text[len("BDAT"):])
	case is(text, "HELO"), is(text, "EHLO"):
		p.hello(text)
	case is(text, "MAIL FROM"):
		p.from(text)
	case is(text, "RCPT TO"):
		if len(p.mail.To) < maxRcpt {
			p.mail.To = append(p.mail.To, argument(text, len("RCPT TO")))
		}
	case is(text, "RSET"):
		kind = reset
	}
	p.await(kind)
}

// await notes a command that is to be answered. Behind DATA and STARTTLS a client has to wait for the answer.
func (p *parser) await(kind command) {
	if n := len(p.pending); n > 0 && (p.pending[n-1] == data || p.pending[n-1] == startTLS) && kind != content {
		p.event(EventPipelined)
	}
	if len(p.pending) < maxPending {
		p.pending = append(p.pending, kind)
	}
}

func (p *parser) hello(text []byte) {
	if p.helo != nil {
		p.event(EventDuplicate)
		return
	}
	p.helo = argument(text, len("HELO"))
	p.mail.Helo = p.helo
}

func (p *parser) from(text []byte) {
	if p.mail.From != nil {
		p.event(EventDuplicate)
		return
	}
	p.mail.From = argument(text, len("MAIL FROM"))
}

// argument takes the word out of "MAIL FROM:<a@b> SIZE=1" that follows the command, which n letters long, and the
// letter behind it.
func argument(text []byte, n int) []byte {
	rest := bytes.TrimLeft(text[min(n+1, len(text)):], " ")
	rest, _, _ = bytes.Cut(rest, []byte(" "))
	return append([]byte{}, rest...)
}

// startData begins a mail. Its content follows the server's 354; at once where the server has offered pipelining, and where
// nothing of the server is seen at all.
func (p *parser) startData() {
	if p.tx.Progress[app.ToServer] >= app.Done {
		p.begin()
	}
	p.body = newBody(p)
	p.mode = p.pipelining || !p.answered
}

// startChunk reads BDAT's size (RFC 3030).
func (p *parser) startChunk(rest []byte) {
	size, last, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, err := strconv.ParseUint(string(size[:min(len(size), 12)]), 10, 31)
	if err != nil {
		p.event(EventBDATExceeded)
		return
	}
	if p.body == nil {
		p.body = newBody(p)
	}
	p.chunk, p.last = int(n), bytes.EqualFold(bytes.TrimSpace(last), []byte("LAST"))
	if p.chunk == 0 {
		p.endChunk()
	}
}

// bdat takes bytes of a chunk, line by line as far as they go.
func (p *parser) bdat(b []byte) int {
	b = b[:min(len(b), p.chunk, maxLine)]
	l := line{text: b}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
		l.text = bytes.TrimSuffix(b[:i], []byte("\r"))
		l.end = b[len(l.text):]
	}
	p.body.line(l)
	if p.chunk -= len(b); p.chunk == 0 {
		p.endChunk()
	}
	return len(b)
}

// endChunk ends a chunk; between chunks the client sends commands.
func (p *parser) endChunk() {
	if p.last {
		p.endMail()
	}
}

// endMail ends the mail's content, and with it the transaction.
func (p *parser) endMail() {
	p.endBody(app.FileClosed)
	p.mail.Closed = true
	p.complete()
}

func (p *parser) endBody(state app.FileState) {
	p.body.close(state)
	p.body, p.mode = nil, false
}
