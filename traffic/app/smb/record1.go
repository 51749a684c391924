package smb

import (
	"bytes"

	"picket/traffic/app"
)

// Commands of SMB 1 (MS-CIFS §2.2.2.1).
const (
	close1      = 0x04
	rename1     = 0x07
	write1      = 0x0b
	transact1   = 0x25
	writeClose1 = 0x2c
	readX1      = 0x2e
	writeX1     = 0x2f
	transact2   = 0x32
	disconnect1 = 0x71
	negotiate1  = 0x72
	setupX1     = 0x73
	logoffX1    = 0x74
	connectX1   = 0x75
	createX1    = 0xa2
	noFurther   = 0xff
)

// header1 is the length of a record's header (MS-CIFS §2.2.3.1).
const header1 = 32

// record1 is a message of SMB 1, or one of several that are chained in it.
type record1 struct {
	raw     []byte // from the header on: offsets count from there
	command uint8
	status  Status
	wide    bool // strings are UTF-16
	answer  bool
	tree    uint32
	session uint64
	message uint64
	words   []byte
	data    []byte
	dataAt  int // where data lies in raw
}

func parseHeader1(b []byte) (r record1, ok bool) {
	if len(b) < header1 {
		return r, false
	}
	flags2 := u16(b, 10)
	r = record1{raw: b, command: b[4], wide: flags2&0x8000 != 0, answer: b[9]&0x80 != 0,
		tree: uint32(u16(b, 24)), session: uint64(u16(b, 28)), message: uint64(u16(b, 30))}
	r.status = Status{Known: true, NT: u32(b, 5)}
	if flags2&0x4000 == 0 {
		r.status = Status{Known: true, DOS: true, Class: b[5], Code: u16(b, 7)}
	}
	return r, true
}

// at makes the message's words and data from what stands at an offset.
func (r *record1) at(offset int) bool {
	count := u8(r.raw, offset)
	r.words = whole(r.raw, offset+1, 2*int(count))
	if r.words == nil || offset >= len(r.raw) {
		return false
	}
	r.dataAt = offset + 1 + len(r.words) + 2
	r.data = part(r.raw, r.dataAt, len(r.raw))
	return true
}

// aligned skips the byte that brings UTF-16 to an even offset.
func (r *record1) aligned(b []byte) []byte {
	at := r.dataAt + len(r.data) - len(b)
	if r.wide && at%2 != 0 && len(b) > 0 {
		return b[1:]
	}
	return b
}

func (r *record1) key(k kind) key {
	out := key{kind: k, session: r.session, tree: r.tree, message: r.message}
	switch k {
	case generic:
		out.command = uint16(r.command)
	case connect, setup:
		out.tree, out.session = 0, 0
	}
	return out
}

func (r *record1) tx() *Transaction {
	return &Transaction{Version: 1, Command: uint16(r.command), Session: r.session, Tree: r.tree}
}

func (r *record1) treeKey() treeKey { return treeKey{r.session, r.tree} }

// fuid makes a file's name of its FID, which is only good within the connection of its tree.
func (r *record1) fuid(fid []byte) string {
	return string([]byte{u8(fid, 0), u8(fid, 1), byte(r.tree), byte(r.tree >> 8), byte(r.session), byte(r.session >> 8)})
}

// chained tells whether a command may be followed by another in the same record.
func chained(command uint8) bool {
	switch command {
	case readX1, writeX1, setupX1, logoffX1, connectX1, createX1, 0x24, 0x2d:
		return true
	}
	return false
}

// maxChain bounds the messages chained in a record.
const maxChain = 16

// record1 works on a record.
func (p *parser) record1(dir app.Direction, b []byte) bool {
	r, ok := parseHeader1(b)
	if !ok {
		return false
	}
	offset := header1
	for range maxChain {
		if !r.at(offset) {
			p.event(EventMalformed)
			return true
		}
		if dir == app.ToServer {
			p.request1(&r)
		} else {
			p.answer1(&r)
		}
		next := int(u16(r.words, 2))
		if !chained(r.command) || len(r.words) < 4 || r.words[0] == noFurther || next <= offset || next >= len(b) {
			return true
		}
		r.command, offset = r.words[0], next
	}
	return true
}

// early1 works on a read's answer or a write that is not whole.
func (p *parser) early1(dir app.Direction, b []byte) bool {
	r, ok := parseHeader1(b)
	if !ok || !r.at(header1) || p.trees[r.treeKey()].pipe {
		return false
	}
	switch {
	case dir == app.ToServer && r.command == writeX1:
		p.write1(&r)
	case dir == app.ToClient && r.command == readX1:
		p.read1Answer(&r)
	default:
		return false
	}
	return true
}

func ownTx1(command uint8) bool {
	switch command {
	case readX1, writeX1, transact1, transact2:
		return false
	}
	return true
}

