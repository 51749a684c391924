package http1

import "unicode/utf8"

// fit maps a character to the single byte that Windows servers put in its place; '?' when there is none.
func fit(r rune) byte {
	switch {
	case r < 0x100:
		return byte(r)
	case r >= 0xff01 && r <= 0xff5e: // full width forms of ASCII
		return byte(r - 0xff01 + '!')
	case r >= 0x100 && r < 0x180:
		return latinA[r-0x100]
	}
	switch r {
	case 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x3000:
		return ' '
	case 0x2010, 0x2011, 0x2212:
		return '-'
	case 0x2032, 0x02b9, 0x02bc, 0x02c8:
		return '\''
	case 0x2035, 0x02cb:
		return '`'
	case 0x2215, 0x2044:
		return '/'
	case 0x2216:
		return '\\'
	case 0x2217:
		return '*'
	case 0x2223:
		return '|'
	case 0x2236:
		return ':'
	case 0x223c, 0x02dc:
		return '~'
	case 0x2329, 0x3008, 0x2039:
		return '<'
	case 0x232a, 0x3009, 0x203a:
		return '>'
	case 0x2303, 0x02c6:
		return '^'
	}
	return '?'
}

// latinA: best fit of U+0100 to U+017F.
const latinA = "AaAaAaCcCcCcCcDd" + "DdEeEeEeEeEeGgGg" + "GgGgHhHhIiIiIiIi" + "Ii??JjKk?LlLlLl?" +
	"?LlNnNnNn???OoOo" + "OoOoRrRrRrSsSsSs" + "SsTtTtTtUuUuUuUu" + "UuUuWwYyYZzZzZz?"

// bestFit maps UTF-8 in b to single bytes, in place, when b is UTF-8 as a whole and has any; else b stays.
// Overlong forms count as UTF-8, as they do with libhtp: they are an old way to hide a '/'.
func bestFit(b []byte) []byte {
	if !hasUTF8(b) {
		return b
	}
	out := b[:0]
	for len(b) > 0 {
		r, n := decodeRune(b)
		out = append(out, fit(r))
		b = b[n:]
	}
	return out
}

func hasUTF8(b []byte) bool {
	seen := false
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := decodeRune(b[i:])
		if r < 0 {
			return false
		}
		seen = true
		i += n
	}
	return seen
}

// decodeRune decodes one character, overlong forms included; -1 when it is none.
func decodeRune(b []byte) (r rune, n int) {
	c := b[0]
	switch {
	case c < 0x80:
		return rune(c), 1
	case c >= 0xc0 && c < 0xe0:
		r, n = rune(c&0x1f), 2
	case c >= 0xe0 && c < 0xf0:
		r, n = rune(c&0x0f), 3
	case c >= 0xf0 && c < 0xf8:
		r, n = rune(c&0x07), 4
	default:
		return -1, 1
	}
	if len(b) < n {
		return -1, 1
	}
	for _, c := range b[1:n] {
		if c&0xc0 != 0x80 {
			return -1, 1
		}
		r = r<<6 | rune(c&0x3f)
	}
	return r, n
}
