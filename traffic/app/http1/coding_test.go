package http1

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"picket/traffic/app"
)

// decodeAll runs data through layers in pieces of at most step bytes.
func decodeAll(data string, step int, layers ...coding) string {
	var out []byte
	c := decoderChain{windows: new(app.Windows), sink: func(b []byte) error { out = append(out, b...); return nil }}
	for _, k := range layers {
		c.push(k)
	}
	for b := []byte(data); len(b) > 0; {
		n := min(step, len(b))
		_ = c.write(b[:n])
		b = b[n:]
	}
	c.finish()
	return string(out)
}

func TestCodings(t *testing.T) {
	text := strings.Repeat("some content; ", 100)
	header := "\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\x00\x02\x00exname\x00comment\x00cc"
	for _, c := range []struct {
		name, data string
		layers     []coding
		want       string
	}{
		{"gzip", gz(text), []coding{codingGzip}, text},
		{"gzip, trailing bytes", gz(text) + "garbage", []coding{codingGzip}, text},
		{"gzip, wrong sum", gz(text)[:len(gz(text))-8] + "xxxxxxxx", []coding{codingGzip}, text},
		{"gzip, all header parts", header + gz(text)[10:], []coding{codingGzip}, text},
		{"zlib as deflate", zl(text), []coding{codingDeflate}, text},
		{"gzip as deflate", gz(text), []coding{codingDeflate}, text},
		{"raw deflate as gzip", zl(text)[2:], []coding{codingGzip}, text},
		{"not compressed", "plain text that is not compressed at all", []coding{codingGzip}, "plain text that is not compressed at all"},
		{"brotli", br(text), []coding{codingBrotli}, text},
		{"brotli, trailing bytes", br(text) + "garbage", []coding{codingBrotli}, text},
		{"not brotli", "\x11plain text", []coding{codingBrotli}, "\x11plain text"},
		{"gzip in brotli", br(gz(text)), []coding{codingGzip, codingBrotli}, text},
		{"two layers", gz(gz(text)), []coding{codingGzip, codingGzip}, text},
	} {
		for _, step := range []int{1, 3, 1 << 20} {
			if got := decodeAll(c.data, step, c.layers...); got != c.want {
				t.Errorf("%s, step %d: %.60q, want %.60q", c.name, step, got, c.want)
			}
		}
	}
	if got := decodeAll(gz(text)[:40], 7, codingGzip); len(got) == 0 || !strings.HasPrefix(text, got) {
		t.Errorf("truncated: %.60q", got)
	}
}

func br(s string) string {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// TestBrotliWindows: one body more than there is memory for ends the oldest.
func TestBrotliWindows(t *testing.T) {
	var windows app.Windows
	got := make([]int, 33)
	var open []*decoderChain
	text := br(strings.Repeat("some content; ", 1000) + "the end")
	for i := range got {
		c := &decoderChain{windows: &windows, sink: func(b []byte) error { got[i] += len(b); return nil }}
		c.push(codingBrotli)
		_ = c.write([]byte(text[:len(text)/2]))
		open = append(open, c)
	}
	for _, c := range open {
		_ = c.write([]byte(text[len(text)/2:]))
	}
	if got[0] >= 14007 || got[1] != 14007 || got[32] != 14007 {
		t.Errorf("first %d, second %d, last %d bytes of 14007", got[0], got[1], got[32])
	}
}

// TestInflate holds our decoder against the standard library's.
func TestInflate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		plain := make([]byte, 100_000)
		for i := range plain {
			plain[i] = byte(r.IntN(1 + r.IntN(40)))
		}
		var z bytes.Buffer
		w, _ := flate.NewWriter(&z, level)
		_, _ = w.Write(plain)
		_ = w.Close()
		if got := decodeAll(z.String(), 1+r.IntN(5000), codingDeflate); got != string(plain) {
			t.Errorf("level %d: wrong content", level)
		}
	}
}

// TestBomb: layers of zeros stop at the bound.
func TestBomb(t *testing.T) {
	bomb := gz(gz(strings.Repeat("\x00", 64<<20)))
	wire := len(bomb)
	head := "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n"
	p := play(t, testConfig(), []piece{{0, get}, {1, head + bomb}}, nil)
	tx := p.txs.Open[0].Data.(*Transaction)
	if tx.Response.Body.Size > uint64(wire*bombRatio)+bombSize {
		t.Errorf("%d bytes out of %d", tx.Response.Body.Size, wire)
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte(zl("hello hello hello")[2:]), 3)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		var want []byte
		rd := flate.NewReader(bytes.NewReader(data))
		buf := make([]byte, 4096)
		var err error
		for err == nil && len(want) < 1<<20 {
			var n int
			n, err = rd.Read(buf)
			want = append(want, buf[:n]...)
		}
		var z inflater
		var got []byte
		emit := func(b []byte) error { got = append(got, b...); return nil }
		var failed error
		for b := data; len(b) > 0 && failed == nil && len(got) < 1<<20; {
			n := min(max(step&1023, 1), len(b))
			_, _, failed = z.write(b[:n], emit)
			b = b[n:]
		}
		_ = z.flush(emit)
		if err == io.EOF && !bytes.Equal(got, want) && len(got) < 1<<20 {
			t.Fatalf("got %d bytes, want %d (%v)", len(got), len(want), failed)
		}
	})
}
