package mqtt

import (
	"bytes"

	"picket/traffic/app/cursor"
)

// Property is one property of version 5 (MQTT 5, §2.2.2.2).
type Property struct {
	Name string // as EVE writes it: "receive_maximum"; empty for user properties, which carry their own
	Kind Kind
	// Number is valid for Kind Number, Text for the others; Key is the name of a user property.
	Number uint32
	Text   []byte
	Key    []byte
}

// Kind is the form of a property's value.
type Kind uint8

// The forms.
const (
	Number Kind = iota
	Text
	Binary
	Pair
)

// form is how a property is encoded.
type form uint8

const (
	formNone form = iota
	formByte
	formU16
	formU32
	formVar
	formText
	formData
	formPair
)

// propertyTable names the properties by their identifier. Those that are not in it are passed over.
var propertyTable = [...]struct {
	name string
	form form
}{
	1: {"payload_format_indicator", formByte}, 2: {"message_expiry_interval", formU32}, 3: {"content_type", formText},
	8: {"response_topic", formText}, 9: {"correlation_data", formData}, 11: {"subscription_identifier", formVar},
	17: {"session_expiry_interval", formU32}, 18: {"assigned_client_identifier", formText},
	19: {"server_keep_alive", formU16}, 21: {"authentication_method", formText}, 22: {"authentication_data", formData},
	23: {"request_problem_information", formByte}, 24: {"will_delay_interval", formU32},
	25: {"request_response_information", formByte}, 26: {"response_information", formText},
	28: {"server_reference", formText}, 31: {"reason_string", formText}, 33: {"receive_maximum", formU16},
	34: {"topic_alias_maximum", formU16}, 35: {"topic_alias", formU16}, 36: {"maximum_qos", formByte},
	37: {"retain_available", formByte}, 38: {"", formPair}, 39: {"maximum_packet_size", formU32},
	40: {"wildcard_subscription_available", formByte}, 41: {"subscription_identifier_available", formByte},
	42: {"shared_subscription_available", formByte},
}

// maxProperties bounds the properties that are kept of one message; the rest is passed over.
const maxProperties = 1024

// reader reads MQTT's data types (MQTT 5, §1.5).
type reader struct{ cursor.Cursor }

// data reads binary data behind its length.
func (r *reader) data() []byte { return bytes.Clone(r.Bytes(int(r.U16()))) }

// text reads a string; what is not UTF-8 in it is replaced.
func (r *reader) text() []byte {
	b := r.Bytes(int(r.U16()))
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}

// varint reads a variable byte integer of at most four bytes.
func (r *reader) varint() uint32 {
	v := uint32(0)
	for shift := 0; shift < 28; shift += 7 {
		b := r.U8()
		v |= uint32(b&0x7f) << shift
		if b&0x80 == 0 {
			return v
		}
	}
	r.Fail()
	return 0
}

// properties reads the list behind its length.
func (r *reader) properties() []Property {
	in := reader{cursor.New(r.Bytes(int(r.varint())))}
	var list []Property
	for in.Left() > 0 {
		p, known := in.property()
		if known && len(list) < maxProperties {
			list = append(list, p)
		}
	}
	if in.Failed() {
		r.Fail()
	}
	return list
}

func (r *reader) property() (p Property, known bool) {
	id := r.varint()
	if int(id) >= len(propertyTable) || propertyTable[id].form == formNone {
		return p, false
	}
	p.Name = propertyTable[id].name
	switch propertyTable[id].form {
	case formByte:
		p.Number = uint32(r.U8())
	case formU16:
		p.Number = uint32(r.U16())
	case formU32:
		p.Number = r.U32()
	case formVar:
		p.Number = r.varint()
	case formText:
		p.Kind, p.Text = Text, r.text()
	case formData:
		p.Kind, p.Text = Binary, r.data()
	case formPair:
		p.Kind, p.Key, p.Text = Pair, r.text(), r.text()
	}
	return p, true
}
