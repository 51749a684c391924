package http1

import (
	"bytes"
	"errors"

	"github.com/andybalholm/brotli"

	"picket/traffic/app"
)

// coding is a content coding that can be undone.
type coding uint8

const (
	codingNone coding = iota
	codingGzip
	codingDeflate
	codingZlib
	codingLZMA
	codingBrotli
)

// Bounds of decompression, Suricata's defaults.
const (
	bombSize  = 1 << 20 // output below this is no bomb
	bombRatio = 2048    // output per input byte that is one, above bombSize
	maxTries  = 3       // other codings tried when the named one doesn't fit
)

var (
	errBomb    = errors.New("http1: compression bomb")
	errStopped = errors.New("http1: decompression has ended")
)

// decoderChain undoes the layers of a Content-Encoding, outermost first, and hands the content to sink.
type decoderChain struct {
	layers  []*layer
	sink    func([]byte) error
	windows *app.Windows
}

// push adds a layer; the last one pushed is undone first.
func (c *decoderChain) push(k coding) {
	c.layers = append(c.layers, &layer{kind: k, windows: c.windows})
}

// write decodes data as far as it goes.
func (c *decoderChain) write(data []byte) error { return c.feed(len(c.layers)-1, data) }

func (c *decoderChain) feed(i int, data []byte) error {
	if i < 0 {
		return c.sink(data)
	}
	return c.layers[i].write(data, func(out []byte) error { return c.feed(i-1, out) })
}

// finish says that nothing follows: what can only be decoded as a whole is decoded now.
func (c *decoderChain) finish() {
	for i := len(c.layers) - 1; i >= 0; i-- {
		c.layers[i].finish(func(out []byte) error { return c.feed(i-1, out) })
	}
}

// layer is one coding. Servers mislabel codings and browsers guess, so a layer that fails before it produced
// anything tries the other codings in turn, and hands the bytes on as they are when none fits.
type layer struct {
	kind     coding
	tries    int
	through  bool // bytes are handed on as they are
	dead     bool // an error after output: the rest is ignored
	gzip     gzipHeader
	zlibSeen int
	zlib     [2]byte
	spent    []byte // bytes used up without any output, for the next coding to try
	produced bool
	skipped  bool // the last step passed over a gzip header
	inflate  inflater
	lzma     []byte
	brotli   brotliStream
	windows  *app.Windows
}

// write decodes data and emits what it gives. Only emit's errors are returned.
func (l *layer) write(data []byte, next func([]byte) error) error {
	emit := func(out []byte) error {
		l.produced, l.spent = true, nil
		return next(out)
	}
	for len(data) > 0 && !l.dead {
		if l.through {
			return emit(data)
		}
		n, err := l.step(data, emit)
		switch {
		case err == nil:
			l.remember(data[:n])
			data = data[n:]
			if n == 0 {
				return l.inflate.flush(emit) // the end was reached: trailing bytes are ignored
			}
		case errors.Is(err, errBomb), errors.Is(err, errStopped):
			l.dead = true
			return err
		case l.tries == 0 && len(l.inflate.out) > 0:
			l.dead = true
		default:
			data = l.retry(data)
		}
	}
	return l.inflate.flush(emit)
}

// step feeds the current coding and returns how much it used.
func (l *layer) step(data []byte, emit func([]byte) error) (int, error) {
	switch l.kind {
	case codingGzip:
		if l.gzip.stage != gzipBody {
			n, ok := l.gzip.skip(data)
			if !ok {
				return 0, errCorrupt
			}
			if l.gzip.stage == gzipBody {
				l.spent = nil
				l.skipped = true
			}
			return n, nil
		}
	case codingZlib:
		if l.zlibSeen < 2 {
			return 1, l.zlibHeader(data[0])
		}
	case codingLZMA:
		if len(l.lzma)+len(data) > maxLZMA {
			return 0, errCorrupt
		}
		l.lzma = append(l.lzma, data...)
		return len(data), nil
	}
	if l.kind == codingBrotli {
		return len(data), l.unbrotli(data, emit)
	}
	n, done, err := l.inflate.write(data, emit)
	if done && n == 0 {
		return 0, err
	}
	return n, err
}

