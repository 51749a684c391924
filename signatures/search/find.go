package search

import "bytes"

// Find returns where lit first occurs in buf, or -1. With nocase, lit must be in lower case already and ASCII letters of
// buf match in either case. It does not allocate; the time is bounded by a small multiple of len(buf) plus, with nocase,
// len(lit) for each place where lit's rarest pair of bytes occurs.
func Find(buf, lit []byte, nocase bool) int {
	if !nocase {
		return bytes.Index(buf, lit)
	}
	return findFolded(buf, lit)
}

// findFolded looks for the rarest byte of lit, in both cases, and compares around it.
func findFolded(buf, low []byte) int {
	if len(low) == 0 {
		return 0
	}
	off := rarest(low)
	c := low[off]
	if !isLetter(c) {
		return findAround(buf, low, off)
	}
	up := c &^ 0x20
	last := len(buf) - len(low) + off
	for i := off; i <= last; i++ {
		if b := buf[i]; (b == c || b == up) && equalLower(buf[i-off:], low) {
			return i - off
		}
	}
	return -1
}

// findAround is for a byte that has one case: the processor's own search skips to it.
func findAround(buf, low []byte, off int) int {
	for start := 0; start+len(low) <= len(buf); {
		i := bytes.IndexByte(buf[start+off:len(buf)-len(low)+off+1], low[off])
		if i < 0 {
			return -1
		}
		start += i
		if equalLower(buf[start:], low) {
			return start
		}
		start++
	}
	return -1
}

// rarest returns the offset of the literal's rarest byte.
func rarest(low []byte) int {
	best, bits := 0, byte(0)
	for i, c := range low[:min(len(low), offsets)] {
		if b := pairs[foldByte(c)]; b > bits {
			best, bits = i, b
		}
	}
	return best
}
