package dcerpc

import (
	"encoding/binary"

	"picket/traffic/app"
)

// udpHeader is the length of a datagram's header (C706 §12.5).
const udpHeader = 80

// Flags of a datagram.
const (
	udpLast     = 0x02
	udpFragment = 0x04
)

// UDP returns the table entry for datagrams.
func UDP() app.Protocol {
	return app.Protocol{Proto: app.DCERPC, UDP: true, New: func(*app.Config) app.Parser { return &udpParser{} },
		Patterns: []app.Pattern{
			{Dir: app.ToServer, Bytes: "\x04\x00", Depth: 2, Check: checkUDP},
			{Dir: app.ToClient, Bytes: "\x04\x02", Depth: 2, Check: checkUDP},
		}}
}

func checkUDP(_ app.Direction, b []byte) app.Answer {
	if len(b) < udpHeader || b[3]&0xfc != 0 || b[4]&0xee != 0 || b[5] > 3 || Type(b[1]) > CancelAck || int(udpOrder(b).Uint16(b[74:])) != len(b)-udpHeader {
		return app.No
	}
	return app.Yes
}

// udpOrder returns a datagram's byte order.
func udpOrder(b []byte) binary.ByteOrder {
	if b[4]&0x10 != 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// udpParser is the state of the datagrams between two ports.
type udpParser struct{ txs app.Transactions }

func (p *udpParser) Transactions() *app.Transactions { return &p.txs }

// Gap is never called: datagrams have no order.
func (p *udpParser) Gap(app.Direction, uint32) bool { return true }

// Parse reads one datagram.
func (p *udpParser) Parse(_ app.Direction, b []byte, _ bool) app.Result {
	r := app.Result{Consumed: len(b)}
	if len(b) < udpHeader || b[0] != 4 {
		r.Err = errHeader
		return r
	}
	little := b[4]&0x10 != 0
	o := udpOrder(b)
	kind := Type(b[1])
	body := b[udpHeader:]
	if int(o.Uint16(b[74:])) != len(body) || kind != Request && kind != Response {
		return r
	}
	dir := app.ToServer
	if kind == Response {
		dir = app.ToClient
	}
	tx, c := p.call(dir, readUUID(b[40:56], true), o.Uint32(b[64:]))
	if dir == app.ToServer || !c.Called {
		c.Opnum, c.Called = o.Uint16(b[68:]), true
		c.Binding.Interfaces = []Interface{{UUID: readUUID(b[24:40], little), Major: uint16(o.Uint32(b[60:])), First: true, Acked: true}}
	}
	c.Little = little
	s := &c.Sides[dir]
	s.Type, s.Seen = kind, true
	s.add(body, false, b[2]&udpFragment == 0 || b[2]&udpLast != 0)
	if s.Done {
		tx.Progress[dir] = app.Done
	}
	return r
}

// call returns the call of an activity whose direction is not complete, new if need be.
func (p *udpParser) call(dir app.Direction, activity UUID, seq uint32) (*app.Transaction, *Call) {
	for _, tx := range p.txs.Open {
		c, ok := tx.Data.(*Call)
		if ok && c.Activity == activity && c.Sequence == seq && tx.Progress[dir] < app.Done {
			return tx, c
		}
	}
	c := &Call{Datagram: true, Activity: activity, Sequence: seq, Major: 4, Binding: &Binding{}}
	return p.txs.Add(app.DCERPC, c), c
}
