package http2

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// frame makes a frame.
func frame(kind FrameType, flags byte, stream uint32, body string) string {
	h := make([]byte, frameHeader)
	h[0], h[1], h[2], h[3], h[4] = byte(len(body)>>16), byte(len(body)>>8), byte(len(body)), byte(kind), flags
	binary.BigEndian.PutUint32(h[5:], stream)
	return string(h) + body
}

// Examples of RFC 7541, appendix C.4 and C.6: a client's three requests, Huffman coded.
var requests = [...]string{
	"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
	"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
	"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
}

func lines(fields []Field) string {
	var b strings.Builder
	for _, f := range fields {
		b.Write(f.Name)
		b.WriteString(": ")
		b.Write(f.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

func TestHPACK(t *testing.T) {
	table := newTable(defaultMaxTable)
	for i, want := range [...]string{
		":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
		":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n",
		":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n",
	} {
		fields, err := table.block([]byte(requests[i]))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, lines(fields)); d != "" {
			t.Errorf("request %d: %s", i, d)
		}
	}
	if table.size != 164 || len(table.entries) != 3 {
		t.Errorf("table of %d bytes, %d entries", table.size, len(table.entries))
	}
}

func TestTableIsBounded(t *testing.T) {
	table := newTable(1000)
	table.resize(1 << 30)
	for range 100 {
		if _, err := table.block([]byte("\x40\x01a\x01b")); err != nil {
			t.Fatal(err)
		}
	}
	if table.size > 1000 {
		t.Errorf("%d bytes kept", table.size)
	}
}

func TestOddInstructions(t *testing.T) {
	for _, tc := range []struct {
		name, block string
		want        FieldKind
		err         bool
	}{
		{"index zero", "\x80", IndexZero, false},
		{"beyond the table", "\xfe", NotIndexed, false},
		{"endless number", "\xff\xff\xff\xff\xff\xff\xff\xff\x01", IntegerOverflow, false},
		{"new size", "\x3f\xe1\x1f", SizeUpdate, false},
		{"string that is cut", "\x40\x05ab", Plain, true},
	} {
		table := newTable(4096)
		fields, err := table.block([]byte(tc.block))
		if (err != nil) != tc.err || !tc.err && (len(fields) != 1 || fields[0].Kind != tc.want) {
			t.Errorf("%s: %v, %v", tc.name, fields, err)
		}
	}
}

// conversation is a client's and a server's side: settings, a request in three frames, an answer with gzip content.
func conversation() (client, server string) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(strings.Repeat("content ", 100)))
	_ = w.Close()
	client = preface + frame(Settings, 0, 0, "\x00\x03\x00\x00\x00\x64\x00\x04\x00\x00\xff\xff") +
		frame(Headers, flagEndStream|flagPriority, 1, "\x80\x00\x00\x00\xfe"+requests[0][:3]) +
		frame(Continuation, 0, 1, requests[0][3:8]) + frame(Continuation, flagEndHeaders, 1, requests[0][8:]) +
		frame(WindowUpdate, 0, 1, "\x00\x00\x80\x00") + frame(Headers, flagEndHeaders|flagEndStream, 3, requests[1]) +
		frame(ResetStream, 0, 3, "\x00\x00\x00\x08") + frame(GoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x02bye")
	body := zipped.String()
	server = frame(Settings, 0, 0, "") + frame(Settings, 0, 0, "\x00\x01\x00\x00\x20\x00") +
		frame(Headers, flagEndHeaders, 1, "\x88\x5a\x04gzip") + frame(Data, 0, 1, body[:20]) +
		frame(Data, flagEndStream|flagPadded, 1, "\x03"+body[20:]+"abc")
	return client, server
}

// However the bytes are cut, the transactions are the same.
func TestSplitAnywhere(t *testing.T) {
	client, server := conversation()
	for _, step := range []int{1, 2, 3, 7, 100, 1 << 20} {
		p := newParser(app.Default())
		if err := apptest.Feed(p, app.ToServer, []byte(client), step); err != nil {
			t.Fatal(err)
		}
		if err := apptest.Feed(p, app.ToClient, []byte(server), step); err != nil {
			t.Fatal(err)
		}
		check(t, step, p)
	}
}

func check(t *testing.T, step int, p app.Parser) {
	t.Helper()
	open := p.Transactions().Open
	if len(open) != 5 {
		t.Fatalf("step %d: %d transactions", step, len(open))
	}
	one := open[1].Data.(*Transaction)
	c, s := &one.Sides[0], &one.Sides[1]
	if got := lines(c.Fields); got != ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n" {
		t.Errorf("step %d: %q", step, got)
	}
	if !slices.Equal(c.Windows, []uint32{32768}) || !slices.Equal(c.Priorities, []uint8{254}) || string(s.Get(":status")) != "200" {
		t.Errorf("step %d: %+v", step, c)
	}
	f := open[1].Files[1]
	if len(f) != 1 || f[0].Size != 800 || f[0].State != app.FileClosed || open[1].Progress[0] != app.Done {
		t.Errorf("step %d: %+v", step, f)
	}
	if x := open[2].Data.(*Transaction); !slices.Equal(x.Sides[0].ErrorCodes, []uint32{8}) || open[2].Progress[1] != app.Done {
		t.Errorf("step %d: reset %+v", step, x)
	}
	if x := open[3].Data.(*Transaction); !slices.Equal(x.Sides[0].ErrorCodes, []uint32{2}) {
		t.Errorf("step %d: go away %+v", step, x)
	}
	if ev := apptest.Events(p); len(ev) > 0 {
		t.Errorf("step %d: events %v", step, ev)
	}
}

