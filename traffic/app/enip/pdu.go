package enip

import (
	"bytes"
	"encoding/binary"
	"errors"

	"picket/traffic/app/cursor"
)

// Sizes and bounds.
const (
	headerSize = 24
	itemHeader = 4
	maxItems   = 256 // of one PDU
)

// Commands (volume 2, table 2-3.2).
const (
	CommandNop               = 0
	CommandListServices      = 4
	CommandListIdentity      = 0x63
	CommandListInterfaces    = 0x64
	CommandRegisterSession   = 0x65
	CommandUnregisterSession = 0x66
	CommandSendRRData        = 0x6f
	CommandSendUnitData      = 0x70
	CommandIndicateStatus    = 0x72
	CommandCancel            = 0x73
)

// Types of items (volume 2, table 2-6.3).
const (
	itemIdentity    = 0x0c
	itemConnected   = 0xb1
	itemUnconnected = 0xb2
	itemServices    = 0x100
)

var errShort = errors.New("enip: a datagram shorter than its PDU")

// PDU is one message: the header, and what its command carries.
type PDU struct {
	Command, Length          uint16
	Session, Status, Options uint32
	Items                    []Item
	Register                 *Register
	carries                  bool // it carries CIP
}

// Item is one of the data items of a PDU.
type Item struct {
	Type     uint16
	Length   int
	Sequence uint16 // iff Type is connected data
	CIP      *Message
	Identity *Identity
	Services *Services

	offset int // from the PDU's first byte
}

// Register is the content of RegisterSession.
type Register struct{ Version, Options uint16 }

// Identity is what a device says of itself in answer to ListIdentity.
type Identity struct {
	Version, Vendor, DeviceType, ProductCode uint16
	Major, Minor                             uint8
	Status                                   uint16
	Serial                                   uint32
	ProductName                              []byte
	State                                    uint8
}

// Revision is the product's revision as one number.
func (i *Identity) Revision() uint16 { return uint16(i.Major)<<8 | uint16(i.Minor) }

// Services is a service that a device offers, in answer to ListServices.
type Services struct {
	Version, Capabilities uint16
	Name                  []byte
}

// CIP returns the PDU's CIP message, or nil.
func (u *PDU) CIP() *Message {
	for i := range u.Items {
		if m := u.Items[i].CIP; m != nil {
			return m
		}
	}
	return nil
}

// Identity returns what the first item says of the device, or nil.
func (u *PDU) Identity() *Identity {
	if len(u.Items) == 0 {
		return nil
	}
	return u.Items[0].Identity
}

// Services returns the service in the first item, or nil.
func (u *PDU) Services() *Services {
	if len(u.Items) == 0 {
		return nil
	}
	return u.Items[0].Services
}

// Version is the protocol version that the PDU tells, if any.
func (u *PDU) Version() (uint16, bool) {
	switch {
	case u.Register != nil:
		return u.Register.Version, true
	case u.Services() != nil:
		return u.Services().Version, true
	case u.Identity() != nil:
		return u.Identity().Version, true
	}
	return 0, false
}

// answeredBy tells whether a PDU answers this one: by command, session, and the sequence number of connected data.
func (u *PDU) answeredBy(r *PDU) bool {
	switch {
	case u.Command != r.Command, u.Session != r.Session && u.Command != CommandRegisterSession, u.carries != r.carries:
		return false
	case len(u.Items) < 2 || len(r.Items) < 2 || u.Items[1].Type != itemConnected || r.Items[1].Type != itemConnected:
		return true
	}
	return u.Items[1].Sequence == r.Items[1].Sequence
}

// readHeader reads the header at the beginning of b, which holds it.
func readHeader(b []byte) PDU {
	le := binary.LittleEndian
	return PDU{Command: le.Uint16(b), Length: le.Uint16(b[2:]), Session: le.Uint32(b[4:]), Status: le.Uint32(b[8:]),
		Options: le.Uint32(b[20:])}
}

// readPDU reads a whole PDU. False: what it carries can't be read; the header counts all the same.
func readPDU(b []byte) (*PDU, bool) {
	u := readHeader(b)
	c := cursor.New(b[headerSize:])
	switch u.Command {
	case CommandRegisterSession:
		u.Register = &Register{Version: c.LE16(), Options: c.LE16()}
		if c.Failed() {
			u.Register = nil
		}
	case CommandListServices, CommandListIdentity, CommandListInterfaces:
		if u.Length > 0 { // the request is empty
			u.readItems(&c, len(b))
		}
	case CommandSendRRData, CommandSendUnitData:
		c.Skip(6) // interface handle and timeout
		u.readItems(&c, len(b))
		u.carries = !c.Failed()
	}
	return &u, !c.Failed()
}

// readItems reads the items that fill the rest of a PDU of size bytes.
func (u *PDU) readItems(c *cursor.Cursor, size int) {
	n := int(c.LE16())
	if n > maxItems {
		c.Fail()
	}
	for ; n > 0 && !c.Failed(); n-- {
		it := Item{offset: size - c.Left()}
		it.Type, it.Length = c.LE16(), int(c.LE16())
		if !it.read(cursor.New(c.Bytes(it.Length))) {
			c.Fail()
		}
		u.Items = append(u.Items, it)
	}
	if c.Failed() {
		u.Items = nil
	}
}

// read reads what an item holds.
func (it *Item) read(c cursor.Cursor) bool {
	switch it.Type {
	case itemIdentity:
		it.Identity = readIdentity(&c)
	case itemServices:
		it.Services = &Services{Version: c.LE16(), Capabilities: c.LE16(), Name: bytes.Clone(c.Bytes(16))}
	case itemConnected:
		it.Sequence = c.LE16()
		it.CIP = readMessage(&c, it.offset+itemHeader+2, true)
	case itemUnconnected:
		it.CIP = readMessage(&c, it.offset+itemHeader, true)
	}
	return !c.Failed()
}

func readIdentity(c *cursor.Cursor) *Identity {
	i := &Identity{Version: c.LE16()}
	c.Skip(16) // socket address
	i.Vendor, i.DeviceType, i.ProductCode = c.LE16(), c.LE16(), c.LE16()
	i.Major, i.Minor = c.U8(), c.U8()
	i.Status, i.Serial = c.LE16(), c.LE32()
	i.ProductName = bytes.Clone(c.Bytes(int(c.U8())))
	i.State = c.U8()
	return i
}
