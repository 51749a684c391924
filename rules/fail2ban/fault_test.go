package fail2ban

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a configuration of a few files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFaults insists that every fault is told, with its place.
func TestFaults(t *testing.T) {
	dir := write(t, map[string]string{
		"jail.conf": "# a comment\n[DEFAULT]\nmaxretry = 3 # three\n[INCLUDES]\nbefore = gone.conf\n[a]\nenabled = yes\nfilter = f\nlogpath = %(nowhere)s\n" +
			"[b]\nenabled = on\nfilter = gone\n[c]\nenabled = TRUE\nfilter = f\nfindtime = 1\nfindtime = 2\nnonsense\n",
		"filter.d/f.conf": "[Definition]\nfailregex = <HOST>\n",
	})
	c, err := Load(dir)
	if err == nil || !strings.Contains(err.Error(), "jail.conf:9") {
		t.Errorf("error %v, want one of jail.conf:9", err)
	}
	var all []string
	for _, f := range c.Faults {
		all = append(all, f.Error())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"jail.conf:3: Wrong int value", "jail.conf:5: included file", "'nowhere'", "Unable to read the filter 'gone'",
		"option \"findtime\" of section \"c\" appears before, in line 16", "\"nonsense\" is neither",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no fault says %q in:\n%s", want, text)
		}
	}
}
