package search

import "encoding/binary"

const (
	chunk         = 1024 // positions sieved at a time, so that all notes stay in the first cache level; sieve_amd64.s knows it
	tailSize      = 160  // room for short buffers and the last positions of long ones, zeros behind them
	copyMost      = 128  // buffers up to this length are copied whole: one call of the kernel instead of two
	kernelScratch = 64 + 2*chunk

	sieveMin = 128     // bytes
	sieveMax = 1 << 15 // bytes: half a first-level cache

	factorLow  = 0x9E37
	factorHigh = 0x79B1
	golden32   = 0x9E3779B1
	golden64   = 0x9E3779B97F4A7C15
)

// sieve tells at which positions a window may begin. It errs only towards yes.
//
// A window's four bytes lose bit 5 and are hashed to one byte of the table and one bit of that byte. The table has about
// 256 bits for each window, so that hardly any position passes by chance; small sets have small tables.
type sieve struct {
	bits    []byte // a power of two, sieveMin to sieveMax
	shift   uint64 // 16 - log2(len(bits))
	nibbles *nibbles
}

// sieveBytes returns the table size for so many windows of four and of three bytes.
func sieveBytes(fours, threes int) int {
	bits := 256*fours + 8*128*threes
	size := sieveMin
	for size < sieveMax && 8*size < bits {
		size *= 2
	}
	return size
}

func newSieve(fours, threes int) sieve {
	size := sieveBytes(fours, threes)
	shift := uint64(16)
	for s := size; s > 1; s /= 2 {
		shift--
	}
	return sieve{bits: make([]byte, size), shift: shift}
}

// sieveHash returns the byte (before the shift) and the bit of a window.
func sieveHash(w uint32) (index uint16, bit uint8) {
	w &= 0xDFDFDFDF
	x := uint16(w) * factorLow
	y := uint16(w>>16) * factorHigh
	return x + y, uint8((x - y) >> 13)
}

// add lets a window pass.
func (sv *sieve) add(w uint32) {
	index, bit := sieveHash(w)
	sv.bits[index>>sv.shift] |= 1 << bit
}

// addOpen lets a window pass whatever its fourth byte is.
func (sv *sieve) addOpen(w uint32) {
	for c := range uint32(256) {
		sv.add(w&0xFFFFFF | c<<24)
	}
}

// run sieves the first chunk of positions of buf, which has at least three bytes. The result is one bit per position,
// 32 to a word, good until the next run; bytes after the end count as zeros.
func (sv *sieve) run(buf []byte, sc *Scratch) []uint32 {
	positions := min(chunk, len(buf)-2)
	blocks := (positions + 31) / 32
	masks := sc.masks[:blocks]
	full := min(blocks, (len(buf)-3)/32)
	if len(buf) <= copyMost {
		full = 0
	}
	if full > 0 {
		sv.blocks(buf[:32*full+3], masks[:full], sc)
	}
	if full < blocks {
		tail := sc.tail[:32*(blocks-full)+3]
		clear(tail[copy(tail, buf[32*full:]):])
		sv.blocks(tail, masks[full:], sc)
		masks[blocks-1] &= 1<<(positions-32*(blocks-1)) - 1
	}
	return masks
}

// blocksGo is the kernel in plain Go: it sieves the 32 positions for each word of masks; buf has three bytes more.
func (sv *sieve) blocksGo(buf []byte, masks []uint32) {
	bits, shift := sv.bits, sv.shift&15
	for k := range masks {
		block := (*[35]byte)(buf[32*k:])
		m := uint32(0)
		w := binary.LittleEndian.Uint32(block[:4]) << 8
		for i := range 32 {
			w = w>>8 | uint32(block[i+3])<<24
			index, bit := sieveHash(w)
			m |= uint32(bits[index>>shift]>>bit&1) << i
		}
		masks[k] = m
	}
}
