package logs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"picket/watch"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pieces reads data as pieces of the given lengths, the rest at once.
type pieces struct {
	data []byte
	cuts []int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := len(p.data)
	if len(p.cuts) > 0 {
		n, p.cuts = min(n, max(1, p.cuts[0])), p.cuts[1:]
	}
	n = copy(to, p.data[:n])
	p.data = p.data[n:]
	return n, nil
}

// readStream returns the lines of a Stream over in.
func readStream(t testing.TB, in io.Reader, enc Encoding, maxLine int) ([]string, *Stream) {
	t.Helper()
	s := NewStream("test", "here", in, enc, maxLine)
	out := make(chan *watch.Batch)
	go func() {
		if err := s.Run(context.Background(), out); err != nil {
			t.Error(err)
		}
		close(out)
	}()
	lines := []string{}
	for b := range out {
		for i := range b.Observations {
			lines = append(lines, string(b.Observations[i].Line))
		}
		if err := b.Release(); err != nil {
			t.Error(err)
		}
	}
	return lines, s
}

func toUTF16(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := map[string]struct {
		in       string
		enc      Encoding
		want     []string
		counters map[string]uint64
	}{
		"lines":              {in: "a\nbc\n\nd\n", want: []string{"a", "bc", "", "d"}},
		"unfinished":         {in: "a\nb", want: []string{"a", "b"}},
		"CR LF":              {in: "a\r\nb\r\r\nc\rd\n", want: []string{"a", "b", "c\rd"}},
		"too long":           {in: long + "\nb\n", want: []string{long[:64], "b"}, counters: map[string]uint64{"lines-cut": 1, "bytes-cut": 36}},
		"endless":            {in: "a\n" + strings.Repeat("y", 600000), want: []string{"a", strings.Repeat("y", 64)}, counters: map[string]uint64{"lines-cut": 1}},
		"exactly the limit":  {in: long[:64] + "\n" + long[:64], want: []string{long[:64], long[:64]}, counters: map[string]uint64{"lines-cut": 0}},
		"cut inside a rune":  {in: long[:63] + "é\n", want: []string{long[:63]}},
		"hole":               {in: "a\n" + strings.Repeat("\x00", 300000) + "b\n", want: []string{"a", "b"}, counters: map[string]uint64{"nuls-skipped": 300000, "lines-cut": 0}},
		"NUL inside":         {in: "a\x00b\n", want: []string{"a\x00b"}},
		"auto: UTF-8":        {in: "é\n", want: []string{"é"}, counters: map[string]uint64{"lines-recoded": 0}},
		"auto: not UTF-8":    {in: "\xe9 from 1.2.3.4\né\n", want: []string{"\ufffd from 1.2.3.4", "é"}, counters: map[string]uint64{"lines-wrongly-encoded": 1}},
		"auto: BOM":          {in: "\xef\xbb\xbfa\n", want: []string{"a"}},
		"UTF-8, wrong":       {in: "a\xe9b\n", enc: UTF8, want: []string{"a\ufffdb"}, counters: map[string]uint64{"lines-wrongly-encoded": 1}},
		"Latin-1":            {in: "\xc3\xa9\n", enc: Latin1, want: []string{"Ã©"}},
		"UTF-16 by BOM":      {in: "\xff\xfe" + toUTF16("aé\n\u0a0a𝄞\r\nb", binary.LittleEndian), want: []string{"aé", "\u0a0a𝄞", "b"}},
		"UTF-16 BE by BOM":   {in: "\xfe\xff" + toUTF16("aé\n\u0a0a𝄞\r\nb", binary.BigEndian), want: []string{"aé", "\u0a0a𝄞", "b"}},
		"UTF-16 BE":          {in: toUTF16("ab\nc\n", binary.BigEndian), enc: UTF16BE, want: []string{"ab", "c"}},
		"UTF-16, lone":       {in: toUTF16("a", binary.LittleEndian) + "\x00\xd8" + toUTF16("b\n", binary.LittleEndian), enc: UTF16, want: []string{"a\ufffdb"}, counters: map[string]uint64{"lines-wrongly-encoded": 1}},
		"UTF-16, cut":        {in: toUTF16(long+"\nb\n", binary.LittleEndian), enc: UTF16LE, want: []string{long[:32], "b"}, counters: map[string]uint64{"lines-cut": 1}},
		"UTF-16, odd length": {in: toUTF16("a\n", binary.LittleEndian) + "b", enc: UTF16LE, want: []string{"a", "\ufffd"}},
		"nothing":            {in: "", want: []string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, s := readStream(t, strings.NewReader(tt.in), tt.enc, 64)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			for name, want := range tt.counters {
				if got := counter(s, name); got != want {
					t.Errorf("%s: %d, want %d", name, got, want)
				}
			}
		})
	}
}

