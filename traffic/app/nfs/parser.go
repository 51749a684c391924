package nfs

import (
	"bytes"
	"encoding/binary"
	"errors"

	"picket/traffic/app"
	"picket/traffic/app/order"
)

var errRecord = errors.New("nfs: not an RPC record")

// program is NFS's number among the RPC programs (RFC 1813 §2.1).
const program = 100003

// Bounds of a connection.
const (
	maxPending = 2048    // calls without reply, names and transfers that are remembered
	maxRecord  = 4 << 20 // bytes of a record
	maxOps     = 64      // operations of a compound
)

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{Proto: app.NFS, TCP: true, UDP: true, New: newParser, Ports: "2049", Probe: probe,
		Events: []string{"malformed_data", "non_existing_version", "unsupported_version"}}
}

// probe knows a call to NFS, and a reply by its form.
func probe(dir app.Direction, b []byte) app.Answer {
	if len(b) < 28 {
		return app.More
	}
	if b[0]&0x80 != 0 && binary.BigEndian.Uint32(b[8:]) <= 1 { // a record mark: over TCP
		b = b[4:]
	}
	switch binary.BigEndian.Uint32(b[4:]) {
	case 0:
		if binary.BigEndian.Uint32(b[8:]) != 2 || binary.BigEndian.Uint32(b[12:]) != program {
			return app.No
		}
		if dir == app.ToClient {
			return app.Reversed
		}
		return app.Yes
	case 1:
		if dir == app.ToClient && binary.BigEndian.Uint32(b[8:]) <= 1 {
			return app.Yes
		}
	}
	return app.No
}

// parser is the state of one connection, or of the datagrams between two ports.
type parser struct {
	cfg     *app.Config
	txs     app.Transactions
	pending map[uint32]*pending
	names   map[string][]byte
	moving  map[moveKey]*app.Transaction
	files   uint32
	framed  [2]bool // records were seen: over TCP
	gap     [2]bool
}

// pending is a call that waits for its reply.
type pending struct {
	version, procedure uint32
	handle, name       []byte
	offset             uint64
	tx                 *app.Transaction
	auth               Auth
}

type moveKey struct {
	handle string
	dir    app.Direction
}

func newParser(cfg *app.Config) app.Parser {
	if cfg == nil {
		cfg = app.Default()
	}
	return &parser{cfg: cfg, pending: map[uint32]*pending{}, names: map[string][]byte{}, moving: map[moveKey]*app.Transaction{}}
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap looks for the next record.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.gap[dir] = true
	for _, tx := range p.moving {
		tx.Data.(*Call).track.File.Gaps = true
	}
	return true
}

// Parse reads records (RFC 5531 §11), or one datagram.
func (p *parser) Parse(dir app.Direction, b []byte, eof bool) app.Result {
	r := app.Result{}
	if p.gap[dir] {
		i := resync(dir, b)
		if i < 0 {
			return app.Result{Consumed: max(0, len(b)-24)}
		}
		p.gap[dir], r.Consumed = false, i
	}
	if !p.framed[dir] && len(b) >= 12 && bare(b) {
		p.message(dir, b)
		return app.Result{Consumed: len(b)}
	}
	for rest := b[r.Consumed:]; len(rest) > 0; rest = b[r.Consumed:] {
		if len(rest) < 4 {
			r.Need = 4
			break
		}
		n := int(binary.BigEndian.Uint32(rest) & 0x7fffffff)
		switch {
		case n > maxRecord:
			r.Err = errRecord
			return r
		case len(rest) < 4+n:
			r.Need = 4 + n
			return r
		}
		p.framed[dir] = true
		p.message(dir, rest[4:4+n])
		r.Consumed += 4 + n
	}
	if eof {
		p.closeAll()
	}
	return r
}

// bare tells whether a message begins without record mark: in a datagram.
func bare(b []byte) bool {
	kind, state := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	return b[0]&0x80 == 0 && (kind == 0 && state == 2 || kind == 1 && state <= 1) || kind == 0 && state == 2 && len(b) >= 16 &&
		binary.BigEndian.Uint32(b[12:]) == program
}

// resync returns where a record begins; -1: nowhere.
func resync(dir app.Direction, b []byte) int {
	for i := 0; i+28 <= len(b); i++ {
		kind := binary.BigEndian.Uint32(b[i+8:])
		if b[i]&0x80 != 0 && b[i+1] == 0 && (dir == app.ToServer && kind == 0 && binary.BigEndian.Uint32(b[i+16:]) == program ||
			dir == app.ToClient && kind == 1 && binary.BigEndian.Uint32(b[i+12:]) <= 1) {
			return i
		}
	}
	return -1
}

