package fail2ban

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestFilesAsPythonReadsThem: line ends of all three kinds, numbers with underscores, a byte order mark, and files that are
// not UTF-8, which fail2ban leaves out; a default of a filter that nothing uses may be broken.
func TestFilesAsPythonReadsThem(t *testing.T) {
	dir := write(t, map[string]string{
		"jail.conf":       "\ufeff[DEFAULT]\r\nmaxretry = 1_000\r\nskip_if_nologs = true\r\n[a]\renabled = yes\rfilter = f\rlogpath = LOGS\n",
		"jail.d/a.conf":   "# \xe9\n[a]\nmaxretry = 7\n",
		"filter.d/f.conf": "[DEFAULT]\nbroken = %(nowhere)s\n[Definition]\nfailregex = <HOST>\n",
	})
	for _, log := range []string{"one.log", "two.log"} {
		if err := os.WriteFile(filepath.Join(dir, log), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "jail.conf")
	text, _ := os.ReadFile(conf)
	if err := os.WriteFile(conf, []byte(strings.Replace(string(text), "LOGS", dir+"/*.log", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Faults) != 2 || !strings.Contains(c.Faults[0].Error(), "a.conf: read: the file is not UTF-8") {
		t.Errorf("faults %v, want one of a.conf and one of the missing action", c.Faults)
	}
	want := [][]any{
		{"add", "a", "auto"}, {"set", "a", "addfailregex", "<HOST>"}, {"set", "a", "maxretry", 1000},
		{"set", "a", "addlogpath", dir + "/one.log", "head"}, {"set", "a", "addlogpath", dir + "/two.log", "head"}, {"start", "a"},
	}
	if d := cmp.Diff(want, c.Commands()[6:]); d != "" {
		t.Error(d)
	}
}
