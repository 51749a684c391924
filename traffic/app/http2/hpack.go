package http2

import "errors"

// Bounds of HPACK.
const (
	defaultTable    = 4096  // bytes of a dynamic table until the peer allows more (RFC 7541 §4.2)
	defaultMaxTable = 65536 // bytes that a peer can make us keep ("max-table-size")
	entryOverhead   = 32    // what an entry counts beside its strings (RFC 7541 §4.1)
	maxFields       = 4096  // fields kept of one direction of a stream
)

// FieldKind says what an instruction of a header block was.
type FieldKind uint8

// A field; a change of the table's size; and instructions that could not be followed, by Suricata's names.
const (
	Plain FieldKind = iota
	SizeUpdate
	NotIndexed
	IntegerOverflow
	IndexZero
)

func (k FieldKind) String() string {
	return [...]string{"", "", "HTTP2HeaderDecodeNotIndexed", "HTTP2HeaderDecodeIntegerOverflow", "HTTP2HeaderDecodeIndex0"}[k]
}

// Field is one instruction of a header block: mostly a field. Fields out of a table share its bytes.
type Field struct {
	Name, Value []byte
	Kind        FieldKind
	Update      uint64 // the new size of a SizeUpdate, in bytes
}

// table is a dynamic table, newest entry last.
type table struct {
	entries   []Field
	size, max int
	limit     int  // bytes that are kept whatever the peer allows
	over      bool // the peer allows more than the limit: entries may be missing
	lost      bool // entries are missing: nothing is evicted or added any more
}

func newTable(limit int) table { return table{max: min(defaultTable, limit), limit: limit} }

// resize sets the size that the peers have agreed on.
func (t *table) resize(n uint64) {
	t.over = n > uint64(t.limit)
	t.max = int(min(n, uint64(t.limit)))
	if !t.over {
		t.lost = false
		t.evict()
	}
}

// add enters a field. Once entries had to be left out the first ones are kept, since nobody knows what the peer
// has evicted.
func (t *table) add(f Field) {
	if t.lost {
		return
	}
	size := entryOverhead + len(f.Name) + len(f.Value)
	if t.over && t.size+size > t.limit {
		t.lost = true
		return
	}
	t.entries = append(t.entries, f)
	t.size += size
	t.evict()
}

func (t *table) evict() {
	n := 0
	for ; t.size > t.max && n < len(t.entries); n++ {
		t.size -= entryOverhead + len(t.entries[n].Name) + len(t.entries[n].Value)
	}
	if n > 0 {
		t.entries = append(t.entries[:0], t.entries[n:]...)
	}
}

// at returns the field with an index of the static table, or of the dynamic one behind it.
func (t *table) at(i uint64) Field {
	switch {
	case i == 0:
		return Field{Kind: IndexZero}
	case i < uint64(len(staticTable)):
		return Field{Name: []byte(staticTable[i][0]), Value: []byte(staticTable[i][1])}
	}
	i -= uint64(len(staticTable))
	if i >= uint64(len(t.entries)) {
		return Field{Kind: NotIndexed}
	}
	return t.entries[uint64(len(t.entries))-1-i]
}

var (
	errShort   = errors.New("http2: header block ends too early")
	errInteger = errors.New("http2: number does not fit")
)

// block reads a header block's instructions; what was read before an error is returned with it.
func (t *table) block(b []byte) (fields []Field, err error) {
	for len(b) > 0 && err == nil {
		var f Field
		f, b, err = t.instruction(b)
		if errors.Is(err, errInteger) {
			return append(fields, Field{Kind: IntegerOverflow}), nil
		}
		if err == nil && len(fields) < maxFields {
			fields = append(fields, f)
		}
	}
	return fields, err
}

// instruction reads one instruction (RFC 7541 §6) and follows it.
func (t *table) instruction(b []byte) (f Field, rest []byte, err error) {
	switch c := b[0]; {
	case c&0x80 != 0: // indexed field
		i, rest, err := integer(b, 7)
		return t.at(i), rest, err
	case c&0x40 != 0: // literal that enters the table
		f, rest, err = t.literal(b, 6)
		if err == nil && f.Kind == Plain {
			t.add(f)
		}
		return f, rest, err
	case c&0x20 != 0:
		n, rest, err := integer(b, 5)
		return Field{Kind: SizeUpdate, Update: n}, rest, err
	}
	return t.literal(b, 4)
}

