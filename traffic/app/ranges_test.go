package app

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Pieces of a file, in any order, overlapping, cut short and sent again, make the file, once.
func TestRangesJoin(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	want := make([]byte, 5000)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	for range 200 {
		r := NewRanges()
		joined := 0
		var whole *File
		for n := 0; whole == nil && n < 10000; n++ {
			first := max(0, random.IntN(len(want)+500)-500) // the beginning more often than the rest
			last := min(first+random.IntN(900), len(want)-1)
			p := r.Open("a", uint64(first), uint64(last), uint64(len(want)), func() *File { return Default().NewFile(0, []byte("f")) })
			for at := first; at <= last; {
				n := min(1+random.IntN(300), last+1-at)
				p.Write(want[at : at+n])
				if at += n; random.IntN(20) == 0 {
					break
				}
			}
			if whole = p.Close(); whole != nil {
				joined++
			}
		}
		if joined != 1 || whole.State != FileClosed || !bytes.Equal(whole.Data, want) {
			t.Fatalf("joined %d times: %d of %d bytes", joined, len(whole.Data), len(want))
		}
		if r.held != 0 || len(r.files) != 0 || r.Joined != 1 {
			t.Fatalf("%d bytes and %d files stay", r.held, len(r.files))
		}
	}
}

func TestRangesAreBounded(t *testing.T) {
	r := NewRanges()
	fresh := func() *File { return Default().NewFile(0, nil) }
	for i := range maxRanged + 10 {
		r.Open(string(rune(i)), 5, 6, 100, fresh)
	}
	if len(r.files) != maxRanged || r.Lost != 10 {
		t.Errorf("%d files, %d lost", len(r.files), r.Lost)
	}
	r = NewRanges()
	for i := range 3 * maxRangedBlocks {
		r.Open("a", uint64(2*i+1), uint64(2*i+1), 1<<20, fresh).Write([]byte("x"))
	}
	if len(r.files["a"].blocks) > maxRangedBlocks {
		t.Errorf("%d pieces wait", len(r.files["a"].blocks))
	}
	big := make([]byte, 1<<20)
	for i := range 3 * maxRangedBytes / len(big) {
		p := r.Open(string(rune('A'+i%7)), uint64(1+i*len(big)), uint64((i+1)*len(big)), 1<<40, fresh)
		p.Write(big)
		if r.held > maxRangedBytes {
			t.Fatalf("%d bytes wait", r.held)
		}
	}
	for _, odd := range [][3]uint64{{0, 99, 100}, {5, 4, 100}, {0, 100, 100}, {0, 5, 0}} {
		if p := r.Open("o", odd[0], odd[1], odd[2], fresh); p != nil {
			t.Errorf("%v is taken for a piece", odd)
		}
	}
	var none *Ranges
	p := none.Open("a", 0, 1, 5, fresh)
	p.Write([]byte("x"))
	if p.Close() != nil {
		t.Error("nothing makes a file")
	}
}
