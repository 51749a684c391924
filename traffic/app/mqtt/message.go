package mqtt

import (
	"bytes"
	"errors"

	"picket/traffic/app/cursor"
)

// Type is the kind of a control packet (MQTT 5, §2.1.2).
type Type uint8

// The control packets; 0 is reserved.
const (
	Unassigned Type = iota
	Connect
	ConnAck
	Publish
	PubAck
	PubRec
	PubRel
	PubComp
	Subscribe
	SubAck
	Unsubscribe
	UnsubAck
	PingReq
	PingResp
	Disconnect
	Auth
)

var typeNames = [...]string{"unassigned", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp",
	"subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"}

// String is the type's name in lower case, as EVE writes it.
func (t Type) String() string { return typeNames[t&15] }

// TypeByName returns the type with a lower-case name.
func TypeByName(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// Message is one control packet. Its slices belong to it.
type Message struct {
	Type   Type
	Dup    bool
	QoS    uint8
	Retain bool

	// Truncated: the message was longer than the limit and was skipped, Skipped bytes with its header. Nothing
	// below is valid then.
	Truncated bool
	Skipped   int

	ID    uint16 // packet identifier; valid iff HasID
	HasID bool

	Connect *ConnectData // valid iff Type is Connect

	SessionPresent bool   // ConnAck
	Reason         uint8  // reason code; ConnAck: return code; valid iff HasReason
	HasReason      bool   // PubAck, PubRec, PubRel, PubComp, Disconnect, Auth of version 5, and ConnAck
	Topic          []byte // Publish
	Body           []byte // Publish: the application message
	Topics         []Topic
	Codes          []byte // SubAck: granted QoS or reason codes; UnsubAck: reason codes
	Properties     []Property
}

// Topic is one filter of a Subscribe or Unsubscribe.
type Topic struct {
	Name []byte
	QoS  uint8 // of a Subscribe: the options byte
}

// ConnectData is what a client says of itself.
type ConnectData struct {
	Protocol        []byte // "MQTT", "MQIsdp"
	Version         uint8
	Flags           uint8
	KeepAlive       uint16
	ClientID        []byte
	WillTopic       []byte
	WillMessage     []byte
	WillProperties  []Property
	User, Password  []byte
	HasUser, HasPwd bool
}

// Flags of a Connect (MQTT 5, §3.1.2.3).
const (
	FlagUser         = 0x80
	FlagPassword     = 0x40
	FlagWillRetain   = 0x20
	FlagWill         = 0x04
	FlagCleanSession = 0x02
)

var (
	errShort     = errors.New("mqtt: message is not whole yet")
	errMalformed = errors.New("mqtt: malformed message")
)

// header reads the fixed header: type, flags and remaining length. size is its own length.
func header(b []byte) (m Message, size, length int, err error) {
	if len(b) < 2 {
		return m, 0, 0, errShort
	}
	m = Message{Type: Type(b[0] >> 4), Dup: b[0]&8 != 0, QoS: b[0] >> 1 & 3, Retain: b[0]&1 != 0}
	for i := 0; i < 4; i++ {
		if 1+i >= len(b) {
			return m, 0, 0, errShort
		}
		length |= int(b[1+i]&0x7f) << (7 * i)
		if b[1+i]&0x80 == 0 {
			return m, 2 + i, length, nil
		}
	}
	return m, 0, 0, errMalformed
}

// body reads what follows the fixed header, all of it. version is that of the connection.
func (m *Message) body(b []byte, version uint8) error {
	r := reader{cursor.New(b)}
	five := version == 5
	switch m.Type {
	case Connect:
		m.connect(&r)
	case ConnAck:
		m.SessionPresent = r.U8()&1 != 0
		m.Reason, m.HasReason = r.U8(), true
		m.properties(&r, five)
	case Publish:
		m.Topic = r.text()
		if m.QoS > 0 {
			m.ID, m.HasID = r.U16(), true
		}
		m.properties(&r, five)
		m.Body = bytes.Clone(r.Rest())
	case PubAck, PubRec, PubRel, PubComp:
		m.ID, m.HasID = r.U16(), true
		if version >= 5 {
			m.HasReason = true
			m.reason(&r)
		}
	case Subscribe, Unsubscribe:
		m.ID, m.HasID = r.U16(), true
		m.properties(&r, five)
		m.topics(&r)
	case SubAck, UnsubAck:
		m.ID, m.HasID = r.U16(), true
		m.properties(&r, five)
		m.Codes = bytes.Clone(r.Rest())
	case Disconnect:
		if version >= 5 {
			m.HasReason = true
			m.disconnectReason(&r)
		}
	case Auth:
		m.Reason, m.HasReason = r.U8(), true
		m.properties(&r, true)
	}
	if r.Failed() {
		return errMalformed
	}
	return nil
}

// reason reads the reason code and the properties of version 5, each of which may be left out.
func (m *Message) reason(r *reader) {
	if r.Left() == 0 {
		return
	}
	m.Reason = r.U8()
	if r.Left() > 0 {
		m.properties(r, true)
	}
}

// disconnectReason is reason for Disconnect; a lone code is not believed, as Suricata does not.
func (m *Message) disconnectReason(r *reader) {
	alone := r.Left() == 1
	if m.reason(r); alone {
		m.Reason = 0
	}
}

func (m *Message) connect(r *reader) {
	c := &ConnectData{Protocol: r.text(), Version: r.U8(), Flags: r.U8(), KeepAlive: r.U16()}
	m.properties(r, c.Version == 5)
	c.ClientID = r.text()
	if c.Flags&FlagWill != 0 {
		if c.Version == 5 {
			c.WillProperties = r.properties()
		}
		c.WillTopic, c.WillMessage = r.text(), r.data()
	}
	if c.HasUser = c.Flags&FlagUser != 0; c.HasUser {
		c.User = r.text()
	}
	if c.HasPwd = c.Flags&FlagPassword != 0; c.HasPwd {
		c.Password = r.data()
	}
	m.Connect = c
}

// topics reads filters up to the first that is not whole. A Subscribe needs one.
func (m *Message) topics(r *reader) {
	rest := cursor.New(r.Rest())
	in := reader{rest}
	for in.Left() > 0 {
		t := Topic{Name: in.text()}
		if m.Type == Subscribe {
			t.QoS = in.U8()
		}
		if in.Failed() {
			break
		}
		m.Topics = append(m.Topics, t)
	}
	if m.Type == Subscribe && len(m.Topics) == 0 {
		r.Fail()
	}
}

func (m *Message) properties(r *reader, there bool) {
	if there {
		m.Properties = r.properties()
	}
}
