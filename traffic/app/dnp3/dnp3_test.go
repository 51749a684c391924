package dnp3

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// frame makes a link frame of user data, with its checksums.
func frame(control byte, data string) string {
	h := []byte{5, 0x64, byte(minLength + len(data)), control, 2, 0, 3, 0}
	out := binary.LittleEndian.AppendUint16(h, checksum(h))
	for len(data) > 0 {
		n := min(block, len(data))
		out = binary.LittleEndian.AppendUint16(append(out, data[:n]...), checksum([]byte(data[:n])))
		data = data[n:]
	}
	return string(out)
}

const (
	master  = LinkDir | LinkPri | 4
	station = LinkPri | 4
)

// A fragment in two frames: an analog input with flags, two packed bits, and a file block with its size in front.
func answer() string {
	objects := "\x1e\x01\x00\x05\x05\x01\xfe\xff\xff\xff" + "\x01\x01\x00\x00\x01\x02" + "\x46\x05\x5b\x01\x0b\x00\x78\x56\x34\x12\x00\x00\x00\x00abc"
	fragment := "\xc0\x81\x80\x00" + objects
	return frame(station, "\x40"+fragment[:9]) + frame(station, "\x81"+fragment[9:])
}

func TestSplitAnywhere(t *testing.T) {
	in := answer()
	for step := 1; step <= len(in); step++ {
		p := newParser(nil)
		if err := apptest.Feed(p, app.ToClient, []byte(in), step); err != nil {
			t.Fatal(err)
		}
		tx := p.Transactions().Open[0]
		x := tx.Data.(*Transaction)
		if !x.Complete || x.Function != FunctionResponse || x.IIN != 0x8000 || len(x.Objects) != 3 || len(tx.Events) > 0 {
			t.Fatalf("step %d: %+v %v", step, x, tx.Events)
		}
		var got []int64
		x.Objects[0].Each(func(p *Point) { got = append(got, int64(p.Index), p.Values[0].Int, p.Values[len(p.Values)-1].Int) })
		x.Objects[1].Each(func(p *Point) { got = append(got, int64(p.Index), p.Values[0].Int) })
		x.Objects[2].Each(func(p *Point) { got = append(got, int64(p.Prefix), int64(len(p.Values[2].Text))) })
		if !slices.Equal(got, []int64{5, 1, -2, 0, 0, 1, 1, 11, 3}) {
			t.Fatalf("step %d: %v", step, got)
		}
	}
}

func TestEvents(t *testing.T) {
	read := frame(master, "\xc0\xc0\x01\x3c\x02\x06")
	for _, tc := range []struct{ name, in, want string }{
		{"checksum of the header", read + read[:9] + "x" + read[10:], EventLinkCRC},
		{"checksum of the data", read + read[:len(read)-1] + "x", EventTransportCRC},
		{"object nobody knows", frame(master, "\xc0\xc0\x02\xfe\x01\x00\x00\x00x"), EventUnknown},
		{"range that ends early", frame(master, "\xc0\xc0\x02\x01\x01\x00\x00"), EventMalformed},
		{"points beyond the bound", frame(master, "\xc0\xc0\x02\x01\x01\x01\x00\x00\xff\xff"), EventPoints},
		{"flood", strings.Repeat(read, 40), EventFlooded},
	} {
		p := newParser(nil)
		_ = apptest.Feed(p, app.ToServer, []byte(tc.in), 1<<20)
		if !slices.Contains(apptest.Events(p), tc.want) {
			t.Errorf("%s: %v", tc.name, apptest.Events(p))
		}
	}
}

// A fragment that does not end is cut at its bound.
func TestTooLong(t *testing.T) {
	p := newParser(nil)
	in := frame(station, "\x40\xc0\x81\x00\x00"+strings.Repeat("x", 200))
	for i := 1; i < 100; i++ {
		in += frame(station, string([]byte{byte(i & 0x3f)})+strings.Repeat("x", 249))
	}
	_ = apptest.Feed(p, app.ToClient, []byte(in), 1000)
	x := p.Transactions().Open[0].Data.(*Transaction)
	if len(x.Data) > maxFragment || !slices.Contains(apptest.Events(p), EventTooLong) {
		t.Errorf("%d bytes, %v", len(x.Data), apptest.Events(p))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(frame(master, "\xc0\xc0\x01\x3c\x02\x06")), []byte(answer()))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p := newParser(nil)
		_ = apptest.Feed(p, app.ToServer, a, 7)
		_ = apptest.Feed(p, app.ToClient, b, 1000)
		x := Transaction{App: p.Transactions().Add(app.DNP3, nil), Data: append([]byte{0, 2}, a...), Request: true}
		x.read()
		for i := range x.Objects {
			x.Objects[i].Each(func(*Point) {})
		}
	})
}
