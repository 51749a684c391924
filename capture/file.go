package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// fileBatch is how many frames a file hands over at once: enough to spread the cost of a batch, few enough that
// their headers stay in the first-level cache.
const fileBatch = 128

// maxFrame is the longest frame that a capture may hold (libpcap's MAXIMUM_SNAPLEN). A longer one is damage.
const maxFrame = 256 << 10

// FileOptions says how a capture is read. The zero value is right for almost everybody.
type FileOptions struct {
	// Stdin is read for the path "-"; nil means os.Stdin.
	Stdin *os.File
}

// FileError tells what is wrong with a capture file: "operation: file: cause (remedy)".
type FileError struct {
	Op     string // "open capture" or "read capture"
	Path   string
	Err    error // the cause: ErrTruncated, ErrDamaged, ErrFormat or the operating system's
	Remedy string
}

// Error puts the parts into one line.
func (e *FileError) Error() string {
	s := e.Op + ": " + e.Path + ": " + e.Err.Error()
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Causes of a FileError that a caller may want to tell apart.
var (
	ErrTruncated = errors.New("cut short")
	ErrDamaged   = errors.New("damaged")
	ErrFormat    = errors.New("not a capture file")
)

// step says what a record reader found at the start of the bytes it was shown.
type step uint8

const (
	stepNeed  step = iota // nothing yet: size bytes must be in memory
	stepSkip              // a record without a frame, size bytes long
	stepFrame             // a record with a frame, size bytes long
)

// records reads one file format. next looks at the bytes at the present place and fills f when a frame stands there;
// f.Data views rest. It consumes nothing itself and may be asked again for the same place.
type records interface {
	next(rest []byte, f *Frame) (do step, size int64, err error)
}

// file is a Source over a capture file or a pipe.
type file struct {
	path    string
	closers []io.Closer
	win     window
	records records
	stop    atomic.Bool
	num     uint64

	received, bytes, truncated, errors atomic.Uint64
}

var _ Source = (*file)(nil)

// OpenFile opens a capture for reading; "-" is the standard input. Format (pcap, pcapng, snoop) and compression
// (gzip, zstd) are recognised by content. The frames' Data view the file's buffer: they are valid until Release, and
// the reader allocates nothing per frame. Frames before a damaged place are all handed over before the error, which
// is a *FileError.
func OpenFile(path string, o FileOptions) (Source, error) {
	f := &file{path: path}
	if err := f.open(o); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) open(o FileOptions) error {
	in, err := f.input(o)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return f.fault("open capture", err, "")
	}
	f.closers = append(f.closers, in)
	r, c, err := decompressed(f.reader(in))
	if err != nil {
		return f.fault("open capture", err, "")
	}
	if c != nil {
		f.closers = append(f.closers, c)
	}
	f.win = newWindow(r)
	return f.recognise()
}

func (f *file) input(o FileOptions) (*os.File, error) {
	if f.path != "-" {
		return os.Open(f.path)
	}
	f.path = "standard input"
	if o.Stdin != nil {
		return o.Stdin, nil
	}
	return os.Stdin, nil
}

// recognise reads the file's header and chooses the record reader by its magic number.
func (f *file) recognise() error {
	for {
		r, size, err := header(f.win.rest())
		if err != nil {
			return f.fault("open capture", err, "pcap, pcapng and snoop are read, plain or compressed with gzip or zstd")
		}
		if r != nil {
			f.records = r
			f.win.pass(int64(size))
			return nil
		}
		switch err := f.win.more(); {
		case err == nil, errors.Is(err, errIdle):
		case !errors.Is(err, io.EOF):
			return f.fault("open capture", err, remedyRead)
		case len(f.win.rest()) == 0:
			return f.fault("open capture", fmt.Errorf("%w: it is empty", ErrFormat), "the capture may not have been started")
		default:
			return f.fault("open capture", fmt.Errorf("%w: the header is %w", ErrFormat, ErrTruncated), "copy the file again")
		}
	}
}

// header chooses the format by magic number. A nil reader asks for more bytes.
func header(b []byte) (r records, size int, err error) {
	if len(b) < 4 {
		return nil, 0, nil
	}
	switch {
	case isPcap(b):
		return newPcap(b)
	case isPcapng(b):
		return newPcapng(), 0, nil
	case isSnoop(b):
		return newSnoop(b)
	}
	return nil, 0, fmt.Errorf("%w: it begins with % x", ErrFormat, b[:4])
}

