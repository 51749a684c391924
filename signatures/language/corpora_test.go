package language_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"

	"picket/signatures/language"
)

// corpus returns an unpacked rules file of ../shared/corpora, or skips.
func corpus(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../shared/corpora/rules", name))
	if err != nil {
		t.Skipf("rule corpus is not here: %v", err)
	}
	defer f.Close()
	r, err := xz.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCorpora reads what real rule writers wrote. Snort's rules differ from Suricata's language; the faults say
// how many.
func TestCorpora(t *testing.T) {
	vars := language.DefaultVars()
	for _, c := range []struct {
		file        string
		rules, hard int
	}{
		{"et-open.rules.xz", 36464, 0},
		{"all-tests.rules.xz", 0, 0},
		{"snort2-community.rules.xz", 0, 0},
		{"snort3-community.rules.xz", 0, 0},
	} {
		t.Run(c.file, func(t *testing.T) {
			rules, faults := language.Parse(bytes.NewReader(corpus(t, c.file)), c.file, &vars)
			hard := 0
			for _, f := range faults {
				if !f.Soft {
					hard++
				}
				t.Log(f)
			}
			if len(rules) != c.rules || hard != c.hard {
				t.Errorf("%d rules and %d hard faults, want %d and %d", len(rules), hard, c.rules, c.hard)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := corpus(b, "et-open.rules.xz")
	vars := language.DefaultVars()
	for b.Loop() {
		language.Parse(bytes.NewReader(text), "et-open.rules", &vars)
	}
}