// unbrotli feeds the brotli decoder; an error behind the first output ends the content.
func (l *layer) unbrotli(data []byte, emit func([]byte) error) error {
	s := &l.brotli
	if s.reader == nil && !s.ended {
		s.reader, s.out = brotli.NewReader(s), make([]byte, inflateBatch)
		l.windows.Hold(s)
	}
	err := s.write(data, emit)
	if errors.Is(err, errCorrupt) && l.produced {
		l.dead = true
		return nil
	}
	return err
}

// zlibHeader judges CMF and FLG (RFC 1950 2.2).
func (l *layer) zlibHeader(c byte) error {
	l.zlib[l.zlibSeen] = c
	l.zlibSeen++
	if l.zlibSeen == 2 && (l.zlib[0]&15 != 8 || (int(l.zlib[0])<<8|int(l.zlib[1]))%31 != 0 || l.zlib[1]&32 != 0) {
		return errCorrupt
	}
	return nil
}

// maxSpent bounds the bytes that are tried again; a block header is smaller.
const maxSpent = 1024

// remember keeps bytes that were used up while nothing has come out. A gzip header that was accepted is not
// tried again as something else.
func (l *layer) remember(b []byte) {
	switch {
	case l.skipped:
		l.skipped = false
	case l.produced || len(l.inflate.out) > 0 || len(l.spent)+len(b) > maxSpent:
		l.spent = nil
	default:
		l.spent = append(l.spent, b...)
	}
}

// retry goes on with the next coding, or gives up guessing. It returns the bytes to try it with.
func (l *layer) retry(data []byte) []byte {
	if len(l.spent) > 0 {
		data = append(l.spent, data...)
	}
	if l.tries == maxTries || l.kind == codingBrotli {
		*l = layer{kind: l.kind, tries: l.tries, through: true}
		return data
	}
	next := codingDeflate
	switch l.kind {
	case codingDeflate:
		next = codingZlib
	case codingZlib:
		next = codingGzip
	}
	*l = layer{kind: next, tries: l.tries + 1}
	return data
}

func (l *layer) finish(emit func([]byte) error) {
	if l.kind == codingLZMA && !l.dead && !l.through {
		_ = decodeLZMA(l.lzma, emit)
		l.lzma = nil
	}
	_ = l.inflate.flush(emit)
}

// parseCodings reads a Content-Encoding. layers are in the order of the header. tooMany and odd are for events.
func parseCodings(value []byte, limit int, lzma bool) (layers []coding, tooMany, odd bool) {
	if k, ok := exactCoding(value); ok {
		if k == codingNone || k == codingLZMA && !lzma {
			return nil, false, false
		}
		return []coding{k}, false, false
	}
	count := 0
	for _, name := range bytes.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		if count++; limit > 0 && count > limit {
			return layers, true, odd
		}
		k, strange := looseCoding(name)
		odd = odd || strange
		if k == codingNone || k == codingLZMA && !lzma {
			continue
		}
		layers = append(layers, k)
	}
	return layers, false, odd
}

func exactCoding(value []byte) (coding, bool) {
	switch string(bytes.ToLower(bytes.ReplaceAll(value, []byte{0}, nil))) {
	case "gzip", "x-gzip":
		return codingGzip, true
	case "deflate", "x-deflate":
		return codingDeflate, true
	case "lzma":
		return codingLZMA, true
	case "br":
		return codingBrotli, true
	case "inflate", "none", "":
		return codingNone, true
	}
	return codingNone, false
}

func looseCoding(name []byte) (k coding, strange bool) {
	switch exact := string(name); {
	case containsFold(name, "gzip"):
		return codingGzip, exact != "gzip" && exact != "x-gzip"
	case containsFold(name, "deflate"):
		return codingDeflate, exact != "deflate" && exact != "x-deflate"
	case exact == "lzma":
		return codingLZMA, false
	case exact == "br":
		return codingBrotli, false
	case exact == "inflate", exact == "none":
		return codingNone, false
	}
	return codingNone, true
}