// message works on a call or a reply.
func (p *parser) message(dir app.Direction, b []byte) {
	x := &xdr{b: b}
	xid, kind := x.u32(), x.u32()
	switch {
	case x.bad:
	case kind == 0 && dir == app.ToServer:
		p.call(xid, x)
	case kind == 1 && dir == app.ToClient:
		p.reply(xid, x)
	}
}

// call reads the head of a call and its arguments.
func (p *parser) call(xid uint32, x *xdr) {
	if x.u32() != 2 || x.u32() != program {
		return
	}
	c := &pending{version: x.u32(), procedure: x.u32()}
	c.auth.Flavor = x.u32()
	creds := &xdr{b: x.opaque()}
	if c.auth.Flavor == AuthUnix {
		creds.u32()
		c.auth.Machine = bytes.Clone(creds.opaque())
		c.auth.UID, c.auth.GID = creds.u32(), creds.u32()
	}
	x.u32()
	x.opaque() // verifier
	if x.bad || c.version < 2 || c.version > 4 {
		return
	}
	remember(p.pending, xid, c)
	switch c.version {
	case 2:
		p.call2(xid, c, x)
	case 3:
		p.call3(xid, c, x)
	case 4:
		p.call4(xid, c, x)
	}
}

// remember puts an entry into a table; a full one loses another entry.
func remember[K comparable, V any](m map[K]V, k K, v V) {
	if len(m) >= maxPending {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[k] = v
}

// add makes the transaction of a call that is no transfer.
func (p *parser) add(xid uint32, c *pending) *Call {
	call := &Call{XID: xid, Version: c.version, Procedure: c.procedure, Name: c.name, Handle: c.handle, Auth: c.auth}
	c.tx = p.txs.Add(app.NFS, call)
	c.tx.Progress[app.ToServer] = app.Done
	return call
}

// reply reads the head of a reply and its results.
func (p *parser) reply(xid uint32, x *xdr) {
	c := p.pending[xid]
	if c == nil {
		return
	}
	delete(p.pending, xid)
	rejected := x.u32() != 0
	accepted := uint32(0)
	if !rejected {
		x.u32()
		x.opaque() // verifier
		accepted = x.u32()
	}
	status := x.u32()
	if accepted != 0 || rejected {
		status = 0
	} else if !x.bad && status == 0 {
		switch c.version {
		case 2:
			p.reply2(xid, c, x)
		case 3:
			p.reply3(xid, c, x)
		case 4:
			p.reply4(xid, c, x)
		}
	}
	if c.tx == nil {
		return
	}
	call := c.tx.Data.(*Call)
	call.Status, call.Accepted, call.Rejected = status, accepted, rejected
	if !call.File {
		c.tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
}

// content gives a piece of a file to its transfer, which may be new.
func (p *parser) content(dir app.Direction, xid uint32, c *pending, procedure uint32, offset uint64, data []byte) {
	k := moveKey{string(c.handle), dir}
	tx := p.moving[k]
	if tx == nil || tx.Finished {
		name := c.name
		if name == nil {
			name = p.names[k.handle]
		}
		p.files++
		f := p.cfg.NewFile(p.files, name)
		tx = p.txs.Add(app.NFS, &Call{XID: xid, Version: c.version, Procedure: procedure, Name: name, Handle: c.handle, Auth: c.auth,
			File: true, First: offset == 0, track: &order.Tracker{File: f}})
		tx.Files[dir] = []*app.File{f}
		remember(p.moving, k, tx)
	}
	call := tx.Data.(*Call)
	call.LastXID = xid
	call.Chunks++
	call.track.Put(offset, data)
	c.tx = tx
}

// closeFile ends a transfer.
func (p *parser) closeFile(handle []byte, dir app.Direction) {
	k := moveKey{string(handle), dir}
	tx := p.moving[k]
	if tx == nil {
		return
	}
	delete(p.moving, k)
	call := tx.Data.(*Call)
	call.Last = true
	call.track.Close(app.FileClosed)
	tx.Progress = [2]app.Progress{app.Done, app.Done}
}

// closeAll ends the transfers of a connection that is over.
func (p *parser) closeAll() {
	for k, tx := range p.moving {
		delete(p.moving, k)
		tx.Data.(*Call).track.Close(app.FileTruncated)
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
}
