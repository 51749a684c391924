package logs

import (
	"bytes"
	"io"
)

// probeLines is how many lines without a date are passed over in search of one with a date.
const probeLines = 64

// since returns the offset of the first line of r that is not too old, by binary search: a log grows in the order of
// time. Lines without a date belong to the line before. When no date can be found it returns 0: reading too much is
// better than missing an attack.
func since(r io.ReaderAt, size int64, older func(line []byte) (old, dated bool)) int64 {
	low, high := int64(0), size // everything before low is old; high is not old, or the end
	for high-low > 4*DefaultMaxLine {
		middle := low + (high-low)/2
		at, old, dated := probe(r, middle, older)
		switch {
		case !dated:
			return low
		case old:
			low = at
		default:
			high = middle
		}
	}
	return low
}

// probe reads the first dated line that begins behind off, and says where it begins and whether it is old.
func probe(r io.ReaderAt, off int64, older func([]byte) (bool, bool)) (at int64, old, dated bool) {
	buffer := make([]byte, 2*DefaultMaxLine)
	n, err := r.ReadAt(buffer, off)
	if err != nil && err != io.EOF {
		return 0, false, false
	}
	data := buffer[:n]
	i := bytes.IndexByte(data, '\n')
	for range probeLines {
		if i < 0 {
			return 0, false, false
		}
		begin := i + 1
		end := bytes.IndexByte(data[begin:], '\n')
		if end < 0 {
			return 0, false, false
		}
		if old, dated := older(data[begin : begin+end]); dated {
			return off + int64(begin), old, true
		}
		i = begin + end
	}
	return 0, false, false
}

// lastLineEnd returns where the last complete line of r ends, so that a line that is being written is read whole.
func lastLineEnd(r io.ReaderAt, size int64, enc Encoding) int64 {
	head := make([]byte, min(size, 3))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return size
	}
	enc, _ = enc.resolve(head)
	from := max(0, size-DefaultMaxLine) &^ 1
	tail := make([]byte, size-from)
	n, err := r.ReadAt(tail, from)
	if err != nil && err != io.EOF {
		return size
	}
	end := from
	for pos := 0; ; {
		i := enc.newline(tail[pos:n])
		if i < 0 {
			break
		}
		pos += i + enc.unit()
		end = from + int64(pos)
	}
	if end == from && from > 0 {
		return size // an endless line
	}
	return end
}
