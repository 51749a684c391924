package smb

import (
	"bytes"

	"picket/traffic/app"
)

// Commands of SMB 2 (MS-SMB2 §2.2.1).
const (
	negotiate2 = iota
	setup2
	logoff2
	connect2
	disconnect2
	create2
	close2
	flush2
	read2
	write2
	lock2
	control2
	cancel2
	keepalive2
	find2
	notify2
	getInfo2
	setInfo2
	oplock2
)

// Status codes that matter to the parser (MS-ERREF §2.3).
const (
	statusSuccess        = 0
	statusPending        = 0x103
	statusBufferOverflow = 0x80000005
	statusMoreProcessing = 0xc0000016
)

// header2 is the length of a record's header (MS-SMB2 §2.2.1).
const header2 = 64

// record2 is a record of SMB 2: its header and what stands behind.
type record2 struct {
	status  uint32
	command uint16
	next    int
	message uint64
	async   bool
	answer  bool
	tree    uint32
	session uint64
	data    []byte
}

func parseHeader2(b []byte) (r record2, ok bool) {
	if len(b) < header2 || u16(b, 4) != header2 {
		return r, false
	}
	flags := u32(b, 16)
	r = record2{status: u32(b, 8), command: u16(b, 12), next: int(u32(b, 20)), message: u64(b, 24),
		async: flags&2 != 0, answer: flags&1 != 0, session: u64(b, 40)}
	if !r.async {
		r.tree = u32(b, 36)
	}
	return r, true
}

// key is how the record's transaction is found.
func (r *record2) key(k kind) key {
	out := key{kind: k, session: r.session, tree: r.tree, message: r.message}
	switch {
	case k == generic:
		out.command = r.command
	case k == connect:
		out.tree = 0
	}
	return out
}

func (r *record2) tx() *Transaction {
	return &Transaction{Version: 2, Command: r.command, Session: r.session, Tree: r.tree}
}

func (r *record2) treeKey() treeKey { return treeKey{r.session, r.tree} }

func (r *record2) verdict() Status { return Status{Known: true, NT: r.status} }

// field returns the bytes at an offset from the record's header; nil when they are not all there.
func (r *record2) field(offset, n int) []byte { return whole(r.data, offset-header2, n) }

// records2 works on the records of a frame, which may be compounded (MS-SMB2 §3.3.4.1.3).
func (p *parser) records2(dir app.Direction, b []byte) bool {
	for len(b) > 0 {
		if b[0] != 0xfe {
			p.event(EventMalformed)
			return true
		}
		r, ok := parseHeader2(b)
		if !ok {
			return false
		}
		end := len(b)
		if r.next >= header2 && r.next < len(b) {
			end = r.next
		} else if r.next != 0 && r.next != len(b) {
			r.next = 0
		}
		r.data = b[header2:end]
		if dir == app.ToServer {
			p.request2(&r)
		} else {
			p.answer2(&r)
		}
		b = b[end:]
	}
	return true
}

// ownTx tells whether a command's request makes a transaction where nothing else does.
func ownTx2(command uint16) bool {
	switch command {
	case read2, write2, getInfo2, setInfo2:
		return false
	}
	return true
}

func (p *parser) request2(r *record2) {
	made, ok := false, true
	switch r.command {
	case setInfo2:
		ok = p.setInfo2(r)
	case control2:
		made, ok = p.control2(r)
	case disconnect2:
		delete(p.trees, r.treeKey())
	case negotiate2:
		made, ok = p.negotiate2(r)
	case setup2:
		made, ok = p.setup2(r)
	case connect2:
		made, ok = p.connect2(r)
	case read2:
		ok = p.read2(r)
	case create2:
		made, ok = p.create2(r)
	case write2:
		ok = p.write2(r)
	case close2:
		if fuid := whole(r.data, 8, 16); fuid != nil {
			p.closeFile(string(fuid))
		} else {
			ok = false
		}
	}
	if !made && ownTx2(r.command) {
		p.asked(r.tx(), r.key(generic))
	}
	if !ok {
		p.event(EventMalformed)
	}
}

