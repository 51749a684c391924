package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// unzipped reads a gzip file as if it were its content. It reads forward: a ReadAt may go back no further than
// ReadSize behind the furthest byte read, or to the first headSize bytes, which are all that a file's reader asks for.
type unzipped struct {
	in     *gzip.Reader
	head   []byte // first bytes of the content
	window []byte // the last bytes of the content, up to twice ReadSize
	end    int64  // where the window ends
	err    error  // what ended the input
}

var errBackward = errors.New("read gzip: that far back is not kept")

func newUnzipped(r io.Reader) (*unzipped, error) {
	in, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	u := &unzipped{in: in, head: make([]byte, headSize), window: make([]byte, 0, 2*ReadSize)}
	n, err := io.ReadFull(in, u.head)
	u.head = u.head[:n]
	if err != nil {
		u.err = endOf(err)
	}
	u.window, u.end = append(u.window, u.head...), int64(n)
	return u, nil
}

// endOf makes every end of the input the end of the content: what can be read of a damaged file counts.
func endOf(error) error { return io.EOF }

// ReadAt implements io.ReaderAt within the limits told above. len(p) is at most ReadSize.
func (u *unzipped) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= int64(len(u.head)) {
		return copy(p, u.head[off:]), nil
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
