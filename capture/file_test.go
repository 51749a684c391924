package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// order is what the builders below need of a byte order.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapFile builds a classic capture: one record per payload, a second apart.
func pcapFile(o order, magic uint32, payloads ...string) []byte {
	b := o.AppendUint32(nil, magic)
	b = append(b, 0, 2, 0, 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 65535)
	b = o.AppendUint32(b, 1)
	for i, p := range payloads {
		b = o.AppendUint32(b, uint32(1000+i))
		b = o.AppendUint32(b, 5)
		b = o.AppendUint32(b, uint32(len(p)))
		b = o.AppendUint32(b, uint32(len(p)+1))
		if magic == pcapModified {
			b = append(b, make([]byte, 8)...)
		}
		b = append(b, p...)
	}
	return b
}

// block builds a pcapng block around a body.
func block(o order, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	b := o.AppendUint32(nil, kind)
	b = o.AppendUint32(b, n)
	return o.AppendUint32(append(b, body...), n)
}

func sectionBlock(o order) []byte {
	b := o.AppendUint32(nil, ngByteOrder)
	b = o.AppendUint16(b, 1)
	b = o.AppendUint16(b, 0)
	return block(o, ngSection, o.AppendUint64(b, 1<<64-1))
}

func ifaceBlock(o order, link uint16, options ...byte) []byte {
	b := o.AppendUint16(nil, link)
	b = o.AppendUint16(b, 0)
	b = o.AppendUint32(b, 0)
	return block(o, ngInterface, append(b, options...))
}

func tsresol(o order, v byte) []byte {
	b := o.AppendUint16(nil, ngOptTsResol)
	b = o.AppendUint16(b, 1)
	return append(b, v, 0, 0, 0, 0, 0, 0, 0)
}

func packetBlock(o order, iface uint32, stamp uint64, data string) []byte {
	b := o.AppendUint32(nil, iface)
	b = o.AppendUint32(b, uint32(stamp>>32))
	b = o.AppendUint32(b, uint32(stamp))
	b = o.AppendUint32(b, uint32(len(data)))
	b = o.AppendUint32(b, uint32(len(data)))
	return block(o, ngEnhanced, append(b, data...))
}

func simpleBlock(o order, data string) []byte {
	return block(o, ngSimple, append(o.AppendUint32(nil, uint32(len(data))), data...))
}

func snoopFile(payloads ...string) []byte {
	be := binary.BigEndian
	b := append([]byte("snoop\x00\x00\x00"), 0, 0, 0, 2, 0, 0, 0, 4)
	for i, p := range payloads {
		pad := (4 - len(p)%4) % 4
		b = be.AppendUint32(b, uint32(len(p)+1))
		b = be.AppendUint32(b, uint32(len(p)))
		b = be.AppendUint32(b, uint32(snoopRecord+len(p)+pad))
		b = be.AppendUint32(b, 0)
		b = be.AppendUint32(b, uint32(1000+i))
		b = be.AppendUint32(b, 5)
		b = append(append(b, p...), make([]byte, pad)...)
	}
	return b
}

// seen is a frame as a test compares it.
type seen struct {
	Num   uint64
	Data  string
	Time  int64
	Wire  uint32
	Link  uint16
	Iface int32
}

// readAll reads a source to its end and copies what it gave.
func readAll(s Source) (got []seen, err error) {
	var b Batch
	for {
		if err := s.Receive(&b); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return got, err
		}
		for i := range b.Frames {
			f := &b.Frames[i]
			got = append(got, seen{f.Num, string(f.Data), f.Time, f.WireLen, f.Link, f.Iface})
		}
		if err := s.Release(&b); err != nil {
			return got, err
		}
	}
}