// Receive hands over the frames that lie whole in the buffer, reading on when there is none.
func (f *file) Receive(b *Batch) error {
	b.Frames = b.Frames[:0]
	for len(b.Frames) < fileBatch {
		if f.stop.Load() {
			return f.deliver(b, io.EOF)
		}
		fr := b.extend()
		do, size, err := f.records.next(f.win.rest(), fr)
		if err != nil {
			b.Frames = b.Frames[:len(b.Frames)-1]
			return f.deliver(b, err)
		}
		if do == stepFrame {
			f.num++
			fr.Num = f.num
			f.win.pass(size)
			continue
		}
		b.Frames = b.Frames[:len(b.Frames)-1]
		if do == stepSkip {
			f.win.pass(size)
		}
		if do == stepSkip && f.win.skip == 0 {
			continue
		}
		if len(b.Frames) > 0 {
			break // more would move the bytes that the frames view
		}
		if err := f.win.more(); err != nil {
			return f.ended(err, size)
		}
	}
	return f.deliver(b, nil)
}

// deliver counts a batch. An error waits until no frame stands before it: the reader meets it again at the same place.
func (f *file) deliver(b *Batch, err error) error {
	if len(b.Frames) > 0 {
		var bytes, cut uint64
		for i := range b.Frames {
			n := uint32(len(b.Frames[i].Data))
			bytes += uint64(n)
			if n < b.Frames[i].WireLen {
				cut++
			}
		}
		f.received.Add(uint64(len(b.Frames)))
		f.bytes.Add(bytes)
		f.truncated.Add(cut)
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	f.errors.Add(1)
	return f.fault("read capture", fmt.Errorf("after frame %d, at byte %d: %w", f.num, f.win.offset(), err),
		"the frames before it were read; the rest of the file cannot be")
}

const remedyRead = "the compressed data may be damaged or the disk failing; copy the file again"

// ended explains why no more bytes came: the regular end, an idle pipe, a record cut short, a failing reader.
func (f *file) ended(err error, need int64) error {
	rest := len(f.win.rest())
	switch {
	case errors.Is(err, errIdle):
		return nil
	case !errors.Is(err, io.EOF):
		f.errors.Add(1)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the compressed data is %w", ErrTruncated)
		}
		return f.fault("read capture", fmt.Errorf("after frame %d, at byte %d: %w", f.num, f.win.offset(), err), remedyRead)
	case rest == 0 && f.win.skip == 0, f.stop.Load():
		return io.EOF
	}
	f.errors.Add(1)
	cause := fmt.Errorf("after frame %d, at byte %d: %w: %d of at least %d bytes of a record are there",
		f.num, f.win.offset(), ErrTruncated, rest, need)
	return f.fault("read capture", cause, "the writer was stopped or the copy is incomplete; the frames before it were read")
}

func (f *file) fault(op string, err error, remedy string) error {
	return &FileError{Op: op, Path: f.path, Err: err, Remedy: remedy}
}

// Release has nothing to do: the next Receive reuses the memory.
func (f *file) Release(*Batch) error { return nil }

// Stats counts what was handed over.
func (f *file) Stats() Stats {
	return Stats{
		Received:  f.received.Load(),
		Bytes:     f.bytes.Load(),
		Truncated: f.truncated.Load(),
		Errors:    f.errors.Load(),
	}
}

// Interrupt ends the reading at the next frame, and the wait for a pipe within idleWait.
func (f *file) Interrupt() { f.stop.Store(true) }

// Close closes the decompressor and the file.
func (f *file) Close() error {
	var err error
	for i := len(f.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, f.closers[i].Close())
	}
	f.closers = nil
	return err
}

// extend adds one frame with fresh fields to the batch, allocating only while the batch grows for the first time.
func (b *Batch) extend() *Frame {
	if len(b.Frames) == cap(b.Frames) {
		b.Frames = append(make([]Frame, 0, max(fileBatch, 2*cap(b.Frames))), b.Frames...)
	}
	b.Frames = b.Frames[:len(b.Frames)+1]
	f := &b.Frames[len(b.Frames)-1]
	*f = Frame{}
	return f
}
