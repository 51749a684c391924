package dnp3

import (
	"encoding/binary"
	"math"

	"picket/traffic/app"
)

// Bounds of a fragment's objects.
const (
	maxObjects = 2048
	maxPoints  = 16384
)

// Transaction is a request or an answer.
type Transaction struct {
	App      *app.Transaction
	Request  bool
	Link     Link
	Control  byte
	Function byte
	IIN      uint16 // an answer's internal indications
	// Data is the fragment, without checksums and transport headers.
	Data     []byte
	Objects  []Object
	Complete bool

	sequence byte
}

// Bits of the application control byte.
const (
	ControlFIR = 0x80
	ControlFIN = 0x40
	ControlCON = 0x20
	ControlUNS = 0x10
)

// Functions of special meaning.
const (
	functionConfirm     = 0
	functionRead        = 1
	FunctionResponse    = 129
	FunctionUnsolicited = 130
)

func (t *Transaction) headerSize() int {
	if t.Request {
		return 2
	}
	return 4
}

// Object is an object's header, with the bytes of its points.
type Object struct {
	Group, Variation, Qualifier byte
	Prefix, Range               byte // codes out of the qualifier
	Start, Stop, Count          uint32

	data []byte
}

// Value is one field of a point: a number, a number with a fraction, or a text.
type Value struct {
	Name  string
	Kind  ValueKind
	Int   int64
	Float float64
	Text  []byte
}

// ValueKind says which of a value's fields holds it.
type ValueKind uint8

// The kinds.
const (
	Integer ValueKind = iota
	Fraction
	Text
)

// Point is one point of an object.
type Point struct {
	Prefix, Index uint32
	// Sized: the prefix is the point's size in bytes.
	Sized  bool
	Values []Value
}

// read reads the objects of a whole fragment.
func (t *Transaction) read() {
	b := t.Data[t.headerSize():]
	points := uint64(0)
	for len(b) > 0 {
		if len(t.Objects) == maxObjects {
			t.App.AddEvent(EventObjects)
			return
		}
		o, rest, ok := readObject(b)
		if !ok {
			t.App.AddEvent(EventMalformed)
			return
		}
		if points += uint64(o.Count); points > maxPoints {
			t.App.AddEvent(EventPoints)
			return
		}
		b = rest
		bare := t.Request && t.Function == functionRead && o.Prefix == 0 // a range that is asked for has no data
		if !bare && o.Variation != 0 && o.Count > 0 {
			n, event := o.measure(b)
			if event != "" {
				t.App.AddEvent(event)
				t.Objects = append(t.Objects, o)
				return
			}
			o.data, b = b[:n], b[n:]
		}
		t.Objects = append(t.Objects, o)
	}
}

// readObject reads an object's header: group, variation, qualifier and range.
func readObject(b []byte) (o Object, rest []byte, ok bool) {
	if len(b) < 3 {
		return o, b, false
	}
	o = Object{Group: b[0], Variation: b[1], Qualifier: b[2], Prefix: b[2] >> 4 & 7, Range: b[2] & 15}
	b = b[3:]
	number := func(size int) uint32 {
		if len(b) < size {
			ok = false
			return 0
		}
		n := littleEndian(b[:size])
		b = b[size:]
		return uint32(n)
	}
	ok = true
	switch o.Range {
	case 0, 1, 2, 3, 4, 5:
		size := 1 << (o.Range % 3)
		o.Start, o.Stop = number(size), number(size)
		if !ok || o.Stop < o.Start {
			return o, b, false
		}
		o.Count = o.Stop - o.Start + 1
		if o.Count == 0 {
			return o, b, false
		}
	case 6:
	case 7, 8, 9:
		o.Count = number(1 << (o.Range - 7))
	case 11:
		o.Count = number(1)
	default:
		ok = false
	}
	return o, b, ok
}

