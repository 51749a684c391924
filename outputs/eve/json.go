package eve

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"picket/traffic/packet"
)

// JSON builds one record in a buffer that is used again for the next. Every method appends one member; an empty
// key appends an element of the open array instead. It allocates only while the buffer grows.
//
// A member whose name comes from outside is begun with name, then its value follows with an empty key.
//
// Whether a comma is due shows in the last byte written, so there is no state beside the buffer: whoever opens
// an object or array closes it.
type JSON struct{ buf []byte }

// Bytes returns what was built; valid until the next call.
func (j *JSON) Bytes() []byte { return j.buf }

// Reset empties the buffer.
func (j *JSON) Reset() { j.buf = j.buf[:0] }

// Len returns the length built so far, for Truncate.
func (j *JSON) Len() int { return len(j.buf) }

// Truncate takes back everything after n: an object that turned out empty.
func (j *JSON) Truncate(n int) { j.buf = j.buf[:n] }

func (j *JSON) key(k string) {
	if n := len(j.buf); n > 0 {
		switch j.buf[n-1] {
		case '{', '[', ':': // the first in its place
		default:
			j.buf = append(j.buf, ',')
		}
	}
	if k != "" {
		j.buf = append(j.buf, '"')
		j.buf = append(j.buf, k...) // keys are ours: nothing in them needs escaping
		j.buf = append(j.buf, '"', ':')
	}
}

// Object opens an object.
func (j *JSON) Object(k string) { j.key(k); j.buf = append(j.buf, '{') }

// EndObject closes it.
func (j *JSON) EndObject() { j.buf = append(j.buf, '}') }

// Array opens an array.
func (j *JSON) Array(k string) { j.key(k); j.buf = append(j.buf, '[') }

// EndArray closes it.
func (j *JSON) EndArray() { j.buf = append(j.buf, ']') }

// Uint appends an unsigned number.
func (j *JSON) Uint(k string, v uint64) { j.key(k); j.buf = strconv.AppendUint(j.buf, v, 10) }

// Int appends a signed number.
func (j *JSON) Int(k string, v int64) { j.key(k); j.buf = strconv.AppendInt(j.buf, v, 10) }

// Float appends a number with a fraction; what JSON has no number for becomes null.
func (j *JSON) Float(k string, v float64) {
	j.key(k)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		j.buf = append(j.buf, "null"...)
		return
	}
	j.buf = strconv.AppendFloat(j.buf, v, 'f', -1, 64)
}

// Bool appends true or false.
func (j *JSON) Bool(k string, v bool) { j.key(k); j.buf = strconv.AppendBool(j.buf, v) }

// Raw writes a member whose value is JSON text already; its name may be anything.
func (j *JSON) Raw(k string, text []byte) {
	j.name(k)
	j.buf = append(j.buf, text...)
}

// Str appends a string, as Bytes does.
func (j *JSON) Str(k, v string) { appendText(j, k, v) }

// Text appends bytes from the wire as a string. Valid UTF-8 stays; otherwise every byte above 0x7F is written as
// the four letters \xNN, as Suricata's JSON builder does (rust/src/jsonbuilder.rs).
func (j *JSON) Text(k string, v []byte) { appendText(j, k, v) }

func appendText[T string | []byte](j *JSON, k string, v T) {
	j.key(k)
	b := append(j.buf, '"')
	valid := validUTF8(v)
	start := 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || valid) {
			continue
		}
		b = append(b, v[start:i]...)
		b = appendEscaped(b, c)
		start = i + 1
	}
	b = append(b, v[start:]...)
	j.buf = append(b, '"')
}

func validUTF8[T string | []byte](v T) bool {
	ascii := true
	for i := 0; i < len(v); i++ {
		ascii = ascii && v[i] < utf8.RuneSelf
	}
	if ascii {
		return true
	}
	switch v := any(v).(type) {
	case string:
		return utf8.ValidString(v)
	case []byte:
		return utf8.Valid(v)
	}
	return false
}

const hexDigits = "0123456789abcdef"

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if c >= 0x80 {
		return append(b, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// Printable appends bytes as text with a dot for everything that is not printable ASCII or a line end.
func (j *JSON) Printable(k string, v []byte) {
	j.key(k)
	b := append(j.buf, '"')
	for _, c := range v {
		switch {
		case c == '"', c == '\\', c == '\n', c == '\r':
			b = appendEscaped(b, c)
		case c < 0x20 || c > 0x7e:
			b = append(b, '.')
		default:
			b = append(b, c)
		}
	}
	j.buf = append(b, '"')
}

// Base64 appends bytes in standard base64.
func (j *JSON) Base64(k string, v []byte) {
	j.key(k)
	j.buf = append(j.buf, '"')
	j.buf = base64.StdEncoding.AppendEncode(j.buf, v)
	j.buf = append(j.buf, '"')
}

// Hex appends bytes in lower-case hex.
func (j *JSON) Hex(k string, v []byte) {
	j.key(k)
	j.buf = append(j.buf, '"')
	j.buf = hex.AppendEncode(j.buf, v)
	j.buf = append(j.buf, '"')
}

// Addr appends an IP address of a packet of the given family (4 or 6: an IPv4-mapped address stays one of IPv6). IPv6 is
// written in full, without "::", as Suricata writes it.
func (j *JSON) Addr(k string, a packet.Addr, family uint8) {
	j.key(k)
	b := append(j.buf, '"')
	if family != 6 && a.Is4() {
		b = netip.AddrFrom4([4]byte(a[12:])).AppendTo(b)
	} else {
		b = appendAddr6(b, a)
	}
	j.buf = append(b, '"')
}

// appendAddr6 writes eight groups of four digits (PrintInet of Suricata, util-print.c).
func appendAddr6(b []byte, a packet.Addr) []byte {
	for i := 0; i < 16; i += 2 {
		if i > 0 {
			b = append(b, ':')
		}
		v := binary.BigEndian.Uint16(a[i:])
		for shift := 12; shift >= 0; shift -= 4 {
			b = append(b, hexDigits[v>>shift&15])
		}
	}
	return b
}

// MAC appends an Ethernet address, "" when it has not six bytes.
func (j *JSON) MAC(k string, mac []byte) {
	j.key(k)
	b := append(j.buf, '"')
	if len(mac) == 6 {
		for i, c := range mac {
			if i > 0 {
				b = append(b, ':')
			}
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	j.buf = append(b, '"')
}

// HexByte appends one byte as two digits: TCP flags.
func (j *JSON) HexByte(k string, v byte) { j.Hex(k, []byte{v}) }
