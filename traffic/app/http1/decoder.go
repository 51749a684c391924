package http1

import "picket/traffic/app"

// Decoder undoes a content coding for another protocol that carries HTTP's messages.
type Decoder struct {
	chain      decoderChain
	wire, size uint64
}

// NewDecoder returns a decoder for the codings that a Content-Encoding names, at most layers of them; nil when
// there is none that can be undone. What comes out is handed to sink, which must not keep it.
func NewDecoder(contentEncoding []byte, layers int, windows *app.Windows, sink func([]byte)) *Decoder {
	kinds, _, _ := parseCodings(contentEncoding, layers, false)
	if len(kinds) == 0 {
		return nil
	}
	d := &Decoder{}
	d.chain.windows = windows
	d.chain.sink = func(b []byte) error {
		d.size += uint64(len(b))
		sink(b)
		if d.size > bombSize && d.size/bombRatio > d.wire {
			return errBomb
		}
		return nil
	}
	for _, k := range kinds {
		d.chain.push(k)
	}
	return d
}

// Write decodes b as far as it goes. An error ends the decoding: a compression bomb.
func (d *Decoder) Write(b []byte) error {
	d.wire += uint64(len(b))
	return d.chain.write(b)
}

// Finish says that nothing follows.
func (d *Decoder) Finish() { d.chain.finish() }

// ParseContentRange reads a Content-Range field's first and last byte, and the size of the whole, 0 when it is not told.
func ParseContentRange(value []byte) (start, end, size uint64, ok bool) {
	r, ok := parseRange(value)
	return r.start, r.end, r.size, ok
}

// UpgradeRefused implements app.Refused.
func (p *parser) UpgradeRefused() {
	if p.upgraded != nil {
		p.upgraded.event("failed_protocol_change")
	}
}

// Upgraded returns the transaction whose answer handed the connection over to another protocol; nil: none did.
func (p *parser) Upgraded() *Transaction { return p.upgraded }

var _ interface {
	app.Parser
	Upgraded() *Transaction
} = (*parser)(nil)