// littleEndian reads a number of up to eight bytes.
func littleEndian(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// measure returns how many bytes the object's points take, or the event of what is wrong with them.
func (o *Object) measure(b []byte) (n int, event string) {
	specs := layout(o.Group, o.Variation)
	if specs == nil && !o.sized() {
		return 0, EventUnknown
	}
	if width := packed(o.Group, o.Variation); width > 0 {
		if n = (int(o.Count)*width + 7) / 8; n > len(b) {
			return 0, EventMalformed
		}
		return n, ""
	}
	for range o.Count {
		used, ok := o.walk(b[n:], specs, nil)
		if !ok {
			return 0, EventMalformed
		}
		n += used
	}
	return n, ""
}

// sized tells whether the prefix is a size.
func (o *Object) sized() bool { return o.Prefix >= 4 && o.Prefix <= 6 }

// Each decodes the points one after the other. The point is valid during the call only.
func (o *Object) Each(f func(p *Point)) {
	specs := layout(o.Group, o.Variation)
	if len(o.data) == 0 || specs == nil && !o.sized() {
		return
	}
	p := Point{Index: o.Start, Sized: o.sized()}
	width := packed(o.Group, o.Variation)
	b := o.data
	for i := range int(o.Count) {
		p.Values = p.Values[:0]
		if width > 0 {
			at := i * width
			n := b[at/8] >> (at % 8) & (1<<width - 1)
			p.Values = append(p.Values, Value{Name: specs[0].name, Int: int64(n)})
		} else {
			n, ok := o.walk(b, specs, &p)
			if !ok {
				return
			}
			b = b[n:]
		}
		f(&p)
		p.Index++
	}
}

// walk passes over the point at the beginning of b, and decodes it into p unless that is nil.
func (o *Object) walk(b []byte, specs []spec, p *Point) (n int, ok bool) {
	prefix, size := uint64(0), 0
	if o.Prefix >= 1 && o.Prefix <= 6 {
		size = 1 << ((o.Prefix - 1) % 3)
	}
	if len(b) < size {
		return 0, false
	}
	prefix = littleEndian(b[:size])
	body := b[size:]
	if o.sized() {
		if prefix > uint64(len(body)) {
			return 0, false
		}
		body = body[:prefix]
	}
	if p != nil {
		p.Prefix = uint32(prefix)
	}
	used, ok := decode(body, specs, p)
	if o.sized() {
		used = len(body)
	}
	return size + used, ok
}

// decode reads a point's fields.
func decode(b []byte, specs []spec, p *Point) (n int, ok bool) {
	bit, text := 0, 0
	for i := range specs {
		s := &specs[i]
		v := Value{Name: s.name}
		if s.kind == bits {
			if n >= len(b) {
				return n, false
			}
			v.Int = int64(b[n] >> bit & (1<<s.width - 1))
			if bit += s.width; bit >= 8 {
				bit = 0
				n++
			}
		} else {
			size := s.size(len(b)-n, text)
			if size < 0 || size > len(b)-n {
				return n, false
			}
			s.value(&v, b[n:n+size])
			n += size
			if s.kind == length {
				text = int(v.Int)
			}
		}
		if p != nil {
			p.Values = append(p.Values, v)
		}
	}
	return n, true
}

// size is how many bytes a field takes of those that are left; text is the length that a field before it gave.
func (s *spec) size(left, text int) int {
	switch s.kind {
	case texts:
		return text
	case rest:
		return left
	}
	return s.width
}

// value reads a field's bytes.
func (s *spec) value(v *Value, b []byte) {
	switch s.kind {
	case signed:
		shift := 64 - 8*len(b)
		v.Int = int64(littleEndian(b)<<shift) >> shift
	case float:
		v.Kind = Fraction
		if len(b) == 4 {
			v.Float = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		} else {
			v.Float = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	case texts, rest:
		v.Kind, v.Text = Text, b
	default:
		v.Int = int64(littleEndian(b))
	}
}
