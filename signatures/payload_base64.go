package signatures

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"picket/signatures/language"
)

// maxBase64 bounds what one base64_decode writes.
const maxBase64 = 64 << 10

// base64Decode is base64_decode: what it makes is judged by the chain behind base64_data.
type base64Decode struct {
	count    int // bytes to read; 0: to the end
	offset   int
	relative bool
	chain    chain
}

func (d *base64Decode) match(m *matcher, rest chain) bool {
	start := d.offset
	if d.relative {
		start += m.pos
	}
	if start > len(m.buf) {
		return false
	}
	in := m.buf[start:]
	if d.count > 0 && len(in) > d.count {
		in = in[:d.count]
	}
	out := decodeBase64(m.v.insp.decoded[:0], in)
	m.v.insp.decoded = out
	if len(out) == 0 {
		return false
	}
	if len(d.chain) > 0 && !d.judge(m, out) {
		return false
	}
	return rest.match(m)
}

// judge runs the inner chain with the outer walk kept aside.
func (d *base64Decode) judge(m *matcher, out []byte) bool {
	buf, pos, stop := m.buf, m.pos, m.stop
	m.buf, m.pos, m.absent = out, 0, absent{}
	ok := d.chain.match(m)
	m.buf, m.pos, m.stop, m.absent = buf, pos, stop, absent{}
	return ok
}

// decodeBase64 appends the bytes that the begin of in encodes, up to the first byte that is not of the alphabet; spaces
// and line ends between are skipped (RFC 4648 with the laxness of RFC 2045, as Suricata's RFC4648 mode).
func decodeBase64(out, in []byte) []byte {
	var acc uint32
	n := 0
	for _, c := range in {
		v := base64Value(c)
		if v < 0 {
			if c == ' ' || c == '\r' || c == '\n' {
				continue
			}
			break
		}
		acc = acc<<6 | uint32(v)
		if n++; n == 4 {
			out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
			if n, acc = 0, 0; len(out) >= maxBase64 {
				return out
			}
		}
	}
	switch n {
	case 2:
		out = append(out, byte(acc>>4))
	case 3:
		out = append(out, byte(acc>>10), byte(acc>>2))
	}
	return out
}

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

func parseBase64Decode(b *builder, arg string) error {
	d := &base64Decode{}
	for _, a := range language.SplitArgs(arg) {
		word, rest := language.SplitWord(a)
		var err error
		switch word {
		case "relative":
			d.relative = true
		case "bytes":
			if d.count, err = strconv.Atoi(rest); err == nil && d.count <= 0 {
				err = errors.New("is not positive")
			}
		case "offset":
			if d.offset, err = strconv.Atoi(rest); err == nil && (d.offset < 0 || d.offset > 65535) {
				err = errors.New("is not between 0 and 65535")
			}
		default:
			err = errors.New("is unknown")
		}
		if err != nil {
			return fmt.Errorf("base64_decode: %q: %w", a, err)
		}
	}
	b.base64 = d
	return b.addItem(d, d.relative)
}

func parseBase64Data(b *builder, _ string) error {
	if b.base64 == nil {
		return errors.New("base64_data needs a base64_decode before it")
	}
	l := b.newList(nil)
	l.base64 = true
	b.cur, b.sticky = l, true
	return nil
}

// parseEntropy reads "bytes 8, offset 4, value >= 5.5" (docs, "entropy").
func parseEntropy(b *builder, arg string) error {
	var bytes, offset int
	compare := func(float64) bool { return false }
	seen := false
	for _, a := range language.SplitArgs(arg) {
		word, rest := language.SplitWord(a)
		var err error
		switch word {
		case "bytes":
			bytes, err = strconv.Atoi(rest)
		case "offset":
			offset, err = strconv.Atoi(rest)
		case "value":
			compare, err = parseFloatCompare(rest)
			seen = true
		default:
			err = fmt.Errorf("unknown option %q", word)
		}
		if err != nil || bytes < 0 || offset < 0 {
			return fmt.Errorf("entropy: %q can't be read", a)
		}
	}
	if !seen {
		return errors.New("entropy needs a value")
	}
	name := "content"
	if b.cur.buffer != nil {
		name = strings.ReplaceAll(b.cur.buffer.Name, ".", "_")
	}
	return b.addTest(func(m *matcher) bool {
		if offset >= len(m.buf) {
			return false // nothing has no entropy, and hides none that was noted
		}
		in := m.buf[offset:]
		if bytes > len(in) {
			return false
		}
		if bytes > 0 {
			in = in[:bytes]
		}
		h := entropy(in)
		m.v.noteEntropy(name, h)
		return compare(h)
	})
}

func parseFloatCompare(s string) (func(float64) bool, error) {
	for _, op := range [...]string{"<=", ">=", "!=", "<", ">", "=", "!"} {
		rest, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		want, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
		return func(v float64) bool {
			switch op {
			case "<=":
				return v <= want
			case ">=":
				return v >= want
			case "<":
				return v < want
			case ">":
				return v > want
			case "=":
				return v == want
			}
			return v != want
		}, err
	}
	want, err := strconv.ParseFloat(s, 64)
	return func(v float64) bool { return v == want }, err
}

// maxEntropies bounds the buffers of one flow whose entropy is kept.
const maxEntropies = 16

// noteEntropy keeps what was computed, whether the rule matches or not: EVE tells it with the flow's records.
func (v *view) noteEntropy(buffer string, h float64) {
	st := v.flowBits(true)
	if st == nil {
		return
	}
	for i := range st.entropies {
		if e := &st.entropies[i]; e.Buffer == buffer {
			e.Value = h
			return
		}
	}
	if len(st.entropies) < maxEntropies {
		st.entropies = append(st.entropies, EntropyNote{buffer, h})
	}
}

// entropy is Shannon's, in bits per byte.
func entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	h, n := 0.0, float64(len(b))
	for _, k := range count {
		if k > 0 {
			p := float64(k) / n
			h -= p * math.Log2(p)
		}
	}
	return h
}
