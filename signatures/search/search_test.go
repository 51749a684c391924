package search

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naive is the oracle: what Scan must return, sorted.
func naive(lits []Literal, buf []byte) []uint32 {
	var ids []uint32
	low := lowerAll(buf)
	for _, l := range lits {
		if l.NoCase && bytes.Contains(low, lowerAll(l.Bytes)) || !l.NoCase && bytes.Contains(buf, l.Bytes) {
			ids = append(ids, l.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func lowerAll(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = lower(c)
	}
	return out
}

func checkScan(t *testing.T, s *Set, sc *Scratch, lits []Literal, buf []byte) {
	t.Helper()
	got := slices.Sorted(slices.Values(s.Scan(buf, sc)))
	if diff := cmp.Diff(naive(lits, buf), got); diff != "" {
		t.Fatalf("%d literals, %d bytes %q: (-naive +Scan)\n%s", len(lits), len(buf), buf, diff)
	}
}

// alphabet of few letters, zeros, spaces and high bytes: much matches, and folding has something to confuse.
const alphabet = "aAbBcC\x00\x00  .@`\xC1\xE1"

func randomBytes(r *rand.Rand, n int, alphabet string) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return b
}

func randomLiterals(r *rand.Rand, n, longest int) []Literal {
	lits := make([]Literal, n)
	for i := range lits {
		size := 1 + r.IntN(longest)
		lits[i] = Literal{Bytes: randomBytes(r, size, alphabet), NoCase: r.IntN(2) == 0, ID: uint32(i)}
		switch r.IntN(8) {
		case 0: // a run
			lits[i].Bytes = bytes.Repeat(lits[i].Bytes[:1], size)
		case 1: // shares its beginning with another one
			if o := lits[r.IntN(i+1)].Bytes; len(o) > 4 {
				lits[i].Bytes = append(bytes.Clone(o[:4]), lits[i].Bytes...)
			}
		}
	}
	return lits
}

func TestScanRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sc := NewScratch()
	for _, n := range []int{1, 2, 3, 5, 8, 20, 60, 200, 1000} {
		for range 12 {
			lits := randomLiterals(r, n, 2+r.IntN(24))
			s := Build(lits)
			for range 8 {
				buf := randomBytes(r, r.IntN(400), alphabet)
				if len(buf) > 0 && r.IntN(2) == 0 { // put a literal in, often at the end
					l := lits[r.IntN(n)].Bytes
					copy(buf[max(0, len(buf)-len(l)-r.IntN(3)):], l)
				}
				checkScan(t, s, sc, lits, buf)
			}
		}
	}
}

func TestScanAllLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	lits := []Literal{
		{Bytes: []byte("abcd"), NoCase: true}, {Bytes: []byte("xyz")}, {Bytes: []byte("longer literal"), NoCase: true},
		{Bytes: []byte("MZ")}, {Bytes: []byte{0, 0, 0, 0, 0}}, {Bytes: []byte("q"), NoCase: true}, {Bytes: []byte{0, 0, 0}},
	}
	for i := range lits {
		lits[i].ID = uint32(100 * i)
	}
	s, sc := Build(lits), NewScratch()
	for n := range 301 {
		for _, l := range lits {
			if len(l.Bytes) > n {
				continue
			}
			for _, at := range []int{0, n - len(l.Bytes), r.IntN(n - len(l.Bytes) + 1)} {
				buf := randomBytes(r, n, "-.=")
				copy(buf[at:], l.Bytes)
				checkScan(t, s, sc, lits, buf[:n:n])
			}
		}
	}
}

func TestScanLong(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	lits := randomLiterals(r, 300, 20)
	s, sc := Build(lits), NewScratch()
	for _, n := range []int{chunk - 1, chunk, chunk + 1, chunk + 2, chunk + 3, 2*chunk + 2, 5000, 20000} {
		checkScan(t, s, sc, lits, randomBytes(r, n, alphabet))
		buf := make([]byte, n) // one run over all chunks, a literal across each border
		for at := chunk - 5; at+10 < n; at += chunk {
			copy(buf[at:], lits[r.IntN(len(lits))].Bytes)
		}
		checkScan(t, s, sc, lits, buf)
	}
}

