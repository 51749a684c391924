package search

import "math"

const (
	nibblesMost = 64   // windows; beyond, hardly any position is ruled out
	nibblesRate = 0.02 // of all positions may pass for nothing, by estimate
)

// nibbles is the sieve for small sets. The windows lie in eight buckets, one bit each. For each of a window's four bytes
// two tables tell which buckets have a window with this lower and with this upper half of the byte; a position passes
// if one bucket is left in all eight. The processor looks up 32 bytes at once (the method is known from Hyperscan as Teddy).
type nibbles [4]struct{ low, high [16]byte }

// newNibbles returns nil if the set is too large or too common for them.
func newNibbles(fours, threes []placed) *nibbles {
	n := distinct(fours) + distinct(threes)
	if n == 0 || n > nibblesMost {
		return nil
	}
	t := &nibbles{}
	i := 0
	for group := range groups(fours) { // in order of the key: neighbours share their last bytes
		t.add(group[0].key, 4, 8*i/n)
		i++
	}
	for group := range groups(threes) {
		t.add(group[0].key, 3, 8*i/n)
		i++
	}
	if t.rate() > nibblesRate {
		return nil
	}
	return t
}

// add puts a folded window of so many bytes into a bucket; the bytes beyond are open.
func (t *nibbles) add(key uint32, size, bucket int) {
	for k := range t {
		c := byte(key >> (8 * k))
		for nibble := range t[k].low {
			if k >= size || nibble == int(c&0x0F) {
				t[k].low[nibble] |= 1 << bucket
			}
			if k >= size || nibble|2 == int(c>>4|2) { // bit 5 of the byte is the case bit
				t[k].high[nibble] |= 1 << bucket
			}
		}
	}
}

// pass returns the buckets that are left for a byte at place k of a window.
func (t *nibbles) pass(k int, c byte) byte { return t[k].low[c&0x0F] & t[k].high[c>>4] }

// rate estimates what share of positions passes, as if bytes came independently.
func (t *nibbles) rate() float64 {
	var passing [8]float64
	for b := range passing {
		passing[b] = 1
	}
	for k := range t {
		var share [8]float64
		for c := range 256 {
			if foldByte(byte(c)) != byte(c) {
				continue
			}
			p := math.Exp2(float64(pairs[c]) / -8)
			for b := range share {
				if t.pass(k, byte(c))>>b&1 != 0 {
					share[b] += p
				}
			}
		}
		for b := range passing {
			passing[b] *= share[b]
		}
	}
	total := 0.0
	for _, p := range passing {
		total += p
	}
	return total
}
