package dcerpc

import (
	"errors"

	"picket/traffic/app"
)

var errHeader = errors.New("dcerpc: not a PDU")

// maxGapSearch is how many bytes are looked at for a header behind a gap before the direction waits for more.
const maxGapSearch = 1 << 16

// TCP returns the table entry for connections.
func TCP() app.Protocol {
	p := app.Protocol{Proto: app.DCERPC, TCP: true, New: func(*app.Config) app.Parser { return &parser{} }}
	for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
		p.Patterns = append(p.Patterns, app.Pattern{Dir: dir, Bytes: "\x05\x00", Depth: 2, Check: check})
	}
	return p
}

// check wants a header whose fields are possible.
func check(dir app.Direction, data []byte) app.Answer {
	if len(data) < HeaderSize {
		return app.More
	}
	h, ok := ParseHeader(data)
	if !ok || h.Type > RTS || data[4]&0xee != 0 || data[5] > 3 || data[6] != 0 || data[7] != 0 {
		return app.No
	}
	if h.Type.fromServer() && dir == app.ToServer || !h.Type.fromServer() && dir == app.ToClient {
		return app.No
	}
	return app.Yes
}

// parser is the state of one connection.
type parser struct {
	frames  *app.Frames
	txs     app.Transactions
	binding Binding
	gap     [2]bool // a header is to be looked for
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap looks for the next PDU; calls that were open in the direction don't go on.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.gap[dir] = true
	for _, tx := range p.txs.Open {
		tx.Progress[dir] = app.Done
		if dir == app.ToClient {
			tx.Progress[app.ToServer] = app.Done
		}
	}
	return true
}

// Parse reads PDUs, each as a whole.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	if p.gap[dir] {
		if used = nextHeader(data, dir); used < 0 {
			return app.Result{Consumed: max(0, len(data)-HeaderSize+1)}
		}
		p.gap[dir] = false
	}
	for {
		b := data[used:]
		if len(b) < HeaderSize {
			return app.Result{Consumed: used, Need: HeaderSize}
		}
		h, ok := ParseHeader(b)
		switch {
		case !ok:
			return app.Result{Consumed: used, Err: errHeader}
		case len(b) < h.Length:
			return app.Result{Consumed: used, Need: h.Length}
		}
		p.frames.Add(dir, "pdu", b, int64(h.Length))
		p.frames.Add(dir, "hdr", b, HeaderSize)
		p.frames.Add(dir, "data", b[HeaderSize:], int64(h.Length-HeaderSize))
		p.pdu(dir, &h, b[HeaderSize:h.Length])
		used += h.Length
	}
}

// nextHeader returns where the next header stands; -1: nowhere.
func nextHeader(data []byte, dir app.Direction) int {
	for i := 0; i+HeaderSize <= len(data) && i < maxGapSearch; i++ {
		if data[i] == 5 && check(dir, data[i:]) == app.Yes {
			return i
		}
	}
	return -1
}

// pdu gives a PDU to its call. The third leg of an authentication belongs to none.
func (p *parser) pdu(dir app.Direction, h *Header, body []byte) {
	if h.Type == Auth3 {
		return
	}
	tx, c := p.find(h.CallID, dir)
	if tx == nil {
		c = &Call{ID: h.CallID, Binding: &p.binding, Bare: true}
		tx = p.txs.Add(app.DCERPC, c)
		if dir == app.ToClient {
			tx.Progress[app.ToServer] = app.Done
		}
	}
	if !c.Add(dir, h, body) {
		return
	}
	tx.Progress[dir] = app.Done
	if dir == app.ToClient {
		tx.Progress[app.ToServer] = app.Done
	}
}

// find returns the newest open call of a number whose direction is not complete.
func (p *parser) find(id uint32, dir app.Direction) (*app.Transaction, *Call) {
	for i := len(p.txs.Open) - 1; i >= 0; i-- {
		tx := p.txs.Open[i]
		c, ok := tx.Data.(*Call)
		if ok && c.ID == id && tx.Progress[dir] < app.Done {
			return tx, c
		}
	}
	return nil, nil
}
