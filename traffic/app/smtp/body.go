package smtp

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the sum that analysts look up
	"encoding/base64"
	"hash"

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
	base64Quantum = 4
)

// What is longer than these is an event.
const (
	longMIMELine    = 998 // RFC 5322 §2.1.1
	longEncodedLine = 76  // RFC 2045 §6.7
	longHeaderName  = 75
	longHeaderValue = 2000
	longBoundary    = 254
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

	part    part
	file    *app.File
	parts   int
	eol     []byte // the line end that is due before the next line, unless a boundary follows
	carry   []byte // base64 letters of an unfinished quantum
	scratch []byte
	urls    urls
	sum     hash.Hash // of everything behind the mail's header; nil: nobody asks
	ended   bool      // the mail's header is over
}

// part is what a header says of the content behind it.
type part struct {
	coding   coding
	name     []byte // as Content-Disposition has it
	typeName []byte // as Content-Type has it
	boundary []byte
	message  bool // a mail within the mail
	text     bool // plain text or HTML
}

func newBody(p *parser) *body {
	b := &body{p: p, inHeader: true, urls: urls{set: &p.set}}
	b.part.text = true
	if p.set.sum {
		b.sum = md5.New() //nolint:gosec // the sum that analysts look up
	}
	return b
}

// line takes one line, or a piece of one.
func (b *body) line(l line) {
	b.p.mail.Parsed = true
	if b.p.set.plain {
		return
	}
	mid := b.midLine
	b.midLine = !l.whole()
	if len(l.text) > longMIMELine {
		b.p.event(EventLongLine)
	}
	if b.ended && b.sum != nil {
		b.sum.Write(l.text)
		b.sum.Write(l.end)
	}
	switch {
	case b.inHeader:
		b.headerLine(l.text, mid)
	case !mid && bytes.HasPrefix(l.text, []byte("--")) && b.boundary(l.text[2:]):
	case b.file != nil || b.part.text:
		b.content(l)
	}
}

// headerLine unfolds fields; an empty line ends them.
func (b *body) headerLine(text []byte, mid bool) {
	folded := mid || len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
	if folded && len(b.header) > 0 {
		if len(b.header)+len(text) > maxHeader {
			b.p.event(EventLongHeaderValue)
			return
		}
		b.header = append(b.header, text...)
		return
	}
	b.field()
	if len(text) > 0 {
		if !b.nested || bytes.IndexByte(text, ':') > 0 {
			b.header = append(b.header[:0], text[:min(len(text), maxHeader)]...)
			return
		}
	}
	b.inHeader, b.ended = false, true
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
	if len(name) > longHeaderName {
		b.p.event(EventLongHeaderName)
	}
	if len(value) > longHeaderValue {
		b.p.event(EventLongHeaderValue)
	}
	if m := b.p.mail; !b.nested && len(m.Headers) < maxHeaders {
		m.Headers = append(m.Headers, Header{bytes.Clone(name), bytes.Clone(value)})
	}
	switch string(bytes.ToLower(name[:min(len(name), 32)])) {
	case "content-type":
		b.contentType(value)
	case "content-disposition":
		if n := parameter(value, "filename"); n != nil && b.part.name == nil {
			b.part.name = b.fileName(n)
		}
	case "content-transfer-encoding":
		b.part.coding = b.codingOf(value)
	}
}

// contentType reads a part's kind, and what parts it has itself.
func (b *body) contentType(value []byte) {
	kind, _, _ := bytes.Cut(value[:min(len(value), 64)], []byte(";"))
	kind = bytes.ToLower(bytes.TrimSpace(kind))
	b.part.text = string(kind) == "text/plain" || string(kind) == "text/html"
	b.part.message = string(kind) == "message/rfc822"
	if b.part.boundary = bytes.Clone(parameter(value, "boundary")); len(b.part.boundary) > longBoundary {
		b.p.event(EventLongBoundary)
	}
	if n := parameter(value, "name"); n != nil && b.part.typeName == nil {
		b.part.typeName = b.fileName(n)
	}
}

// fileName keeps a name as far as names are kept.
func (b *body) fileName(n []byte) []byte {
	if len(n) > maxName {
		b.p.event(EventLongFilename)
	}
	return bytes.Clone(n[:min(len(n), maxName)])
}

func (b *body) codingOf(value []byte) coding {
	switch string(bytes.ToLower(value[:min(len(value), 32)])) {
	case "base64":
		return base64Coding
	case "quoted-printable":
		return quotedPrintable
	}
	return plain
}