func (p *parser) negotiate2(r *record2) (made, ok bool) {
	count := int(u16(r.data, 2))
	list := whole(r.data, 36, 2*count)
	if list == nil {
		return false, false
	}
	if tx, _ := p.find(key{kind: negotiation, command: 2}); tx != nil {
		tx.AddEvent(EventTwoNegotiates)
	}
	n := &Negotiate{ClientGUID: bytes.Clone(r.data[12:28])}
	for i := 0; i < count && i < 64; i++ {
		n.Dialects2 = append(n.Dialects2, u16(list, 2*i))
	}
	t := r.tx()
	t.Negotiate = n
	p.asked(t, key{kind: negotiation, command: 2})
	return true, true
}

func (p *parser) setup2(r *record2) (made, ok bool) {
	t := r.tx()
	t.Setup = &Setup{}
	if blob := r.field(int(u16(r.data, 12)), int(u16(r.data, 14))); blob != nil {
		t.Setup.security(blob)
	}
	p.asked(t, r.key(setup))
	return true, len(r.data) >= 24
}

func (p *parser) connect2(r *record2) (made, ok bool) {
	path := r.field(int(u16(r.data, 4)), int(u16(r.data, 6)))
	if path == nil {
		return false, false
	}
	t := r.tx()
	t.Connect = &Connect{Share: text(path)}
	p.asked(t, r.key(connect))
	return true, true
}

func (p *parser) create2(r *record2) (made, ok bool) {
	if len(r.data) < 56 {
		return false, false
	}
	name := text(r.field(int(u16(r.data, 44)), int(u16(r.data, 46))))
	options := u32(r.data, 40)
	remember(p.opening, r.key(creation), name)
	t := r.tx()
	t.Create = &Create{Name: name, Disposition: u32(r.data, 36), DeleteOnClose: options&0x1000 != 0, Directory: options&1 != 0}
	p.asked(t, r.key(creation))
	return true, true
}

func (p *parser) read2(r *record2) bool {
	if len(r.data) < 32 {
		return false
	}
	length := uint64(u32(r.data, 4))
	if p.conn.MaxRead != 0 && length > uint64(p.conn.MaxRead) || p.limits.maxRead != 0 && length > p.limits.maxRead {
		p.event(EventReadTooLarge)
	}
	remember(p.reads, r.key(transfer), place{string(r.data[16:32]), u64(r.data, 8)})
	return true
}

// read2Answer gives the content of a file, or of a pipe.
func (p *parser) read2Answer(r *record2) bool {
	if len(r.data) < 16 {
		return r.status != statusSuccess
	}
	length := int(u32(r.data, 4))
	data := part(r.data, int(r.data[2])-header2, length)
	k := r.key(transfer)
	at, known := p.reads[k]
	delete(p.reads, k)
	switch {
	case r.status != statusSuccess && r.status != statusBufferOverflow:
		return true
	case p.conn.MaxRead != 0 && length > int(p.conn.MaxRead) || p.limits.maxRead != 0 && uint64(length) > p.limits.maxRead:
		p.event(EventReadResponse)
		return true
	case !known:
		return true
	}
	if p.moving[moveKey{at.fuid, app.ToClient}] == nil {
		pipe, rpc := p.carries(r.treeKey(), at.fuid, data)
		if rpc {
			p.rpc(app.ToClient, &pdu{version: 2, command: read2, session: r.session, tree: r.tree, fuid: at.fuid, status: r.verdict()}, data)
		}
		if pipe {
			return true
		}
	}
	name := p.names[at.fuid]
	if name == nil {
		name = []byte("<unknown>")
	}
	p.content(&chunk{dir: app.ToClient, version: 2, command: read2, session: r.session, tree: r.tree, fuid: at.fuid, name: name,
		share: p.trees[r.treeKey()].name, offset: at.offset, length: length, data: data, tooMany: EventReadQueueCount,
		tooMuch: EventReadQueueSize, count: p.limits.readQueueCount, volume: p.limits.readQueueSize})
	return true
}

