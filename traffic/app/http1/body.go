package http1

import (
	"errors"

	"picket/traffic/app"
)

// initDecoding prepares a message's Content-Encoding layers.
func (p *parser) initDecoding(t *Transaction, dir app.Direction) {
	m := t.message(dir)
	value := m.Headers.Get("content-encoding")
	if len(value) == 0 {
		return
	}
	layers, tooMany, odd := parseCodings(value, p.cfg.layers, p.cfg.lzma)
	if tooMany {
		t.event("too_many_encoding_layers")
	}
	if odd {
		t.event("abnormal_ce_header")
	}
	if len(layers) == 0 {
		return
	}
	m.decode = true
	m.codings.windows = p.cfg.windows
	m.codings.sink = func(b []byte) error { return p.content(t, dir, b) }
	for _, k := range layers {
		m.codings.push(k)
	}
}

// bodyData takes bytes of a message's body, transfer coding undone. False: the stream can't go on.
func (p *parser) bodyData(t *Transaction, dir app.Direction, b []byte) bool {
	m := t.message(dir)
	m.Body.Wire += uint64(len(b))
	if !m.decode {
		return p.content(t, dir, b) == nil
	}
	if m.codings.layers == nil {
		return false // bytes behind the end of a compressed body
	}
	if err := m.codings.write(b); errors.Is(err, errBomb) {
		t.event("compression_bomb")
	}
	return true
}

// bodyEnd says that the body is over.
func (p *parser) bodyEnd(t *Transaction, dir app.Direction) {
	m := t.message(dir)
	if m.decode && m.codings.layers != nil {
		m.codings.finish()
		m.codings.layers = nil
	}
}

// content takes decoded bytes: they are kept up to the limit and make up files.
func (p *parser) content(t *Transaction, dir app.Direction, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	m := t.message(dir)
	before := m.Body.Size
	m.Body.Size += uint64(len(b))
	if inside := p.cfg.within(dir, m.store, before, len(b)); inside > 0 {
		m.Body.keep(b[:inside], p.cfg.keep[dir])
		if dir == app.ToServer {
			p.requestContent(t, b[:inside])
		} else {
			p.responseContent(t, b[:inside])
		}
	} else {
		m.Body.Complete = true
		t.cutFiles(dir)
	}
	if m.decode && m.Body.Size > bombSize && m.Body.Size/bombRatio > m.Body.Wire {
		return errBomb
	}
	return nil
}

// keep appends what fits below the limit.
func (b *Body) keep(data []byte, limit int) {
	room := limit - len(b.Data)
	if room <= 0 {
		b.Complete = true
		return
	}
	b.judged = b.seen
	if len(data) >= room {
		data = data[:room]
		b.Complete = true
	}
	b.Data = append(b.Data, data...)
}

// cutFiles ends files at the limit of a body: no more of it is looked at.
func (t *Transaction) cutFiles(dir app.Direction) {
	if dir == app.ToServer {
		t.endUpload(app.FileTruncated)
	} else {
		closeFiles(&t.Response.Message, app.FileTruncated)
		t.Response.file.failed = true
	}
}
