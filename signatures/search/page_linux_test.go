package search

import (
	"math/rand/v2"
	"syscall"
	"testing"
)

// TestScanAtPageEnd scans buffers that end where the next page can't be read: one byte too far would crash.
func TestScanAtPageEnd(t *testing.T) {
	const page = 4096
	mem, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip("mmap: ", err)
	}
	defer func() { _ = syscall.Munmap(mem) }()
	if err := syscall.Mprotect(mem[page:], syscall.PROT_NONE); err != nil {
		t.Skip("mprotect: ", err)
	}
	r := rand.New(rand.NewPCG(15, 16))
	lits := randomLiterals(r, 50, 12)
	s, sc := Build(lits), NewScratch()
	for n := range 400 {
		buf := mem[page-n : page : page]
		copy(buf, randomBytes(r, n, alphabet))
		checkScan(t, s, sc, lits, buf)
		if f := NewFinder(lits[n%50].Bytes, lits[n%50].NoCase); f.Index(buf) >= n && n > 0 {
			t.Fatal("found behind the end")
		}
	}
}
