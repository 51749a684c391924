package stream

import (
	"encoding/json"
	"os"
	"testing"
)

// TestOverlapVectors replays Suricata's own table of overlap cases.
func TestOverlapVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../shared/corpora/evasion/vectors/tcp-overlap.json")
	if err != nil {
		t.Skip("no evasion vectors:", err)
	}
	var file struct {
		Cases []struct {
			Case, Policy, Expected string
			Segments               []struct {
				Seq  uint64 `json:"rel_seq"`
				Data string
			}
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		p, ok := PolicyByName(c.Policy)
		if !ok {
			t.Fatalf("no policy %q", c.Policy)
		}
		var h half
		h.reset(0)
		for _, s := range c.Segments {
			h.insert(s.Seq-1, []byte(s.Data), p, false)
		}
		got := []byte(c.Expected)
		for i := range got {
			got[i] = '.'
			if b, _ := h.at(uint64(i)); len(b) > 0 {
				got[i] = b[0]
			}
		}
		if string(got) != c.Expected {
			t.Errorf("%s: %s, want %s", c.Case, got, c.Expected)
		}
	}
}
