package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// frames divides a connection into messages (RFC 6587): "LENGTH SP MESSAGE" when a message begins with a digit, else
// up to a line end or NUL. Each message may choose; the length of a message never decides how much memory is used.
type frames struct {
	in  *bufio.Reader
	msg []byte // reused
	max int
	cut uint64 // messages longer than max
}

// maxFrameLength is the longest octet-counted message that is believed; a larger number is no length.
const maxFrameLength = 1 << 20

var errFraming = errors.New("syslog framing")

func newFrames(r io.Reader, max int) *frames {
	return &frames{in: bufio.NewReaderSize(r, 8<<10), msg: make([]byte, 0, 1<<10), max: max}
}

// next returns a message, valid until the next call, cut to the limit. At the end of the connection an unfinished line
// is a message; an unfinished counted one is not.
func (f *frames) next() ([]byte, error) {
	c, err := f.in.ReadByte()
	for err == nil && (c == '\n' || c == '\r' || c == 0 || c == ' ') {
		c, err = f.in.ReadByte() // between messages
	}
	if err != nil {
		return nil, err
	}
	f.msg = f.msg[:0]
	if c >= '1' && c <= '9' {
		return f.counted(int(c - '0'))
	}
	return f.line(c)
}

func (f *frames) counted(n int) ([]byte, error) {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' || n > maxFrameLength {
			return nil, fmt.Errorf("%w: message begins with a digit, but has no length", errFraming)
		}
		n = n*10 + int(c-'0')
	}
	if n > maxFrameLength {
		return nil, fmt.Errorf("%w: a message of %d bytes", errFraming, n)
	}
	take := min(n, f.max)
	if cap(f.msg) < take {
		f.msg = make([]byte, 0, take)
	}
	f.msg = f.msg[:take]
	if _, err := io.ReadFull(f.in, f.msg); err != nil {
		return nil, err
	}
	if take < n {
		f.cut++
	}
	_, err := f.in.Discard(n - take)
	return f.msg, err
}

func (f *frames) line(c byte) ([]byte, error) {
	long := false
	for {
		if len(f.msg) < f.max {
			f.msg = append(f.msg, c)
		} else {
			long = true
		}
		var err error
		if c, err = f.in.ReadByte(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil || c == '\n' || c == 0 {
			if long {
				f.cut++
			}
			return f.msg, nil
		}
	}
}