// TestLinesAnywhere divides the same bytes at random: the lines must be the same.
func TestLinesAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		data := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab\n\r\x00é\U0001d11e")), 0, 400, -1).Draw(r, "data"))
		enc := rapid.SampledFrom([]Encoding{Auto, UTF8, Latin1, UTF16LE, UTF16BE}).Draw(r, "encoding")
		whole, _ := readStream(t, bytes.NewReader(data), enc, 32)
		cuts := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 200).Draw(r, "cuts")
		divided, _ := readStream(t, &pieces{data, cuts}, enc, 32)
		if !slices.Equal(whole, divided) {
			r.Fatalf("whole %q\ndivided %q", whole, divided)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\x00\x00c\xff\n"), byte(0), uint16(3))
	f.Add([]byte("\xff\xfea\x00\n\x00b\x00"), byte(0), uint16(5))
	f.Add(bytes.Repeat([]byte("x"), 200), byte(1), uint16(70))
	f.Fuzz(func(t *testing.T, data []byte, enc byte, cut uint16) {
		e := Encoding(enc % 6)
		whole, _ := readStream(t, bytes.NewReader(data), e, 32)
		divided, _ := readStream(t, &pieces{data, []int{int(cut), 1, 1, int(cut / 3)}}, e, 32)
		if !slices.Equal(whole, divided) {
			t.Fatalf("whole %q\ndivided %q", whole, divided)
		}
		for _, l := range whole {
			if !utf8.ValidString(l) || len(l) > 3*32 || strings.Contains(l, "\n") && e.unit() == 1 {
				t.Fatalf("line %q", l)
			}
		}
	})
}

// TestTailPieces writes a file in pieces, with a partial line at the end: it waits until it is complete.
func TestTailPieces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	j := newJudge()
	tail, stop := follow(t, Config{Globs: []string{filepath.Join(dir, "*.log")}, Start: FromBeginning}, nil, j.out)
	appendTo(t, path, "one\ntw")
	await(t, "the first line", func() bool { return len(j.lines()) == 1 })
	appendTo(t, path, "o\nthree")
	await(t, "the second line", func() bool { return len(j.lines()) == 2 })
	appendTo(t, filepath.Join(dir, "b.log"), "other\n") // a new file of the glob
	await(t, "the other file", func() bool { return len(j.lines()) == 3 })
	stop()
	close(j.out)
	<-j.done
	if diff := cmp.Diff([]string{"one", "two", "other"}, j.lines()); diff != "" {
		t.Error(diff)
	}
	if n := counter(tail, "lines"); n != 3 {
		t.Errorf("lines %d", n)
	}
}

