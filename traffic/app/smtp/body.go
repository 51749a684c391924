package smtp

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"

	"picket/traffic/app"
)

// Bounds of one mail.
const (
	maxHeaders    = 256     // fields kept of the mail itself
	maxHeader     = 8192    // bytes of one unfolded field
	maxBoundary   = 8       // nested multiparts
	maxParts      = 256     // files of one mail; the content of later parts is passed over
	maxKept       = 100_000 // bytes kept of a file for inspection, Suricata's content-limit
	maxName       = 255
	longMIMELine  = 998 // RFC 5322 §2.1.1
	base64Quantum = 4
)

// coding is a part's Content-Transfer-Encoding.
type coding uint8

const (
	plain coding = iota
	quotedPrintable
	base64Coding
)

// body reads a mail's content line by line (RFC 2045, 2046).
type body struct {
	p          *parser
	boundaries [][]byte
	inHeader   bool
	nested     bool // the header at hand is a part's, not the mail's
	midLine    bool // the last line was not whole
	header     []byte

	part struct {
		coding   coding
		name     []byte
		boundary []byte
		message  bool
	}
	file    *app.File
	parts   int
	eol     bool   // a line end is due before the next line, unless a boundary follows
	carry   []byte // base64 letters of an unfinished quantum
	scratch []byte
}

func newBody(p *parser) *body { return &body{p: p, inHeader: true} }

// line takes one line without its end; whole is false when it goes on.
func (b *body) line(line []byte, whole bool) {
	b.p.mail.Parsed = true
	mid := b.midLine
	b.midLine = !whole
	if len(line) > longMIMELine {
		b.p.tx.AddEvent(EventLongLine)
	}
	switch {
	case b.inHeader:
		b.headerLine(line, mid)
	case !mid && bytes.HasPrefix(line, []byte("--")) && b.boundary(line[2:]):
	case b.file != nil:
		b.content(line, whole)
	}
}

// headerLine unfolds fields; an empty line ends them.
func (b *body) headerLine(line []byte, mid bool) {
	folded := mid || len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
	if folded && len(b.header) > 0 {
		if len(b.header)+len(line) > maxHeader {
			b.p.tx.AddEvent(EventLongHeaderValue)
			return
		}
		b.header = append(b.header, line...)
		return
	}
	b.field()
	if len(line) > 0 {
		if !b.nested || bytes.IndexByte(line, ':') > 0 {
			b.header = append(b.header[:0], line[:min(len(line), maxHeader)]...)
			return
		}
	}
	b.inHeader = false
	b.begin()
}

// field works on the unfolded field at hand.
func (b *body) field() {
	name, value, ok := bytes.Cut(b.header, []byte(":"))
	b.header = b.header[:0]
	if !ok {
		return
	}
	value = bytes.TrimSpace(value)
	if m := b.p.mail; !b.nested && len(m.Headers) < maxHeaders {
		m.Headers = append(m.Headers, Header{bytes.Clone(name), bytes.Clone(value)})
	}
	switch string(bytes.ToLower(name[:min(len(name), 32)])) {
	case "content-type":
		b.part.boundary = bytes.Clone(parameter(value, "boundary"))
		b.part.message = bytes.HasPrefix(bytes.ToLower(value), []byte("message/rfc822"))
		if n := parameter(value, "name"); n != nil && b.part.name == nil {
			b.part.name = bytes.Clone(n[:min(len(n), maxName)])
		}
	case "content-disposition":
		if n := parameter(value, "filename"); n != nil {
			b.part.name = bytes.Clone(n[:min(len(n), maxName)])
		}
	case "content-transfer-encoding":
		switch string(bytes.ToLower(value[:min(len(value), 32)])) {
		case "base64":
			b.part.coding = base64Coding
		case "quoted-printable":
			b.part.coding = quotedPrintable
		}
	}
}

// parameter returns the value of "; key=value" or "; key="value"".
func parameter(value []byte, key string) []byte {
	for rest := value; ; {
		_, after, ok := bytes.Cut(rest, []byte(";"))
		if !ok {
			return nil
		}
		rest = bytes.TrimLeft(after, " \t")
		name, v, ok := bytes.Cut(rest, []byte("="))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(name), []byte(key)) {
			continue
		}
		v = bytes.TrimSpace(v)
		if len(v) > 0 && v[0] == '"' {
			quoted, _, _ := bytes.Cut(v[1:], []byte(`"`))
			return quoted
		}
		v, _, _ = bytes.Cut(v, []byte(";"))
		return bytes.TrimSpace(v)
	}
}