// begin starts what follows a header: another header, parts, or a file.
func (b *body) begin() {
	if b.part.name == nil {
		b.part.name = b.part.typeName
	}
	b.eol, b.carry = b.eol[:0], b.carry[:0]
	switch {
	case b.part.message:
		b.reset()
	case len(b.part.boundary) > 0 && len(b.boundaries) < maxBoundary:
		b.boundaries = append(b.boundaries, b.part.boundary)
	case len(b.part.name) > 0 && b.parts < maxParts:
		b.open()
	}
}

// open begins the file of a part that has a name.
func (b *body) open() {
	b.parts++
	b.p.files++
	b.file = b.p.cfg.NewFile(b.p.files, b.part.name)
	b.p.mail.Attachments = append(b.p.mail.Attachments, b.part.name)
	b.p.tx.Files[app.ToServer] = append(b.p.tx.Files[app.ToServer], b.file)
}

// reset begins a new part's header.
func (b *body) reset() {
	b.inHeader, b.nested = true, true
	b.part = part{text: true}
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

// content decodes a line, for the file and for whoever looks for URLs.
func (b *body) content(l line) {
	switch {
	case b.part.coding == base64Coding && !b.p.set.noBase64:
		b.longLine(l)
		b.take(line{text: b.base64(l.text)})
	case b.part.coding == quotedPrintable && !b.p.set.noQuoted:
		b.longLine(l)
		b.take(b.unquote(l))
	default:
		b.take(l)
	}
}

// take hands a decoded line on. Its end belongs to the file only if no boundary follows (RFC 2046 §5.1.1).
func (b *body) take(l line) {
	b.write(b.eol)
	b.write(l.text)
	b.eol = append(b.eol[:0], l.end...)
	b.urls.feed(l.text)
	b.urls.feed(l.end)
}

// longLine tells of an encoded line that is longer than it may be (RFC 2045 §6.7, §6.8).
func (b *body) longLine(l line) {
	if len(l.text) > longEncodedLine {
		b.p.event(EventLongEncoded)
	}
}

// unquote decodes quoted-printable (RFC 2045 §6.7).
func (b *body) unquote(l line) line {
	out := b.scratch[:0]
	text, end := bytes.TrimRight(l.text, " \t"), l.end
	for i := 0; i < len(text); i++ {
		if text[i] != '=' {
			out = append(out, text[i])
			continue
		}
		if i+1 == len(text) { // the line goes on in the next
			end = nil
			break
		}
		c, ok := hexPair(text[i+1:])
		if !ok {
			b.p.event(EventInvalidQP)
			out = append(out, '=')
			continue
		}
		out = append(out, c)
		i += 2
	}
	b.scratch = out
	return line{text: out, end: end}
}

func hexPair(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	hi, ok1 := hexDigit(b[0])
	lo, ok2 := hexDigit(b[1])
	return hi<<4 | lo, ok1 && ok2
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
func (b *body) base64(text []byte) []byte {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '+', c == '/', c == '=':
			b.carry = append(b.carry, c)
		case c != ' ' && c != '\t':
			b.p.event(EventInvalidBase64)
		}
	}
	n := len(b.carry) / base64Quantum * base64Quantum
	out := b.scratch[:0]
	for i := 0; i < n; i += base64Quantum {
		var three [3]byte
		k, err := base64.StdEncoding.Decode(three[:], b.carry[i:i+base64Quantum])
		if err != nil {
			b.p.event(EventInvalidBase64)
		}
		out = append(out, three[:k]...)
	}
	b.carry = b.carry[:copy(b.carry, b.carry[n:])]
	b.scratch = out
	return out
}

// unpadded decodes what is left of base64 that ends without its padding.
func (b *body) unpadded() []byte {
	var two [2]byte
	n, _ := base64.RawStdEncoding.Decode(two[:], b.carry)
	b.carry = b.carry[:0]
	return two[:n]
}

// write appends decoded bytes to the file, if the part is one.
func (b *body) write(data []byte) {
	if b.file == nil || len(data) == 0 {
		return
	}
	b.file.Write(data)
	b.file.Inspect = b.p.cfg.Inline || len(b.file.Data) >= maxKept
}

// closeFile ends the file at hand.
func (b *body) closeFile(state app.FileState) {
	b.write(b.unpadded())
	b.urls.flush()
	if b.file == nil {
		return
	}
	b.file.Close(state)
	b.file = nil
}

// close ends the mail.
func (b *body) close(state app.FileState) {
	if b.inHeader {
		b.field()
	}
	b.closeFile(state)
	b.p.mail.URLs = b.urls.list
	if b.sum != nil && b.ended {
		b.p.mail.BodyMD5 = b.sum.Sum(nil)
	}
}
