package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The journal is a row of segments, files that are only appended to. A record is
//
//	length  4 bytes, of what follows the sum
//	sum     4 bytes, CRC-32C of what follows
//	seq     8 bytes, counts up by at least one
//	key     8 bytes, which incident or measure
//	kind    1 byte
//	head    4 bytes, length of the JSON; the rest is data
//	JSON, data
//
// all numbers little-endian. A segment is named by the first number that it may hold, and is removed when the database
// holds its last. A torn record at the end of one is what kill -9 or a full disk leaves; reading stops there.
type journal struct {
	dir      string
	file     *os.File // nil: the next append opens a segment
	size     int64    // of file
	total    int64    // of all segments
	segments []segment
	seq      uint64 // of the last record
	buf      []byte
}

type segment struct {
	path string
	size int64
	last uint64 // number of its last record
}

// record is one thing to keep.
type record struct {
	seq  uint64
	key  int64
	kind kind
	doc  []byte // JSON
	data []byte // evidence; nil mostly

	thing any // what doc says, if this run has kept it
}

const (
	journalPrefix = "incidents.journal."
	frameSize     = 8
	headSize      = 21
	// segmentSize is when the next segment is begun, in bytes.
	segmentSize = 4 << 20
	// maxJournal bounds all segments together, in bytes: reached only when the database takes nothing for long.
	maxJournal = 256 << 20
	// maxRecord bounds one record as it is read back, in bytes.
	maxRecord = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openJournal reads what earlier runs have left, in order. Records are handed to replay, which keeps their slices.
func openJournal(dir string, replay func(record), warn func(error)) (*journal, error) {
	paths, err := filepath.Glob(filepath.Join(dir, journalPrefix+"*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	j := &journal{dir: dir}
	for _, path := range paths {
		if err := j.recall(path, replay, warn); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (j *journal) recall(path string, replay func(record), warn func(error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read incident journal: %w", err)
	}
	rest := text
	for len(rest) > 0 {
		r, n, err := parseRecord(rest)
		if err != nil {
			warn(fmt.Errorf("read incident journal %s: at byte %d: %w; the %d bytes from there are not used", path, len(text)-len(rest), err, len(rest)))
			break
		}
		rest = rest[n:]
		if r.seq > j.seq {
			j.seq = r.seq
			replay(r)
		}
	}
	// A segment without a whole record still has used its number.
	if number, err := strconv.ParseUint(strings.TrimPrefix(filepath.Base(path), journalPrefix), 16, 64); err == nil {
		j.seq = max(j.seq, number)
	}
	j.segments = append(j.segments, segment{path: path, size: int64(len(text)), last: j.seq})
	j.total += int64(len(text))
	return nil
}

// Faults of a journal's bytes.
var (
	errTorn = errors.New("the last record is not whole (picket was killed, or the disk was full)")
	errSum  = errors.New("a record is damaged")
)

// parseRecord reads the record at the beginning of b and returns its length. The record views b.
func parseRecord(b []byte) (r record, n int, err error) {
	if len(b) < frameSize {
		return record{}, 0, errTorn
	}
	size, sum := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if size < headSize || size > maxRecord {
		return record{}, 0, errSum
	}
	if uint64(len(b)-frameSize) < uint64(size) {
		return record{}, 0, errTorn
	}
	n = frameSize + int(size)
	body := b[frameSize:n:n]
	if crc32.Checksum(body, castagnoli) != sum {
		return record{}, 0, errSum
	}
	head := binary.LittleEndian.Uint32(body[17:])
	if uint64(head) > uint64(len(body)-headSize) {
		return record{}, 0, errSum
	}
	r = record{seq: binary.LittleEndian.Uint64(body), key: int64(binary.LittleEndian.Uint64(body[8:])), kind: kind(body[16])}
	r.doc = body[headSize : headSize+head]
	if data := body[headSize+head:]; len(data) > 0 {
		r.data = data
	}
	return r, n, nil
}

func appendRecord(b []byte, r *record) []byte {
	at := len(b)
	b = append(b, make([]byte, frameSize)...)
	b = binary.LittleEndian.AppendUint64(b, r.seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.key))
	b = append(b, byte(r.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.doc)))
	b = append(append(b, r.doc...), r.data...)
	body := b[at+frameSize:]
	binary.LittleEndian.PutUint32(b[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(body, castagnoli))
	return b
}

// append numbers the records and writes them with one write(2): all of them are there after a kill -9, or a torn last
// one. After an error they have their numbers and are not in the journal.
func (j *journal) append(records []record) error {
	j.buf = j.buf[:0]
	for i := range records {
		j.seq++
		records[i].seq = j.seq
		j.buf = appendRecord(j.buf, &records[i])
	}
	if j.total+int64(len(j.buf)) > maxJournal {
		return fmt.Errorf("write incident journal: %d MiB wait for the database already (see why it takes nothing: a full disk, a lock)", maxJournal>>20)
	}
	if err := j.segment(); err != nil {
		return err
	}
	n, err := j.file.Write(j.buf)
	j.size += int64(n)
	j.total += int64(n)
	if err != nil {
		err = fmt.Errorf("write incident journal: %w", err)
		return errors.Join(err, j.end()) // what is torn ends its segment
	}
	if cap(j.buf) > maxRecord {
		j.buf = nil
	}
	return nil
}

// segment makes sure that there is one to append to.
func (j *journal) segment() error {
	if j.file != nil && j.size < segmentSize {
		return nil
	}
	if err := j.end(); err != nil {
		return err
	}
	path := filepath.Join(j.dir, fmt.Sprintf("%s%016x", journalPrefix, j.seq))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open incident journal: %w", err)
	}
	j.file, j.size = file, 0
	return nil
}

// end closes the segment that is written to.
func (j *journal) end() error {
	if j.file == nil {
		return nil
	}
	j.segments = append(j.segments, segment{path: j.file.Name(), size: j.size, last: j.seq})
	err := j.file.Close()
	j.file = nil
	return err
}

// applied removes the segments of which the database holds all.
func (j *journal) applied(seq uint64) (err error) {
	j.segments = slices.DeleteFunc(j.segments, func(s segment) bool {
		if s.last > seq {
			return false
		}
		j.total -= s.size
		if e := os.Remove(s.path); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
		return true
	})
	return err
}
