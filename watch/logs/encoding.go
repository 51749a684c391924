package logs

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how a log writes its characters. Lines are delivered in UTF-8.
type Encoding uint8

// The encodings.
const (
	// Auto is UTF-16 if the file begins with its byte order mark, else UTF-8, which is what fail2ban takes in any locale of
	// today. Not Latin-1 where a line is not UTF-8: one byte would decide then whether expressions see a letter or a space.
	Auto Encoding = iota
	UTF8          // bytes that are not UTF-8 become U+FFFD
	Latin1
	UTF16 // by its byte order mark, little endian without one
	UTF16LE
	UTF16BE
)

// encodingNames are the names that are understood, beside each the encoding; Python's and IANA's spellings.
var encodingNames = map[string]Encoding{
	"": Auto, "auto": Auto,
	"utf-8": UTF8, "utf8": UTF8, "ascii": UTF8, "us-ascii": UTF8,
	"latin1": Latin1, "latin-1": Latin1, "iso-8859-1": Latin1, "iso8859-1": Latin1,
	"utf-16": UTF16, "utf16": UTF16, "utf-16le": UTF16LE, "utf-16-le": UTF16LE, "utf-16be": UTF16BE, "utf-16-be": UTF16BE,
}

// ParseEncoding reads the name of an encoding (fail2ban's logencoding).
func ParseEncoding(name string) (Encoding, error) {
	if e, ok := encodingNames[strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "_", "-"))]; ok {
		return e, nil
	}
	return Auto, fmt.Errorf("log encoding %q: not known (auto, utf-8, latin1, utf-16, utf-16le, utf-16be)", name)
}

// resolve says how the file that begins with head is really read, and how long its byte order mark is.
func (e Encoding) resolve(head []byte) (Encoding, int) {
	marked := e == Auto || e == UTF16
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) && (marked || e == UTF16LE):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}) && (marked || e == UTF16BE):
		return UTF16BE, 2
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}) && (e == Auto || e == UTF8):
		return UTF8, 3
	case e == UTF16:
		return UTF16LE, 0
	}
	return e, 0
}

// unit is the number of bytes of the smallest character.
func (e Encoding) unit() int {
	if e == UTF16LE || e == UTF16BE || e == UTF16 {
		return 2
	}
	return 1
}

// newline returns where the next line end stands in data, or -1. data begins at a character.
func (e Encoding) newline(data []byte) int {
	if e.unit() == 1 {
		return bytes.IndexByte(data, '\n')
	}
	low := 0 // where the newline's low byte stands in its unit
	if e == UTF16BE {
		low = 1
	}
	for pos := 0; ; {
		i := bytes.IndexByte(data[pos:], '\n')
		if i < 0 {
			return -1
		}
		at := pos + i - low
		if at >= 0 && at%2 == 0 && at+2 <= len(data) && data[at+1-low] == 0 {
			return at
		}
		pos += i + 1
	}
}

// verdict says what decoding had to do.
type verdict uint8

const (
	plain   verdict = iota // nothing: the text is the line
	recoded                // it was another encoding
	wrong                  // it had bytes without a meaning, which became U+FFFD
)

// decode returns line in UTF-8: the line itself when it is, else a copy appended to text.
func (e Encoding) decode(line []byte, text *[]byte) ([]byte, verdict) {
	switch e {
	case UTF16, UTF16LE, UTF16BE:
		return decodeUTF16(line, e == UTF16BE, text)
	case Latin1:
		if ascii(line) {
			return line, plain
		}
		return decodeLatin1(line, text), recoded
	}
	if utf8.Valid(line) {
		return line, plain
	}
	return replaceInvalid(line, text), wrong
}

func ascii(line []byte) bool {
	for _, c := range line {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func decodeLatin1(line []byte, text *[]byte) []byte {
	out := *text
	begin := len(out)
	for _, c := range line {
		out = utf8.AppendRune(out, rune(c))
	}
	*text = out
	return out[begin:]
}

func replaceInvalid(line []byte, text *[]byte) []byte {
	out := *text
	begin := len(out)
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		out = utf8.AppendRune(out, r)
		line = line[n:]
	}
	*text = out
	return out[begin:]
}

// decodeUTF16 decodes an even number of bytes; a lone surrogate, or an odd byte at the end, is U+FFFD.
func decodeUTF16(line []byte, big bool, text *[]byte) ([]byte, verdict) {
	out, v := *text, recoded
	begin := len(out)
	for i := 0; i+1 < len(line); i += 2 {
		r := unit16(line[i:], big)
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+3 < len(line) {
				low = unit16(line[i+2:], big)
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				v = wrong
			} else {
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if len(line)%2 != 0 {
		out, v = utf8.AppendRune(out, utf8.RuneError), wrong
	}
	*text = out
	return out[begin:], v
}

func unit16(b []byte, big bool) rune {
	if big {
		return rune(b[0])<<8 | rune(b[1])
	}
	return rune(b[1])<<8 | rune(b[0])
}
