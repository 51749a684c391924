// Package snmp reads SNMP 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412, RFC 3414). Each datagram is a transaction whose
// Data is a *Message.
package snmp

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/ber"
	"picket/traffic/app/datagram"
)

// The events, by the names that rules use (app-layer-event:snmp.…).
const (
	EventSecurityModel = "unknown_security_model"
	EventVersion       = "version_mismatch"
)

// PDU types (RFC 3416 §3): the context tag of the PDU.
const (
	TrapV1 = 4
)

var pduNames = [...]string{"get_request", "get_next_request", "response", "set_request", "trap_v1", "get_bulk_request",
	"inform_request", "trap_v2", "report"}

// PDUName returns a PDU type's name, its number when it has none.
func PDUName(t uint32) string {
	if int(t) < len(pduNames) {
		return pduNames[t]
	}
	return strconv.FormatUint(uint64(t), 10)
}

// PDUByName returns the PDU type with a name.
func PDUByName(name string) (uint32, bool) {
	for i, n := range pduNames {
		if n == name {
			return uint32(i), true
		}
	}
	return 0, false
}

// errorNames are the error-status values (RFC 3416 §3).
var errorNames = [...]string{"NoError", "TooBig", "NoSuchName", "BadValue", "ReadOnly", "GenErr", "NoAccess", "WrongType",
	"WrongLength", "WrongEncoding", "WrongValue", "NoCreation", "InconsistentValue", "ResourceUnavailable",
	"CommitFailed", "UndoFailed", "AuthorizationError", "NotWritable", "InconsistentName"}

// ErrorName returns an error status' name.
func ErrorName(status int64) string {
	if status >= 0 && status < int64(len(errorNames)) {
		return errorNames[status]
	}
	return "ErrorStatus(" + strconv.FormatInt(status, 10) + ")"
}

var trapNames = [...]string{"ColdStart", "WarmStart", "LinkDown", "LinkUp", "AuthenticationFailure", "EgpNeighborLoss",
	"EnterpriseSpecific"}

// TrapName returns the name of a version 1 trap.
func TrapName(t int64) string {
	if t >= 0 && t < int64(len(trapNames)) {
		return trapNames[t]
	}
	return "TrapType(" + strconv.FormatInt(t, 10) + ")"
}

// Message is one datagram.
type Message struct {
	Version   uint32 // 1, 2 or 3
	Community []byte // versions 1 and 2; nil for none
	USM       []byte // version 3: the user of the security model; nil for none
	Encrypted bool   // nothing below is known
	PDU       uint32
	Error     int64
	Trap      *Trap    // valid iff PDU is TrapV1
	Vars      []string // object identifiers in dots
}

// Trap is what a version 1 trap has of its own.
type Trap struct {
	Type    int64
	OID     string
	Address netip.Addr
}

// Bounds of a message.
const (
	maxVars = 256
	maxOID  = 128 // components
)

var errMalformed = errors.New("snmp: malformed message")

// Protocol returns the table entry: SNMP over UDP, which both ports of agents and of managers take.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.SNMP, UDP: true, TCP: true, Ports: "161,162", Probe: probe,
		New: func(*app.Config) app.Parser {
			version := uint32(0)
			return datagram.New(app.SNMP, func(_ app.Direction, data []byte) (any, []string, error) { return read(data, &version) })
		},
		Events: []string{datagram.Malformed, EventSecurityModel, EventVersion},
	}
}

// probe knows a sequence with a version number in front.
func probe(_ app.Direction, data []byte) app.Answer {
	if len(data) < 5 || data[0] != 0x30 {
		return app.No
	}
	r := ber.New(data)
	in := r.Enter(ber.Universal, ber.Sequence)
	if v := in.Peek(); r.Failed() || !v.Is(ber.Universal, ber.Integer) || len(v.Body) != 1 || v.Body[0] > 3 {
		return app.No
	}
	return app.Yes
}

// read reads a message; version is that of the exchange, 0 before its first message.
func read(data []byte, version *uint32) (any, []string, error) {
	r := ber.New(data)
	in := r.Enter(ber.Universal, ber.Sequence)
	number := in.Int()
	if in.Failed() || number < 0 || number > 3 {
		return nil, nil, errMalformed
	}
	m := &Message{Version: uint32(number) + 1}
	var events []string
	if number == 3 {
		m.Version = 3
		if !m.secured(&in) {
			events = append(events, EventSecurityModel)
		}
	} else {
		m.Community = bytes.Clone(in.Octets())
		m.pdu(in.Next())
	}
	if in.Failed() {
		return nil, nil, errMalformed
	}
	if *version != 0 && *version != m.Version {
		events = append(events, EventVersion)
	}
	*version = m.Version
	return m, events, nil
}

// secured reads what version 3 puts around a PDU (RFC 3412 §6); false: its security model is not known.
func (m *Message) secured(r *ber.Reader) bool {
	head := r.Enter(ber.Universal, ber.Sequence)
	head.Int() // message number
	head.Int() // maximum size
	head.Octets()
	model := head.Int()
	parameters := ber.New(r.Octets())
	if head.Failed() {
		r.Fail()
		return false
	}
	if model == 3 {
		in := parameters.Enter(ber.Universal, ber.Sequence)
		in.Octets() // engine
		in.Int()    // its boots
		in.Int()    // its time
		m.USM = bytes.Clone(in.Octets())
	}
	if scoped := r.Next(); scoped.Is(ber.Universal, ber.OctetString) {
		m.Encrypted = true
	} else {
		in := ber.New(scoped.Body)
		in.Octets() // context engine
		in.Octets() // context name
		m.pdu(in.Next())
		if in.Failed() {
			r.Fail()
		}
	}
	return model == 3
}

// pdu reads a PDU as far as it can be read.
func (m *Message) pdu(e ber.Element) {
	m.PDU = e.Tag
	r := ber.New(e.Body)
	if m.PDU == TrapV1 {
		t := &Trap{OID: oid(r.Expect(ber.Universal, ber.OID))}
		if e := r.Next(); len(e.Body) == 4 {
			t.Address = netip.AddrFrom4([4]byte(e.Body))
		}
		t.Type = r.Int()
		r.Int()  // specific trap
		r.Next() // time stamp
		m.Trap = t
	} else {
		r.Int() // request number
		m.Error = r.Int()
		r.Int() // error index
	}
	list := r.Enter(ber.Universal, ber.Sequence)
	for list.More() && len(m.Vars) < maxVars {
		in := list.Enter(ber.Universal, ber.Sequence)
		if name := in.Expect(ber.Universal, ber.OID); !in.Failed() {
			m.Vars = append(m.Vars, oid(name))
		}
	}
}

// oid prints an object identifier (X.690 §8.19).
func oid(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	out := strconv.AppendUint(nil, uint64(min(b[0]/40, 2)), 10)
	out = append(out, '.')
	out = strconv.AppendUint(out, uint64(b[0]-40*min(b[0]/40, 2)), 10)
	v, parts := uint64(0), 0
	for _, x := range b[1:] {
		v = v<<7 | uint64(x&0x7f)
		if x&0x80 != 0 {
			continue
		}
		out = strconv.AppendUint(append(out, '.'), v, 10)
		if v, parts = 0, parts+1; parts == maxOID {
			break
		}
	}
	return string(out)
}
