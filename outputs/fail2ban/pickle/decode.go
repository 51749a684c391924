package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The bounds of a message.
const (
	MaxSize   = 16 << 20 // bytes
	maxValues = 1 << 20  // values, those repeated through the memo counted each time
	maxDepth  = 64
)

// ErrRefused is the cause of an error about a pickle that is well formed and asks for what is not done here.
var ErrRefused = errors.New("refused")

// Decode reads one pickle.
func Decode(data []byte) (any, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("pickle: %d bytes (at most %d): %w", len(data), MaxSize, ErrRefused)
	}
	d := decoder{data: data, memo: map[int]any{}}
	v, err := d.run()
	if err != nil {
		return nil, fmt.Errorf("pickle: at byte %d: %w", d.at, err)
	}
	d.values = 0
	return d.finish(v, 0)
}

// decoder is the stack machine that a pickle is a program for. Lists, dicts and sets on the stack are pointers, since the
// memo must see what is added to them later.
type decoder struct {
	data   []byte
	at     int
	stack  []any
	marks  []int
	memo   map[int]any
	values int
}

type (
	growing struct {
		kind  byte // l, d, s
		items []any
	}
	class struct{ module, name string }
)

var (
	errShort   = errors.New("it ends too early")
	errStack   = errors.New("an operation without its operands")
	errTooMany = fmt.Errorf("too many values: %w", ErrRefused)
	errTooDeep = fmt.Errorf("nested too deep: %w", ErrRefused)
)

// run executes operations until STOP.
func (d *decoder) run() (any, error) {
	for {
		op, err := d.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return d.pop()
		}
		if err := d.step(op); err != nil {
			return nil, err
		}
	}
}

// step executes one operation: scalars here, the rest by group.
func (d *decoder) step(op byte) error {
	if read, ok := scalars[op]; ok {
		v, err := read(d)
		if err != nil {
			return err
		}
		return d.push(v)
	}
	if do, ok := operations[op]; ok {
		return do(d)
	}
	return fmt.Errorf("operation %q: %w", op, ErrRefused)
}

func (d *decoder) push(v any) error {
	if d.values++; d.values > maxValues {
		return errTooMany
	}
	d.stack = append(d.stack, v)
	return nil
}

func (d *decoder) floor() int {
	if len(d.marks) > 0 {
		return d.marks[len(d.marks)-1]
	}
	return 0
}

func (d *decoder) pop() (any, error) {
	if len(d.stack) <= d.floor() {
		return nil, errStack
	}
	v := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	return v, nil
}

func (d *decoder) popN(n int) ([]any, error) {
	if len(d.stack)-d.floor() < n {
		return nil, errStack
	}
	items := append([]any(nil), d.stack[len(d.stack)-n:]...)
	d.stack = d.stack[:len(d.stack)-n]
	return items, nil
}

func (d *decoder) popMark() ([]any, error) {
	if len(d.marks) == 0 {
		return nil, errStack
	}
	items, err := d.popN(len(d.stack) - d.floor())
	d.marks = d.marks[:len(d.marks)-1]
	return items, err
}

// top returns the container on top of the stack that items are to be added to.
func (d *decoder) top(kind byte) (*growing, error) {
	if len(d.stack) <= d.floor() {
		return nil, errStack
	}
	g, ok := d.stack[len(d.stack)-1].(*growing)
	if !ok || g.kind != kind {
		return nil, errStack
	}
	return g, nil
}

func (d *decoder) bytes(n int) ([]byte, error) {
	if n < 0 || n > len(d.data)-d.at {
		return nil, errShort
	}
	b := d.data[d.at : d.at+n]
	d.at += n
	return b, nil
}

func (d *decoder) byte() (byte, error) {
	b, err := d.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads a little-endian number of 1, 2, 4 or 8 bytes.
func (d *decoder) uint(size int) (int, error) {
	b, err := d.bytes(size)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	n := binary.LittleEndian.Uint64(full[:])
	if n > math.MaxInt32 && size == 8 {
		return 0, errShort
	}
	return int(n), nil
}

// line reads up to the next newline, for the operations of protocol 0.
func (d *decoder) line() (string, error) {
	for i := d.at; i < len(d.data); i++ {
		if d.data[i] == '\n' {
			text := string(d.data[d.at:i])
			d.at = i + 1
			return text, nil
		}
	}
	return "", errShort
}

// escape is a character in Python's raw-unicode-escape.
var escape = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}`)

// rawUnicode reads a line in raw-unicode-escape: Latin-1, with escapes for other characters.
func (d *decoder) rawUnicode() (string, error) {
	line, err := d.line()
	var plain strings.Builder
	for i := range len(line) {
		plain.WriteRune(rune(line[i]))
	}
	return escape.ReplaceAllStringFunc(plain.String(), func(found string) string {
		r, _ := strconv.ParseInt(found[2:], 16, 64) // hexadecimal digits
		return string(rune(r))                      // what is no character becomes U+FFFD
	}), err
}

// finish turns what the stack machine made into the package's types; it ends on cycles at the depth limit.
func (d *decoder) finish(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	if d.values++; d.values > maxValues {
		return nil, errTooMany
	}
	switch v := v.(type) {
	case *growing:
		items, err := d.finishAll(v.items, depth)
		return v.made(items), err
	case Tuple:
		items, err := d.finishAll(v, depth)
		return Tuple(items), err
	case Object:
		args, err := d.finishAll(v.Args, depth)
		v.Args = args
		return v, err
	case class:
		return Object{Module: v.module, Name: v.name}, nil
	}
	return v, nil
}

func (d *decoder) finishAll(items []any, depth int) ([]any, error) {
	all := make([]any, 0, len(items))
	for _, item := range items {
		v, err := d.finish(item, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (g *growing) made(items []any) any {
	switch g.kind {
	case 'l':
		return List(items)
	case 's':
		return Set(items)
	}
	pairs := make(Dict, 0, len(items)/2)
	for i := 0; i+1 < len(items); i += 2 {
		pairs = append(pairs, Pair{items[i], items[i+1]})
	}
	return pairs
}