// literal reads a field with a literal value; bits is the width of the index of its name.
func (t *table) literal(b []byte, bits uint) (f Field, rest []byte, err error) {
	i, b, err := integer(b, bits)
	if err != nil {
		return f, b, err
	}
	if i > 0 {
		f = t.at(i)
	} else if f.Name, b, err = text(b); err != nil {
		return f, b, err
	}
	f.Value, b, err = text(b)
	return f, b, err
}

// integer reads a number whose first bits stand in the lower bits of the first byte (RFC 7541 §5.1).
func integer(b []byte, bits uint) (n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, b, errShort
	}
	most := uint64(1)<<bits - 1
	n, b = uint64(b[0])&most, b[1:]
	if n < most {
		return n, b, nil
	}
	for shift := uint(0); ; shift += 7 {
		switch {
		case len(b) == 0:
			return 0, b, errShort
		case shift > 28:
			return 0, b, errInteger
		}
		c := b[0]
		b = b[1:]
		n += uint64(c&0x7f) << shift
		if c&0x80 == 0 {
			return n, b, nil
		}
	}
}

// text reads a string, which may be Huffman coded (RFC 7541 §5.2). It is a copy.
func text(b []byte) (s, rest []byte, err error) {
	if len(b) == 0 {
		return nil, b, errShort
	}
	coded := b[0]&0x80 != 0
	n, b, err := integer(b, 7)
	if err != nil {
		return nil, b, err
	}
	if n > uint64(len(b)) {
		return nil, b, errShort
	}
	raw, rest := b[:n], b[n:]
	if !coded {
		return append(make([]byte, 0, n), raw...), rest, nil
	}
	s, err = unhuffman(make([]byte, 0, n+n/2), raw)
	if err != nil { // the peer's own bits: what could be read of them is the string
		err = nil
	}
	return s, rest, err
}

// staticTable is RFC 7541 appendix A; index 0 means nothing.
var staticTable = [...][2]string{
	1: {":authority", ""}, 2: {":method", "GET"}, 3: {":method", "POST"}, 4: {":path", "/"},
	5: {":path", "/index.html"}, 6: {":scheme", "http"}, 7: {":scheme", "https"}, 8: {":status", "200"},
	9: {":status", "204"}, 10: {":status", "206"}, 11: {":status", "304"}, 12: {":status", "400"},
	13: {":status", "404"}, 14: {":status", "500"}, 15: {"accept-charset", ""},
	16: {"accept-encoding", "gzip, deflate"}, 17: {"accept-language", ""}, 18: {"accept-ranges", ""},
	19: {"accept", ""}, 20: {"access-control-allow-origin", ""}, 21: {"age", ""}, 22: {"allow", ""},
	23: {"authorization", ""}, 24: {"cache-control", ""}, 25: {"content-disposition", ""},
	26: {"content-encoding", ""}, 27: {"content-language", ""}, 28: {"content-length", ""},
	29: {"content-location", ""}, 30: {"content-range", ""}, 31: {"content-type", ""}, 32: {"cookie", ""},
	33: {"date", ""}, 34: {"etag", ""}, 35: {"expect", ""}, 36: {"expires", ""}, 37: {"from", ""},
	38: {"host", ""}, 39: {"if-match", ""}, 40: {"if-modified-since", ""}, 41: {"if-none-match", ""},
	42: {"if-range", ""}, 43: {"if-unmodified-since", ""}, 44: {"last-modified", ""}, 45: {"link", ""},
	46: {"location", ""}, 47: {"max-forwards", ""}, 48: {"proxy-authenticate", ""},
	49: {"proxy-authorization", ""}, 50: {"range", ""}, 51: {"referer", ""}, 52: {"refresh", ""},
	53: {"retry-after", ""}, 54: {"server", ""}, 55: {"set-cookie", ""}, 56: {"strict-transport-security", ""},
	57: {"transfer-encoding", ""}, 58: {"user-agent", ""}, 59: {"vary", ""}, 60: {"via", ""},
	61: {"www-authenticate", ""},
}
