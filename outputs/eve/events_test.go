package eve

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestEventsAreAll: what the code asks the configuration for is in the list, so that nobody is told that it is unknown.
func TestEventsAreAll(t *testing.T) {
	asked := regexp.MustCompile(`(?:Enabled\(|Types\[)"([a-z0-9_]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all, seen := Events(), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !slices.Contains(all, m[1]) {
				t.Errorf("%s asks for %q, which Events does not list", file, m[1])
			}
		}
	}
	if seen < 10 || !slices.IsSorted(all) {
		t.Errorf("%d questions found; the list is %v", seen, all)
	}
}
