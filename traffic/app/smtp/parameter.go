package smtp

import (
	"bytes"
	"strconv"
)

// maxSections bounds the pieces into which a parameter's value may be cut (RFC 2231 §3).
const maxSections = 64

// parameter returns the value of a field's parameter (RFC 2045 §5.1): "; key=value", "; key="value"", or in numbered pieces,
// "; key*0=val; key*1=ue". The last one of a name counts; nil: there is none.
func parameter(value []byte, key string) []byte {
	if v := onlyParameter(value, key); v != nil {
		return v
	}
	var whole []byte
	for i := range maxSections {
		piece := onlyParameter(value, key+"*"+strconv.Itoa(i))
		if piece == nil {
			break
		}
		whole = append(whole, piece...)
	}
	return whole
}

func onlyParameter(value []byte, key string) (found []byte) {
	_, rest, more := bytes.Cut(value, []byte(";"))
	for more && len(rest) > 0 {
		var name, v []byte
		name, rest, more = bytes.Cut(rest, []byte("="))
		if !more {
			break
		}
		v, rest = parameterValue(rest)
		if bytes.EqualFold(bytes.TrimSpace(name), []byte(key)) {
			found = v
		}
	}
	return found
}

// parameterValue takes a value, quoted or up to the next semicolon, and passes over the semicolon.
func parameterValue(b []byte) (value, rest []byte) {
	b = bytes.TrimLeft(b, " \t")
	if len(b) > 0 && b[0] == '"' {
		if end := closingQuote(b[1:]); end >= 0 {
			value, rest = b[1:1+end], bytes.TrimLeft(b[end+2:], " \t")
			return value, bytes.TrimPrefix(rest, []byte(";"))
		}
	}
	value, rest, _ = bytes.Cut(b, []byte(";"))
	return bytes.TrimSpace(value), rest
}

// closingQuote finds the next quotation mark that no backslash stands before; -1: there is none.
func closingQuote(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
