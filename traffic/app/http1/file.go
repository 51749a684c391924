package http1

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // sums that rules and analysts ask for
	"crypto/sha1" //nolint:gosec
	"crypto/sha256"

	"picket/traffic/app"
)

// maxFileName bounds a file's name (Suricata: HTP_MAX_FILENAME... SC_FILENAME_MAX).
const maxFileName = 4095

// maxFiles bounds the files of one direction of a transaction, which a multipart body could multiply.
const maxFiles = 512

// fileState is the file that a message's body is being written to.
type fileState struct {
	open   *app.File
	part   *app.Part // the file that the body is a piece of; nil: none
	failed bool      // no file is made of this body
}

// openFile begins a file in a transaction's direction.
func (p *parser) openFile(t *Transaction, dir app.Direction, name []byte) *app.File {
	if len(t.App.Files[dir]) >= maxFiles {
		return nil
	}
	if len(name) > maxFileName {
		t.event("file_name_too_long")
		name = name[:maxFileName]
	}
	p.files++
	f := p.cfg.newFile(name)
	f.ID = p.files
	t.App.Files[dir] = append(t.App.Files[dir], f)
	return f
}

// appendPart adds content to a file that is a part of the body.
func (p *parser) appendPart(f *app.File, dir app.Direction, b []byte) {
	if room := p.cfg.keep[dir] - len(f.Data); room > 0 {
		f.Data = append(f.Data, b[:min(room, len(b))]...)
	}
	p.appendFile(f, dir, b)
}

// appendBody adds content to the file that is the whole body; both share the bytes that are kept.
func (p *parser) appendBody(m *Message, dir app.Direction, b []byte) {
	m.file.open.Data = m.Body.Data
	p.appendFile(m.file.open, dir, b)
}

// appendFile counts content and adds it to the sums.
func (p *parser) appendFile(f *app.File, dir app.Direction, b []byte) {
	f.Size += uint64(len(b))
	if !f.Gaps {
		addSums(f, b)
	}
	if p.cfg.inline || f.Size >= uint64(p.cfg.minInspect[dir]) {
		f.Inspect = true
	}
}

func addSums(f *app.File, b []byte) {
	if f.MD5 != nil {
		f.MD5.Write(b)
	}
	if f.SHA1 != nil {
		f.SHA1.Write(b)
	}
	if f.SHA256 != nil {
		f.SHA256.Write(b)
	}
}

// closeFile ends a file; one with gaps is truncated.
func closeFile(f *app.File, state app.FileState) {
	if f == nil || f.State != app.FileOpen {
		return
	}
	if f.Gaps && state == app.FileClosed {
		state = app.FileTruncated
	}
	f.State = state
	f.Inspect = true
}

// closeFiles ends the file of a message's body.
func closeFiles(m *Message, state app.FileState) {
	closeFile(m.file.open, state)
	m.file.open = nil
}

// responseContent writes an answer's content to its file.
func (p *parser) responseContent(t *Transaction, b []byte) {
	m := &t.Response.Message
	if m.file.open == nil && !m.file.failed {
		m.file.open = p.openResponseFile(t)
		m.file.failed = m.file.open == nil
	}
	if m.file.open != nil {
		p.appendBody(m, app.ToClient, b)
	}
	m.file.part.Write(b)
}

// endResponseFile ends the file of an answer. If it was the last piece of a file that came in ranges, that becomes a file of
// this transaction.
func (p *parser) endResponseFile(t *Transaction, state app.FileState) {
	m := &t.Response.Message
	closeFiles(m, state)
	if whole := m.file.part.Close(); whole != nil && len(t.App.Files[app.ToClient]) < maxFiles {
		p.files++
		whole.ID = p.files
		t.App.Files[app.ToClient] = append(t.App.Files[app.ToClient], whole)
	}
	m.file.part = nil
}

// openResponseFile names the file by Content-Disposition, else by the request's path.
func (p *parser) openResponseFile(t *Transaction) *app.File {
	name := dispositionName(t.Response.Headers.Get("content-disposition"))
	if len(name) == 0 {
		name = t.path()
	}
	if len(name) == 0 {
		return nil
	}
	f := p.openFile(t, app.ToClient, name)
	if f == nil {
		return nil
	}
	if v := t.Response.Headers.Get("content-range"); v != nil {
		if r, ok := parseRange(v); ok {
			f.Start, f.End = r.start, r.end
			t.Response.file.part = p.cfg.ranges.Open(t.rangeKey(), r.start, r.end, r.size, func() *app.File {
				return p.cfg.newFile(name)
			})
		} else {
			t.event("range_invalid")
		}
	}
	return f
}