// begin starts what follows a header: another header, parts, or a file.
func (b *body) begin() {
	switch {
	case b.part.message:
		b.reset()
		return
	case len(b.part.boundary) > 0 && len(b.boundaries) < maxBoundary:
		b.boundaries = append(b.boundaries, b.part.boundary)
		return
	case b.part.name == nil || b.parts == maxParts:
		return
	}
	b.parts++
	b.p.files++
	b.file = &app.File{ID: b.p.files, Name: b.part.name}
	b.p.mail.Attachments = append(b.p.mail.Attachments, b.part.name)
	b.p.tx.Files[app.ToServer] = append(b.p.tx.Files[app.ToServer], b.file)
	cfg := b.p.cfg
	if cfg.MD5 {
		b.file.MD5 = md5.New()
	}
	if cfg.SHA1 {
		b.file.SHA1 = sha1.New()
	}
	if cfg.SHA256 {
		b.file.SHA256 = sha256.New()
	}
	b.eol, b.carry = false, b.carry[:0]
}

// reset begins a new part's header.
func (b *body) reset() {
	b.inHeader, b.nested = true, true
	b.part.coding, b.part.name, b.part.boundary, b.part.message = plain, nil, nil, false
}

// boundary tells whether a line (behind its two dashes) is one of the boundaries, and acts on it.
func (b *body) boundary(line []byte) bool {
	line = bytes.TrimRight(line, " \t")
	for i := len(b.boundaries) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, b.boundaries[i])
		if !ok || len(rest) > 0 && string(rest) != "--" {
			continue
		}
		b.closeFile(app.FileClosed)
		if len(rest) > 0 {
			b.boundaries = b.boundaries[:i]
			return true
		}
		b.boundaries = b.boundaries[:i+1]
		b.reset()
		return true
	}
	return false
}

// content decodes a line into the file.
func (b *body) content(line []byte, whole bool) {
	switch b.part.coding {
	case base64Coding:
		b.base64(line)
		return
	case quotedPrintable:
		soft := false
		line, soft = b.unquote(line)
		whole = whole && !soft
	}
	if b.eol {
		b.write([]byte("\r\n"))
	}
	b.write(line)
	b.eol = whole
}

// unquote decodes quoted-printable (RFC 2045 §6.7); soft: the line goes on in the next.
func (b *body) unquote(line []byte) (out []byte, soft bool) {
	out = b.scratch[:0]
	line = bytes.TrimRight(line, " \t")
	for i := 0; i < len(line); i++ {
		if line[i] != '=' {
			out = append(out, line[i])
			continue
		}
		if i+1 == len(line) {
			soft = true
			break
		}
		if hi, lo, ok := hexPair(line[i+1:]); ok {
			out = append(out, hi<<4|lo)
			i += 2
			continue
		}
		b.p.tx.AddEvent(EventInvalidQP)
		out = append(out, '=')
	}
	b.scratch = out
	return out, soft
}

func hexPair(b []byte) (hi, lo byte, ok bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	hi, ok1 := hexDigit(b[0])
	lo, ok2 := hexDigit(b[1])
	return hi, lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// base64 decodes whole quanta and keeps the rest for the next line; foreign letters are passed over.
func (b *body) base64(line []byte) {
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '+', c == '/', c == '=':
			b.carry = append(b.carry, c)
		case c != ' ' && c != '\t':
			b.p.tx.AddEvent(EventInvalidBase64)
		}
	}
	n := len(b.carry) / base64Quantum * base64Quantum
	out := b.scratch[:0]
	for i := 0; i < n; i += base64Quantum {
		var three [3]byte
		k, err := base64.StdEncoding.Decode(three[:], b.carry[i:i+base64Quantum])
		if err != nil {
			b.p.tx.AddEvent(EventInvalidBase64)
		}
		out = append(out, three[:k]...)
	}
	b.scratch = out
	b.carry = b.carry[:copy(b.carry, b.carry[n:])]
	b.write(out)
}

// write appends decoded bytes to the file.
func (b *body) write(data []byte) {
	f := b.file
	f.Size += uint64(len(data))
	f.Data = append(f.Data, data[:min(len(data), max(0, maxKept-len(f.Data)))]...)
	if f.MD5 != nil {
		f.MD5.Write(data)
	}
	if f.SHA1 != nil {
		f.SHA1.Write(data)
	}
	if f.SHA256 != nil {
		f.SHA256.Write(data)
	}
	f.Inspect = b.p.cfg.Inline || len(f.Data) >= maxKept
}

// closeFile ends the file at hand.
func (b *body) closeFile(state app.FileState) {
	if b.file == nil {
		return
	}
	if state != app.FileTruncated && b.part.coding == plain && b.eol && len(b.boundaries) == 0 {
		b.write([]byte("\r\n"))
	}
	b.file.State, b.file.Inspect = state, true
	b.file = nil
}

// close ends the mail.
func (b *body) close(state app.FileState) {
	if b.inHeader {
		b.field()
	}
	b.closeFile(state)
}
