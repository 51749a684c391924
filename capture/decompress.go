package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

const (
	// idleWait is how long a source without traffic lets its worker wait.
	idleWait = 100 * time.Millisecond
	// maxZstdWindow bounds the history that a zstd file may demand (zstd --long=27 needs 128 MiB).
	maxZstdWindow = 128 << 20
)

// reader wraps pipes and terminals, so that waiting for them stays interruptible.
func (f *file) reader(in *os.File) io.Reader {
	if st, err := in.Stat(); err != nil || st.Mode().IsRegular() {
		return in
	}
	return &pipe{f: in, stop: &f.stop}
}

// pipe reads from something that may have nothing to give for a while.
type pipe struct {
	f    *os.File
	stop *atomic.Bool
	wait bool // wait on instead of returning errIdle (decompressors cannot be told to come back)
}

// Read returns errIdle after idleWait without data, and io.EOF once interrupted.
func (p *pipe) Read(b []byte) (int, error) {
	for !p.stop.Load() {
		if ready(p.f) {
			return p.f.Read(b)
		}
		if !p.wait {
			return 0, errIdle
		}
	}
	return 0, io.EOF
}

// ready waits until f has data or has ended, at most idleWait. A descriptor that cannot be waited for is ready.
func ready(f *os.File) bool {
	c, err := f.SyscallConn()
	if err != nil {
		return true
	}
	ok := true
	_ = c.Control(func(fd uintptr) {
		p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p[:], int(idleWait/time.Millisecond))
		ok = n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	return ok
}

// decompressed looks at the first four bytes and puts the fitting decompressor in front of them. The closer is nil
// for plain data.
func decompressed(r io.Reader) (io.Reader, io.Closer, error) {
	var head [4]byte
	n, err := readHead(r, head[:])
	if err != nil {
		return nil, nil, err
	}
	all := io.MultiReader(bytes.NewReader(head[:n]), r)
	switch {
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b: // RFC 1952
		patient(r)
		z, err := gzip.NewReader(all)
		return z, z, err
	case n == 4 && head == [4]byte{0x28, 0xb5, 0x2f, 0xfd}: // RFC 8878
		patient(r)
		z, err := zstd.NewReader(all, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, err
		}
		c := z.IOReadCloser()
		return c, c, nil
	}
	return all, nil, nil
}

// patient makes a pipe wait for data instead of reporting idleness.
func patient(r io.Reader) {
	if p, ok := r.(*pipe); ok {
		p.wait = true
	}
}

// readHead fills b as far as the stream goes, waiting for slow pipes.
func readHead(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) {
		m, err := r.Read(b[n:])
		n += m
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil && !errors.Is(err, errIdle):
			return n, err
		}
	}
	return n, nil
}
