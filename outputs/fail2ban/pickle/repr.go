package pickle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Repr returns a value as Python's repr() would.
func Repr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int, int64:
		return fmt.Sprint(v)
	case float64:
		return reprFloat(v)
	case string:
		return Quote(v)
	case Bytes:
		return "b" + Quote(string(v))
	case []string:
		return "[" + reprAll(anys(v)) + "]"
	case []any:
		return "[" + reprAll(v) + "]"
	case List:
		return "[" + reprAll(v) + "]"
	case Set:
		return "{" + reprAll(v) + "}"
	case Tuple:
		if len(v) == 1 {
			return "(" + Repr(v[0]) + ",)"
		}
		return "(" + reprAll(v) + ")"
	case Dict:
		return reprDict(v)
	case Object:
		return v.Name + Repr(v.Args)
	}
	return fmt.Sprintf("<%T>", v)
}

// Text returns a value as Python's str() would: texts without quotes, exceptions as what they say.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case Object:
		if len(v.Args) == 1 {
			return Text(v.Args[0])
		}
		return Repr(v.Args)
	}
	return Repr(v)
}

func reprAll(items []any) string {
	parts := make([]string, 0, len(items))
	for _, item := range items {
		parts = append(parts, Repr(item))
	}
	return strings.Join(parts, ", ")
}

func reprDict(d Dict) string {
	parts := make([]string, 0, len(d))
	for _, p := range d {
		parts = append(parts, Repr(p.Key)+": "+Repr(p.Value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// reprFloat writes the shortest form that reads back as the same number, always with a point or an exponent.
func reprFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	case f != 0 && (math.Abs(f) >= 1e16 || math.Abs(f) < 1e-4):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Quote returns a text as Python's repr() writes it: in single quotes unless those stand in it and double ones don't.
func Quote(text string) string {
	quote := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	b := []byte{quote}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			r = 0xdc00 + rune(text[i]) // as Python shows a byte that is no UTF-8
		}
		b = appendRune(b, r, quote)
		i += n
	}
	return string(append(b, quote))
}

var escapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\\': `\\`}

func appendRune(b []byte, r rune, quote byte) []byte {
	if text, ok := escapes[r]; ok {
		return append(b, text...)
	}
	switch {
	case r == rune(quote):
		return append(b, '\\', quote)
	case r < 0x20 || r == 0x7f || r > 0x7f && r < 0x100 && !unicode.IsPrint(r):
		return fmt.Appendf(b, `\x%02x`, r)
	case r >= 0xdc00 && r < 0xe000 || r < 0x10000 && !unicode.IsPrint(r):
		return fmt.Appendf(b, `\u%04x`, r)
	case !unicode.IsPrint(r):
		return fmt.Appendf(b, `\U%08x`, r)
	}
	return utf8.AppendRune(b, r)
}
