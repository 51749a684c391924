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
