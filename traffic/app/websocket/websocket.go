// Package websocket reads WebSocket frames (RFC 6455) after HTTP has handed the connection over, with their masks
// taken off and compressed messages inflated (RFC 7692). Each frame is a transaction whose Data is a *Frame; the
// last frame of a message holds the whole message, as in Suricata 8.
package websocket

import (
	"bytes"
	"errors"
	"math"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// The events, by the names that rules use (app-layer-event:websocket.…).
const (
	EventSkip  = "skip_end_of_payload"
	EventLimit = "reassembly_limit_reached"
)

// defaultMaxPayload is how many bytes of a frame, and of a message, are kept ("max-payload-size").
const defaultMaxPayload = 0xffff

// Flags of a frame's first byte.
const (
	FlagFin      = 0x80
	FlagCompress = 0x40
)

// Opcodes (RFC 6455 §11.8).
const (
	Continuation = 0
	Text         = 1
	Binary       = 2
	Close        = 8
	Ping         = 9
	Pong         = 10
)

var opcodeNames = map[uint8]string{Continuation: "continuation", Text: "text", Binary: "binary", Close: "connection_close",
	Ping: "ping", Pong: "pong"}

// OpcodeName returns an opcode's name, "" when it has none.
func OpcodeName(op uint8) string { return opcodeNames[op] }

// OpcodeByName returns the opcode with a name.
func OpcodeByName(name string) (uint8, bool) {
	for op, n := range opcodeNames {
		if n == name {
			return op, true
		}
	}
	return 0, false
}

// Frame is one frame. Payload belongs to it.
type Frame struct {
	Flags   uint8 // FlagFin, FlagCompress and the two reserved bits
	Opcode  uint8
	Mask    uint32 // valid iff Masked
	Masked  bool
	Payload []byte // unmasked; of a message's last frame the whole message
}

var errShort = errors.New("websocket: frame is not whole yet")

// Protocol returns the table entry. The protocol can't be recognised: HTTP announces it.
func Protocol() app.Protocol {
	return app.Protocol{Proto: app.WebSocket, TCP: true, New: newParser, Events: []string{EventSkip, EventLimit}}
}

type parser struct {
	frames *app.Frames
	txs    app.Transactions
	max    int
	dirs   [2]side
}

// side is what one peer has begun.
type side struct {
	skip     uint64 // bytes of a payload that is too long
	message  []byte // of a message in several frames
	open     bool   // such a message has begun
	compress bool   // and is compressed
	window   []byte // what was inflated last: the dictionary of the next message
}

func newParser(cfg *app.Config) app.Parser {
	p := &parser{max: defaultMaxPayload}
	if cfg != nil {
		p.max = int(cfg.Size("websocket.max-payload-size", defaultMaxPayload))
	}
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap is survived inside of a payload that is skipped: frames have no mark at which to begin again.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	s := &p.dirs[dir]
	if uint64(n) > s.skip {
		return false
	}
	s.skip -= uint64(n)
	return true
}

// Parse reads frames.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	s := &p.dirs[dir]
	used := 0
	for used < len(data) {
		rest := data[used:]
		if s.skip > 0 {
			n := min(s.skip, uint64(len(rest)))
			s.skip -= n
			used += int(n)
			continue
		}
		f, size, skip, err := p.frame(rest)
		if err != nil {
			return app.Result{Consumed: used, Need: size}
		}
		used += size
		s.skip = skip
		payload := len(f.Payload) // of this frame; the record may get the whole message
		p.announce(dir, rest, size, payload, p.add(dir, f))
	}
	return app.Result{Consumed: used}
}

// frame reads one frame; size is its length, or how many bytes are needed. Of a payload above the limit skip bytes
// are left.
func (p *parser) frame(b []byte) (f *Frame, size int, skip uint64, err error) {
	c := cursor.New(b)
	f = &Frame{Flags: c.U8(), Opcode: 0}
	f.Opcode, f.Flags = f.Flags&15, f.Flags&0xf0
	second := c.U8()
	length := uint64(second & 0x7f)
	switch length {
	case 126:
		length = uint64(c.U16())
	case 127:
		length = c.U64() & math.MaxInt64
	}
	if f.Masked = second&0x80 != 0; f.Masked {
		f.Mask = c.U32()
	}
	if c.Failed() {
		return nil, len(b) + 1, 0, errShort
	}
	if length > uint64(p.max) {
		skip, length = length-uint64(p.max), uint64(p.max)
	}
	size = len(b) - c.Left() + int(length)
	payload := c.Bytes(int(length))
	if c.Failed() {
		return nil, size, 0, errShort
	}
	f.Payload = unmask(payload, f)
	return f, size, skip, nil
}

// announce tells of the frames of a frame of size bytes that ends with its payload, as far as that is read.
func (p *parser) announce(dir app.Direction, b []byte, size, payload int, tx *app.Transaction) {
	skip := p.dirs[dir].skip
	p.frames.Add(dir, "header", b, int64(size-payload)).Of(tx)
	p.frames.Add(dir, "pdu", b, int64(min(uint64(size)+skip, math.MaxInt64))).Of(tx)
	p.frames.Add(dir, "data", b[size-payload:], int64(min(uint64(payload)+skip, math.MaxInt64))).Of(tx)
}

// unmask returns a copy of the payload without its mask (RFC 6455 §5.3).
func unmask(b []byte, f *Frame) []byte {
	out := bytes.Clone(b)
	if f.Masked {
		key := [4]byte{byte(f.Mask >> 24), byte(f.Mask >> 16), byte(f.Mask >> 8), byte(f.Mask)}
		for i := range out {
			out[i] ^= key[i&3]
		}
	}
	return out
}

// add files a frame. Control frames may stand between those of a message (RFC 6455 §5.4).
func (p *parser) add(dir app.Direction, f *Frame) *app.Transaction {
	tx := p.txs.Add(app.WebSocket, f)
	tx.Skip[dir.Reverse()] = true
	tx.Progress = [2]app.Progress{app.Done, app.Done}
	s := &p.dirs[dir]
	if s.skip > 0 {
		tx.AddEvent(EventSkip)
	}
	if f.Opcode >= Close {
		return tx
	}
	fin := f.Flags&FlagFin != 0
	if !s.open {
		s.compress = f.Flags&FlagCompress != 0
	}
	if s.open || !fin {
		s.open = true
		n := min(len(f.Payload), p.max-len(s.message))
		s.message = append(s.message, f.Payload[:n]...)
		if n < len(f.Payload) {
			tx.AddEvent(EventLimit)
		}
		if fin {
			f.Payload, s.message, s.open = s.message, nil, false
		}
	}
	if fin && s.compress {
		s.compress = false
		if out := s.inflate(f.Payload); len(out) > 0 {
			f.Payload = out
		}
	}
	return tx
}
