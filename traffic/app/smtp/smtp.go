// Package smtp reads mail transport (RFC 5321) and the mail in it (RFC 2045): commands, replies, header fields,
// and attachments as files. Each mail is a transaction whose Data is a *Mail.
package smtp

import (
	"bytes"
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:smtp.…).
const (
	EventInvalidReply    = "invalid_reply"
	EventUnmatchedReply  = "unable_to_match_reply_with_request"
	EventLongCommand     = "max_command_line_len_exceeded"
	EventLongReply       = "max_reply_line_len_exceeded"
	EventPipelined       = "invalid_pipelined_sequence"
	EventBDATExceeded    = "bdat_chunk_len_exceeded"
	EventNoWelcome       = "no_server_welcome_message"
	EventTLSRejected     = "tls_rejected"
	EventDataRejected    = "data_command_rejected"
	EventInvalidBase64   = "mime_invalid_base64"
	EventInvalidQP       = "mime_invalid_qp"
	EventLongLine        = "mime_long_line"
	EventLongHeaderValue = "mime_long_header_value"
	EventMalformed       = "mime_malformed_msg"
)

// Bounds of a connection.
const (
	maxLine    = 4096 // bytes of a command, reply or mail line that are looked at in one piece
	maxRcpt    = 256  // recipients kept of one mail
	maxPending = 64   // commands whose reply has not come
	maxCommand = 512  // RFC 5321 §4.5.3.1.4: beyond it a command line is odd
)

// Mail is one mail, or what has come of it. Slices belong to the mail.
type Mail struct {
	Helo, From []byte // From and To as written, with their angle brackets
	To         [][]byte
	Headers    []Header // of the mail itself, not of its parts
	// Attachments are the names of the parts that have one.
	Attachments [][]byte
	// Parsed says that a body was seen; Closed that it came to its end.
	Parsed, Closed bool
}

// Header is one field of the mail, unfolded.
type Header struct{ Name, Value []byte }

// Get returns the first field of a name, in any case; nil when there is none.
func (m *Mail) Get(name string) []byte {
	for i := range m.Headers {
		if bytes.EqualFold(m.Headers[i].Name, []byte(name)) {
			return m.Headers[i].Value
		}
	}
	return nil
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	p := app.Protocol{Proto: app.SMTP, TCP: true, New: newParser, Ports: "25,2525", Probe: probe, Events: events(),
		Steps: [2][]string{{"request_started"}, {"response_started"}}}
	for _, word := range [...]string{"EHLO", "HELO", "QUIT"} {
		p.Patterns = append(p.Patterns, app.Pattern{Dir: app.ToServer, Bytes: word, Depth: 64, NoCase: true})
	}
	return p
}

func events() []string {
	return []string{EventInvalidReply, EventUnmatchedReply, EventLongCommand, EventLongReply, EventPipelined,
		EventBDATExceeded, EventNoWelcome, EventTLSRejected, EventDataRejected, EventInvalidBase64, EventInvalidQP,
		EventLongLine, EventLongHeaderValue, EventMalformed, "mime_parse_failed", "mime_long_enc_line",
		"mime_long_header_name", "mime_long_boundary", "mime_long_filename", "duplicate_fields", "unparsable_content",
		"truncated_line"}
}

// probe knows a server's greeting: 220, then a domain.
func probe(dir app.Direction, data []byte) app.Answer {
	switch {
	case dir == app.ToServer:
		return app.No
	case len(data) < 5:
		return app.More
	case string(data[:3]) != "220" || data[3] != ' ' && data[3] != '-':
		return app.No
	}
	name := data[4:]
	end := bytes.IndexAny(name, " \r\n")
	if end < 0 {
		if len(name) > 255 {
			return app.No
		}
		return app.More
	}
	for _, c := range name[:end] {
		if !(c == '.' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			return app.No
		}
	}
	if end == 0 {
		return app.No
	}
	return app.Yes
}

// command is a client's command that waits for its reply.
type command uint8

const (
	other command = iota
	startTLS
	data
)

// parser is the state of one connection.
type parser struct {
	frames  *app.Frames
	content *app.Frame // of the mail that is being sent; nil: nobody wants it
	cfg     *app.Config
	txs     app.Transactions
	tx      *app.Transaction
	mail    *Mail
	helo    []byte
	pending []command
	welcome bool
	body    *body // not nil while the client sends a mail's content
	chunk   int   // bytes left of a BDAT chunk
	last    bool  // the chunk is the last one
	long    [2]bool
	files   uint32
}

