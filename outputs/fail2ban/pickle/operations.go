package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// scalars are the operations that push a value without operands on the stack, by opcode (pickletools.py).
var scalars = map[byte]func(*decoder) (any, error){
	'N':    func(*decoder) (any, error) { return nil, nil },
	'\x88': func(*decoder) (any, error) { return true, nil },
	'\x89': func(*decoder) (any, error) { return false, nil },
	'I':    readDecimal,
	'L':    readDecimal,
	'F':    readDecimalFloat,
	'G':    readFloat,
	'J':    func(d *decoder) (any, error) { n, err := d.uint(4); return int64(int32(n)), err },
	'K':    func(d *decoder) (any, error) { n, err := d.uint(1); return int64(n), err },
	'M':    func(d *decoder) (any, error) { n, err := d.uint(2); return int64(n), err },
	'\x8a': func(d *decoder) (any, error) { return readLong(d, 1) },
	'\x8b': func(d *decoder) (any, error) { return readLong(d, 4) },
	'S':    readQuoted,
	'V':    func(d *decoder) (any, error) { return d.rawUnicode() },
	'T':    func(d *decoder) (any, error) { return readText(d, 4) },
	'U':    func(d *decoder) (any, error) { return readText(d, 1) },
	'X':    func(d *decoder) (any, error) { return readText(d, 4) },
	'\x8c': func(d *decoder) (any, error) { return readText(d, 1) },
	'\x8d': func(d *decoder) (any, error) { return readText(d, 8) },
	'B':    func(d *decoder) (any, error) { return readBytes(d, 4) },
	'C':    func(d *decoder) (any, error) { return readBytes(d, 1) },
	'\x8e': func(d *decoder) (any, error) { return readBytes(d, 8) },
	']':    func(*decoder) (any, error) { return &growing{kind: 'l'}, nil },
	'}':    func(*decoder) (any, error) { return &growing{kind: 'd'}, nil },
	'\x8f': func(*decoder) (any, error) { return &growing{kind: 's'}, nil },
	')':    func(*decoder) (any, error) { return Tuple{}, nil },
	'c':    readGlobal,
}

// operations are all others.
var operations = map[byte]func(*decoder) error{
	'\x80': func(d *decoder) error { _, err := d.bytes(1); return err }, // PROTO
	'\x95': func(d *decoder) error { _, err := d.bytes(8); return err }, // FRAME
	'(':    func(d *decoder) error { d.marks = append(d.marks, len(d.stack)); return d.depth() },
	'0':    func(d *decoder) error { _, err := d.pop(); return err },
	'1':    func(d *decoder) error { _, err := d.popMark(); return err },
	'a':    func(d *decoder) error { return d.add('l', 1) },
	'e':    func(d *decoder) error { return d.addMarked('l') },
	's':    func(d *decoder) error { return d.add('d', 2) },
	'u':    func(d *decoder) error { return d.addMarked('d') },
	'\x90': func(d *decoder) error { return d.addMarked('s') },
	'l':    func(d *decoder) error { return d.marked('l') },
	'd':    func(d *decoder) error { return d.marked('d') },
	'\x91': func(d *decoder) error { return d.marked('s') },
	't':    func(d *decoder) error { return d.tuple(d.popMark()) },
	'\x85': func(d *decoder) error { return d.tuple(d.popN(1)) },
	'\x86': func(d *decoder) error { return d.tuple(d.popN(2)) },
	'\x87': func(d *decoder) error { return d.tuple(d.popN(3)) },
	'\x93': stackGlobal,
	'R':    instance,
	'\x81': instance,
	'b':    func(d *decoder) error { _, err := d.pop(); return err }, // BUILD: attributes of an exception, not wanted
	'\x94': func(d *decoder) error { return d.put(len(d.memo)) },
	'q':    func(d *decoder) error { return d.numbered(1, d.put) },
	'r':    func(d *decoder) error { return d.numbered(4, d.put) },
	'p':    func(d *decoder) error { return d.lineNumbered(d.put) },
	'h':    func(d *decoder) error { return d.numbered(1, d.get) },
	'j':    func(d *decoder) error { return d.numbered(4, d.get) },
	'g':    func(d *decoder) error { return d.lineNumbered(d.get) },
}

func readDecimal(d *decoder) (any, error) {
	text, err := d.line()
	switch {
	case err != nil:
		return nil, err
	case text == "00" || text == "01":
		return text == "01", nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, "L"), 10, 64)
	return n, err
}

