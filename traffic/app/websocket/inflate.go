package websocket

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
)

// Bounds of compressed messages.
const (
	windowSize  = 32 << 10 // of DEFLATE
	maxInflated = 1 << 20  // bytes of a message that are inflated
)

// tail is what the sender takes off a message's end: an empty stored block (RFC 7692 §7.2.2). A final block behind
// it ends the stream for the reader.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// inflate returns a message's content, as far as it can be read. The window goes on from message to message; a
// peer that begins with a new one each time does not refer to the old.
func (s *side) inflate(b []byte) []byte {
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(b), bytes.NewReader([]byte(tail))), s.window)
	defer r.Close()
	var out bytes.Buffer
	// The rest of a message that is damaged or too long is lost; what was read before is judged all the same.
	_, _ = io.Copy(&out, io.LimitReader(r, maxInflated))
	s.window = append(s.window, out.Bytes()...)
	if n := len(s.window); n > windowSize {
		s.window = append([]byte(nil), s.window[n-windowSize:]...)
	}
	return out.Bytes()
}
