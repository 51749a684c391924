package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
)

// compareWithGopacket holds the frames of s against gopacket's reading of the same file.
func compareWithGopacket(t *testing.T, s Source, in io.Reader) {
	t.Helper()
	r, err := pcapgo.NewReader(bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for {
		if err := s.Receive(&b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range b.Frames {
			f := &b.Frames[i]
			data, ci, err := r.ZeroCopyReadPacketData()
			if err != nil || !bytes.Equal(data, f.Data) || !ci.Timestamp.Equal(time.Unix(0, f.Time)) || ci.Length != int(f.WireLen) {
				t.Fatalf("frame %d differs from gopacket's reading (%v)", f.Num, err)
			}
		}
	}
	if _, _, err := r.ZeroCopyReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("gopacket has more: %v", err)
	}
}

func readGopacket(t testing.TB) (n uint64) {
	in, err := os.Open(mixedSmall)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := pcapgo.NewReader(bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, err := r.ZeroCopyReadPacketData(); err != nil {
			return n
		}
		n++
	}
}

// TestCaptureWriter writes evidence with gopacket and reads it back with our reader.
func TestCaptureWriter(t *testing.T) {
	for _, link := range []uint16{1, 276} {
		var out bytes.Buffer
		w, err := NewCaptureWriter(&out, link, 24+2*(16+4))
		if err != nil {
			t.Fatal(err)
		}
		f := Frame{Data: []byte("data"), Time: 1e18 + 7, WireLen: 9, Link: link}
		for i, want := range []error{nil, nil, ErrFull} {
			if err := w.Write(&f); !errors.Is(err, want) {
				t.Errorf("frame %d: %v, want %v", i, err, want)
			}
		}
		got, err := readAll(openBytes(t, out.Bytes()))
		if err != nil || len(got) != 2 || got[1] != (seen{2, "data", 1e18 + 7, 9, link, 0}) {
			t.Errorf("read back %+v, %v", got, err)
		}
		f.Link = 99
		if err := w.Write(&f); err == nil {
			t.Error("a frame of another link type was accepted")
		}
	}
	if _, err := NewCaptureWriter(io.Discard, 1, 10); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}

// TestGopacketSnoop keeps the reason why snoop files are read by ourselves: a record shorter than its frame makes
// gopacket's reader panic.
func TestGopacketSnoop(t *testing.T) {
	file := snoopFile("one")
	file[snoopHeader+11] = 0 // the record's length
	defer func() {
		if recover() == nil {
			t.Error("gopacket's snoop reader has learnt to refuse damaged records: docs/decisions/0003 can be revised")
		}
		if _, err := readAll(openBytes(t, file)); !errors.Is(err, ErrDamaged) {
			t.Errorf("our reader says %v", err)
		}
	}()
	r, err := pcapgo.NewSnoopReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r.ReadPacketData()
}
