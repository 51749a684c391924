package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encode writes a value as a pickle of protocol 2. The error names a Go type that no Python type stands for.
func Encode(v any) ([]byte, error) {
	b, err := appendValue([]byte{0x80, 2}, v)
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return append(b, '.'), nil
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 'N'), nil
	case bool:
		if v {
			return append(b, 0x88), nil
		}
		return append(b, 0x89), nil
	case int:
		return appendInt(b, int64(v)), nil
	case int64:
		return appendInt(b, v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'G'), math.Float64bits(v)), nil
	case string:
		return appendText(b, v), nil
	case []string:
		return appendItems(append(b, ']'), anys(v), 'e')
	case List:
		return appendItems(append(b, ']'), v, 'e')
	case []any:
		return appendItems(append(b, ']'), v, 'e')
	case Tuple:
		return appendTuple(b, v)
	case Dict:
		return appendDict(b, v)
	case Object:
		return appendObject(b, v)
	}
	return nil, fmt.Errorf("no Python type for %T", v)
}

func appendInt(b []byte, n int64) []byte {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return binary.LittleEndian.AppendUint32(append(b, 'J'), uint32(int32(n)))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0x8a, 8), uint64(n))
}

func appendText(b []byte, text string) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, 'X'), uint32(len(text)))
	return append(b, text...)
}

// appendItems writes items between a mark and the operation that takes them; no items need neither.
func appendItems(b []byte, items []any, take byte) ([]byte, error) {
	if len(items) == 0 {
		return b, nil
	}
	b = append(b, '(')
	for _, item := range items {
		var err error
		if b, err = appendValue(b, item); err != nil {
			return nil, err
		}
	}
	return append(b, take), nil
}

func appendTuple(b []byte, t Tuple) ([]byte, error) {
	if len(t) == 0 {
		return append(b, ')'), nil
	}
	return appendItems(b, t, 't')
}

func appendDict(b []byte, d Dict) ([]byte, error) {
	var flat []any
	for _, p := range d {
		flat = append(flat, p.Key, p.Value)
	}
	return appendItems(append(b, '}'), flat, 'u')
}

// appendObject writes a class by name and the call that makes it, as Python does with exceptions.
func appendObject(b []byte, o Object) ([]byte, error) {
	b = append(b, fmt.Sprintf("c%s\n%s\n", o.Module, o.Name)...)
	b, err := appendTuple(b, o.Args)
	return append(b, 'R'), err
}

func anys(list []string) []any {
	all := make([]any, 0, len(list))
	for _, s := range list {
		all = append(all, s)
	}
	return all
}
