package search

import (
	_ "embed"
	"math"
)

// pairs holds -log2 of byte probabilities in eighths of a bit: 256 for single folded bytes, then 256 rows of 256 for
// a folded byte after another.
//
//go:embed pairs.bin
var pairs string

// floor is the least frequency that a window is believed to have: no training text knows what the next worm sends.
const floor = 2e-6

// frequency estimates how often the window occurs, per position of traffic.
func frequency(window []byte) float64 {
	last := foldByte(window[0])
	eighths := int(pairs[last])
	for _, c := range window[1:] {
		c = foldByte(c)
		eighths += int(pairs[256+int(last)<<8+int(c)])
		last = c
	}
	return probability(eighths) + floor
}

// parts are 2 to the power of -k/8.
var parts = [8]float64{1, 0.9170040432046712, 0.8408964152537145, 0.7711054127039704, 0.7071067811865476, 0.6484197773255048,
	0.5946035575013605, 0.5452538663326288}

// probability returns 2 to the power of -eighths/8, which is at most 1020.
func probability(eighths int) float64 {
	return math.Float64frombits(uint64(1023-eighths>>3)<<52) * parts[eighths&7]
}

// foldByte sets bit 5 where bit 6 is set.
func foldByte(c byte) byte { return c | c&0x40>>1 }

// fold32 folds four bytes at once.
func fold32(w uint32) uint32 { return w | w&0x40404040>>1 }

// fold64 folds eight bytes at once.
func fold64(w uint64) uint64 { return w | w&0x4040404040404040>>1 }

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}
