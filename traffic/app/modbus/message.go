package modbus

import (
	"encoding/binary"

	"picket/traffic/app"
	"picket/traffic/app/cursor"
)

// Access says what a function does, to what.
type Access uint8

// Reading or writing; one or several; and the four tables.
const (
	Read Access = 1 << iota
	Write
	Discretes
	Coils
	Input
	Holding
	Single
	Multiple
)

// Tables are the bits that name a table.
const Tables = Discretes | Coils | Input | Holding

// Category is a function code's range (V1.1b3 §5).
type Category uint8

// The categories, as bits.
const (
	Assigned Category = 1 << iota
	Unassigned
	User
	Reserved
)

// Message is a request or an answer. Data views nothing that belongs to somebody else.
type Message struct {
	ID, Protocol uint16
	Unit         uint8
	Raw          uint8 // the function code as sent
	Function     uint8 // without the bit that says that it failed
	Failed       bool
	Exception    uint8 // iff Failed
	Access       Access
	Category     Category
	Sub          uint16 // of Diagnostic; the type of an encapsulated interface
	HasSub       bool
	// Address and Quantity are what a request reads or writes, Values what it writes.
	Address, Quantity uint16
	WriteAddress      uint16 // of Read/Write Multiple Registers
	AndMask, OrMask   uint16
	Values            []byte
	Data              []byte // everything else
	Events            []string
}

// Function codes (V1.1b3 §6).
const (
	readCoils, readDiscretes, readHolding, readInput = 1, 2, 3, 4
	writeCoil, writeRegister                         = 5, 6
	Diagnostic                                       = 8
	writeCoils, writeRegisters                       = 15, 16
	maskWrite, readWrite                             = 22, 23
	Interface                                        = 43
)

// accessOf tells what a function does.
func accessOf(function uint8) Access {
	switch function {
	case readCoils:
		return Read | Coils
	case readDiscretes:
		return Read | Discretes
	case readHolding:
		return Read | Holding
	case readInput:
		return Read | Input
	case writeCoil:
		return Write | Coils | Single
	case writeRegister:
		return Write | Holding | Single
	case writeCoils:
		return Write | Coils | Multiple
	case writeRegisters:
		return Write | Holding | Multiple
	case maskWrite:
		return Write | Holding
	case readWrite:
		return Read | Write | Holding | Multiple
	}
	return 0
}

// categoryOf tells which range a function code lies in.
func (m *Message) categoryOf() Category {
	switch f := m.Function; {
	case f == 0:
		return 0
	case f == Diagnostic && m.HasSub && (m.Sub > 20 || m.Sub > 4 && m.Sub < 10 || m.Sub == 19):
		return Reserved
	case f == Interface && m.HasSub && m.Sub != 13 && m.Sub != 14:
		return Reserved
	case f <= 8, f == 11, f == 12, f >= 15 && f <= 24, f == Interface:
		return Assigned
	case f == 9, f == 10, f == 13, f == 14, f == 41, f == 42, f == 90, f == 91, f >= 125:
		return Reserved
	case f >= 65 && f <= 72, f >= 100 && f <= 110:
		return User
	}
	return Unassigned
}

// readMessage reads a whole message, whose header's length fits.
func readMessage(dir app.Direction, b []byte) *Message {
	m := &Message{ID: binary.BigEndian.Uint16(b), Protocol: binary.BigEndian.Uint16(b[2:]), Unit: b[6], Raw: b[7]}
	m.Function, m.Failed = m.Raw&0x7f, m.Raw&0x80 != 0
	m.Access = accessOf(m.Function)
	c := cursor.New(b[headerSize:])
	switch {
	case m.Failed && dir == app.ToClient:
		if m.Exception = c.U8(); m.Exception == 0 || m.Exception == 9 || m.Exception > 11 {
			m.event(EventException)
		}
	case m.Failed:
		m.event(EventFunction)
	case dir == app.ToServer:
		m.request(&c)
	default:
		m.response(&c)
	}
	if c.Failed() || m.Access != 0 && c.Left() > 0 {
		m.event(EventLength)
	}
	m.Data = append([]byte(nil), c.Rest()...)
	if m.Category = m.categoryOf(); m.Category == 0 {
		m.event(EventFunction)
	}
	if m.Protocol != 0 {
		m.event(EventProtocol)
	}
	return m
}

func (m *Message) event(name string) { m.Events = append(m.Events, name) }

