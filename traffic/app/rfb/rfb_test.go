package rfb

import (
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// talk is what the two sides say by turns, the server first.
func talk() []string {
	return []string{"RFB 003.008\n", "RFB 003.008\n", "\x02\x01\x02", "\x02", strings.Repeat("c", 16), strings.Repeat("r", 16),
		"\x00\x00\x00\x00", "\x01", "\x05\x00\x03\x20\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00\x00\x00\x00\x04desk"}
}

func TestHandshake(t *testing.T) {
	for _, step := range []int{1, 5, 100} {
		p := &parser{}
		for i, text := range talk() {
			if err := apptest.Feed(p, app.Direction(1-i%2), []byte(text), step); err != nil {
				t.Fatalf("step %d, line %d: %v", step, i, err)
			}
		}
		s := &p.session
		if p.step != skip || s.Screen == nil || string(s.Screen.Name) != "desk" || s.Screen.Width != 1280 || !s.Shared || s.SecurityType != TypeVNC {
			t.Errorf("step %d: %+v", step, s)
		}
		if len(apptest.Events(p)) != 0 {
			t.Error(apptest.Events(p))
		}
	}
}

func FuzzRFB(f *testing.F) {
	f.Add(strings.Join(talk(), "|"))
	f.Add("RFB 003.003\n|RFB 003.003\n|\x00\x00\x00\x00\x00\x00\x00\x02no")
	f.Fuzz(func(t *testing.T, data string) {
		p := &parser{}
		for i, text := range strings.Split(data, "|") {
			if apptest.Feed(p, app.Direction(1-i%2), []byte(text), 3) != nil {
				return
			}
		}
		if open, _ := apptest.Count(p); open > 1 {
			t.Errorf("%d transactions", open)
		}
	})
}
