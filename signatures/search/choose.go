package search

import (
	"encoding/binary"
	"math"
)

// What a window costs, in nanoseconds at the estimated frequency: to look it up, to compare one literal on it, and for
// each bit that it sets in the sieve, spread over all positions.
const (
	costWindow = 8.0
	costEntry  = 2.0
	costBit    = 3.0
	passes     = 3  // later passes move literals onto windows that others opened meanwhile
	offsets    = 64 // windows considered per literal
)

// chooseWindows returns for each literal of at least four bytes the offset of its window, and -1 for shorter ones.
func chooseWindows(lits []Literal) []int {
	choice := make([]int, len(lits))
	freq := make([]float32, 0, 16*len(lits))
	start := make([]int, len(lits)+1)
	for i, l := range lits {
		choice[i] = -1
		run := len(l.Bytes) > 0 && l.isRun()
		for o := 0; o+4 <= len(l.Bytes) && o < offsets; o++ {
			f := frequency(l.Bytes[o : o+4])
			if !run && foldedRun(l.Bytes[o:o+4]) == 4 {
				f = 1 // leave these windows to the literals that are nothing but runs: they are skipped as one
			}
			freq = append(freq, float32(f))
		}
		start[i+1] = len(freq)
	}
	open := newCounter(len(lits))
	bit := costBit / float64(8*sieveBytes(len(lits), 0))
	for range passes {
		for i, l := range lits {
			f := freq[start[i]:start[i+1]]
			if len(f) == 0 {
				continue
			}
			if o := choice[i]; o >= 0 {
				open.add(windowAt(l.Bytes, o), -1)
			}
			choice[i] = cheapest(l.Bytes, f, open, bit)
			open.add(windowAt(l.Bytes, choice[i]), 1)
		}
	}
	return choice
}

// cheapest returns the offset whose window costs least, given the windows already open.
func cheapest(lit []byte, freq []float32, open *counter, bit float64) int {
	best, least := 0, math.Inf(1)
	for o, f := range freq {
		cost := float64(f) * costEntry
		if cost >= least {
			continue
		}
		if open.get(windowAt(lit, o)) == 0 {
			cost += float64(f)*costWindow + bit
		}
		if cost < least {
			best, least = o, cost
		}
	}
	return best
}

func windowAt(b []byte, o int) uint32 { return fold32(binary.LittleEndian.Uint32(b[o:])) }

// counter counts windows: open addressing, several times faster than a map at this size.
type counter struct {
	keys  []uint32
	used  []bool
	count []int32
	n     int
}

func newCounter(n int) *counter {
	size := 64
	for size < 4*n {
		size *= 2
	}
	return &counter{keys: make([]uint32, size), used: make([]bool, size), count: make([]int32, size)}
}

// find returns the slot of a window, or the empty one where it would be put.
func (c *counter) find(key uint32) uint32 {
	mask := uint32(len(c.keys) - 1)
	i := key * golden32 >> 7 & mask
	for c.used[i] && c.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

func (c *counter) get(key uint32) int32 { return c.count[c.find(key)] }

func (c *counter) add(key uint32, n int32) {
	i := c.find(key)
	c.count[i] += n
	if !c.used[i] {
		c.keys[i], c.used[i] = key, true
		if c.n++; 2*c.n > len(c.keys) {
			c.grow()
		}
	}
}

func (c *counter) grow() {
	old := *c
	*c = *newCounter(len(old.keys) / 2)
	for i, used := range old.used {
		if used {
			c.add(old.keys[i], old.count[i])
		}
	}
}
