package capture

import (
	"errors"
	"io"
)

const (
	// readStep is how much one read asks for: the system call vanishes against the frames in it, and they stay in the
	// second-level cache (256 KiB: 87 ns a frame; 32 KiB and 1 MiB: 96).
	readStep = 256 << 10
	// maxRecord is the largest record kept whole. libpcap's largest frame is 256 KiB; options of a pcapng block may add.
	maxRecord = 1 << 20
	// maxEmptyReads bounds readers that return neither bytes nor an error.
	maxEmptyReads = 100
)

// errIdle says that a pipe had nothing to give for idleWait.
var errIdle = errors.New("no data yet")

// window is the part of a byte stream that is in memory: buf[at:end]. Frames are views of it, so bytes move only
// in more, which is called when no frame is on loan.
type window struct {
	r    io.Reader
	buf  []byte
	at   int
	end  int
	skip int64 // bytes that were passed over and not yet read
	base int64 // offset of buf[0] in the stream
	err  error // from r, told when everything before it has been used up
}

func newWindow(r io.Reader) window {
	return window{r: r, buf: make([]byte, maxRecord+readStep)}
}

// rest returns what is in memory and not yet passed.
func (w *window) rest() []byte { return w.buf[w.at:w.end] }

// offset tells where rest begins in the stream.
func (w *window) offset() int64 { return w.base + int64(w.at) }

// pass goes n bytes on, also beyond what is in memory.
func (w *window) pass(n int64) {
	have := int64(w.end - w.at)
	if n > have {
		w.skip += n - have
		n = have
	}
	w.at += int(n)
}

// more reads once into the free part of the buffer. It returns the reader's error only when the read gave no byte.
func (w *window) more() error {
	if w.at > 0 {
		copy(w.buf, w.rest())
		w.base += int64(w.at)
		w.end -= w.at
		w.at = 0
	}
	for range maxEmptyReads {
		if w.err != nil {
			return w.err
		}
		n, err := w.r.Read(w.buf[w.end:min(len(w.buf), w.end+readStep)])
		if !errors.Is(err, errIdle) {
			w.err = err // sticky: a decompressor must not be asked again
		}
		w.end += n
		w.settle()
		if w.end > 0 && n > 0 {
			return nil
		}
		if errors.Is(err, errIdle) {
			return err
		}
	}
	if w.err == nil {
		w.err = io.ErrNoProgress
	}
	return w.err
}

// settle takes bytes that were passed over before they were read out of the window. Only skipped bytes make it lose
// any, so it works on an otherwise empty window.
func (w *window) settle() {
	if w.skip == 0 {
		return
	}
	n := int(min(w.skip, int64(w.end-w.at)))
	w.at += n
	w.skip -= int64(n)
}
