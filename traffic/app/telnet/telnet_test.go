package telnet

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

const talk = "\xff\xfd\x18\xff\xfa\x18\x00VT100\xff\xf0Login: user\r\npass\xff\xfbword\n\xff\xf1"

// feed gives talk to a connection in pieces of step bytes and returns the text of its frames, by name.
func feed(t *testing.T, text string, step int) map[string][]string {
	t.Helper()
	cfg := app.Default()
	cfg.Frames = math.MaxUint64
	layer := app.NewLayer(cfg, []app.Protocol{Protocol()})
	var conn app.Conn
	used := 0
	for end := 0; end < len(text); {
		end = min(end+step, len(text))
		ep := app.Endpoint{Client: 40000, Server: 23, Time: 1, End: [2]uint64{0, uint64(end)}}
		used += layer.Stream(&conn, ep, app.ToClient, []byte(text[used:end]), end == len(text))
	}
	frames := map[string][]string{}
	if conn.Frames == nil {
		t.Fatal("the connection has no frames")
	}
	for _, r := range conn.Frames.Open[app.ToClient] {
		if r.Name != app.StreamFrame {
			frames[r.Name] = append(frames[r.Name], text[r.Offset:r.Offset+uint64(r.Len)])
		}
	}
	return frames
}

func TestFramesAreTheSameHoweverBytesCome(t *testing.T) {
	ctl := []string{"\xff\xfd\x18", "\xff\xfa\x18\x00VT100\xff\xf0", "\xff\xfbw", "\xff\xf1"}
	data := []string{"Login: user\r\n", "pass", "ord\n"}
	pdu := []string{ctl[0], ctl[1], data[0], data[1], ctl[2], data[2], ctl[3]}
	want := map[string][]string{"ctl": ctl, "data": data, "pdu": pdu}
	for step := 1; step <= len(talk); step++ {
		if diff := cmp.Diff(want, feed(t, talk, step)); diff != "" {
			t.Errorf("pieces of %d bytes (-want +got):\n%s", step, diff)
		}
	}
}

func TestNobodyWantsFrames(t *testing.T) {
	p := &parser{}
	if err := apptest.Feed(p, app.ToServer, []byte(talk), 4); err != nil {
		t.Error(err)
	}
}

func FuzzTelnet(f *testing.F) {
	f.Add([]byte(talk), 3)
	f.Add([]byte("\xff\xfa\xff"), 1)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		p := &parser{}
		p.FrameTo(&app.Frames{})
		if err := apptest.Feed(p, app.ToServer, data, max(1, min(step, 1<<16))); err != nil {
			t.Error(err)
		}
	})
}