func (p *parser) write2(r *record2) bool {
	if len(r.data) < 48 {
		return false
	}
	length := int(u32(r.data, 4))
	data := part(r.data, int(u16(r.data, 2))-header2, length)
	fuid := string(r.data[16:32])
	if p.conn.MaxWrite != 0 && length > int(p.conn.MaxWrite) || p.limits.maxWrite != 0 && uint64(length) > p.limits.maxWrite {
		p.event(EventWriteTooLarge)
		return true
	}
	if p.moving[moveKey{fuid, app.ToServer}] == nil {
		pipe, rpc := p.carries(r.treeKey(), fuid, data)
		if rpc {
			p.rpc(app.ToServer, &pdu{version: 2, command: write2, session: r.session, tree: r.tree, fuid: fuid, status: Status{}}, data)
		}
		if pipe {
			return true
		}
	}
	p.content(&chunk{dir: app.ToServer, version: 2, command: write2, session: r.session, tree: r.tree, fuid: fuid, name: p.names[fuid],
		share: p.trees[r.treeKey()].name, offset: u64(r.data, 8), length: length, data: data, tooMany: EventWriteQueueCount,
		tooMuch: EventWriteQueueSize, count: p.limits.writeQueueCount, volume: p.limits.writeQueueSize})
	return true
}

func (p *parser) setInfo2(r *record2) bool {
	if len(r.data) < 32 {
		return false
	}
	const fileInfo, rename, disposition = 1, 10, 13
	data := r.field(int(u16(r.data, 8)), int(u32(r.data, 4)))
	fuid := bytes.Clone(r.data[16:32])
	name := p.names[string(fuid)]
	if name == nil {
		name = []byte("<unknown>")
	}
	if r.data[2] != fileInfo {
		return true
	}
	t := r.tx()
	switch r.data[3] {
	case rename:
		to := whole(data, 20, int(u32(data, 16)))
		t.Rename = &Rename{From: name, To: text(to), FUID: fuid}
		p.asked(t, r.key(renaming))
		return to != nil
	case disposition:
		t.Info = &Info{Name: name, DeleteOnClose: u8(data, 0)&1 != 0, Sub: fileInfo, Level: disposition, FUID: fuid}
		p.asked(t, r.key(setting))
	}
	return true
}

func (p *parser) control2(r *record2) (made, ok bool) {
	if len(r.data) < 56 {
		return false, false
	}
	fuid := string(r.data[8:24])
	data := r.field(int(u32(r.data, 24)), int(u32(r.data, 28)))
	if isRPC(p.names[fuid]) {
		remember(p.fuids, r.key(piped), fuid)
		return p.rpc(app.ToServer, &pdu{version: 2, command: control2, session: r.session, tree: r.tree, fuid: fuid, status: Status{}}, data), true
	}
	t := r.tx()
	t.Control = &Control{Function: u32(r.data, 4)}
	p.asked(t, r.key(control))
	return true, true
}

func (p *parser) answer2(r *record2) {
	if r.status == statusPending && r.async {
		return // the answer proper comes later
	}
	found, ok := false, true
	switch r.command {
	case negotiate2:
		found, ok = p.negotiate2Answer(r)
	case setup2:
		found = p.setup2Answer(r)
	case connect2:
		found, ok = p.connect2Answer(r)
	case create2:
		found, ok = p.create2Answer(r)
	case read2:
		ok = p.read2Answer(r)
	case control2:
		found = p.control2Answer(r)
	case setInfo2:
		for _, k := range [...]kind{renaming, setting} {
			if tx, _ := p.answerOf(r, k); tx != nil {
				answer(tx, r.verdict())
				found = true
			}
		}
	}
	if !found {
		if tx, _ := p.answerOf(r, generic); tx != nil {
			answer(tx, r.verdict())
		}
	}
	if !ok {
		p.event(EventMalformed)
	}
}

