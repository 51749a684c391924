package search

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKernel compares the processor's kernel with the plain one, for every table size and number of blocks.
func TestKernel(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	sc := NewScratch()
	for windows := 1; windows <= 2048; windows *= 2 {
		sv := newSieve(windows, 0)
		for range 8 * windows {
			sv.add(r.Uint32())
		}
		for blocks := 1; blocks <= chunk/32; blocks++ {
			buf := randomBytes(r, 32*blocks+3, "\x00\x20\x40\x60\x80\xA0\xC0\xE0aZ09\xFF")
			got, want := make([]uint32, blocks), make([]uint32, blocks)
			sv.blocks(buf, got, sc)
			sv.blocksGo(buf, want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d windows, %d blocks (-plain +kernel)\n%s", windows, blocks, diff)
			}
		}
	}
}

// TestNibbles compares the processor's look-ups with plain ones. Without the kernel there is nothing to compare.
func TestNibbles(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	sc := NewScratch()
	used := 0
	for n := 1; n < 80; n++ {
		lits := randomLiterals(r, n, 10)
		for i := range lits {
			for k := range lits[i].Bytes {
				lits[i].Bytes[k] = byte(r.Uint32())
			}
		}
		s := Build(lits)
		if s.sieve.nibbles == nil {
			continue
		}
		used++
		buf := randomBytes(r, 32*9+3, "\x00\x20\x41\x61\x80\xC1\xE1\xFF")
		for i := 0; i+40 < len(buf); i += 40 {
			copy(buf[i:], lits[r.IntN(n)].Bytes)
		}
		got, plain := make([]uint32, 9), make([]uint32, 9)
		s.sieve.blocks(buf, got, sc)
		s.sieve.blocksGo(buf, plain)
		for i := range 32 * 9 {
			passes := byte(0xFF)
			for k := range 4 {
				passes &= s.sieve.nibbles.pass(k, buf[i+k])
			}
			bit := got[i/32]>>(i%32)&1 != 0
			if bit != (passes != 0) && bit != (plain[i/32]>>(i%32)&1 != 0) {
				t.Fatalf("%d literals, position %d: kernel says %v, tables say %08b", n, i, bit, passes)
			}
		}
	}
	if used < 10 {
		t.Errorf("only %d sets have nibbles", used)
	}
}
