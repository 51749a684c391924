package logs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"picket/watch"
)

const (
	// headSize is the length of a fingerprint: long enough that two logs of one name differ in it (their first line has
	// a time stamp), short enough to be read with every piece.
	headSize = 256
	// tailSize is the length of the second fingerprint, of the bytes before the position. It tells logs apart that begin
	// alike (a banner, lines without time stamps), and costs nothing: it is read in front of each piece.
	tailSize = 64
)

// identity is a file as the file system knows it. A number is used again as soon as no handle and no name is left, so it
// is good for files that are open; of all others the fingerprints have to be compared, too.
type identity struct{ device, inode uint64 }

// file is one open file: what is being read, or what is still read after it was rotated away.
type file struct {
	path   string // as it is watched; the name that positions are kept under
	id     identity
	reader io.ReaderAt // *os.File, or an *unzipped
	closer io.Closer
	origin *watch.Origin

	offset int64  // first byte not yet delivered
	head   []byte // the file's first bytes as far as they were seen, at most headSize
	tail   []byte // the bytes before offset, at most tailSize
	since  int64  // when it, or a later one that stood at path before, was last written to; nanoseconds since 1970
	place  place

	old      bool      // no longer at path
	deadline time.Time // old: finished when it has been quiet until then
	complete bool      // nobody writes to it any more (a copy, a compressed file): finished at its end
	ended    bool      // its end was reached since it is old
	before   *file     // what stood at path before: read to its end first, so that lines stay in order
}

var errNotRegular = errors.New("not a regular file")

// openRegular opens a log for reading. It does not wait for writers of a pipe, and refuses what is no file.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open log %s: %w (a socket or pipe is read by the syslog source or stdin)", path, errNotRegular)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func identify(info fs.FileInfo) identity {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return identity{device: uint64(s.Dev), inode: s.Ino}
	}
	return identity{}
}

// piece is the outcome of reading once.
type piece uint8

const (
	pieceEnd       piece = iota // nothing more at the moment
	pieceRead                   // something was read; there may be more
	pieceTruncated              // the file is not the one that was read before: it was cut and written anew
)

// read reads one piece into b. Nothing of a piece that was read across a truncation is delivered: the fingerprint is
// compared after reading, so what was read before it belongs to the file that was known.
func (f *file) read(b *watch.Batch, s *splitter, enc Encoding, now int64, final bool) (piece, error) {
	n, err := f.reader.ReadAt(b.Buffer, f.offset-int64(len(f.tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return pieceEnd, fmt.Errorf("read log %s: %w", f.path, err)
	}
	end := errors.Is(err, io.EOF)
	data, same := bytes.CutPrefix(b.Buffer[:n], f.tail)
	switch {
	case !same && f.complete:
		return pieceEnd, nil // somebody has spoilt a copy
	case !same:
		return pieceTruncated, nil
	case f.complete && f.offset == int64(len(f.head)):
		f.head = append(f.head, data[:min(len(data), headSize-len(f.head))]...)
	case !f.complete:
		if same, err := f.check(f.offset + int64(len(data))); err != nil || !same {
			return pieceTruncated, err
		}
	}
	if len(data) == 0 {
		return pieceEnd, nil
	}
	took := f.deliver(b, s, enc, data, now, final && end)
	f.advance(data[:took])
	if took == 0 {
		return pieceEnd, nil // an unfinished line waits
	}
	return pieceRead, nil
}

// advance moves the position behind what was delivered.
func (f *file) advance(past []byte) {
	f.offset += int64(len(past))
	f.tail = append(f.tail, past[max(0, len(past)-tailSize):]...)
	f.tail = append(f.tail[:0], f.tail[max(0, len(f.tail)-tailSize):]...)
}

// seek makes offset the position of a file that was not read yet.
func (f *file) seek(offset int64) error {
	f.offset = offset
	f.tail = make([]byte, min(offset, tailSize))
	if _, err := f.reader.ReadAt(f.tail, offset-int64(len(f.tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read log %s: %w", f.path, err)
	}
	_, err := f.check(max(offset, headSize))
	return err
}

// restart makes the beginning of the file the position: it was written anew, last at modified.
func (f *file) restart(modified int64) {
	f.offset, f.head, f.tail, f.place.skip, f.since = 0, f.head[:0], f.tail[:0], false, modified
}

// resume makes m the position, when the file is the one of which it tells.
func (f *file) resume(size int64, m *watch.Mark) bool {
	head, tail, ok := fits(f.reader, size, m)
	if ok {
		f.head, f.tail, f.offset, f.place.skip, f.since = head, tail, m.Offset, m.Skip, max(f.since, m.Since)
	}
	return ok
}

func (f *file) deliver(b *watch.Batch, s *splitter, enc Encoding, data []byte, now int64, final bool) int {
	resolved, mark := enc.resolve(f.head)
	f.place.enc = resolved
	if f.offset > 0 || len(data) < mark {
		mark = 0
	}
	proto := watch.Observation{Origin: f.origin, Time: now}
	return mark + s.split(b, &proto, &f.place, data[mark:], final)
}

// check compares the fingerprint and lets it grow up to seen, the end of what was read.
func (f *file) check(seen int64) (bool, error) {
	var now [headSize]byte
	n, err := f.reader.ReadAt(now[:min(seen, headSize)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read log %s: %w", f.path, err)
	}
	if !bytes.HasPrefix(now[:n], f.head) {
		return false, nil
	}
	f.head = append(f.head[:0], now[:n]...)
	return true, nil
}

// modified is when the file was last written to, as far as that is known: no earlier than since.
func (f *file) modified() int64 {
	if h, ok := f.reader.(*os.File); ok {
		if info, err := h.Stat(); err == nil {
			return max(f.since, info.ModTime().UnixNano())
		}
	}
	return f.since
}

// mark is the file's position, to be kept when all before it has been acknowledged.
func (f *file) mark() watch.Mark {
	return watch.Mark{Source: f.origin.Source, Path: f.path, Device: f.id.device, Inode: f.id.inode, Offset: f.offset,
		HeadLen: len(f.head), HeadSum: sum(f.head), TailLen: len(f.tail), TailSum: sum(f.tail), Since: f.since, Skip: f.place.skip}
}

// sum is the fingerprint as it is kept: FNV-1a, because it has to be the same after a restart.
func sum(head []byte) uint64 {
	h := fnv.New64a()
	h.Write(head)
	return h.Sum64()
}

// fits says whether r, of the given size, is the file in which m is a position: long enough, and with the same bytes at
// its beginning and before the position. size < 0 means that it is not known. head and tail are what was compared.
func fits(r io.ReaderAt, size int64, m *watch.Mark) (head, tail []byte, ok bool) {
	if size >= 0 && size < m.Offset || m.HeadLen < 0 || m.HeadLen > headSize || m.TailLen < 0 || m.TailLen > tailSize {
		return nil, nil, false
	}
	if head, ok = holds(r, 0, m.HeadLen, m.HeadSum); !ok {
		return nil, nil, false
	}
	tail, ok = holds(r, m.Offset-int64(m.TailLen), m.TailLen, m.TailSum)
	return head, tail, ok
}

// holds says whether the n bytes of r at off have that sum, and returns them.
func holds(r io.ReaderAt, off int64, n int, want uint64) ([]byte, bool) {
	have := make([]byte, n)
	if n == 0 {
		return have, true
	}
	if got, _ := r.ReadAt(have, off); got < n {
		return nil, false
	}
	return have, sum(have) == want
}