// answerOf finds the request that the record answers. Asynchronous answers do not repeat the tree.
func (p *parser) answerOf(r *record2, k kind) (*app.Transaction, *Transaction) {
	want := r.key(k)
	if !r.async {
		return p.find(want)
	}
	for _, tx := range p.txs.Open {
		t, ok := tx.Data.(*Transaction)
		if ok && t.key.kind == k && t.key.message == want.message && t.key.session == want.session && t.key.command == want.command &&
			tx.Progress[app.ToClient] < app.Done {
			return tx, t
		}
	}
	return nil, nil
}

func (p *parser) negotiate2Answer(r *record2) (found, ok bool) {
	if r.status == statusSuccess {
		if len(r.data) < 40 {
			return false, false
		}
		p.conn.Dialect, p.conn.MaxRead, p.conn.MaxWrite = u16(r.data, 4), u32(r.data, 32), u32(r.data, 36)
		if p.limits.maxRead != 0 && uint64(p.conn.MaxRead) > p.limits.maxRead {
			p.event(EventMaxReadTooLarge)
		}
		if p.limits.maxWrite != 0 && uint64(p.conn.MaxWrite) > p.limits.maxWrite {
			p.event(EventMaxWriteTooLarge)
		}
	}
	for _, version := range [...]uint16{2, 1} { // a request of SMB 1 may be answered by SMB 2
		tx, t := p.find(key{kind: negotiation, command: version})
		if tx == nil {
			continue
		}
		if version == 2 {
			t.Negotiate.ServerGUID = bytes.Clone(part(r.data, 8, 16))
		}
		answer(tx, r.verdict())
		return true, true
	}
	return false, true
}

func (p *parser) setup2Answer(r *record2) bool {
	tx, t := p.find(r.key(setup))
	if tx == nil {
		k := r.key(setup)
		k.session = 0
		if tx, t = p.find(k); tx == nil {
			return false
		}
	}
	t.Session, t.Tree = r.session, r.tree
	answer(tx, r.verdict())
	return true
}

func (p *parser) connect2Answer(r *record2) (found, ok bool) {
	tx, t := p.find(r.key(connect))
	if r.status != statusSuccess {
		if tx != nil {
			answer(tx, r.verdict())
		}
		return tx != nil, true
	}
	if len(r.data) < 16 {
		return false, false
	}
	pipe := r.data[2] == 2
	var name []byte
	if tx != nil {
		t.Connect.Type, t.Connect.Pipe = r.data[2], pipe
		t.Session, t.Tree = r.session, r.tree
		name = t.Connect.Share
		answer(tx, r.verdict())
	}
	remember(p.trees, r.treeKey(), tree{name, pipe})
	return tx != nil, true
}

func (p *parser) create2Answer(r *record2) (found, ok bool) {
	k := r.key(creation)
	if r.async {
		if _, t := p.answerOf(r, creation); t != nil {
			k = t.key
		}
	}
	name, known := p.opening[k]
	delete(p.opening, k)
	tx, t := p.find(k)
	if tx == nil {
		return false, true
	}
	defer answer(tx, r.verdict())
	if r.status != statusSuccess {
		return true, true
	}
	fuid := whole(r.data, 64, 16)
	if fuid == nil {
		return true, false
	}
	if known {
		remember(p.names, string(fuid), name)
	}
	c := t.Create
	c.Created, c.Accessed = unix(u64(r.data, 8)), unix(u64(r.data, 16))
	c.Written, c.Changed = unix(u64(r.data, 24)), unix(u64(r.data, 32))
	c.Size, c.FUID = u64(r.data, 48), bytes.Clone(fuid)
	return true, true
}

func (p *parser) control2Answer(r *record2) bool {
	k := r.key(piped)
	if fuid, ok := p.fuids[k]; ok {
		delete(p.fuids, k)
		if data := r.field(int(u32(r.data, 32)), int(u32(r.data, 36))); r.status == statusSuccess || r.status == statusBufferOverflow {
			return p.rpc(app.ToClient, &pdu{version: 2, command: control2, session: r.session, tree: r.tree, fuid: fuid, status: r.verdict()}, data)
		}
	}
	tx, _ := p.answerOf(r, control)
	if tx != nil {
		answer(tx, r.verdict())
	}
	return tx != nil
}