// TestScanRuns moves runs of every length over every alignment.
func TestScanRuns(t *testing.T) {
	var lits []Literal
	for n := 1; n <= 12; n++ {
		lits = append(lits, Literal{Bytes: make([]byte, n), ID: uint32(2 * n)},
			Literal{Bytes: bytes.Repeat([]byte("a"), n), NoCase: true, ID: uint32(2*n + 1)},
			Literal{Bytes: bytes.Repeat([]byte("a"), n), ID: uint32(100 + n)},
			Literal{Bytes: bytes.Repeat([]byte("A"), n), ID: uint32(200 + n)})
	}
	s, sc := Build(lits), NewScratch()
	for n := range 14 {
		for at := range 66 {
			buf := bytes.Repeat([]byte("."), 90)
			copy(buf[at:], make([]byte, n))
			checkScan(t, s, sc, lits, buf)
			for _, text := range []string{"aA", "a", "A", "aaAAAa"} {
				copy(buf[at:], strings.Repeat(text, 14)[:n])
				checkScan(t, s, sc, lits, buf)
			}
		}
	}
}

func TestScanCrowd(t *testing.T) {
	var lits []Literal
	for i := range 600 {
		lits = append(lits, Literal{Bytes: fmt.Appendf(nil, "%x.com", i*i), NoCase: i%2 == 0, ID: uint32(i)})
	}
	s, sc := Build(lits), NewScratch()
	for i := range 600 {
		checkScan(t, s, sc, lits, fmt.Appendf(nil, "www.%x.com", i*i+i%3))
	}
}

func TestEmpty(t *testing.T) {
	sc := NewScratch()
	if got := Build(nil).Scan([]byte("abc"), sc); len(got) != 0 {
		t.Errorf("empty set found %v", got)
	}
	lits := []Literal{{ID: 7}, {Bytes: []byte("abcdef"), ID: 9}}
	for _, buf := range []string{"", "a", "abcdef"} {
		checkScan(t, Build(lits), sc, lits, []byte(buf))
	}
}

// TestOneScratch scans sets of different sizes with one scratch, in turn.
func TestOneScratch(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	sc := NewScratch()
	sc.generation = 1<<32 - 20 // and lets the generation wrap
	var sets []*Set
	var lits [][]Literal
	for _, n := range []int{3, 500, 1, 2000, 40} {
		lits = append(lits, randomLiterals(r, n, 12))
		sets = append(sets, Build(lits[len(lits)-1]))
	}
	for i := range 200 {
		checkScan(t, sets[i%len(sets)], sc, lits[i%len(sets)], randomBytes(r, 100, alphabet))
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s, sc := Build(randomLiterals(r, 500, 12)), NewScratch()
	buf := randomBytes(r, 3000, alphabet)
	s.Scan(buf, sc)
	if n := testing.AllocsPerRun(50, func() { s.Scan(buf, sc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSmallSetIsSmall(t *testing.T) {
	s := Build([]Literal{{Bytes: []byte("first")}, {Bytes: []byte("second"), ID: 1}, {Bytes: []byte("third"), ID: 2}})
	if s.Size() > 2048 {
		t.Errorf("three literals take %d bytes", s.Size())
	}
}

func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20000 {
		lit := randomBytes(r, r.IntN(7), "aAbB.\x00@`")
		buf := randomBytes(r, r.IntN(60), "aAbB.\x00@`")
		if got, want := Find(buf, lit, false), bytes.Index(buf, lit); got != want {
			t.Fatalf("Find(%q, %q) = %d, want %d", buf, lit, got, want)
		}
		low := lowerAll(lit)
		if got, want := Find(buf, low, true), bytes.Index(lowerAll(buf), low); got != want {
			t.Fatalf("Find(%q, %q, nocase) = %d, want %d", buf, low, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("abcd\x00xyz\x00MZ\x00aaaa"), []byte("xxABCDxyzMZaaaaaa"), uint8(1))
	f.Add([]byte(".com\x00a.com\x00b.com\x00longer.com"), []byte("www.longer.com"), uint8(3))
	f.Add([]byte("aaaa\x00aaaaa\x00aaa"), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), uint8(0))
	sc := NewScratch()
	f.Fuzz(func(t *testing.T, text, buf []byte, cases uint8) {
		var lits []Literal
		for i, b := range bytes.Split(text, []byte{0}) {
			b = bytes.ReplaceAll(b, []byte{0xFF}, []byte{0}) // so that literals can hold zeros too
			lits = append(lits, Literal{Bytes: b, NoCase: cases>>(i&7)&1 != 0, ID: uint32(i)})
		}
		checkScan(t, Build(lits), sc, lits, buf)
	})
}
