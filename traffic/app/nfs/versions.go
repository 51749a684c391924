package nfs

import (
	"bytes"

	"picket/traffic/app"
)

// handle2 is the length of version 2's file handles.
const handle2 = 32

// call2 reads the arguments of version 2.
func (p *parser) call2(xid uint32, c *pending, x *xdr) {
	if c.procedure != 0 {
		c.handle = bytes.Clone(x.take(handle2))
	}
	switch c.procedure {
	case lookup2, create2, remove2, mkdir2, rmdir2:
		c.name = bytes.Clone(x.opaque())
	case rename2:
		c.name = bytes.Clone(x.opaque())
		x.take(handle2)
		p.add(xid, c).To = bytes.Clone(x.opaque())
		return
	case read2:
		c.offset = uint64(x.u32())
		return
	default: // writes too: Suricata makes no files of version 2's
		c.name = p.names[string(c.handle)]
	}
	p.add(xid, c)
}

// reply2 reads the results of version 2, behind the status.
func (p *parser) reply2(xid uint32, c *pending, x *xdr) {
	const attributes = 68
	switch c.procedure {
	case lookup2, create2, mkdir2:
		if h := x.take(handle2); h != nil {
			remember(p.names, string(h), c.name)
		}
	case read2:
		x.take(attributes)
		if data := x.opaque(); !x.bad {
			p.content(app.ToClient, xid, c, read2, c.offset, data)
		}
	}
}

// call3 reads the arguments of version 3.
func (p *parser) call3(xid uint32, c *pending, x *xdr) {
	if c.procedure != 0 {
		c.handle = bytes.Clone(x.opaque())
	}
	switch c.procedure {
	case lookup3, create3, mkdir3, symlink3, mknod3, remove3, rmdir3:
		c.name = bytes.Clone(x.opaque())
	case rename3:
		c.name = bytes.Clone(x.opaque())
		x.opaque()
		p.add(xid, c).To = bytes.Clone(x.opaque())
		return
	case read3:
		c.offset = x.u64()
		return
	case write3:
		offset := x.u64()
		x.u32()
		x.u32()
		if data := x.opaque(); !x.bad {
			p.content(app.ToServer, xid, c, write3, offset, data)
		}
		return
	case commit3:
		p.closeFile(c.handle, app.ToServer)
		return
	default:
		c.name = p.names[string(c.handle)]
	}
	p.add(xid, c)
}

// reply3 reads the results of version 3, behind the status.
func (p *parser) reply3(xid uint32, c *pending, x *xdr) {
	const attributes = 84
	switch c.procedure {
	case lookup3:
		remember(p.names, string(x.opaque()), c.name)
	case create3, mkdir3, symlink3, mknod3:
		if x.u32() != 0 {
			remember(p.names, string(x.opaque()), c.name)
		}
	case read3:
		if x.u32() != 0 {
			x.take(attributes)
		}
		x.u32()
		eof := x.u32() != 0
		if data := x.opaque(); !x.bad {
			p.content(app.ToClient, xid, c, read3, c.offset, data)
			if eof {
				p.closeFile(c.handle, app.ToClient)
			}
		}
	}
}

// Operations of version 4 (RFC 7530 §16, RFC 8881 §18).
const (
	access4      = 3
	close4       = 4
	commit4      = 5
	getAttr4     = 9
	getHandle4   = 10
	lookup4      = 15
	open4        = 18
	putHandle4   = 22
	putRoot4     = 24
	read4        = 25
	remove4      = 28
	rename4      = 29
	renew4       = 30
	restore4     = 31
	save4        = 32
	write4       = 38
	sequence4    = 53
	compound4    = 1
	stateID      = 16
	noDelegation = 0
)

// call4 walks through a compound's operations, up to the first that is not known.
func (p *parser) call4(xid uint32, c *pending, x *xdr) {
	if c.procedure != compound4 {
		p.add(xid, c)
		return
	}
	x.opaque()
	x.u32()
	main, transfer := uint32(0), false
	for n := min(x.u32(), maxOps); n > 0 && !x.bad; n-- {
		op := x.u32()
		if x.bad {
			break
		}
		known := p.operation4(xid, c, op, x)
		switch op {
		case read4, write4:
			transfer = true
		}
		if weight4(op) > weight4(main) {
			main = op
		}
		if !known {
			break
		}
	}
	if main != 0 {
		c.procedure = main
	}
	if c.tx == nil && !transfer {
		p.add(xid, c)
	}
}

