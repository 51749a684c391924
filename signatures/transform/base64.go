package transform

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// decoding is from_base64 with its arguments.
type decoding struct {
	mode   string // "rfc4648": up to the first strange byte; "rfc2045": strange bytes are skipped; "strict"
	offset int
	bytes  int // 0: all
}

// parseBase64 reads "mode M, offset N, bytes N", each of them at most once.
func parseBase64(arg string) (apply, error) {
	d := decoding{mode: "rfc4648"}
	seen := map[string]bool{}
	for _, part := range strings.Split(arg, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		value = strings.TrimSpace(value)
		if name == "" && arg == "" {
			break
		}
		if seen[name] {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		if err := d.set(name, value); err != nil {
			return nil, err
		}
	}
	return d.apply, nil
}

func (d *decoding) set(name, value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	switch name {
	case "offset":
		d.offset = int(n)
	case "bytes":
		d.bytes = int(n)
	case "mode":
		if d.mode, err = value, nil; value != "rfc4648" && value != "rfc2045" && value != "strict" {
			err = fmt.Errorf("mode must be rfc4648, rfc2045 or strict, is %q", value)
		}
	default:
		err = fmt.Errorf("%q is none of mode, offset, bytes", name)
	}
	return err
}

// apply decodes. Suricata leaves a source as it is that does not reach beyond the offset and the bytes, and so do we.
func (d *decoding) apply(dst, src []byte, _ *Scratch) ([]byte, bool) {
	text := src
	if d.offset > 0 {
		if d.offset >= len(text) {
			return append(dst, src...), true
		}
		text = text[d.offset:]
	}
	if d.bytes > 0 {
		if d.bytes >= len(text) {
			return append(dst, src...), true
		}
		text = text[:d.bytes]
	}
	out, ok := dst, false
	if d.mode == "strict" {
		out, ok = strict(dst, text)
	} else {
		out, ok = lenient(dst, text, d.mode == "rfc2045")
	}
	if !ok || len(out) == len(dst) {
		return dst, false
	}
	return out, true
}

func strict(dst, text []byte) ([]byte, bool) {
	for _, c := range text {
		if c == '\r' || c == '\n' { // which Go's decoder skips
			return dst, false
		}
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(dst, text)
	return out, err == nil
}

// lenient decodes groups of four. Without skip a strange byte ends the text, and the group so far counts as padded; with
// skip it is passed over, and an incomplete group at the end is dropped. Padding at the wrong place is a fault.
func lenient(dst, text []byte, skip bool) ([]byte, bool) {
	var group [4]byte
	n := 0
	ok := true
	for _, c := range text {
		if base64Value(c) == strange {
			if skip {
				continue
			}
			break
		}
		group[n] = base64Value(c)
		if n++; n == 4 {
			if dst, ok = decodeGroup(dst, group); !ok {
				return dst, false
			}
			n = 0
		}
	}
	if n > 0 && !skip {
		for ; n < 4; n++ {
			group[n] = padding
		}
		return decodeGroup(dst, group)
	}
	return dst, true
}

const (
	padding = 64
	strange = 65
)

func base64Value(c byte) byte {
	switch {
	case c-'A' < 26:
		return c - 'A'
	case c-'a' < 26:
		return c - 'a' + 26
	case c-'0' < 10:
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	case c == '=':
		return padding
	}
	return strange
}

func decodeGroup(dst []byte, g [4]byte) ([]byte, bool) {
	if g[0] == padding || g[1] == padding {
		return dst, false
	}
	dst = append(dst, g[0]<<2|g[1]>>4)
	if g[2] == padding {
		return dst, true
	}
	dst = append(dst, g[1]<<4|g[2]>>2)
	if g[3] == padding {
		return dst, true
	}
	return append(dst, g[2]<<6|g[3]), true
}
