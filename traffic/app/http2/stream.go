package http2

import (
	"encoding/binary"

	"picket/traffic/app"
)

// find returns the transaction that a frame belongs to, a new one if need be.
func (p *parser) find(dir app.Direction, h head, promised uint32) *Transaction {
	if h.stream == 0 {
		t := p.open(0)
		if t != nil {
			t.App.Progress = [2]app.Progress{app.Done, app.Done}
			if h.kind == Data {
				t.App.AddEvent(EventDataOnZero)
			}
		}
		return t
	}
	id := h.stream
	switch h.kind {
	case PushPromise:
		if promised != 0 {
			id = promised
		}
	case Continuation:
		if t := p.stream(id); dir == app.ToClient && t != nil && t.child > 0 {
			id = t.child
		}
	}
	t := p.stream(id)
	if t == nil {
		return p.open(id)
	}
	late := h.kind == ResetStream || h.kind == WindowUpdate || h.kind == Priority
	if t.state() == app.Done && !late {
		t.App.AddEvent(EventStreamReuse)
	}
	return t
}

// stream returns an open transaction by its stream's number, or nil.
func (p *parser) stream(id uint32) *Transaction {
	for i := len(p.txs.Open) - 1; i >= 0; i-- {
		if t, ok := p.txs.Open[i].Data.(*Transaction); ok && t.Stream == id {
			return t
		}
	}
	return nil
}

// open begins a transaction. Above the bound the oldest one that is not closed is given up.
func (p *parser) open(id uint32) *Transaction {
	if len(p.txs.Open) >= p.cfg.maxStream {
		for _, tx := range p.txs.Open {
			if tx.Progress[0] != app.Done {
				tx.AddEvent(EventTooManyStreams)
				tx.Progress = [2]app.Progress{app.Done, app.Done}
				tx.Touch()
				break
			}
		}
	}
	proto := p.proto
	if id == 0 {
		proto = app.HTTP2 // frames of the connection are no DNS: they are logged as HTTP/2's
	}
	t := &Transaction{Stream: id}
	t.App = p.txs.Add(proto, t)
	t.become(Open)
	return t
}

func (t *Transaction) state() app.Progress { return t.App.Progress[0] }

func (t *Transaction) become(s app.Progress) { t.App.Progress = [2]app.Progress{s, s} }

// ended follows END_STREAM.
func (t *Transaction) ended(dir app.Direction) {
	switch s := t.state(); {
	case s == app.Done:
	case (s == ClientClosed || s == ServerData) && dir == app.ToClient, s == ServerClosed && dir == app.ToServer:
		t.become(app.Done)
	case s == ClientClosed || s == ServerData || s == ServerClosed:
	case dir == app.ToClient:
		t.become(ServerClosed)
	default:
		t.become(ClientClosed)
	}
}

// flows follows content that is not the last.
func (t *Transaction) flows(dir app.Direction) {
	want := ClientData
	if dir == app.ToClient {
		want = ServerData
	}
	if t.state() < want {
		t.become(want)
	}
}

// reset ends a stream that was given up.
func (p *parser) reset(t *Transaction) {
	for dir := range t.Sides {
		t.Sides[dir].body.close(app.FileTruncated)
	}
	if t.Stream != 0 {
		t.become(app.Done)
	}
}

// headers takes HEADERS, PUSH_PROMISE or CONTINUATION: a header block or a piece of one.
func (p *parser) headers(t *Transaction, dir app.Direction, h head, b []byte) {
	b, ok := p.opening(t, dir, h, b)
	if !ok {
		t.App.AddEvent(EventFrameData)
		return
	}
	block := &p.sides[dir].block
	if h.kind == Continuation && !block.open {
		block.b = nil // the beginning was not seen
	}
	end := h.flags&flagEndStream != 0 && h.kind == Headers
	if h.flags&flagEndHeaders == 0 {
		block.add(t, b, p.cfg.maxBlock, h.kind != Continuation, end)
		return
	}
	if h.kind == Continuation && block.open {
		block.add(t, b, p.cfg.maxBlock, false, false)
		b, end = block.b, block.last
		if block.tooBig {
			b = nil
		}
	}
	*block = pending{}
	p.fields(t, dir, b)
	if dir == app.ToClient {
		t.child = 0
	}
	if end {
		p.content(t, dir, nil, true)
		t.ended(dir)
	}
}

// add collects a piece of a header block.
func (k *pending) add(t *Transaction, b []byte, limit int, first, last bool) {
	if first {
		*k = pending{open: true, last: last}
	}
	k.open = true
	if k.tooBig || len(k.b)+len(b) > limit {
		t.App.AddEvent(EventReassembly)
		k.tooBig, k.b = true, nil
		return
	}
	k.b = append(k.b, b...)
}

// opening takes off what stands before and behind a header block in its first frame.
func (p *parser) opening(t *Transaction, dir app.Direction, h head, b []byte) ([]byte, bool) {
	if h.kind == Continuation {
		return b, true
	}
	b, ok := unpad(b, h.flags)
	switch {
	case !ok:
		return nil, false
	case h.kind == PushPromise:
		if len(b) < 4 {
			return nil, false
		}
		if dir == app.ToClient {
			if parent := p.stream(h.stream); parent != nil && h.flags&flagEndHeaders == 0 {
				parent.child = t.Stream
			}
			if t.state() < Reserved {
				t.become(Reserved)
			}
		}
		return b[4:], true
	case h.flags&flagPriority != 0:
		if len(b) < 5 {
			return nil, false
		}
		_ = binary.BigEndian.Uint32(b) // the stream it depends on
		t.Sides[dir].weigh(b[4])
		return b[5:], true
	}
	return b, true
}
