package http1

import (
	"bytes"

	"picket/traffic/app"
)

// Bounds of a multipart body.
const (
	maxBoundary   = 255
	maxPartHeader = 4096
)

// formBoundary returns the boundary of a multipart/form-data Content-Type; nil when it is none.
func formBoundary(value []byte) []byte {
	if indexFold(value, "multipart/form-data") < 0 {
		return nil
	}
	i := indexFold(value, "boundary=")
	if i < 0 {
		return nil
	}
	b := trim(value[i+len("boundary="):])
	if len(b) > 0 && b[0] == '"' {
		b = b[1:]
		b = b[:notIn(b, `"`)]
	} else {
		b = trim(b[:notIn(b, ";\r\n")])
	}
	if len(b) == 0 || len(b) > maxBoundary {
		return nil
	}
	return b
}

// multipart reads a form's parts (RFC 7578) as bytes come in; parts with a filename become files.
type multipart struct {
	p     *parser
	t     *Transaction
	delim []byte // "--boundary"
	buf   []byte // bytes that may be part of a delimiter or header
	state partState
	file  *app.File
	wrote bool
}

type partState uint8

const (
	partPreamble partState = iota
	partHeader
	partBody
	partEpilogue
)

func newMultipart(p *parser, t *Transaction, boundary []byte) *multipart {
	return &multipart{p: p, t: t, delim: append([]byte("--"), boundary...)}
}

func (m *multipart) write(b []byte) {
	if m.state == partEpilogue {
		return
	}
	m.buf = append(m.buf, b...)
	for {
		var n int
		switch m.state {
		case partPreamble:
			n = m.preamble()
		case partHeader:
			n = m.header()
		case partBody:
			n = m.body()
		case partEpilogue:
			n = len(m.buf)
		}
		m.buf = append(m.buf[:0], m.buf[n:]...)
		if n == 0 || len(m.buf) == 0 {
			return
		}
	}
}

// preamble looks for the first delimiter line.
func (m *multipart) preamble() int {
	i := bytes.Index(m.buf, m.delim)
	if i < 0 {
		return max(len(m.buf)-len(m.delim), 0)
	}
	return m.afterDelimiter(i)
}

// afterDelimiter skips a delimiter at i with the rest of its line; "--" ends the form. 0: more is needed.
func (m *multipart) afterDelimiter(i int) int {
	rest := m.buf[i+len(m.delim):]
	if bytes.HasPrefix(rest, []byte("--")) {
		m.state = partEpilogue
		return len(m.buf)
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		if len(rest) > maxPartHeader {
			m.fail("multipart_generic_error")
			return len(m.buf)
		}
		return 0
	}
	m.state = partHeader
	return i + len(m.delim) + end + 1
}

func (m *multipart) fail(event string) {
	m.t.event(event)
	m.state = partEpilogue
}

// header reads a part's fields.
func (m *multipart) header() int {
	end, skip := headerEnd(m.buf)
	if end < 0 {
		if len(m.buf) > maxPartHeader {
			m.fail("multipart_invalid_header")
			return len(m.buf)
		}
		return 0
	}
	m.state, m.wrote = partBody, false
	for _, field := range bytes.Split(m.buf[:end], []byte("\n")) {
		name, value, ok := bytes.Cut(field, []byte(":"))
		if !ok && len(trim(field)) > 0 {
			m.t.event("multipart_invalid_header")
		}
		if ok && bytes.EqualFold(trim(name), []byte("content-disposition")) {
			if file := dispositionName(value); file != nil {
				m.file = m.p.openFile(m.t, app.ToServer, file)
			}
		}
	}
	return end + skip
}

// headerEnd finds the empty line; skip is the length of what ends the fields.
func headerEnd(b []byte) (end, skip int) {
	if bytes.HasPrefix(b, []byte("\r\n")) {
		return 0, 2
	}
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return i, 4
	}
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		return i, 2
	}
	return -1, 0
}

// body writes a part's content up to the next delimiter, keeping back what may belong to one.
func (m *multipart) body() int {
	i := bytes.Index(m.buf, m.delim)
	if i < 0 {
		keep := len(m.delim) + 2
		n := max(len(m.buf)-keep, 0)
		m.content(m.buf[:n])
		return n
	}
	n := m.afterDelimiter(i)
	if m.state == partBody {
		return 0
	}
	content := m.buf[:i]
	content = bytes.TrimSuffix(content, []byte("\n"))
	content = bytes.TrimSuffix(content, []byte("\r"))
	m.content(content)
	m.closePart(app.FileClosed)
	return n
}

func (m *multipart) content(b []byte) {
	if m.file != nil && len(b) > 0 {
		m.wrote = true
		m.p.appendPart(m.file, app.ToServer, b)
	}
}

func (m *multipart) closePart(state app.FileState) {
	if m.file != nil && !m.wrote {
		m.t.event("multipart_no_filedata")
	}
	closeFile(m.file, state)
	m.file = nil
}

// end says that the body is over: what is left belongs to the last part.
func (m *multipart) end(state app.FileState) {
	if m.state == partBody {
		m.content(m.buf)
	}
	m.buf = nil
	m.closePart(state)
	m.state = partEpilogue
}