func readDecimalFloat(d *decoder) (any, error) {
	text, err := d.line()
	if err != nil {
		return nil, err
	}
	return strconv.ParseFloat(text, 64)
}

func readFloat(d *decoder) (any, error) {
	b, err := d.bytes(8)
	if err != nil {
		return nil, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// readLong reads a little-endian two's complement number of a length that stands before it.
func readLong(d *decoder, size int) (any, error) {
	n, err := d.uint(size)
	if err != nil {
		return nil, err
	}
	b, err := d.bytes(n)
	if err != nil {
		return nil, err
	}
	if n > 8 {
		return nil, fmt.Errorf("a number of %d bytes: %w", n, ErrRefused)
	}
	var v int64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	if n > 0 && n < 8 && b[n-1] >= 0x80 {
		v -= 1 << (8 * n)
	}
	return v, nil
}

func readText(d *decoder, size int) (any, error) {
	b, err := readBytes(d, size)
	if err != nil {
		return nil, err
	}
	return string(b.(Bytes)), nil
}

func readBytes(d *decoder, size int) (any, error) {
	n, err := d.uint(size)
	if err != nil {
		return nil, err
	}
	b, err := d.bytes(n)
	return append(Bytes{}, b...), err
}

// readQuoted reads a str of protocol 0 as repr() wrote it.
func readQuoted(d *decoder) (any, error) {
	text, err := d.line()
	if err != nil {
		return nil, err
	}
	if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '\'' && text[0] != '"' {
		return nil, fmt.Errorf("a text without quotes")
	}
	inner := strings.ReplaceAll(text[1:len(text)-1], `\'`, `'`)
	if s, err := strconv.Unquote(`"` + strings.ReplaceAll(inner, `"`, `\"`) + `"`); err == nil {
		return s, nil
	}
	return inner, nil
}

func readGlobal(d *decoder) (any, error) {
	module, err := d.line()
	if err != nil {
		return nil, err
	}
	name, err := d.line()
	return class{module, name}, err
}

func stackGlobal(d *decoder) error {
	names, err := d.popN(2)
	if err != nil {
		return err
	}
	module, ok1 := names[0].(string)
	name, ok2 := names[1].(string)
	if !ok1 || !ok2 {
		return errStack
	}
	return d.push(class{module, name})
}

// instance is REDUCE and NEWOBJ: a class and its arguments become an Object, and nothing is called.
func instance(d *decoder) error {
	v, err := d.popN(2)
	if err != nil {
		return err
	}
	c, ok1 := v[0].(class)
	args, ok2 := v[1].(Tuple)
	if !ok1 || !ok2 {
		return fmt.Errorf("a call of something that is no class: %w", ErrRefused)
	}
	return d.push(Object{Module: c.module, Name: c.name, Args: args})
}

func (d *decoder) depth() error {
	if len(d.marks) > maxDepth {
		return errTooDeep
	}
	return nil
}

func (d *decoder) add(kind byte, n int) error {
	items, err := d.popN(n)
	if err != nil {
		return err
	}
	return d.addAll(kind, items)
}

func (d *decoder) addMarked(kind byte) error {
	items, err := d.popMark()
	if err != nil {
		return err
	}
	return d.addAll(kind, items)
}

func (d *decoder) addAll(kind byte, items []any) error {
	g, err := d.top(kind)
	if err != nil || kind == 'd' && len(items)%2 != 0 {
		return errStack
	}
	g.items = append(g.items, items...)
	return nil
}

func (d *decoder) marked(kind byte) error {
	items, err := d.popMark()
	if err != nil || kind == 'd' && len(items)%2 != 0 {
		return errStack
	}
	return d.push(&growing{kind: kind, items: items})
}

func (d *decoder) tuple(items []any, err error) error {
	if err != nil {
		return err
	}
	return d.push(Tuple(items))
}

func (d *decoder) numbered(size int, do func(int) error) error {
	n, err := d.uint(size)
	if err != nil {
		return err
	}
	return do(n)
}

func (d *decoder) lineNumbered(do func(int) error) error {
	text, err := d.line()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	return do(n)
}

func (d *decoder) put(n int) error {
	if len(d.stack) <= d.floor() {
		return errStack
	}
	d.memo[n] = d.stack[len(d.stack)-1]
	return nil
}

func (d *decoder) get(n int) error {
	v, ok := d.memo[n]
	if !ok {
		return fmt.Errorf("nothing was kept as %d", n)
	}
	return d.push(v)
}
