package signatures

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"picket/signatures/language"
)

// etOpen reads the ET Open rules, or skips.
func etOpen(tb testing.TB) []language.Rule {
	const path = "../../shared/corpora/rules/et-open.rules.xz"
	f, err := os.Open(path)
	if err != nil {
		tb.Skipf("no rules corpus: %v", err)
	}
	defer f.Close()
	r, err := xz.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	rules, _ := language.Parse(r, "et-open.rules", nil)
	return rules
}

// TestCorpus loads all of ET Open and says what is refused, by reason.
func TestCorpus(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	rules := etOpen(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	e, faults := Compile(rules, Options{})
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	count := map[string]int{}
	example := map[string]uint32{}
	digits := regexp.MustCompile(`[0-9]+|"[^"]*"`)
	for _, f := range faults {
		if f.Soft {
			continue
		}
		k := digits.ReplaceAllString(f.Cause, "#")
		count[k]++
		example[k] = f.SID
	}
	keys := make([]string, 0, len(count))
	for k := range count {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return count[b] - count[a] })
	for _, k := range keys[:min(len(keys), 40)] {
		t.Logf("%5d %s (sid %d)", count[k], k, example[k])
	}
	t.Logf("%d of %d rules in %v, %d MB", len(e.Signatures), len(rules), took, (after.HeapAlloc-before.HeapAlloc)>>20)
}