func newParser(cfg *app.Config) app.Parser {
	if cfg == nil {
		cfg = app.Default()
	}
	return &parser{cfg: cfg}
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap ends the connection's parsing: what is missing may have been any command.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads lines; the content of BDAT is counted in bytes.
func (p *parser) Parse(dir app.Direction, b []byte, eof bool) app.Result {
	used := 0
	for used < len(b) {
		if dir == app.ToServer && p.chunk > 0 {
			used += p.bdat(b[used:])
			continue
		}
		line, n := cutLine(b[used:], eof)
		if n == 0 {
			break
		}
		used += n
		if p.long[dir] { // the rest of a line that was too long
			p.long[dir] = b[used-1] != '\n'
			if p.body == nil || dir == app.ToClient {
				continue
			}
		} else {
			p.long[dir] = b[used-1] != '\n'
		}
		if dir == app.ToServer {
			from := p.body
			p.client(line, b[used-1] == '\n')
			p.announce(from, b[used-n:], n)
			continue
		}
		p.frames.Add(dir, "response_line", b[used-n:], int64(n)).Of(p.tx)
		if upgrade := p.reply(line); upgrade {
			return app.Result{Consumed: used, Upgrade: app.TLS}
		}
	}
	if eof && dir == app.ToServer && p.body != nil {
		p.body.close(app.FileTruncated)
		p.body = nil
	}
	return app.Result{Consumed: used}
}

// announce tells of the frames around a line of the client, n bytes at the beginning of rest. from is the mail's content
// that was open before it.
func (p *parser) announce(from *body, rest []byte, n int) {
	if p.frames == nil {
		return
	}
	switch {
	case from == nil:
		p.frames.Add(app.ToServer, "command_line", rest, int64(n)).Of(p.tx)
		if p.body != nil {
			p.content = p.frames.Add(app.ToServer, "data", rest[n:], app.Unbounded).Of(p.tx)
		}
	case p.body == nil: // the line with the dot is no content
		p.content.End(p.frames.At(rest))
		p.content = nil
	}
}

// cutLine takes a line without its end; n 0: it is not whole yet. A line beyond the bound comes in pieces.
func cutLine(b []byte, eof bool) (line []byte, n int) {
	i := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	switch {
	case i >= 0:
		return bytes.TrimSuffix(b[:i], []byte("\r")), i + 1
	case len(b) >= maxLine:
		return b[:maxLine], maxLine
	case eof:
		return b, len(b)
	}
	return nil, 0
}

// client works on a line of the client.
func (p *parser) client(line []byte, whole bool) {
	p.open()
	if p.body != nil {
		if string(line) == "." && whole && !p.body.midLine {
			p.endMail()
			return
		}
		if !p.body.midLine {
			line = bytes.TrimPrefix(line, []byte("."))
		}
		p.body.line(line, whole)
		return
	}
	if len(line) > maxCommand {
		p.tx.AddEvent(EventLongCommand)
	}
	p.command(line)
}

// open sees to it that there is a transaction.
func (p *parser) open() {
	if p.tx != nil && p.tx.Progress[app.ToServer] < app.Done {
		return
	}
	p.mail = &Mail{Helo: p.helo}
	p.tx = p.txs.Add(app.SMTP, p.mail)
}

func (p *parser) command(line []byte) {
	word, rest, _ := bytes.Cut(line, []byte(" "))
	kind := other
	switch upper := string(bytes.ToUpper(word[:min(len(word), 9)])); upper {
	case "EHLO", "HELO":
		p.helo = bytes.Clone(bytes.TrimSpace(rest))
		p.mail.Helo = p.helo
	case "MAIL":
		p.mail.From = path(rest, "FROM:")
	case "RCPT":
		if len(p.mail.To) < maxRcpt {
			p.mail.To = append(p.mail.To, path(rest, "TO:"))
		}
	case "DATA":
		kind = data
		p.body = newBody(p)
	case "BDAT":
		p.startChunk(rest)
	case "STARTTLS":
		kind = startTLS
	case "RSET":
		p.mail.From, p.mail.To = nil, nil
	}
	if len(p.pending) < maxPending {
		p.pending = append(p.pending, kind)
	}
}

// path takes the address out of "FROM:<a@b> SIZE=1".
func path(rest []byte, prefix string) []byte {
	rest = bytes.TrimSpace(rest)
	if len(rest) >= len(prefix) && bytes.EqualFold(rest[:len(prefix)], []byte(prefix)) {
		rest = bytes.TrimSpace(rest[len(prefix):])
	}
	rest, _, _ = bytes.Cut(rest, []byte(" "))
	return bytes.Clone(rest)
}

// startChunk reads BDAT's size (RFC 3030).
func (p *parser) startChunk(rest []byte) {
	size, last, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, err := strconv.ParseUint(string(size[:min(len(size), 12)]), 10, 31)
	if err != nil {
		p.tx.AddEvent(EventBDATExceeded)
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
	whole := false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b, whole = b[:i+1], true
	}
	line := b
	if whole {
		line = bytes.TrimSuffix(b[:len(b)-1], []byte("\r"))
	}
	p.body.line(line, whole)
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

func (p *parser) endMail() {
	p.body.close(app.FileClosed)
	p.body = nil
	p.mail.Closed = true
	p.tx.Progress = [2]app.Progress{app.Done, app.Done}
}

// reply works on a line of the server; true: the connection goes on in TLS.
func (p *parser) reply(line []byte) (upgrade bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		p.event(EventInvalidReply)
		return false
	}
	if len(line) > maxCommand {
		p.event(EventLongReply)
	}
	if len(line) > 3 && line[3] == '-' { // more lines follow
		return false
	}
	if !p.welcome {
		p.welcome = true
		if line[0] == '2' && len(p.pending) == 0 || line[0] != '2' {
			return false
		}
		p.event(EventNoWelcome)
	}
	if len(p.pending) == 0 {
		if !bytes.HasPrefix(line, []byte("421")) && (p.tx == nil || p.tx.Progress[app.ToServer] < app.Done) {
			p.event(EventUnmatchedReply)
		}
		return false
	}
	kind := p.pending[0]
	p.pending = p.pending[:copy(p.pending, p.pending[1:])]
	switch {
	case kind == startTLS && line[0] == '2':
		return true
	case kind == startTLS:
		p.event(EventTLSRejected)
	case kind == data && line[0] != '3' && p.body != nil && !p.mail.Parsed:
		p.event(EventDataRejected)
		p.body = nil
	}
	return false
}

// event marks the transaction at hand.
func (p *parser) event(name string) {
	if p.tx == nil {
		p.open()
	}
	p.tx.AddEvent(name)
}