// TestTailGrace finishes a rotated file: its unfinished last line comes when the grace is over.
func TestTailGrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	j := newJudge()
	tail, stop := follow(t, Config{Globs: []string{path}, Grace: 1, Start: FromBeginning}, nil, j.out)
	appendTo(t, path, "one\nlast words")
	await(t, "the first line", func() bool { return len(j.lines()) == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	await(t, "the last words", func() bool { return len(j.lines()) == 2 })
	await(t, "the end of the file", func() bool { return counter(tail, "files") == 0 })
	stop()
	close(j.out)
}

func TestTailGlobOfRotated(t *testing.T) {
	t.Parallel()
	// A glob that also matches what rotation makes of the log: nothing twice.
	for _, copied := range []bool{false, true} {
		t.Run(fmt.Sprint("copied ", copied), func(t *testing.T) {
			dir := t.TempDir()
			l, j := newLogger(t, filepath.Join(dir, "auth.log")), newJudge()
			tail, stop := follow(t, Config{Globs: []string{l.path + "*"}, Start: FromBeginning}, nil, j.out)
			for range 3 {
				l.write(500)
				await(t, "lines", func() bool { return j.count() == l.next })
				l.shift()
				if copied {
					content, err := os.ReadFile(l.path)
					l.must(err)
					l.must(os.WriteFile(l.path+".1", content, 0o600))
					await(t, "the copy to be seen", func() bool { return counter(tail, "names-copies") > 0 })
					l.must(os.Truncate(l.path, 0))
				} else {
					l.must(os.Rename(l.path, l.path+".1"))
					l.f.Close()
					l.open()
				}
				l.write(500)
			}
			await(t, "lines", func() bool { return j.count() == l.next })
			stop()
			close(j.out)
			<-j.done
			j.complete(t, l.next)
		})
	}
}

func TestTailRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	j := newJudge()
	tail, _ := follow(t, Config{Globs: []string{filepath.Join(dir, "*.log")}}, nil, j.out)
	await(t, "the refusal", func() bool { return counter(tail, "files-refused") > 0 })
	for _, bad := range []Config{
		{}, {Name: "a"}, {Name: "a", Globs: []string{"relative.log"}}, {Name: "a", Globs: []string{"/a[/"}},
		{Name: "a", Globs: []string{"/a"}, MaxLine: ReadSize}, {Name: "a", Globs: []string{"/a"}, Start: FromSince},
	} {
		if _, err := NewTail(bad, nil); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

func TestStart(t *testing.T) {
	var text []byte
	for i := range 20000 {
		text = append(text, numbered(i)...)
		if i%3 == 0 {
			text = append(text, "\tno date here\n"...)
		}
	}
	older := func(line []byte) (bool, bool) {
		var n int
		if _, err := fmt.Sscanf(string(line), "sshd %d", &n); err != nil {
			return false, false
		}
		return n < 15000, true
	}
	r := bytes.NewReader(text)
	at := since(r, int64(len(text)), older)
	first := bytes.Index(text, []byte("00015000"))
	if at > int64(first) || at < int64(first-5*DefaultMaxLine) {
		t.Errorf("since %d, the first line that counts is at %d", at, first)
	}
	undated := func([]byte) (bool, bool) { return false, false }
	if at := since(r, int64(len(text)), undated); at != 0 {
		t.Errorf("without dates: %d, want 0", at)
	}
	for in, want := range map[string]int64{"": 0, "a": 0, "a\n": 2, "a\nbc": 2, "\xff\xfea\x00\n\x00b\x00": 6} {
		if got := lastLineEnd(strings.NewReader(in), int64(len(in)), Auto); got != want {
			t.Errorf("lastLineEnd(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestRotatedName(t *testing.T) {
	for name, want := range map[string]bool{
		"access.log.1": true, "access.log.12.gz": true, "access.log-20261121": true, "access-20261121.log": true,
		"access-20261121.log.gz": true, "access.log.old": true, "access.log.2026-11-21_10": true,
		"access.log": false, "access-ssl.log": false, "access.log.gz": false, "access.logs": false, "other.log.1": false, "access.log.x1": false,
	} {
		if got := rotatedName("access.log", name); got != want {
			t.Errorf("rotatedName(access.log, %s) = %v", name, got)
		}
	}
}

func TestPositionsFile(t *testing.T) {
	dir := t.TempDir()
	p := openPositions(t, dir)
	a := watch.Mark{Source: "auth", Path: "/var/log/a \"b\"\n.log", Device: 1, Inode: 2, Offset: 3, HeadLen: 4, HeadSum: 5, Skip: true}
	c := watch.Mark{Source: "journal", Cursor: "s=1;i=2", Offset: 9}
	gone := watch.Mark{Source: "auth", Path: "/b", Device: 1, Inode: 7}
	for _, m := range []watch.Mark{a, gone, c} {
		if err := p.Keep(m); err != nil {
			t.Fatal(err)
		}
	}
	gone.Gone = true
	for i := range compactPositions + 10 { // over a compaction
		a.Offset = int64(i)
		if err := p.Keep(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Keep(gone); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if err := p.Keep(a); err == nil {
		t.Error("kept after Close")
	}
	path := filepath.Join(dir, positionsName)
	appendTo(t, path, "damaged\n1 2 3") // and a torn line
	var warned []error
	again, err := OpenPositions(dir, func(err error) { warned = append(warned, err) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if diff := cmp.Diff([]watch.Mark{c, a}, again.Marks()); diff != "" {
		t.Error(diff)
	}
	if len(warned) != 1 || !strings.Contains(warned[0].Error(), positionsName) {
		t.Errorf("warned %v", warned)
	}
}

func BenchmarkSplit(b *testing.B) {
	var data []byte
	for i := 0; len(data) < ReadSize; i++ {
		data = append(data, "Nov 19 10:11:12 host sshd[1234]: Failed password for root from 192.0.2.1 port 22 ssh2, and so on\n"...)
	}
	data = data[:ReadSize]
	s := splitter{max: DefaultMaxLine, count: &lineCounters{}}
	batch := &watch.Batch{}
	proto := watch.Observation{Origin: &watch.Origin{}}
	lines := 0
	b.ReportAllocs()
	for b.Loop() {
		batch.Observations = batch.Observations[:0]
		var p place
		s.split(batch, &proto, &p, data, false)
		lines += len(batch.Observations)
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkTail reads a 64 MB log from the page cache through the whole Tail.
func BenchmarkTail(b *testing.B) {
	path := filepath.Join(b.TempDir(), "auth.log")
	line := "Nov 19 10:11:12 host sshd[1234]: Failed password for root from 192.0.2.1 port 22 ssh2, and so on\n"
	n := 64 << 20 / len(line)
	if err := os.WriteFile(path, []byte(strings.Repeat(line, n)), 0o600); err != nil {
		b.Fatal(err)
	}
	hits := 0
	for b.Loop() {
		tail, err := NewTail(Config{Name: "b", Globs: []string{path}, Start: FromBeginning}, nil)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		out := make(chan *watch.Batch)
		done := make(chan error, 1)
		go func() { done <- tail.Run(ctx, out) }()
		for read := 0; read < n; {
			batch := <-out
			for i := range batch.Observations {
				if bytes.Contains(batch.Observations[i].Line, []byte("Failed password")) {
					hits++
				}
			}
			read += len(batch.Observations)
			batch.Release()
		}
		cancel()
		<-done
	}
	b.ReportMetric(float64(hits)/b.Elapsed().Seconds(), "lines/s")
}

func TestSplitAllocates(t *testing.T) {
	data := []byte(strings.Repeat("Failed password for root\ninvalid user \xe9\n", 1000))
	s := splitter{max: DefaultMaxLine, count: &lineCounters{}}
	batch := &watch.Batch{}
	proto := watch.Observation{Origin: &watch.Origin{}}
	n := testing.AllocsPerRun(20, func() {
		var p place
		batch.Observations, batch.Text = batch.Observations[:0], batch.Text[:0]
		s.split(batch, &proto, &p, data, false)
	})
	if n != 0 {
		t.Errorf("%v allocations for 2,000 lines", n)
	}
}