func (p *parser) request1(r *record1) {
	made, ok := false, true
	switch r.command {
	case rename1:
		made, ok = p.rename1(r)
	case transact2:
		p.transact2(r)
	case readX1:
		fid := whole(r.words, 4, 2)
		offset := uint64(u32(r.words, 6)) | uint64(u32(r.words, 20))<<32
		remember(p.reads, r.key(transfer), place{r.fuid(fid), offset})
		ok = fid != nil
	case writeX1, write1, writeClose1:
		ok = p.write1(r)
	case transact1:
		ok = p.transact1(r)
	case negotiate1:
		made, ok = p.negotiate1(r)
	case createX1:
		made, ok = p.create1(r)
	case setupX1:
		made = p.setup1(r)
	case connectX1:
		made = p.connect1(r)
	case disconnect1:
		delete(p.trees, r.treeKey())
	case close1:
		p.closeFile(r.fuid(r.words))
		ok = len(r.words) >= 2
	}
	if !made && ownTx1(r.command) {
		p.asked(r.tx(), r.key(generic))
	}
	if !ok {
		p.event(EventMalformed)
	}
}

func (p *parser) create1(r *record1) (made, ok bool) {
	if len(r.words) < 48 {
		return false, false
	}
	name := text(part(r.aligned(r.data), 0, int(u16(r.words, 5))))
	options := u32(r.words, 39)
	remember(p.opening, r.key(creation), name)
	t := r.tx()
	t.Create = &Create{Name: name, Disposition: u32(r.words, 35), DeleteOnClose: options&0x1000 != 0, Directory: options&1 != 0}
	p.asked(t, r.key(creation))
	return true, true
}

func (p *parser) create1Answer(r *record1) (found, ok bool) {
	k := r.key(creation)
	name, known := p.opening[k]
	delete(p.opening, k)
	tx, t := p.find(k)
	if tx == nil {
		return false, true
	}
	defer answer(tx, r.status)
	if r.status.NT != 0 || r.status.Class != 0 {
		return true, true
	}
	w := r.words
	if len(w) < 64 {
		return true, false
	}
	if known {
		remember(p.names, r.fuid(w[5:7]), name)
	}
	c := t.Create
	c.Created, c.Accessed = unix(u64(w, 11)), unix(u64(w, 19))
	c.Written, c.Changed = unix(u64(w, 27)), unix(u64(w, 35))
	c.Size, c.FUID = u64(w, 55), []byte(r.fuid(w[5:7]))
	return true, true
}

func (p *parser) rename1(r *record1) (made, ok bool) {
	b := r.data
	if len(b) < 2 || b[0] != 4 {
		return false, false
	}
	var from, to []byte
	from, b = str(r.aligned(b[1:]), r.wide)
	if len(b) < 1 || b[0] != 4 {
		return false, false
	}
	to, _ = str(r.aligned(b[1:]), r.wide)
	t := r.tx()
	t.Rename = &Rename{From: from, To: to}
	p.asked(t, r.key(renaming))
	return true, true
}

// transact2 knows of TRANS2 only what deletes or renames files (MS-CIFS §2.2.6.7, §2.2.6.9).
func (p *parser) transact2(r *record1) {
	const setPath, setFile, disposition = 6, 8, 1013
	if len(r.words) < 30 {
		return
	}
	sub := u16(r.words, 28)
	params := whole(r.raw, int(u16(r.words, 20)), int(u16(r.words, 18)))
	data := whole(r.raw, int(u16(r.words, 24)), int(u16(r.words, 22)))
	var name, fid []byte
	var level uint16
	switch sub {
	case setPath:
		level = u16(params, 0)
		name, _ = str(part(params, 6, len(params)), r.wide)
	case setFile:
		fid = bytes.Clone(part(params, 0, 2))
		level = u16(params, 2)
		name = p.names[r.fuid(fid)]
		if name == nil {
			name = []byte("<unknown>")
		}
	default:
		return
	}
	if level != disposition && level != 0x102 {
		return
	}
	t := r.tx()
	t.Info = &Info{Name: name, Sub: sub, Level: level, FUID: fid, DeleteOnClose: u8(data, 0)&1 != 0}
	p.asked(t, r.key(setting))
}

// transact1 carries PDUs of named pipes (MS-CIFS §2.2.5.6).
func (p *parser) transact1(r *record1) bool {
	const transactPipe = 0x26
	if len(r.words) < 28 {
		return false
	}
	if len(r.words) < 32 || u16(r.words, 28) != transactPipe {
		return true
	}
	fuid := r.fuid(r.words[30:32])
	data := whole(r.raw, int(u16(r.words, 24)), int(u16(r.words, 22)))
	share, known := p.trees[r.treeKey()]
	if isRPC(p.names[fuid]) || (!known || share.pipe) && looksLikeRPC(data) {
		remember(p.fuids, r.key(piped), fuid)
		p.rpc(app.ToServer, &pdu{version: 1, command: transact1, session: r.session, tree: r.tree, fuid: fuid, status: Status{}}, data)
	}
	return true
}

