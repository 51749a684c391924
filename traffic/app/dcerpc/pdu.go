package dcerpc

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// Type is a PDU's type (C706 §12.1).
type Type uint8

// The types.
const (
	Request Type = iota
	Ping
	Response
	Fault
	Working
	NoCall
	Reject
	Ack
	CLCancel
	FAck
	CancelAck
	Bind
	BindAck
	BindNak
	AlterContext
	AlterContextResponse
	Auth3
	Shutdown
	COCancel
	Orphaned
	RTS
)

var typeNames = [...]string{"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL",
	"FACK", "CANCEL_ACK", "BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN",
	"CO_CANCEL", "ORPHANED", "RTS"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "UNKNOWN"
}

// fromServer tells whether only servers send such PDUs.
func (t Type) fromServer() bool {
	switch t {
	case Response, Fault, Working, NoCall, Reject, Ack, FAck, CancelAck, BindAck, BindNak, AlterContextResponse, Shutdown:
		return true
	}
	return false
}

// Flags of a PDU.
const (
	FirstFragment = 0x01
	LastFragment  = 0x02
)

// HeaderSize is the length of the header that all PDUs over connections have.
const HeaderSize = 16

// Header is the beginning of a PDU over a connection (C706 §12.6.3.1).
type Header struct {
	Major, Minor uint8
	Type         Type
	Flags        uint8
	Little       bool // the byte order of this PDU
	Length       int  // of the whole PDU
	AuthLength   int
	CallID       uint32
}

// ParseHeader reads a header; false when b is too short or no header.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < HeaderSize {
		return h, false
	}
	h = Header{Major: b[0], Minor: b[1], Type: Type(b[2]), Flags: b[3], Little: b[4]&0x10 != 0}
	o := h.order()
	h.Length, h.AuthLength, h.CallID = int(o.Uint16(b[8:])), int(o.Uint16(b[10:])), o.Uint32(b[12:])
	return h, h.Major == 5 && h.Minor <= 1 && h.Length >= HeaderSize
}

func (h *Header) order() binary.ByteOrder {
	if h.Little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// UUID names an interface; its bytes stand in the order in which it is written.
type UUID [16]byte

// String is the usual form, in small letters.
func (u UUID) String() string {
	var b [36]byte
	hex.Encode(b[:], u[:4])
	for i, at := range [...]int{8, 13, 18, 23} {
		b[at] = '-'
		if i < 3 {
			hex.Encode(b[at+1:], u[4+2*i:6+2*i])
		}
	}
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}

// readUUID turns the three numbers at its begin into the order in which they are written.
func readUUID(b []byte, little bool) (u UUID) {
	copy(u[:], b)
	if little {
		u[0], u[1], u[2], u[3] = b[3], b[2], b[1], b[0]
		u[4], u[5], u[6], u[7] = b[5], b[4], b[7], b[6]
	}
	return u
}

// Interface is one that a client wants to use, with what the server said to it.
type Interface struct {
	UUID         UUID
	Major, Minor uint16
	Context      uint16
	// First says that it stood in a PDU that was its call's first fragment.
	First  bool
	Acked  bool
	Result uint16 // 0: accepted
	Reason uint16
	order  int // place in the newest bind
}

// Version is the version as EVE writes it.
func (i *Interface) Version() string {
	return strconv.Itoa(int(i.Major)) + "." + strconv.Itoa(int(i.Minor))
}

// maxInterfaces bounds what a connection binds.
const maxInterfaces = 256

// Binding is the list of interfaces of a connection.
type Binding struct{ Interfaces []Interface }

// Bind reads the body of a bind or alter context PDU (behind its header). A bind replaces what was there before, an
// alteration adds to it.
func (l *Binding) Bind(h *Header, body []byte) {
	if len(body) < 12 {
		return
	}
	if h.Type == Bind {
		l.Interfaces = nil
	}
	for i := range l.Interfaces {
		l.Interfaces[i].order = -1
	}
	o := h.order()
	count, b := int(body[8]), body[12:]
	for n := 0; n < count && len(b) >= 24 && len(l.Interfaces) < maxInterfaces; n++ {
		transfers := int(b[2])
		l.Interfaces = append(l.Interfaces, Interface{
			Context: o.Uint16(b), UUID: readUUID(b[4:20], h.Little), Major: o.Uint16(b[20:]), Minor: o.Uint16(b[22:]),
			First: h.Flags&FirstFragment != 0, order: n,
		})
		if len(b) < 24+20*transfers {
			return
		}
		b = b[24+20*transfers:]
	}
}

// Answer reads the body of a bind ack or alter context response.
func (l *Binding) Answer(h *Header, body []byte) {
	o := h.order()
	if len(body) < 10 {
		return
	}
	at := 10 + int(o.Uint16(body[8:])) // the secondary address
	at = (at + 3) &^ 3                 // the header is a multiple of 4
	if len(body) < at+4 {
		return
	}
	count, b := int(body[at]), body[at+4:]
	for n := 0; n < count && len(b) >= 24; n++ {
		for i := range l.Interfaces {
			if it := &l.Interfaces[i]; it.order == n {
				it.Acked, it.Result, it.Reason = true, o.Uint16(b), o.Uint16(b[2:])
			}
		}
		b = b[24:]
	}
}

// Stub returns the opnum, the context and the stub data of a request or response; false when it is cut off. An object's
// UUID counts as stub data.
func Stub(h *Header, body []byte) (opnum, context uint16, stub []byte, ok bool) {
	if len(body) < 8 {
		return 0, 0, nil, false
	}
	o := h.order()
	context = o.Uint16(body[4:])
	stub = body[8:]
	if h.Type == Request {
		opnum = o.Uint16(body[6:])
	}
	return opnum, context, stub, true
}
