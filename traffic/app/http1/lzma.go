package http1

import (
	"bytes"
	"encoding/binary"

	"github.com/ulikunitz/xz/lzma"
)

// Bounds of LZMA: compressed bytes kept until the body's end, and the dictionary (libhtp's memlimit).
const (
	maxLZMA        = 256 << 10
	maxLZMADict    = 1 << 20
	maxLZMAContent = 4 << 20
)

// decodeLZMA decodes a whole .lzma stream; a truncated one gives what there is. LZMA in HTTP is a curiosity that
// Suricata leaves off by default, so the body is decoded at its end, with a reader that wants to pull.
func decodeLZMA(data []byte, emit func([]byte) error) error {
	if len(data) < lzma.HeaderLen {
		return errCorrupt
	}
	// The header's dictionary size is what the sender wishes for; a distance beyond ours is an error.
	if binary.LittleEndian.Uint32(data[1:]) > maxLZMADict {
		binary.LittleEndian.PutUint32(data[1:], maxLZMADict)
	}
	r, err := lzma.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	buf := make([]byte, inflateBatch)
	for total := 0; total < maxLZMAContent; {
		n, err := r.Read(buf)
		if n > 0 {
			total += n
			if err := emit(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
