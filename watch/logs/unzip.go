package logs

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxUnzip bounds the memory that a compressed log may ask for. There is no such bound for xz, whose files are left alone.
const maxUnzip = 16 << 20

// zipped returns the ending of a compressed file's name, "" of any other's.
func zipped(name string) string {
	switch end := filepath.Ext(name); end {
	case ".gz", ".zst", ".bz2":
		return end
	}
	return ""
}

// unzip returns the content of a file with that ending.
func unzip(end string, r io.Reader) (io.Reader, error) {
	switch end {
	case ".zst":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxUnzip), zstd.WithDecoderLowmem(true))
	case ".bz2":
		return bzip2.NewReader(r), nil
	}
	return gzip.NewReader(r)
}

// unzipped reads a compressed file as if it were its content. It reads forward: a ReadAt may go back no further than
// ReadSize behind the furthest byte read, or to the first headSize bytes, which are all that a file's reader asks for.
type unzipped struct {
	in     io.Reader
	head   []byte // first bytes of the content
	window []byte // the last bytes of the content, up to twice ReadSize
	end    int64  // where the window ends
	err    error  // what ended the input
}

var errBackward = errors.New("read compressed log: that far back is not kept")

func newUnzipped(end string, r io.Reader) (*unzipped, error) {
	in, err := unzip(end, bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("read compressed log: %w", err)
	}
	u := &unzipped{in: in, head: make([]byte, headSize)}
	n, err := io.ReadFull(in, u.head)
	u.head = u.head[:n]
	if err != nil {
		u.err = endOf(err)
	}
	u.end = int64(n)
	return u, nil
}

// endOf makes every end of the input the end of the content: what can be read of a damaged file counts.
func endOf(error) error { return io.EOF }

// ReadAt implements io.ReaderAt within the limits told above. len(p) is at most ReadSize.
func (u *unzipped) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= int64(len(u.head)) {
		return copy(p, u.head[off:]), nil
	}
	if u.window == nil { // most are asked for their head only
		u.window = append(make([]byte, 0, 2*ReadSize), u.head...)
	}
	u.fill(off + int64(len(p)))
	begin := u.end - int64(len(u.window))
	if off < begin {
		return 0, errBackward
	}
	if off >= u.end {
		return 0, u.err
	}
	n := copy(p, u.window[off-begin:])
	if n < len(p) {
		return n, u.err
	}
	return n, nil
}

// fill reads on until the window ends at upTo or the content ends.
func (u *unzipped) fill(upTo int64) {
	for u.end < upTo && u.err == nil {
		if len(u.window) == cap(u.window) {
			u.window = u.window[:copy(u.window, u.window[len(u.window)-ReadSize:])]
		}
		free := u.window[len(u.window):cap(u.window)]
		n, err := u.in.Read(free[:min(int64(len(free)), upTo-u.end)])
		u.window = u.window[:len(u.window)+n]
		u.end += int64(n)
		if err != nil {
			u.err = endOf(err)
		}
	}
}
