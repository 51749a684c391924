package websocket

import (
	"bytes"
	"slices"
	"testing"

	"github.com/klauspost/compress/flate"
	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// frame builds a short frame with a mask.
func frame(first byte, payload string) []byte {
	b := []byte{first, 0x80 | byte(len(payload)), 1, 2, 3, 4}
	for i := range len(payload) {
		b = append(b, payload[i]^byte(1+i&3))
	}
	return b
}

// compressed returns two messages of one context.
func compressed(t testing.TB, texts ...string) []string {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, 9)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, text := range texts {
		buf.Reset()
		w.Write([]byte(text))
		w.Flush()
		out = append(out, string(bytes.TrimSuffix(buf.Bytes(), []byte("\x00\x00\xff\xff"))))
	}
	return out
}

func payloads(p *parser) []string {
	var list []string
	for _, tx := range p.txs.Open {
		list = append(list, string(tx.Data.(*Frame).Payload))
	}
	return list
}

func TestFrames(t *testing.T) {
	stream := frame(0x81, "one")
	stream = append(stream, frame(0x01, "two ")...)
	stream = append(stream, frame(0x89, "ping")...)
	stream = append(stream, frame(0x80, "halves")...)
	z := compressed(t, "hello hello hello", "hello again hello")
	stream = append(stream, frame(0xc1, z[0])...)
	stream = append(stream, frame(0xc1, z[1])...)
	want := []string{"one", "two ", "ping", "two halves", "hello hello hello", "hello again hello"}
	for step := 1; step < len(stream); step += 3 {
		p := newParser(nil).(*parser)
		if err := apptest.Feed(p, app.ToServer, stream, step); err != nil {
			t.Fatal(err)
		}
		if got := payloads(p); !slices.Equal(got, want) {
			t.Fatalf("step %d: %q", step, got)
		}
	}
}

func TestLongPayload(t *testing.T) {
	long := append([]byte{0x82, 127, 0, 0, 0, 0, 0, 0, 1, 0}, bytes.Repeat([]byte("x"), 256)...)
	for _, step := range []int{1, 30, 1000} {
		p := newParser(nil).(*parser)
		p.max = 10
		if err := apptest.Feed(p, app.ToClient, append(slices.Clone(long), frame(0x81, "y")...), step); err != nil {
			t.Fatal(err)
		}
		if got := payloads(p); len(got) != 2 || len(got[0]) != 10 || got[1] != "y" {
			t.Errorf("step %d: %q", step, got)
		}
		if !slices.Contains(apptest.Events(p), EventSkip) {
			t.Error("no event")
		}
	}
}

func FuzzWebSocket(f *testing.F) {
	f.Add(append(frame(0x01, "two "), frame(0x80, "halves")...))
	f.Add(frame(0xc1, compressed(f, "hello")[0]))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := newParser(nil).(*parser), newParser(nil).(*parser)
		a.max, b.max = 1000, 1000
		e1, e2 := apptest.Feed(a, app.ToServer, data, len(data)+1), apptest.Feed(b, app.ToServer, data, 3)
		if e1 != nil || e2 != nil || !slices.Equal(payloads(a), payloads(b)) {
			t.Fatalf("%v %v", e1, e2)
		}
	})
}
