package http2

import (
	"encoding/binary"

	"picket/traffic/app"
)

// parser is one connection.
type parser struct {
	frames  *app.Frames
	cfg     config
	txs     app.Transactions
	proto   app.Proto // HTTP2, or DoH2 once a DNS message was found
	sides   [2]side
	files   uint32
	begun   bool // the preface is over
	renamed bool // the caller has not been told of the new name
}

// side is one direction of a connection.
type side struct {
	table table
	// skip is how much is left of a frame that is too long to be waited for; rest is the stream to whose content
	// it belongs, nil when to none, and last says that the content ends with it.
	skip int
	rest *Transaction
	last bool
	// block is the beginning of a header block that goes on in a CONTINUATION frame.
	block pending
}

// pending is a header block that is not whole.
type pending struct {
	open   bool
	tooBig bool
	last   bool // the stream ends with it
	b      []byte
}

func newParser(c *app.Config) app.Parser {
	cfg := newConfig(c)
	p := &parser{cfg: cfg, proto: app.HTTP2}
	p.sides[0].table, p.sides[1].table = newTable(cfg.maxTable), newTable(cfg.maxTable)
	return p
}

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap ends the parsing: neither frames nor header tables can be found again.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads whole frames. A frame that is too long to be waited for is read as far as it is there; if it is
// content the rest is read as it comes, else skipped.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	used := 0
	if dir == app.ToServer && !p.begun {
		if len(data) < len(preface) {
			return app.Result{Need: len(preface)}
		}
		p.begun = true
		if string(data[:len(preface)]) == preface {
			used = len(preface)
		} else {
			p.event(EventMagic)
		}
	}
	used += p.goOn(dir, data[used:])
	need := 0
	for used < len(data) && need == 0 {
		var n int
		n, need = p.frame(dir, data[used:])
		used += n
	}
	r := app.Result{Consumed: used, Need: need}
	if p.renamed {
		r.Rename, p.renamed = p.proto, false
	}
	return r
}

// goOn takes what is left of a long frame.
func (p *parser) goOn(dir app.Direction, data []byte) int {
	s := &p.sides[dir]
	n := min(s.skip, len(data))
	if n == 0 {
		return 0
	}
	s.skip -= n
	if s.rest != nil {
		p.content(s.rest, dir, data[:n], s.last && s.skip == 0)
		if s.skip == 0 {
			s.rest = nil
		}
	}
	return n
}

// frame reads the frame at the beginning of b. It returns the bytes eaten, or how many it needs.
func (p *parser) frame(dir app.Direction, b []byte) (n, need int) {
	if len(b) < frameHeader {
		return 0, frameHeader
	}
	h := readHead(b)
	rest := b[frameHeader:]
	whole := len(rest) >= h.length
	switch {
	case whole:
		rest = rest[:h.length]
	case h.length < maxWhole:
		return 0, frameHeader + h.length
	case len(rest) < longBeginning:
		return 0, frameHeader + longBeginning
	default:
		p.sides[dir].skip = h.length - len(rest)
	}
	p.frames.Add(dir, "hdr", b, frameHeader)
	p.frames.Add(dir, "data", b[frameHeader:], int64(h.length))
	p.frames.Add(dir, "pdu", b, int64(frameHeader+h.length))
	if h.length == 0 && h.kind == Settings { // an acknowledgement
		return frameHeader, 0
	}
	p.handle(dir, h, rest, whole)
	return frameHeader + len(rest), 0
}

// handle works on a frame.
func (p *parser) handle(dir app.Direction, h head, b []byte, whole bool) {
	bad := wrongSize(h.kind, len(b))
	promised := uint32(0)
	if h.kind == PushPromise {
		if body, ok := unpad(b, h.flags); ok && len(body) >= 4 {
			promised = binary.BigEndian.Uint32(body) & 0x7fffffff
		}
	}
	t := p.find(dir, h, promised)
	if t == nil {
		return
	}
	if !whole {
		t.App.AddEvent(EventLongFrame)
	}
	if bad {
		t.App.AddEvent(EventFrameLength)
	}
	s := &t.Sides[dir]
	t.App.Touch()
	if s.count++; s.count > p.cfg.maxFrames {
		t.App.AddEvent(EventTooManyFrames)
		return
	}
	if h.kind < 16 {
		s.Frames |= 1 << h.kind
	}
	if !bad {
		p.act(t, dir, h, b)
	}
}

// act does what a frame asks for.
func (p *parser) act(t *Transaction, dir app.Direction, h head, b []byte) {
	s := &t.Sides[dir]
	switch h.kind {
	case Data:
		p.data(t, dir, h, b)
	case Headers, PushPromise, Continuation:
		p.headers(t, dir, h, b)
	case Settings:
		p.settings(t, dir, b)
	case Priority:
		s.weigh(b[4])
	case ResetStream:
		s.fail(binary.BigEndian.Uint32(b))
		t.child = 0
		p.reset(t)
	case GoAway:
		p.goAway(s, b)
	case WindowUpdate:
		if len(s.Windows) < maxKept {
			s.Windows = append(s.Windows, binary.BigEndian.Uint32(b)&0x7fffffff)
		}
	}
}

// goAway reads the error code behind the last stream's number.
func (p *parser) goAway(s *Side, b []byte) {
	if len(b) >= 8 {
		s.fail(binary.BigEndian.Uint32(b[4:]))
	}
}

func (s *Side) weigh(weight uint8) {
	if len(s.Priorities) < maxKept {
		s.Priorities = append(s.Priorities, weight)
	}
}

func (s *Side) fail(code uint32) {
	if len(s.ErrorCodes) < maxKept {
		s.ErrorCodes = append(s.ErrorCodes, code)
	}
}

// settings takes a SETTINGS frame. The size of a header table is for the other direction: it is what the sender
// keeps in order to read.
func (p *parser) settings(t *Transaction, dir app.Direction, b []byte) {
	list, ok := settings(b)
	if !ok {
		t.App.AddEvent(EventFrameData)
		return
	}
	s := &t.Sides[dir]
	for _, set := range list {
		if set.ID == SettingTableSize {
			p.sides[dir.Reverse()].table.resize(uint64(set.Value))
		}
		if len(s.Settings) < maxKept {
			s.Settings = append(s.Settings, set)
		}
	}
}

// event marks the newest transaction, if there is one.
func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}
