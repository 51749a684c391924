package logs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of the journal reader. The journal itself allows 768 MB for a field.
const (
	exportBuffer    = 256 << 10
	maxExportField  = DefaultMaxLine // bytes kept of one value
	maxExportFields = 64             // fields kept of one entry
	maxExportText   = 4 * DefaultMaxLine
	// maxExportLength is the longest binary field that is believed; journald's own limit.
	maxExportLength = 768 << 20
)

// exportFields are the fields kept of every entry, besides those that a configuration adds. Names that begin with an
// underscore come from journald, which no client can forge; all others come from whoever wrote the entry.
var exportFields = []string{
	"MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID",
	"_HOSTNAME", "_TRANSPORT", "_PID", "_UID", "_GID", "_COMM", "_EXE", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "_MACHINE_ID",
	"CONTAINER_NAME", "_SOURCE_REALTIME_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP",
	"__CURSOR", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP",
}

// exportField is one field of an entry; the value belongs to the exportReader and is valid until its next call.
type exportField struct {
	name  string
	value []byte
}

// exportReader reads the journal export format: entries of NAME=value lines, or of a NAME line, a little endian
// 64-bit length, as many bytes and a line end; an empty line ends an entry
// (https://systemd.io/JOURNAL_EXPORT_FORMATS/). Allocates nothing for an entry once its buffers have grown.
type exportReader struct {
	in     *bufio.Reader
	names  map[string]string // the fields kept; the value is the key, so that no name is allocated
	fields []exportField
	text   []byte // all values
	length [8]byte

	cut, malformed, dropped uint64 // values cut, lines that are no field, fields over the limit
}

var errExport = errors.New("journal export format")

func newExportReader(r io.Reader, more []string) *exportReader {
	e := &exportReader{in: bufio.NewReaderSize(r, exportBuffer), names: map[string]string{}, text: make([]byte, 0, maxExportText)}
	for _, name := range append(append([]string{}, exportFields...), more...) {
		e.names[name] = name
	}
	return e
}

// waiting says whether next can go on without waiting for its input.
func (e *exportReader) waiting() bool { return e.in.Buffered() > 0 }

// next reads one entry. At the end of the input it returns io.EOF, inside an entry io.ErrUnexpectedEOF: an unfinished
// entry is not delivered. What cannot be read at all is errExport.
func (e *exportReader) next() ([]exportField, error) {
	e.fields, e.text = e.fields[:0], e.text[:0]
	some := false
	for {
		line, whole, err := e.line()
		if err != nil {
			if errors.Is(err, io.EOF) && (some || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) == 0 && whole {
			if !some {
				continue // several empty lines
			}
			return e.fields, nil
		}
		some = true
		if err := e.field(line, whole); err != nil {
			return nil, err
		}
	}
}

// line returns the next line without its end; when it is longer than the buffer, its beginning, and whole is false.
func (e *exportReader) line() (line []byte, whole bool, err error) {
	line, err = e.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return line, false, nil
	case err != nil:
		return line, false, err
	}
	return line[:len(line)-1], true, nil
}

// field takes one field: of a whole line, of the beginning of a long one, or of the name of a binary one.
func (e *exportReader) field(line []byte, whole bool) error {
	name, value, text := bytes.Cut(line, []byte{'='})
	if !validFieldName(name) {
		e.malformed++
		return e.skipLine(whole)
	}
	kept := e.names[string(name)]
	if !text && whole {
		return e.binary(kept)
	}
	e.keep(kept, value)
	return e.skipLine(whole)
}