// rangeKey names what the ranges of different answers have in common: host and URI.
func (t *Transaction) rangeKey() string { return string(t.Host) + " " + string(t.Request.URI) }

// newFile makes an open file with the sums that are asked for.
func (s *settings) newFile(name []byte) *app.File {
	f := &app.File{Name: bytes.Clone(name), Stored: s.storeAll}
	if s.md5 {
		f.MD5 = md5.New() //nolint:gosec
	}
	if s.sha1 {
		f.SHA1 = sha1.New() //nolint:gosec
	}
	if s.sha256 {
		f.SHA256 = sha256.New()
	}
	return f
}

// path is the decoded path of the request's URI.
func (t *Transaction) path() []byte {
	if t.cache.path == nil && len(t.Request.Target.Path) > 0 {
		t.cache.path = t.cfg.normalPath(nil, t.Request.Target.Path)
	}
	return t.cache.path
}

// dispositionName takes the filename parameter of a Content-Disposition; nil when there is none.
func dispositionName(value []byte) []byte {
	i := indexFold(value, "filename=")
	if i < 0 {
		return nil
	}
	rest := value[i+len("filename="):]
	if len(rest) == 0 {
		return nil
	}
	if rest[0] == '"' {
		rest = rest[1:]
		for j, c := range rest {
			if c == '"' && (j == 0 || rest[j-1] != '\\') {
				return rest[:j]
			}
		}
		return nil
	}
	return trim(rest[:notIn(rest, ";")])
}

func indexFold(b []byte, s string) int {
	for i := 0; i+len(s) <= len(b); i++ {
		if bytes.EqualFold(b[i:i+len(s)], []byte(s)) {
			return i
		}
	}
	return -1
}

// ContentRange reads the answer's Content-Range; ok is false when there is none that can be read.
func (t *Transaction) ContentRange() (start, end, size uint64, ok bool) {
	r, ok := parseRange(t.Response.Headers.Get("content-range"))
	return r.start, r.end, r.size, ok
}

// contentRange is "bytes start-end/size" (RFC 9110 14.4).
type contentRange struct{ start, end, size uint64 }

func parseRange(value []byte) (r contentRange, ok bool) {
	unit, rest := cutWhile(skipBlank(value), func(c byte) bool { return c != ' ' && c != '=' })
	if !bytes.EqualFold(unit, []byte("bytes")) || len(rest) == 0 {
		return r, false
	}
	span, size, found := bytes.Cut(rest[1:], []byte("/"))
	if !found {
		return r, false
	}
	first, last, found := bytes.Cut(span, []byte("-"))
	if !found {
		return r, false
	}
	var okFirst, okLast bool
	r.start, okFirst = contentLength(first)
	r.end, okLast = contentLength(last)
	r.size, _ = contentLength(size)
	return r, okFirst && okLast && r.start <= r.end && (r.size == 0 || r.end < r.size)
}

// requestContent writes a request's content to a file or to the multipart reader.
func (p *parser) requestContent(t *Transaction, b []byte) {
	r := &t.Request
	if !r.start {
		r.start = true
		p.chooseUpload(t)
	}
	switch {
	case r.multipart != nil:
		r.multipart.write(b)
	case r.file.open != nil:
		p.appendBody(&r.Message, app.ToServer, b)
	}
}

// chooseUpload decides what a request's body is: a form with files, or (POST and PUT) one file named by the path.
func (p *parser) chooseUpload(t *Transaction) {
	r := &t.Request
	if r.method != methodPost && r.method != methodPut {
		return
	}
	if r.method == methodPost {
		if boundary := formBoundary(r.Headers.Get("content-type")); boundary != nil {
			r.multipart = newMultipart(p, t, boundary)
			return
		}
	}
	if name := t.path(); len(name) > 0 {
		r.file.open = p.openFile(t, app.ToServer, name)
	}
}
