package suricata

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is said later counts more, what --set says counts most, and an included file's paths are its own.
func TestWhoIsHeard(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "more.yaml", "stream:\n  depth: 2mb\n  midstream: yes\n")
	file := write(t, dir, "suricata.yaml", "%YAML 1.1\n---\nstream:\n  depth: 1mb\n  timeout: 30\ninclude: more.yaml\nrule-files: [a.rules, /b.rules]\n")
	s := New()
	if err := s.Set("stream.midstream=no"); err != nil {
		t.Fatal(err)
	}
	s.file = file
	if err := s.load(file, 0); err != nil {
		t.Fatal(err)
	}
	got := []any{s.Size("stream.depth", 0), s.Bool("stream.midstream", true), s.Seconds("stream.timeout", 0), s.RuleFiles(), s.Int("none", 7)}
	want := []any{uint64(2 << 20), false, 30 * time.Second, []string{filepath.Join(dir, "a.rules"), "/b.rules"}, int64(7)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// An include that includes itself ends in an error.
func TestIncludesInACircle(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(write(t, dir, "suricata.yaml", "include: suricata.yaml\n")); err == nil {
		t.Error("a file that includes itself was read")
	}
}

// Only the outputs that are switched on are found, and only their types are written.
func TestEVE(t *testing.T) {
	s, err := Load(write(t, t.TempDir(), "suricata.yaml", `outputs:
  - fast: {enabled: yes}
  - eve-log:
      enabled: yes
      community-id: true
      types:
        - alert
        - http: {extended: yes}
        - dns: {enabled: no}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := s.EVE()
	if !c.CommunityID || !c.Types["alert"] || !c.Types["http"] || c.Types["dns"] || c.Types["tls"] {
		t.Errorf("community id %v, types %v", c.CommunityID, c.Types)
	}
	if s.Output("fast") == "" || s.Output("stats") != "" {
		t.Error("outputs that are switched on: want fast alone")
	}
}
