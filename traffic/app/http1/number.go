package http1

import (
	"bytes"
	"math"
)

// isSpace is libhtp's idea of whitespace: SP HT CR LF VT FF.
func isSpace(c byte) bool { return c == ' ' || (c >= 9 && c <= 13) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// trim removes whitespace from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// chomp removes all CR and LF from the end.
func chomp(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// cutWhile splits b after the leading bytes for which in holds.
func cutWhile(b []byte, in func(byte) bool) (head, rest []byte) {
	for i, c := range b {
		if !in(c) {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

func notSpace(c byte) bool { return !isSpace(c) }

// skipBlank skips SP and HT.
func skipBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// decimal finds the first decimal number in b. before and after are what surrounds it without blanks.
func decimal(b []byte) (before, digits, after []byte) {
	b = skipBlank(b)
	before, b = cutWhile(b, func(c byte) bool { return !isDigit(c) })
	digits, b = cutWhile(b, isDigit)
	return before, digits, skipBlank(b)
}

// contentLength reads a Content-Length as libhtp does: junk around the number is ignored.
func contentLength(value []byte) (uint64, bool) {
	_, digits, _ := decimal(value)
	if len(digits) == 0 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// hexValue is the value of a hexadecimal digit, or -1.
func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// chunkControl are the bytes that may stand before a chunk length without meaning.
func chunkControl(c byte) bool { return isSpace(c) }

// chunkLength reads a chunk-size line (RFC 9112 7.1). ok is false when there is no usable number; sizes over
// 2 GiB are not usable. extension tells of a ';'.
func chunkLength(line []byte) (n uint64, extension, ok bool) {
	_, rest := cutWhile(line, chunkControl)
	digits := 0
	for digits < len(rest) && hexValue(rest[digits]) >= 0 {
		if n > math.MaxInt32 {
			return 0, false, false
		}
		n = n<<4 | uint64(hexValue(rest[digits]))
		digits++
	}
	if digits == 0 || n > math.MaxInt32 {
		return 0, false, false
	}
	return n, bytes.IndexByte(rest[digits:], ';') >= 0, true
}

// startsChunk tells whether b may be the beginning of a chunk-size line that is not yet whole.
func startsChunk(b []byte) bool {
	_, rest := cutWhile(b, chunkControl)
	return len(rest) == 0 || hexValue(rest[0]) >= 0
}

// version is a protocol version that can be compared.
type version int8

const (
	versionUnknown version = iota
	versionInvalid
	version09
	version10
	version11
)

// protocolVersion reads "HTTP/1.1" leniently: blanks around the slash and leading zeros are accepted.
func protocolVersion(b []byte) version {
	_, b = cutWhile(b, isSpace)
	if len(b) < 4 || !bytes.EqualFold(b[:4], []byte("HTTP")) {
		return versionInvalid
	}
	_, b = cutWhile(b[4:], isSpace)
	if len(b) == 0 || b[0] != '/' {
		return versionInvalid
	}
	_, b = cutWhile(b[1:], func(c byte) bool { return isSpace(c) || c == '0' })
	switch string(trim(b)) {
	case ".9":
		return version09
	case "1.0":
		return version10
	case "1.1":
		return version11
	}
	return versionInvalid
}

// statusNumber reads a status code; 0 when it is not a number from 100 to 999.
func statusNumber(b []byte) int {
	before, digits, after := decimal(b)
	if len(before) != 0 || len(after) != 0 || len(digits) != 3 || digits[0] == '0' {
		return 0
	}
	return int(digits[0]-'0')*100 + int(digits[1]-'0')*10 + int(digits[2]-'0')
}

// portNumber reads a port; 0 when it is none.
func portNumber(b []byte) uint16 {
	if len(b) == 0 || len(b) > 5 {
		return 0
	}
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n > math.MaxUint16 {
		return 0
	}
	return uint16(n)
}
