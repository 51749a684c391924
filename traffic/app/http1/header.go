package http1

import "bytes"

// Header is one header field. Repeated fields are joined into the first with ", ", as Suricata does.
type Header struct {
	Name, Value []byte
	Repeated    bool
}

// Headers is a message's fields in order of first appearance.
type Headers struct {
	List        []Header
	repetitions int
}

// Get returns the value of the field with this lower-case name; nil when there is none. NUL bytes in a field's
// name are skipped, as libhtp does against evasion.
func (h *Headers) Get(name string) []byte {
	if f := h.find(name); f != nil {
		return f.Value
	}
	return nil
}

// Has tells whether a field is there, be it empty.
func (h *Headers) Has(name string) bool { return h.find(name) != nil }

func (h *Headers) find(name string) *Header {
	for i := range h.List {
		if foldedNoNUL(h.List[i].Name, name) {
			return &h.List[i]
		}
	}
	return nil
}

// foldedNoNUL compares b, without its NULs and in lower case, with s in lower case.
func foldedNoNUL(b []byte, s string) bool {
	if len(b) < len(s) {
		return false
	}
	k := 0
	for _, c := range b {
		if c == 0 {
			continue
		}
		if k == len(s) || lower(c) != s[k] {
			return false
		}
		k++
	}
	return k == len(s)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// containsFold tells whether b contains the lower-case s in any case, NULs in b not counted.
func containsFold(b []byte, s string) bool {
	for i := range b {
		if matchFold(b[i:], s) {
			return true
		}
	}
	return false
}

func matchFold(b []byte, s string) bool {
	k := 0
	for _, c := range b {
		if c == 0 {
			continue
		}
		if lower(c) != s[k] {
			return false
		}
		if k++; k == len(s) {
			return true
		}
	}
	return false
}

// Bounds of a message's fields (libhtp: number_headers_limit; repetitions of all fields together).
const (
	maxHeaders     = 1024
	maxRepetitions = 64
	maxFolds       = 128
)

// addResult says what Headers.add found.
type addResult struct {
	repeated, ambiguousLength, tooMany bool
}

// add takes a field over (the slices must be the transaction's own).
func (h *Headers) add(name, value []byte) (r addResult) {
	old := h.findExact(name)
	if old == nil {
		if len(h.List) > maxHeaders {
			return addResult{tooMany: true}
		}
		h.List = append(h.List, Header{Name: name, Value: value})
		return r
	}
	if old.Repeated {
		if h.repetitions >= maxRepetitions {
			return r
		}
		h.repetitions++
	}
	r.repeated = !old.Repeated
	old.Repeated = true
	if bytes.EqualFold(name, []byte("content-length")) {
		a, okA := contentLength(old.Value)
		b, okB := contentLength(value)
		r.ambiguousLength = !okA || !okB || a != b
		return r
	}
	joined := make([]byte, 0, len(old.Value)+2+len(value))
	joined = append(append(append(joined, old.Value...), ", "...), value...)
	old.Value = joined
	return r
}

func (h *Headers) findExact(name []byte) *Header {
	for i := range h.List {
		if len(h.List[i].Name) == len(name) && bytes.EqualFold(h.List[i].Name, name) {
			return &h.List[i]
		}
	}
	return nil
}

// fieldFlags tell what was odd about a field.
type fieldFlags uint8

const (
	nameBlankBefore fieldFlags = 1 << iota
	nameBlankAfter
	nameNotToken
	nameEmpty
	missingColon
	valueFolded // not odd, but the value does not stand in the input in one piece
)

// fieldReader reads header fields from bytes that may end anywhere. Requests end lines with LF or CRLF; in
// answers CR and LFCR do it too, because browsers accept them.
type fieldReader struct {
	response bool
	eof      bool // nothing follows: what is there is all
	first    bool // no field was read yet: a single CR is left over from the first line (LFCR) and ends nothing
}

// readStatus says how a read ended.
type readStatus uint8

const (
	readMore  readStatus = iota // not decidable yet
	readField                   // a field, n bytes long
	readEnd                     // the empty line, n bytes long
)

// next reads one field or the end of the fields from b. value is scratch-backed when the field was folded.
func (r fieldReader) next(b, scratch []byte) (name, value []byte, flags fieldFlags, n int, st readStatus) {
	if r.first && len(b) > 1 && b[0] == '\r' && b[1] != '\n' && r.response {
		return nil, nil, missingColon | nameEmpty, 1, readField
	}
	if n, more := r.endOfFields(b); more {
		return nil, nil, 0, 0, readMore
	} else if n > 0 {
		return nil, nil, 0, n, readEnd
	}
	nameLen := r.nameLength(b)
	if nameLen < len(b) && b[nameLen] == ':' {
		name, flags = fieldName(b[:nameLen])
		blank := 1
		for nameLen+blank < len(b) && (b[nameLen+blank] == ' ' || b[nameLen+blank] == '\t') {
			blank++
		}
		value, n, folded, ok := r.value(b[nameLen+blank:], scratch)
		if !ok {
			return nil, nil, 0, 0, readMore
		}
		return name, trim(value), flags | folded, nameLen + blank + n, readField
	}
	value, n, folded, ok := r.value(b, scratch)
	if !ok {
		return nil, nil, 0, 0, readMore
	}
	return nil, trim(value), missingColon | nameEmpty | folded, n, readField
}

// endOfFields recognises the empty line at the beginning of b.
func (r fieldReader) endOfFields(b []byte) (n int, more bool) {
	if len(b) == 0 {
		return 0, !r.eof
	}
	if b[0] != '\r' && b[0] != '\n' {
		return 0, false
	}
	if len(b) == 1 && !r.eof && b[0] == '\r' {
		return 0, true // a CRLF may be cut here; a lone LF is not waited with, since nothing may follow
	}
	n = r.lineEnd(b)
	if !r.response && b[0] == '\n' {
		n = 1
	}
	return n, false
}

// lineEnd is the length of the plain line end that b begins with; 0: none.
func (r fieldReader) lineEnd(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	two := len(b) > 1
	switch {
	case b[0] == '\r' && two && b[1] == '\n':
		return 2
	case b[0] == '\n' && r.response && two && b[1] == '\r':
		return 2
	case b[0] == '\n', b[0] == '\r' && r.response:
		return 1
	}
	return 0
}

// oddLineEnd is the length of a deformed line end that browsers and servers skip as one: LF CR CR LF before an
// empty line, LF CR before CRLF, and in answers CR LF CR followed by more CR and blanks.
func (r fieldReader) oddLineEnd(b []byte) int {
	if bytes.HasPrefix(b, []byte("\n\r\r\n")) && startsEmptyLine(b[4:]) {
		return 4
	}
	if !r.response {
		if bytes.HasPrefix(b, []byte("\n\r\r\n")) {
			return 2
		}
		return 0
	}
	if !bytes.HasPrefix(b, []byte("\r\n\r")) {
		return 0
	}
	n := 3
	for n < len(b) && (b[n] == '\r' || b[n] == ' ' || b[n] == '\t') {
		n++
	}
	if n == 3 {
		return 0
	}
	if n < len(b) && b[n] == '\n' {
		n++
	}
	if startsEmptyLine(b[n:]) {
		return 0
	}
	return n
}

func startsEmptyLine(b []byte) bool {
	return len(b) > 0 && b[0] == '\n' || len(b) > 1 && b[0] == '\r' && b[1] == '\n'
}

// nameLength finds the ':' that ends the name. A line end followed by a space does not end the search (folded
// name); any other does: then there is no name and the result is len(b) or a place without ':'.
func (r fieldReader) nameLength(b []byte) int {
	var ended byte
	for i, c := range b {
		switch {
		case ended == 0 && c == ':':
			return i
		case ended == 0 && (c == '\n' || r.response && c == '\r'):
			ended = c
		case ended == 0:
		case c == ' ':
			ended = 0
		case c == '\n' && ended == '\r':
			ended = c
		default:
			return len(b)
		}
	}
	return len(b)
}

// fieldName trims a name and tells what is odd about it.
func fieldName(b []byte) ([]byte, fieldFlags) {
	name := trim(b)
	var flags fieldFlags
	if len(b) == 0 {
		return name, nameEmpty
	}
	if isSpace(b[0]) {
		flags |= nameBlankBefore
	}
	if isSpace(b[len(b)-1]) {
		flags |= nameBlankAfter
	}
	for _, c := range bytes.Trim(b, " \t") {
		if !isToken(c) {
			return name, flags | nameNotToken
		}
	}
	return name, flags
}

// isToken: RFC 2616 token, printable ASCII without separators.
func isToken(c byte) bool {
	return c > 32 && c < 127 && bytes.IndexByte([]byte(`()<>@,;:\"/[]?={}`), c) < 0
}

// line is one line of a value: its bytes, the length with its end, the length of that end alone, and whether
// the next line is a continuation (fold is its first byte).
type line struct {
	bytes   []byte
	n, end  int
	folded  bool
	fold    byte
	invalid bool
}

// valueLine takes one line of a value. invalid: not decidable yet.
func (r fieldReader) valueLine(b []byte) line {
	i := bytes.IndexByte(b, '\n')
	if r.response {
		i = bytes.IndexAny(b, "\r\n")
	}
	if i < 0 {
		return line{invalid: true}
	}
	if i > 0 && b[i-1] == '\r' {
		i--
	}
	rest := b[i:]
	end := r.lineEnd(rest)
	if !r.response {
		if odd := r.oddLineEnd(rest); odd > 0 {
			end = odd
		}
	}
	if len(rest) == end || r.undecided(rest) {
		if !r.eof {
			return line{invalid: true}
		}
		return line{bytes: b[:i], n: i + end, end: end}
	}
	if c := rest[end]; c == ' ' || c == '\t' || c == 0 {
		return line{bytes: b[:i], n: i + end + 1, end: end, folded: true, fold: c}
	}
	if odd := r.oddLineEnd(rest); odd > 0 {
		if r.response && i+odd == len(b) && !r.eof {
			return line{invalid: true}
		}
		end = odd
	}
	return line{bytes: b[:i], n: i + end, end: end}
}

// undecided: all there is may yet become a deformed line end.
func (r fieldReader) undecided(b []byte) bool {
	switch string(b) {
	case "\n\r", "\n\r\r", "\n\r\r\n", "\n\r\r\n\r":
		return true
	case "\r\n\r":
		return r.response
	}
	return false
}

// value reads a value with its continuation lines; n is its length with the line end. Folded values are built
// in scratch.
func (r fieldReader) value(b, scratch []byte) (value []byte, n int, folded fieldFlags, ok bool) {
	l := r.valueLine(b)
	if l.invalid {
		return nil, 0, 0, false
	}
	if !l.folded {
		return l.bytes, l.n, 0, true
	}
	value, n = append(scratch[:0], l.bytes...), l.n
	at := l.n
	for range maxFolds {
		if r.response {
			field, more := startsField(b[at:])
			if more && !r.eof {
				return nil, 0, 0, false
			}
			if field {
				return value, at, valueFolded, true
			}
		}
		next := r.valueLine(b[at:])
		if next.invalid {
			return nil, 0, 0, false
		}
		at += next.n
		if len(value) > 0 {
			value = append(value, l.fold)
		}
		if len(next.bytes) > 0 || next.end > 1 {
			n = at
			value = append(value, next.bytes...)
		} else if next.end == 1 && at < len(b) && b[at] == '\n' {
			n = at
		}
		if l = next; !l.folded {
			break
		}
	}
	return value, n, valueFolded, true
}

// startsField tells whether a continuation line is a field of its own ("token:"): browsers read it as one.
func startsField(b []byte) (field, more bool) {
	rest := skipBlank(b)
	token, rest := cutWhile(rest, isToken)
	rest = skipBlank(rest)
	if len(rest) == 0 {
		return false, true
	}
	return len(token) > 0 && rest[0] == ':', false
}
