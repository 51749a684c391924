package store

import (
	"strings"
	"testing"

	"picket/incidents"
)

// TestOddSearches: whatever an operator types is looked for as it stands: no sign has a meaning, nothing is an error, and what
// cannot be in any text selects nothing.
func TestOddSearches(t *testing.T) {
	s := open(t, t.TempDir())
	defer shut(t, s)
	for i := 1; i <= 30; i++ {
		c := change(i)
		if i == 7 {
			c.Incident.Users = []string{"jürgen", "o'neil", "日本"}
		}
		if err := s.Keep(c); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]int{
		"": 30, " ": 0, "scan": 30, "SCAN sam": 30, "sc": 0, "s": 0, "7": 1, "sample 7": 1, "scan scan scan": 30,
		"jürgen": 1, "JÜR": 1, "jurgen": 1, "o'neil": 1, "日本": 1, "2001:db8::5": 30, "203.0.0.7": 1, "mitre:T1110": 30,
		"%": 0, "_": 0, "%_": 0, "*": 0, ".*": 0, "s*": 0, "\"": 0, "'": 0, "🙂": 0, "\x00": 0, "\xff": 0, "scan\x00sample": 30,
		"^scan$": 30, "scan*": 30, "-scan": 30, "NOT scan": 0, "scan OR nothing": 0, "text:scan": 0, "NEAR(scan sample)": 0, "(scan": 30, "scan)": 30,
		"; DROP TABLE words": 0, strings.Repeat("scan ", 20_000): 30, strings.Repeat("x", 60_000): 0, strings.Repeat("s", 3) + strings.Repeat(" a b c d e f g h", 100): 0,
	} {
		list, total, err := s.List(t.Context(), &incidents.Filter{Text: text})
		if err != nil || len(list) != want || total != want {
			t.Errorf("%.40q: %d of %d, want %d: %v", text, len(list), total, want, err)
		}
	}
}
