package language

import (
	"errors"
	"fmt"
)

// Content is the value of a content keyword, or of one of its kin (uricontent, reference buffers of datasets).
type Content struct {
	Bytes   []byte
	Negated bool
}

// ParseContent reads a quoted content value: text, |41 42| for bytes, \" \; \: \\ for themselves, "!" before the
// quote to negate. It refuses what Suricata refuses (detect-content.c): other escapes, bare quotes, open hex
// blocks, and the empty string. The bytes are a new slice.
func ParseContent(value string) (Content, error) {
	text, negated, err := Unquote(value, QuotesRequired|NegationAllowed)
	if err != nil {
		return Content{}, err
	}
	b, err := DecodeContent(text)
	return Content{Bytes: b, Negated: negated}, err
}

// DecodeContent reads content text without its quotes.
func DecodeContent(text string) ([]byte, error) {
	d := contentDecoder{out: make([]byte, 0, len(text))}
	for i := 0; i < len(text); i++ {
		if err := d.add(text[i]); err != nil {
			return nil, err
		}
	}
	switch {
	case d.hex:
		return nil, errors.New(`hex block is not closed with "|"`)
	case d.half:
		return nil, errors.New("hex block has an odd number of digits")
	case d.escaped:
		return nil, errors.New(`backslash at the end (write \\ for a backslash)`)
	case len(d.out) == 0:
		return nil, errors.New("content is empty")
	}
	return d.out, nil
}

// contentDecoder is the state between two characters of content text.
type contentDecoder struct {
	out     []byte
	hex     bool // between two bars
	escaped bool // after a backslash
	half    bool // first digit of a byte was read
	high    byte
}

func (d *contentDecoder) add(c byte) error {
	switch {
	case c == '|': // a bar can't be escaped; it is written |7C|
		if d.hex && d.half {
			return errors.New("hex block has an odd number of digits")
		}
		d.hex = !d.hex
	case d.hex:
		return d.digit(c)
	case d.escaped:
		d.escaped = false
		if c != ':' && c != ';' && c != '\\' && c != '"' {
			return fmt.Errorf(`unknown escape \%c (write \\ for a backslash)`, c)
		}
		d.out = append(d.out, c)
	case c == '\\':
		d.escaped = true
	case c == '"':
		return errors.New(`double quote inside content (write \")`)
	default:
		d.out = append(d.out, c)
	}
	return nil
}

func (d *contentDecoder) digit(c byte) error {
	if c == ' ' || c == ',' {
		return nil
	}
	n, ok := hexDigit(c)
	if !ok {
		return fmt.Errorf("%q is not a hex digit", c)
	}
	if d.half = !d.half; d.half {
		d.high = n
		return nil
	}
	d.out = append(d.out, d.high<<4|n)
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
