package http1

import (
	"errors"

	"github.com/andybalholm/brotli"
)

// errStarved says that a pulling reader has used up what was pushed.
var errStarved = errors.New("http1: no more bytes yet")

// brotliStream undoes the content coding br (RFC 7932) as its bytes come.
type brotliStream struct {
	reader *brotli.Reader // nil before the first byte and after the end
	ended  bool
	in     []byte
	out    []byte
}

// Read implements io.Reader for the decoder: what was pushed, and no more.
func (s *brotliStream) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, errStarved
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

// Release implements app.Releaser: what follows is ignored.
func (s *brotliStream) Release() { s.reader, s.out, s.ended = nil, nil, true }

// write decodes data and emits what it gives. Bytes behind the end are ignored.
func (s *brotliStream) write(data []byte, emit func([]byte) error) error {
	s.in = data
	for !s.ended {
		n, err := s.reader.Read(s.out)
		if n > 0 {
			if err := emit(s.out[:n]); err != nil {
				s.Release()
				return err
			}
			continue
		}
		if errors.Is(err, errStarved) {
			return nil
		}
		s.Release()
		if err != nil {
			return errCorrupt
		}
	}
	return nil
}