func (p *parser) transact1Answer(r *record1) {
	k := r.key(piped)
	fuid, ok := p.fuids[k]
	if !ok || len(r.words) < 20 {
		return
	}
	delete(p.fuids, k)
	data := whole(r.raw, int(u16(r.words, 14)), int(u16(r.words, 12)))
	p.rpc(app.ToClient, &pdu{version: 1, command: transact1, session: r.session, tree: r.tree, fuid: fuid, status: r.status}, data)
}

func (p *parser) write1(r *record1) bool {
	c := chunk{dir: app.ToServer, version: 1, command: uint16(r.command), session: r.session, tree: r.tree,
		tooMany: EventWriteQueueCount, tooMuch: EventWriteQueueSize, count: p.limits.writeQueueCount, volume: p.limits.writeQueueSize}
	switch {
	case r.command == writeX1 && len(r.words) >= 24:
		c.fuid = r.fuid(r.words[4:6])
		c.offset = uint64(u32(r.words, 6)) | uint64(u32(r.words, 24))<<32
		c.length = int(u16(r.words, 18))<<16 | int(u16(r.words, 20))
		c.data = part(r.raw, int(u16(r.words, 22)), c.length)
	case r.command != writeX1 && len(r.words) >= 10:
		c.fuid = r.fuid(r.words[:2])
		c.offset = uint64(u32(r.words, 4))
		at := 3
		if r.command == writeClose1 {
			at = 1
		}
		c.length = int(u16(r.words, 2))
		c.data = part(r.data, at, c.length)
	default:
		return false
	}
	if p.moving[moveKey{c.fuid, app.ToServer}] == nil {
		pipe, rpc := p.carries(r.treeKey(), c.fuid, c.data)
		if rpc || pipe && looksLikeRPC(c.data) {
			p.rpc(app.ToServer, &pdu{version: 1, command: uint16(r.command), session: r.session, tree: r.tree, fuid: c.fuid, status: Status{}}, c.data)
		}
		if pipe {
			return true
		}
	}
	c.name, c.share = p.names[c.fuid], p.trees[r.treeKey()].name
	if c.name == nil {
		c.name = []byte("<unknown>")
	}
	p.content(&c)
	if r.command == writeClose1 {
		p.closeFile(c.fuid)
	}
	return true
}

func (p *parser) read1Answer(r *record1) bool {
	if len(r.words) < 24 {
		return r.status.NT != 0
	}
	k := r.key(transfer)
	at, known := p.reads[k]
	delete(p.reads, k)
	length := int(u16(r.words, 14))<<16 | int(u16(r.words, 10))
	data := part(r.raw, int(u16(r.words, 12)), length)
	if !known || r.status.NT != 0 && r.status.NT != statusBufferOverflow {
		return true
	}
	if p.moving[moveKey{at.fuid, app.ToClient}] == nil {
		pipe, rpc := p.carries(r.treeKey(), at.fuid, data)
		if rpc || pipe && looksLikeRPC(data) {
			p.rpc(app.ToClient, &pdu{version: 1, command: readX1, session: r.session, tree: r.tree, fuid: at.fuid, status: r.status}, data)
		}
		if pipe {
			return true
		}
	}
	name := p.names[at.fuid]
	if name == nil {
		name = []byte("<unknown>")
	}
	p.content(&chunk{dir: app.ToClient, version: 1, command: readX1, session: r.session, tree: r.tree, fuid: at.fuid, name: name,
		share: p.trees[r.treeKey()].name, offset: at.offset, length: length, data: data, tooMany: EventReadQueueCount,
		tooMuch: EventReadQueueSize, count: p.limits.readQueueCount, volume: p.limits.readQueueSize})
	return true
}

func (p *parser) answer1(r *record1) {
	found, ok := false, true
	switch r.command {
	case readX1:
		ok = p.read1Answer(r)
	case negotiate1:
		found = p.negotiate1Answer(r)
	case connectX1:
		found = p.connect1Answer(r)
	case createX1:
		found, ok = p.create1Answer(r)
	case setupX1:
		found = p.setup1Answer(r)
	case transact1:
		p.transact1Answer(r)
	case logoffX1:
	case rename1, transact2:
		for _, k := range [...]kind{renaming, setting} {
			if tx, _ := p.find(r.key(k)); tx != nil {
				answer(tx, r.status)
				found = true
			}
		}
	}
	if !found {
		if tx, _ := p.find(r.key(generic)); tx != nil {
			answer(tx, r.status)
		}
	}
	if !ok {
		p.event(EventMalformed)
	}
}
