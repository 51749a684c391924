package transform

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"strings"
)

// defaultMaxSize is how much is decompressed unless the rule says max-size; maxMaxSize is our own bound on that.
const (
	defaultMaxSize = 1024
	maxMaxSize     = 64 << 20
)

func parseGunzip(arg string) (apply, error) {
	most, err := maxSize(arg)
	return func(dst, src []byte, sc *Scratch) ([]byte, bool) {
		sc.source.Reset(src)
		if sc.gzip == nil {
			sc.gzip = new(gzip.Reader)
		}
		if sc.gzip.Reset(&sc.source) != nil {
			return dst, true // Suricata: an empty buffer, not a failed one
		}
		return readUpTo(dst, sc.gzip, most), true
	}, err
}

func parseZlib(arg string) (apply, error) {
	most, err := maxSize(arg)
	return func(dst, src []byte, sc *Scratch) ([]byte, bool) {
		sc.source.Reset(src)
		var err error
		if sc.zlib == nil {
			sc.zlib, err = zlib.NewReader(&sc.source)
		} else {
			err = sc.zlib.(zlib.Resetter).Reset(&sc.source, nil)
		}
		if err != nil {
			return dst, true
		}
		return readUpTo(dst, sc.zlib, most), true
	}, err
}

// maxSize reads "max-size N" or "max-size=N", N with a unit.
func maxSize(arg string) (int, error) {
	if arg == "" {
		return defaultMaxSize, nil
	}
	rest, ok := strings.CutPrefix(arg, "max-size")
	if !ok || rest == "" || rest[0] != '=' && !isSpace(rest[0]) {
		return 0, fmt.Errorf("want max-size NUMBER, have %q", arg)
	}
	n, err := size(strings.TrimSpace(rest[1:]))
	if err != nil || n == 0 || n > maxMaxSize {
		return 0, fmt.Errorf("max-size must be 1 to %d, is %q", maxMaxSize, rest[1:])
	}
	return n, nil
}

// readUpTo appends what comes out of r before its end, a fault or the limit.
func readUpTo(dst []byte, r io.Reader, most int) []byte {
	for most > 0 {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(most, 4096))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), len(dst)+most)])
		dst = dst[:len(dst)+n]
		most -= n
		if err != nil {
			break
		}
	}
	return dst
}
