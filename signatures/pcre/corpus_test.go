package pcre

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ulikunitz/xz"
)

const corpusDir = "../../../shared/corpora/rules"

// rulePattern is a pcre option as rules write it.
type rulePattern struct {
	pattern string
	flags   Flags
}

// corpus returns the distinct patterns of the rule files whose names match the glob.
func corpus(t testing.TB, glob string) []rulePattern {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(corpusDir, glob))
	if len(files) == 0 {
		t.Skipf("no %s/%s here", corpusDir, glob)
	}
	option := regexp.MustCompile(`pcre:\s*!?\s*"\s*/((?:[^"\\]|\\.)*)/([a-zA-Z]*)[^"]*"`)
	letters := map[rune]Flags{
		'i': Caseless, 's': DotAll, 'm': Multiline, 'x': Extended, 'G': Ungreedy, 'A': Anchored, 'E': DollarEndOnly,
	}
	seen := map[rulePattern]bool{}
	var out []rulePattern
	for _, name := range files {
		for line := range lines(t, name) {
			for _, m := range option.FindAllStringSubmatch(line, -1) {
				p := rulePattern{pattern: m[1]}
				for _, c := range m[2] {
					p.flags |= letters[c]
				}
				if !seen[p] {
					seen[p] = true
					out = append(out, p)
				}
			}
		}
	}
	return out
}

func lines(t testing.TB, name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := xz.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			if !yield(sc.Text()) {
				return
			}
		}
	}
}

// TestETOpenCompiles: every regular expression of ET Open compiles.
func TestETOpenCompiles(t *testing.T) {
	patterns := corpus(t, "et-open.rules.xz")
	for _, p := range patterns {
		if _, err := Compile(p.pattern, p.flags); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d patterns", len(patterns))
}
