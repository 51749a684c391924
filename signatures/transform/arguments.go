package transform

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"picket/signatures/pcre"
)

// maxKey is the longest xor key, in bytes.
const maxKey = 255

// parseXor reads "HEXKEY" or "extract BYTES AT" (older: var), either with "offset N," before it. Bytes before the offset are
// copied as they are. A source that does not reach to the offset or the key is left as it is.
func parseXor(arg string) (apply, error) {
	offset := 0
	if rest, ok := keyword(arg, "offset"); ok {
		number, key, two := strings.Cut(rest, ",")
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
		if !two || err != nil {
			return nil, fmt.Errorf("want offset NUMBER,KEY, have %q", arg)
		}
		offset, arg = int(n), strings.Trim(strings.TrimSpace(key), `"`)
	}
	for _, word := range []string{"extract", "var"} {
		if where, ok := keyword(arg, word); ok {
			return xorExtracted(where, offset)
		}
	}
	key, err := hex.DecodeString(arg)
	if err != nil || len(key) == 0 || len(key) > maxKey {
		return nil, fmt.Errorf("the key must be 1 to %d bytes in hexadecimal digits, is %q", maxKey, arg)
	}
	return func(dst, src []byte, _ *Scratch) ([]byte, bool) { return xor(dst, src, key, offset), true }, nil
}

// xorExtracted takes the key from the source.
func xorExtracted(where string, offset int) (apply, error) {
	fields := strings.Fields(where)
	if len(fields) != 2 {
		return nil, fmt.Errorf("want extract BYTES OFFSET, have %q", where)
	}
	size, err := strconv.ParseUint(fields[0], 10, 8)
	at, err2 := strconv.ParseUint(fields[1], 10, 16)
	if err != nil || err2 != nil || size == 0 {
		return nil, fmt.Errorf("want 1 to 255 key bytes at an offset up to 65535, have %q", where)
	}
	from, to := int(at), int(at+size)
	return func(dst, src []byte, _ *Scratch) ([]byte, bool) {
		if to > len(src) {
			return append(dst, src...), true
		}
		return xor(dst, src, src[from:to], offset), true
	}, nil
}

func xor(dst, src, key []byte, offset int) []byte {
	offset = min(offset, len(src))
	dst = append(dst, src[:offset]...)
	k := 0
	for _, c := range src[offset:] {
		dst = append(dst, c^key[k])
		if k++; k == len(key) {
			k = 0
		}
	}
	return dst
}

// keyword cuts a word and the white space behind it off an argument.
func keyword(arg, word string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(arg, word)
	if !ok || rest == "" || !isSpace(rest[0]) {
		return arg, false
	}
	return strings.TrimSpace(rest), true
}

// slice is a part of the source: negative numbers count from its end.
type slice struct {
	offset, size int
	toEnd        bool // no size given
	truncate     bool // cut what reaches beyond the source instead of giving nothing
}

// parseSubslice reads "OFFSET[,SIZE][,truncate]".
func parseSubslice(arg string) (apply, error) {
	parts := strings.Split(arg, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	s := slice{toEnd: true}
	if last := len(parts) - 1; last > 0 && strings.EqualFold(parts[last], "truncate") {
		s.truncate = true
		parts = parts[:last]
	}
	var err, err2 error
	s.offset, err = smallInt(parts[0])
	if len(parts) == 2 {
		s.toEnd = false
		s.size, err2 = smallInt(parts[1])
	}
	if err != nil || err2 != nil || len(parts) > 2 || !s.toEnd && s.size == 0 {
		return nil, fmt.Errorf("want OFFSET, SIZE (not 0) and truncate, have %q", arg)
	}
	return func(dst, src []byte, _ *Scratch) ([]byte, bool) { return append(dst, s.of(src)...), true }, nil
}

func smallInt(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err
}

// of returns the part, empty if it does not fit. One that comes out backwards is turned around.
func (s slice) of(src []byte) []byte {
	n := len(src)
	if !s.truncate && (s.offset > n || -s.offset > n) {
		return nil
	}
	start := min(s.offset, n)
	if s.offset < 0 {
		start = max(n+s.offset, 0)
	}
	end := n
	switch {
	case s.toEnd:
	case s.size < 0:
		end = n + s.size
	default:
		end = start + s.size
	}
	if !s.truncate && (end < 0 || end > n) {
		return nil
	}
	end = min(max(end, 0), n)
	return src[min(start, end):max(start, end)]
}

// parsePcrexform reads a regular expression with one capturing group, which becomes the result.
func parsePcrexform(arg string) (apply, error) {
	re, err := pcre.Compile(arg, 0)
	if err != nil {
		return nil, err
	}
	if re.Groups() != 1 {
		return nil, fmt.Errorf("needs exactly one capturing group, has %d", re.Groups())
	}
	return func(dst, src []byte, sc *Scratch) ([]byte, bool) {
		if sc.Matcher == nil {
			sc.Matcher = &pcre.Matcher{}
		}
		if re.Match(src, 0, sc.Matcher) != pcre.Matched {
			return dst, false
		}
		from, to, ok := sc.Matcher.Group(1)
		if !ok {
			return dst, false
		}
		return append(dst, src[from:to]...), true
	}, nil
}

// size reads a number of bytes with a unit of Suricata's: none, kb, kib, mb, mib, gb, gib.
func size(text string) (int, error) {
	digits := strings.TrimRight(text, "kKmMgGiIbB ")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, err
	}
	units := map[string]uint64{
		"": 1, "kb": 1000, "kib": 1 << 10, "mb": 1e6, "mib": 1 << 20, "gb": 1e9, "gib": 1 << 30,
	}
	unit, ok := units[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	if n *= unit; !ok || n > math.MaxUint32 {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return int(n), nil
}
