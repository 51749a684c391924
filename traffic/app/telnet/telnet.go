// Package telnet reads Telnet (RFC 854) as far as rules ask for it: it tells commands and text apart and announces each as
// a frame. There are no transactions.
package telnet

import (
	"bytes"

	"picket/traffic/app"
)

// Bytes of RFC 854.
const (
	iac = 0xff // what follows is a command
	sb  = 0xfa // a negotiation with content begins; it ends with iac, se
	se  = 0xf0
	// the four commands with one option behind them
	will = 0xfb
	dont = 0xfe
)

// maxMessage bounds a line or a negotiation: longer ones come in pieces.
const maxMessage = 4096

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{Proto: app.Telnet, TCP: true, Ports: "23", Probe: probe,
		New: func(*app.Config) app.Parser { return &parser{} }}
}

// probe knows option negotiation at the start.
func probe(_ app.Direction, data []byte) app.Answer {
	switch {
	case len(data) < 3:
		return app.More
	case data[0] == iac && data[1] >= sb && data[1] <= dont:
		return app.Yes
	}
	return app.No
}

// parser is the state of one connection.
type parser struct {
	frames *app.Frames
	txs    app.Transactions
	open   [2]message
}

// message is one that has begun: its frames, nil when nobody wants them.
type message struct {
	begun    bool
	pdu, own *app.Frame
}

// Transactions returns an empty list.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap goes on with whatever comes: each byte can begin a message.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.open[dir] = message{}
	return true
}

// Parse reads commands and lines. A message that is not whole waits for the rest; its frames are there already.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	used := 0
	for used < len(data) {
		rest := data[used:]
		p.begin(dir, rest)
		n := size(rest)
		if n == 0 {
			if !eof {
				return app.Result{Consumed: used, Need: len(rest) + 1}
			}
			n = len(rest)
		}
		used += n
		p.open[dir].pdu.End(p.frames.At(data[used:]))
		p.open[dir].own.End(p.frames.At(data[used:]))
		p.open[dir] = message{}
	}
	return app.Result{Consumed: used}
}

// begin announces the message at the beginning of rest, once.
func (p *parser) begin(dir app.Direction, rest []byte) {
	m := &p.open[dir]
	if m.begun || p.frames == nil {
		return
	}
	kind := "data"
	if rest[0] == iac {
		kind = "ctl"
	}
	*m = message{true, p.frames.Add(dir, "pdu", rest, app.Unbounded), p.frames.Add(dir, kind, rest, app.Unbounded)}
}

// size returns the length of the message at the beginning of b; 0: it is not whole.
func size(b []byte) int {
	if b[0] != iac {
		return line(b)
	}
	switch {
	case len(b) < 2:
		return 0
	case b[1] >= will && b[1] <= dont:
		if len(b) < 3 {
			return 0
		}
		return 3
	case b[1] == sb:
		if i := bytes.Index(b[:min(len(b), maxMessage)], []byte{iac, se}); i >= 0 {
			return i + 2
		}
		if len(b) >= maxMessage {
			return maxMessage
		}
		return 0
	}
	return 2
}

// line returns the length of the text at the beginning of b: up to the end of the line, or to the next command.
func line(b []byte) int {
	b = b[:min(len(b), maxMessage)]
	for i, c := range b {
		switch c {
		case '\n':
			return i + 1
		case iac:
			return i
		}
	}
	if len(b) == maxMessage {
		return maxMessage
	}
	return 0
}