// validFieldName follows journald: capitals, digits and underscores, no more than 64.
func validFieldName(name []byte) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// skipLine throws away the rest of a line that is longer than the buffer.
func (e *exportReader) skipLine(whole bool) error {
	for !whole {
		var err error
		if _, whole, err = e.line(); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// binary reads the length and the bytes of a field.
func (e *exportReader) binary(kept string) error {
	if _, err := io.ReadFull(e.in, e.length[:]); err != nil {
		return unexpected(err)
	}
	n := binary.LittleEndian.Uint64(e.length[:])
	if n > maxExportLength {
		return fmt.Errorf("%w: a field of %d bytes", errExport, n)
	}
	take := 0
	if kept != "" {
		take = int(min(n, maxExportField+1, uint64(cap(e.text)-len(e.text))))
	}
	begin := len(e.text)
	e.text = e.text[:begin+take]
	if _, err := io.ReadFull(e.in, e.text[begin:]); err != nil {
		return unexpected(err)
	}
	value := e.text[begin:]
	e.text = e.text[:begin]
	e.keep(kept, value)
	if uint64(take) < n && take <= maxExportField && kept != "" {
		e.cut++
	}
	if _, err := e.in.Discard(int(n) - take); err != nil {
		return unexpected(err)
	}
	if c, err := e.in.ReadByte(); err != nil {
		return unexpected(err)
	} else if c != '\n' {
		return fmt.Errorf("%w: no line end behind a binary field", errExport)
	}
	return nil
}

// keep adds a field whose name is wanted, cut to the limits. value may already stand at the end of e.text.
func (e *exportReader) keep(name string, value []byte) {
	if name == "" {
		return
	}
	if len(e.fields) >= maxExportFields {
		e.dropped++
		return
	}
	if room := min(maxExportField, cap(e.text)-len(e.text)); len(value) > room {
		value = value[:room]
		e.cut++
	}
	begin := len(e.text)
	e.text = append(e.text, value...)
	e.fields = append(e.fields, exportField{name, e.text[begin:len(e.text):len(e.text)]})
}

// first returns the first field of a name, nil when there is none.
func first(fields []exportField, name string) []byte {
	for i := range fields {
		if fields[i].name == name {
			return fields[i].value
		}
	}
	return nil
}

// appendEntryLine writes an entry as a line of a log: "host identifier[pid]: message", as fail2ban's journal filters
// expect it. Line ends inside are written \n, so that nobody can add a line of his own.
func appendEntryLine(to []byte, fields []exportField) []byte {
	begin := len(to)
	to = appendOneLine(to, first(fields, "_HOSTNAME"))
	name := first(fields, "SYSLOG_IDENTIFIER")
	if len(name) == 0 {
		name = first(fields, "_COMM")
	}
	if len(name) > 0 {
		to = appendIdentifier(spaced(to, begin), name, fields)
	}
	for i := range fields {
		if fields[i].name == "MESSAGE" {
			to = appendOneLine(spaced(to, begin), fields[i].value)
		}
	}
	return to
}

// spaced puts a space between what was written since begin and what comes.
func spaced(to []byte, begin int) []byte {
	if len(to) > begin {
		to = append(to, ' ')
	}
	return to
}

func appendIdentifier(to, name []byte, fields []exportField) []byte {
	to = appendOneLine(to, name)
	pid := first(fields, "SYSLOG_PID")
	if len(pid) == 0 {
		pid = first(fields, "_PID")
	}
	if len(pid) > 0 {
		to = append(to, '[')
		to = appendOneLine(to, pid)
		to = append(to, ']')
	}
	to = append(to, ':')
	if string(name) == "kernel" {
		to = appendMonotonic(to, fields)
	}
	return to
}

// appendMonotonic writes the kernel's own stamp, " [%12.6f]" seconds since boot.
func appendMonotonic(to []byte, fields []exportField) []byte {
	stamp := first(fields, "_SOURCE_MONOTONIC_TIMESTAMP")
	if len(stamp) == 0 {
		stamp = first(fields, "__MONOTONIC_TIMESTAMP")
	}
	us, err := strconv.ParseUint(string(stamp), 10, 64)
	if err != nil {
		return to
	}
	return fmt.Appendf(to, " [%5d.%06d]", us/1e6, us%1e6)
}

func appendOneLine(to, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return append(to, text...)
		}
		to = append(append(to, text[:i]...), '\\', 'n')
		text = text[i+1:]
	}
}

// entryTime is when the entry happened, in nanoseconds: as its sender's kernel said, else as journald received it.
func entryTime(fields []exportField) int64 {
	us := microseconds(fields, "_SOURCE_REALTIME_TIMESTAMP")
	if us == 0 {
		us = microseconds(fields, "__REALTIME_TIMESTAMP")
	}
	return us * 1000
}

// microseconds reads a time stamp; 0 when there is none that makes sense.
func microseconds(fields []exportField, name string) int64 {
	us, err := strconv.ParseInt(string(first(fields, name)), 10, 64)
	if err != nil || us < 0 || us >= 1<<53 {
		return 0
	}
	return us
}

// trusted says whether journald vouches for a field.
func trusted(name string) bool { return strings.HasPrefix(name, "_") }