// request reads what is asked for.
func (m *Message) request(c *cursor.Cursor) {
	switch m.Function {
	case readCoils, readDiscretes:
		m.Address, m.Quantity = c.U16(), m.quantity(c, 2000)
	case readHolding, readInput:
		m.Address, m.Quantity = c.U16(), m.quantity(c, 125)
	case writeCoil, writeRegister:
		m.single(c)
	case writeCoils:
		m.Address, m.Quantity = c.U16(), m.quantity(c, 1968)
		m.values(c, (int(m.Quantity)+7)/8)
	case writeRegisters:
		m.Address, m.Quantity = c.U16(), m.quantity(c, 123)
		m.values(c, 2*int(m.Quantity))
	case maskWrite:
		m.Address, m.AndMask, m.OrMask = c.U16(), c.U16(), c.U16()
		m.Quantity = 1
	case readWrite:
		m.Address, m.Quantity = c.U16(), m.quantity(c, 125)
		m.WriteAddress = c.U16()
		m.values(c, 2*int(m.quantity(c, 121)))
	default:
		m.sub(c)
	}
}

// quantity reads how many are meant, from 1 to a limit.
func (m *Message) quantity(c *cursor.Cursor, limit uint16) uint16 {
	n := c.U16()
	if !c.Failed() && (n == 0 || n > limit) {
		m.event(EventValue)
	}
	return n
}

// values reads a count of bytes and as many values.
func (m *Message) values(c *cursor.Cursor, want int) {
	n := int(c.U8())
	if !c.Failed() && n != want {
		m.event(EventValue)
	}
	m.Values = append([]byte(nil), c.Bytes(n)...)
}

// single reads an address and one value; a coil is off or on.
func (m *Message) single(c *cursor.Cursor) {
	m.Address, m.Quantity = c.U16(), 1
	m.Values = append([]byte(nil), c.Bytes(2)...)
	if m.Function == writeCoil && !c.Failed() && (m.Values[1] != 0 || m.Values[0] != 0 && m.Values[0] != 0xff) {
		m.event(EventValue)
	}
}

// sub reads the number by which diagnostics and encapsulated interfaces are told apart.
func (m *Message) sub(c *cursor.Cursor) {
	switch m.Function {
	case Diagnostic:
		m.Sub, m.HasSub = c.U16(), true
	case Interface:
		m.Sub, m.HasSub = uint16(c.U8()), true
	}
}

// response reads what was answered.
func (m *Message) response(c *cursor.Cursor) {
	switch m.Function {
	case readCoils, readDiscretes, readHolding, readInput, readWrite:
		m.Values = append([]byte(nil), c.Bytes(int(c.U8()))...)
	case writeCoil, writeRegister:
		m.single(c)
	case writeCoils, writeRegisters:
		m.Address, m.Quantity = c.U16(), c.U16()
	case maskWrite:
		m.Address, m.AndMask, m.OrMask = c.U16(), c.U16(), c.U16()
	default:
		m.sub(c)
	}
}

// answers tells whether one message is the other half of another.
func (m *Message) answers(o *Message) bool {
	return m.ID == o.ID && m.Unit == o.Unit && m.Function == o.Function
}

// compare looks whether an answer fits its request (nil: not seen). What does not fit counts as a mismatch, whatever is wrong.
func (m *Message) compare(r *Message) {
	if m.Failed || m.Access == 0 {
		return
	}
	bad := len(m.Events) > 0
	if r != nil && !r.Failed {
		bad = bad || !m.fits(r)
	}
	if bad {
		m.Events = []string{EventMismatch}
	}
}

func (m *Message) fits(r *Message) bool {
	switch m.Function {
	case readCoils, readDiscretes:
		return len(m.Values) == (int(r.Quantity)+7)/8
	case readHolding, readInput, readWrite:
		return len(m.Values) == 2*int(r.Quantity)
	case writeCoil, writeRegister:
		return m.Address == r.Address && string(m.Values) == string(r.Values)
	case maskWrite:
		return m.Address == r.Address && m.AndMask == r.AndMask && m.OrMask == r.OrMask
	}
	return m.Address == r.Address && m.Quantity == r.Quantity
}

// Span returns the coils or registers that a request is about, counted from 1 as rules count them.
func (m *Message) Span() (first, last uint16, ok bool) {
	if m.Access == 0 || m.Quantity == 0 {
		return 0, 0, false
	}
	return m.Address + 1, m.Address + m.Quantity, true
}

// Written returns the value that a request writes at an address counted from 1.
func (m *Message) Written(address uint16) (uint16, bool) {
	at, base := int(address)-1, int(m.Address)
	if m.Function == readWrite {
		base = int(m.WriteAddress)
	}
	i := at - base
	switch {
	case m.Access&Write == 0 || i < 0:
	case m.Function == writeCoil && i == 0 && len(m.Values) == 2:
		return uint16(m.Values[0] & 1), true
	case m.Function == writeCoils && i/8 < len(m.Values):
		return uint16(m.Values[i/8] >> (i % 8) & 1), true
	case m.Access&Holding != 0 && 2*i+2 <= len(m.Values):
		return binary.BigEndian.Uint16(m.Values[2*i:]), true
	}
	return 0, false
}
