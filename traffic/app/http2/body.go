package http2

import (
	"picket/traffic/app"
	"picket/traffic/app/dns"
	"picket/traffic/app/http1"
)

// body is the content of one direction of a stream.
type body struct {
	encoding []byte // Content-Encoding
	decoder  *http1.Decoder
	file     *app.File
	part     *app.Part // the file that the content is a piece of; nil: none
	closed   bool
	dns      bool   // it is a DNS message
	message  []byte // its beginning
}

// maxDNS bounds a DNS message.
const maxDNS = 0xffff

// data takes a DATA frame.
func (p *parser) data(t *Transaction, dir app.Direction, h head, b []byte) {
	if t.Stream == 0 {
		return
	}
	end := h.flags&flagEndStream != 0
	s := &p.sides[dir]
	if s.skip > 0 { // the frame is not whole
		s.rest, s.last = t, end
		end = false
		if h.flags&flagPadded != 0 && len(b) > 0 {
			b = b[1:]
		}
	} else {
		var ok bool
		if b, ok = unpad(b, h.flags); !ok {
			t.App.AddEvent(EventFrameData)
			return
		}
	}
	if h.flags&flagEndStream != 0 {
		t.ended(dir)
	} else {
		t.flows(dir)
	}
	p.write(t, dir, b, end)
}

// content takes more of a content that is known to be one; last: its end.
func (p *parser) content(t *Transaction, dir app.Direction, b []byte, last bool) {
	k := &t.Sides[dir].body
	if k.file == nil && len(b) == 0 {
		return
	}
	t.App.Touch()
	p.write(t, dir, b, last)
}

// write decodes content into the stream's file.
func (p *parser) write(t *Transaction, dir app.Direction, b []byte, last bool) {
	k := &t.Sides[dir].body
	if k.closed {
		return
	}
	if k.file == nil {
		p.begin(t, dir)
	}
	if k.decoder != nil {
		if k.decoder.Write(b) != nil {
			t.App.AddEvent(EventDecompression)
		}
		if last {
			k.decoder.Finish()
		}
	} else {
		p.decoded(t, dir, b)
	}
	if last {
		k.close(app.FileClosed)
		p.endRange(t, k)
		if k.dns {
			p.message(t, dir, k.message)
			k.message = nil
		}
	}
}

// begin opens the file that a content is.
func (p *parser) begin(t *Transaction, dir app.Direction) {
	k := &t.Sides[dir].body
	p.files++
	k.file = p.cfg.app.NewFile(p.files, t.path())
	t.App.Files[dir] = append(t.App.Files[dir], k.file)
	if len(k.encoding) > 0 {
		k.decoder = http1.NewDecoder(k.encoding, p.cfg.layers, &p.cfg.app.Windows, func(b []byte) { p.decoded(t, dir, b) })
	}
	if v := t.Sides[dir].Get("content-range"); v != nil && dir == app.ToClient {
		start, end, size, ok := http1.ParseContentRange(v)
		if !ok {
			t.App.AddEvent(EventRange)
			return
		}
		k.file.Start, k.file.End = start, end
		key := string(t.Sides[app.ToServer].Get(":authority")) + " " + string(t.path())
		k.part = p.cfg.app.Ranges.Open(key, start, end, size, func() *app.File { return p.cfg.app.NewFile(0, t.path()) })
	}
}

// decoded takes content without its coding.
func (p *parser) decoded(t *Transaction, dir app.Direction, b []byte) {
	k := &t.Sides[dir].body
	k.file.Write(b)
	k.part.Write(b)
	if !k.dns {
		return
	}
	if len(k.message)+len(b) > maxDNS {
		k.dns, k.message = false, nil
		t.App.AddEvent([...]string{EventLongQuestion, EventLongAnswer}[dir])
		return
	}
	k.message = append(k.message, b...)
}

// endRange ends a content that is a piece of a file. If it was the last one, the file becomes one of this transaction.
func (p *parser) endRange(t *Transaction, k *body) {
	if whole := k.part.Close(); whole != nil {
		p.files++
		whole.ID = p.files
		t.App.Files[app.ToClient] = append(t.App.Files[app.ToClient], whole)
	}
	k.part = nil
}

func (k *body) close(state app.FileState) {
	k.closed = true
	if k.file != nil {
		k.file.Close(state)
	}
}

// message reads a DNS message; with the first one the connection is DNS over HTTPS.
func (p *parser) message(t *Transaction, dir app.Direction, msg []byte) {
	m, err := dns.Parse(msg)
	if err != nil || (m.Flags&dns.FlagQR == 0) != (dir == app.ToServer) {
		return
	}
	t.DNS[dir] = m
	if p.proto == app.DoH2 {
		return
	}
	p.proto, p.renamed = app.DoH2, true
	for _, tx := range p.txs.Open {
		if t, ok := tx.Data.(*Transaction); ok && t.Stream != 0 {
			tx.Proto = app.DoH2
		}
	}
}
