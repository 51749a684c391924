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

// headSize is the length of a fingerprint: long enough that two logs of one name differ in it (their first line has
// a time stamp), short enough to be read with every piece.
const headSize = 256

// identity is a file as the file system knows it. A number is used again only when no handle and no name is left.
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
	place  place

	old      bool      // no longer at path
	deadline time.Time // old: finished when it has been quiet until then
	complete bool      // nobody writes to it any more (a copy, a compressed file): finished at its end
	ended    bool      // its end was reached since it is old
	before   *file     // what stood at path before: read to its end first, so that lines stay in order
}

var errNotRegular = errors.New("not a regular file")

// openRegular opens a log for reading. It does not wait for writers of a pipe, and refuses what is no file.
func openRegular(path string) (*os.File, identity, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, identity{}, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open log %s: %w (a socket or pipe is read by the syslog source or stdin)", path, errNotRegular)
	}
	if err != nil {
		f.Close()
		return nil, identity{}, 0, err
	}
	return f, identify(info), info.Size(), nil
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
	n, err := f.reader.ReadAt(b.Buffer, f.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return pieceEnd, fmt.Errorf("read log %s: %w", f.path, err)
	}
	if !f.complete {
		same, err := f.check(f.offset + int64(n))
		if err != nil {
			return pieceEnd, err
		}
		if !same {
			return pieceTruncated, nil
		}
	} else if f.offset == int64(len(f.head)) {
		f.head = append(f.head, b.Buffer[:min(n, headSize-len(f.head))]...)
	}
	if n == 0 {
		return pieceEnd, nil
	}
	took := f.deliver(b, s, enc, b.Buffer[:n], now, final && errors.Is(err, io.EOF))
	f.offset += int64(took)
	if took == 0 {
		return pieceEnd, nil // an unfinished line waits
	}
	return pieceRead, nil
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

// check compares the fingerprint and the size, and lets the fingerprint grow up to seen, the end of what was read.
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
	h, ok := f.reader.(*os.File)
	if !ok || seen > f.offset {
		return true, nil
	}
	info, err := h.Stat()
	if err != nil {
		return false, fmt.Errorf("read log %s: %w", f.path, err)
	}
	return info.Size() >= f.offset, nil
}

// mark is the file's position, to be kept when all before it has been acknowledged.
func (f *file) mark() watch.Mark {
	return watch.Mark{Source: f.origin.Source, Path: f.path, Device: f.id.device, Inode: f.id.inode, Offset: f.offset,
		HeadLen: len(f.head), HeadSum: sum(f.head), Skip: f.place.skip}
}

// sum is the fingerprint as it is kept: FNV-1a, because it has to be the same after a restart.
func sum(head []byte) uint64 {
	h := fnv.New64a()
	h.Write(head)
	return h.Sum64()
}

// fits says whether r, of the given size, is the file in which m is a position: long enough, and with the same first bytes.
// size < 0 means that it is not known. head is what was compared.
func fits(r io.ReaderAt, size int64, m *watch.Mark) (head []byte, ok bool) {
	if size >= 0 && size < m.Offset || m.HeadLen > headSize || m.HeadLen < 0 {
		return nil, false
	}
	head = make([]byte, m.HeadLen, headSize)
	if n, err := r.ReadAt(head, 0); n < len(head) || err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	return head, sum(head) == m.HeadSum
}