// The content of a frame that is too long to be waited for is looked at as it comes.
func TestLongFrame(t *testing.T) {
	p := newParser(app.Default())
	in := frame(Headers, flagEndHeaders, 1, "\x88") + frame(Data, flagEndStream, 1, strings.Repeat("x", 100_000))
	if err := apptest.Feed(p, app.ToClient, []byte(in), 1460); err != nil {
		t.Fatal(err)
	}
	tx := p.Transactions().Open[0]
	if f := tx.Files[1][0]; f.Size != 100_000 || f.State != app.FileClosed {
		t.Errorf("%d bytes, %v", f.Size, f.State)
	}
	if !slices.Contains(tx.Events, EventLongFrame) {
		t.Errorf("events %v", tx.Events)
	}
}

func TestDNS(t *testing.T) {
	p := newParser(app.Default())
	in := preface + frame(Headers, flagEndHeaders|flagEndStream, 1, "\x82\x44\x3e/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB\x53\x17application/dns-message")
	in = strings.Replace(in, "\x44\x3e", "\x44"+string(rune(len("/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"))), 1)
	in = preface + frame(Headers, flagEndHeaders|flagEndStream, 1, in[len(preface)+frameHeader:])
	r := p.Parse(app.ToServer, []byte(in), false)
	tx := p.Transactions().Open[0]
	m := tx.Data.(*Transaction).DNS[app.ToServer]
	if r.Rename != app.DoH2 || tx.Proto != app.DoH2 || m == nil || string(m.Queries[0].Name) != "www.example.com" {
		t.Errorf("%+v %v %+v", r, tx.Proto, m)
	}
}

func FuzzParse(f *testing.F) {
	client, server := conversation()
	f.Add([]byte(client), []byte(server), 5)
	f.Add([]byte(preface+frame(PushPromise, 0, 1, "\x00\x00\x00\x02\x82")), []byte(frame(Continuation, 4, 1, "\x82")), 1)
	f.Fuzz(func(t *testing.T, client, server []byte, step int) {
		step = 1 + step&0xff
		p := newParser(app.Default())
		_ = apptest.Feed(p, app.ToServer, client, step)
		_ = apptest.Feed(p, app.ToClient, server, step)
		for _, tx := range p.Transactions().Open {
			for dir := range 2 {
				s := &tx.Data.(*Transaction).Sides[dir]
				s.HeaderBuffer()
				s.HeaderNames()
				if len(s.Fields) > maxFields || len(s.Settings) > maxKept+maxWhole/6 {
					t.Fatal("a bound does not hold")
				}
			}
		}
	})
}