// weight4 ranks operations: those that only prepare others count least.
func weight4(op uint32) int {
	switch op {
	case 0:
		return 0
	case sequence4, putHandle4, putRoot4, save4, restore4:
		return 1
	case getAttr4, getHandle4, access4:
		return 2
	}
	return 3
}

// operation4 reads an operation's arguments; false: it is not known, and so neither is where the next one begins.
func (p *parser) operation4(xid uint32, c *pending, op uint32, x *xdr) bool {
	switch op {
	case putHandle4:
		c.handle = bytes.Clone(x.opaque())
		if c.name == nil {
			c.name = p.names[string(c.handle)]
		}
	case lookup4, remove4:
		c.name = bytes.Clone(x.opaque())
	case rename4:
		c.name = bytes.Clone(x.opaque())
		to := bytes.Clone(x.opaque())
		c.procedure = rename4
		p.add(xid, c).To = to
	case access4:
		x.u32()
	case getAttr4:
		x.words()
	case read4:
		x.take(stateID)
		c.offset = x.u64()
		x.u32()
	case write4:
		x.take(stateID)
		offset := x.u64()
		x.u32()
		if data := x.opaque(); !x.bad {
			p.content(app.ToServer, xid, c, write4, offset, data)
		}
	case close4:
		x.u32()
		x.take(stateID)
		p.closeFile(c.handle, app.ToServer)
		p.closeFile(c.handle, app.ToClient)
	case commit4:
		x.u64()
		x.u32()
		p.closeFile(c.handle, app.ToServer)
	case renew4:
		x.u64()
	case sequence4:
		x.take(stateID + 16)
	case open4:
		return p.open4(c, x)
	case getHandle4, putRoot4, restore4, save4:
	default:
		return false
	}
	return !x.bad
}

// open4 reads what is to be opened.
func (p *parser) open4(c *pending, x *xdr) bool {
	x.take(12 + 8)
	x.opaque()
	if x.u32() == 1 { // create
		switch mode := x.u32(); mode {
		case 0, 1:
			x.words()
			x.opaque()
		case 3:
			x.take(8)
			x.words()
			x.opaque()
		default:
			x.take(8)
		}
	}
	switch claim := x.u32(); claim {
	case 0:
		c.name = bytes.Clone(x.opaque())
	case 1:
		x.u32()
	case 4:
	default:
		return false
	}
	return !x.bad
}

// reply4 walks through the results of a compound's operations.
func (p *parser) reply4(xid uint32, c *pending, x *xdr) {
	x.opaque()
	for n := min(x.u32(), maxOps); n > 0 && !x.bad; n-- {
		op, status := x.u32(), x.u32()
		if status != 0 || x.bad || !p.result4(xid, c, op, x) {
			return
		}
	}
}

func (p *parser) result4(xid uint32, c *pending, op uint32, x *xdr) bool {
	switch op {
	case getHandle4:
		if h := x.opaque(); !x.bad && c.name != nil {
			remember(p.names, string(h), c.name)
		}
	case read4:
		eof := x.u32() != 0
		if data := x.opaque(); !x.bad {
			p.content(app.ToClient, xid, c, read4, c.offset, data)
			if eof {
				p.closeFile(c.handle, app.ToClient)
			}
		}
	case access4, commit4:
		x.take(8)
	case getAttr4:
		x.words()
		x.opaque()
	case write4, close4:
		x.take(stateID)
	case open4:
		x.take(stateID + 20 + 4)
		x.words()
		if x.u32() != noDelegation { // a delegation
			return false
		}
	case remove4:
		x.take(20)
	case rename4:
		x.take(40)
	case sequence4:
		x.take(stateID + 20)
	case putHandle4, putRoot4, lookup4, restore4, save4, renew4:
	default:
		return false
	}
	return !x.bad
}