func writeFile(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openBytes(t testing.TB, b []byte) Source {
	t.Helper()
	s, err := OpenFile(writeFile(t, b), FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFormats(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	classic := func(nsec int64) []seen {
		return []seen{
			{1, "one", 1000e9 + nsec, 4, 1, 0},
			{2, "second", 1001e9 + nsec, 7, 1, 0},
		}
	}
	for name, c := range map[string]struct {
		file []byte
		want []seen
	}{
		"little endian µs": {pcapFile(le, pcapMicro, "one", "second"), classic(5000)},
		"big endian µs":    {pcapFile(be, pcapMicro, "one", "second"), classic(5000)},
		"little endian ns": {pcapFile(le, pcapNano, "one", "second"), classic(5)},
		"big endian ns":    {pcapFile(be, pcapNano, "one", "second"), classic(5)},
		"modified":         {pcapFile(le, pcapModified, "one", "second"), classic(5000)},
		"no frames":        {pcapFile(le, pcapMicro), nil},
		"snoop":            {snoopFile("one", "second"), classic(5000)},
		"pcapng, two sections, interfaces with their own link and resolution": {
			bytes.Join([][]byte{
				sectionBlock(le), ifaceBlock(le, 1), ifaceBlock(le, 101, tsresol(le, 9)...),
				packetBlock(le, 0, 7, "micro"), packetBlock(le, 1, 7, "nano"), simpleBlock(le, "simple"),
				block(le, 0xbad, make([]byte, 3<<20)), // an unknown block longer than the buffer
				sectionBlock(be), ifaceBlock(be, 276, tsresol(be, 0x80|10)...), packetBlock(be, 0, 1<<20|1<<9, "binary"),
			}, nil),
			[]seen{
				{1, "micro", 7000, 5, 1, 1},
				{2, "nano", 7, 4, 101, 2},
				{3, "simple", 7, 6, 1, 1},
				{4, "binary", 1024e9 + 5e8, 6, 276, 1},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for how, file := range map[string][]byte{"plain": c.file, "gzip": gzipped(c.file), "zstd": zstded(c.file)} {
				got, err := readAll(openBytes(t, file))
				if err != nil {
					t.Fatal(how, err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("%s: -want +got:\n%s", how, d)
				}
			}
		})
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

func TestBadFiles(t *testing.T) {
	le := binary.LittleEndian
	good := pcapFile(le, pcapMicro, "one", "second")
	huge := append(bytes.Clone(good), 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	ng := bytes.Join([][]byte{sectionBlock(le), ifaceBlock(le, 1), packetBlock(le, 0, 1, "one")}, nil)
	long := block(le, ngEnhanced, nil)
	le.PutUint32(long[4:], 0xfffffffc)
	for name, c := range map[string]struct {
		file   []byte
		frames int
		is     error
		want   string
	}{
		"empty":               {nil, 0, ErrFormat, "open capture: FILE: not a capture file: it is empty (the capture may not have been started)"},
		"text":                {[]byte("hello"), 0, ErrFormat, "open capture: FILE: not a capture file: it begins with 68 65 6c 6c (pcap, pcapng and snoop are read, plain or compressed with gzip or zstd)"},
		"header cut":          {good[:20], 0, ErrTruncated, "open capture: FILE: not a capture file: the header is cut short (copy the file again)"},
		"record header cut":   {good[:len(good)-10], 1, ErrTruncated, "read capture: FILE: after frame 1, at byte 43: cut short: 12 of at least 16 bytes of a record are there (the writer was stopped or the copy is incomplete; the frames before it were read)"},
		"frame cut":           {good[:len(good)-1], 1, ErrTruncated, "after frame 1, at byte 43: cut short: 21 of at least 22"},
		"absurd length":       {huge, 2, ErrDamaged, "after frame 2, at byte 65: damaged: a frame claims 4294967295 bytes"},
		"gzip cut":            {gzipped(good)[:50], -1, ErrTruncated, "the compressed data is cut short"},
		"block cut":           {ng[:len(ng)-1], 0, ErrTruncated, "cut short"},
		"block without end":   {append(bytes.Clone(ng), long...), 1, ErrDamaged, "a block of type 0x6 claims 4294967292 bytes"},
		"unknown interface":   {append(bytes.Clone(ng), packetBlock(le, 1, 1, "x")...), 1, ErrDamaged, "a packet names interface 1 of 1"},
		"time without limits": {append(sectionBlock(le), ifaceBlock(le, 1, tsresol(le, 20)...)...), 0, ErrDamaged, "if_tsresol 0x14"},
		"skipped past end":    {append(bytes.Clone(ng), block(le, 0xbad, make([]byte, 64))[:20]...), 1, ErrTruncated, "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, c.file)
			var got []seen
			s, err := OpenFile(path, FileOptions{})
			if err == nil {
				defer s.Close()
				got, err = readAll(s)
			}
			if err == nil || !errors.Is(err, c.is) || !strings.Contains(strings.ReplaceAll(err.Error(), path, "FILE"), c.want) {
				t.Errorf("error\n%v, want\n%s", err, c.want)
			}
			if c.frames >= 0 && len(got) != c.frames {
				t.Errorf("%d frames before the damage, want %d", len(got), c.frames)
			}
		})
	}
	_, err := OpenFile("/nowhere/x.pcap", FileOptions{})
	if err == nil || err.Error() != "open capture: /nowhere/x.pcap: no such file or directory" {
		t.Error(err)
	}
}

// TestStdin feeds a pipe in small pieces: frames arrive when they are whole, a silent pipe gives empty batches, and
// Interrupt ends the wait.
func TestStdin(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	whole := pcapFile(binary.LittleEndian, pcapMicro, "one", "second")
	w.Write(whole[:50])
	s, err := OpenFile("-", FileOptions{Stdin: r})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b Batch
	receive := func() int {
		t.Helper()
		if err := s.Receive(&b); err != nil {
			t.Fatal(err)
		}
		return len(b.Frames)
	}
	if n := receive(); n != 1 {
		t.Fatalf("%d frames, want the first", n)
	}
	if n := receive(); n != 0 {
		t.Fatalf("%d frames of a silent pipe", n)
	}
	w.Write(whole[50:])
	if n := receive(); n != 1 || string(b.Frames[0].Data) != "second" {
		t.Fatalf("%d frames, want the second", n)
	}
	time.AfterFunc(10*time.Millisecond, s.Interrupt)
	for err = nil; err == nil; {
		err = s.Receive(&b)
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	w.Close()
}

const mixedSmall = "../../shared/corpora/pcap/mixed-small.pcap"

// TestMixedSmall compares the reader with gopacket's over a real capture, and asserts that it does not allocate.
func TestMixedSmall(t *testing.T) {
	s, err := OpenFile(mixedSmall, FileOptions{})
	if err != nil {
		t.Skip("needs the shared corpora:", err)
	}
	defer s.Close()
	in, _ := os.Open(mixedSmall)
	defer in.Close()
	compareWithGopacket(t, s, in)
}

func TestFileAllocations(t *testing.T) {
	payloads := make([]string, 40000)
	for i := range payloads {
		payloads[i] = strings.Repeat("x", 100)
	}
	s := openBytes(t, pcapFile(binary.LittleEndian, pcapMicro, payloads...))
	var b Batch
	if err := s.Receive(&b); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { s.Receive(&b); s.Release(&b) }); n != 0 {
		t.Errorf("%v allocations per batch, want none", n)
	}
}

// FuzzFile: any bytes end with the end of the file or one error, every frame lies within bounds, and bytes that come
// in small pieces mean the same as bytes that come at once.
func FuzzFile(f *testing.F) {
	le, be := binary.LittleEndian, binary.BigEndian
	f.Add(pcapFile(le, pcapMicro, "one", "second"))
	f.Add(pcapFile(be, pcapNano, "one"))
	f.Add(snoopFile("one", "second"))
	f.Add(bytes.Join([][]byte{sectionBlock(be), ifaceBlock(be, 1, tsresol(be, 9)...), packetBlock(be, 0, 9, "x"), simpleBlock(be, "yy")}, nil))
	f.Add(bytes.Join([][]byte{sectionBlock(le), ifaceBlock(le, 1), block(le, 0xbad, nil), packetBlock(le, 0, 9, "x")}, nil))
	memory := newWindow(nil).buf // 1.25 MiB: made once
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := fuzzRead(b, window{r: bytes.NewReader(b), buf: memory})
		var e *FileError
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T %v", err, err)
		}
		for _, fr := range whole {
			if len(fr.Data) > maxFrame || int(fr.Wire) < len(fr.Data) || fr.Time < 0 {
				t.Fatalf("%+v", fr)
			}
		}
		pieces, err2 := fuzzRead(b, window{r: iotest.HalfReader(bytes.NewReader(b)), buf: memory})
		if !slices.Equal(whole, pieces) || (err == nil) != (err2 == nil) {
			t.Fatalf("in pieces: %d frames, %v; whole: %d frames, %v", len(pieces), err2, len(whole), err)
		}
	})
}

// fuzzRead reads b as a file whose header has been recognised.
func fuzzRead(b []byte, w window) ([]seen, error) {
	r, size, err := header(b)
	if r == nil || err != nil {
		return nil, nil
	}
	s := &file{path: "fuzz", win: w, records: r}
	s.win.pass(int64(size))
	return readAll(s)
}

// BenchmarkReader reads mixed-small once per round; compare with gopacket's reader beside it:
//
//	go test ./capture -run '^$' -bench Reader -count 6 | benchstat -col /by -
func BenchmarkReader(b *testing.B) {
	if _, err := os.Stat(mixedSmall); err != nil {
		b.Skip("needs the shared corpora:", err)
	}
	b.Run("by=picket", func(b *testing.B) { benchmarkReader(b, readPicket) })
	b.Run("by=gopacket", func(b *testing.B) { benchmarkReader(b, readGopacket) })
}

func benchmarkReader(b *testing.B, read func(testing.TB) uint64) {
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		n += read(b)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/frame")
}

func readPicket(t testing.TB) uint64 {
	s, err := OpenFile(mixedSmall, FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b Batch
	for err == nil {
		err = s.Receive(&b)
	}
	return s.Stats().Received
}
