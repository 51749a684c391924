package sensor

import (
	"os"
	"path/filepath"
	"testing"

	"picket/sensor/suricata"
	"picket/signatures"
)

// setRules builds rules that keep a set, beside those that were in force before.
func setRules(t *testing.T, dir, save string, previous *signatures.Engine) *signatures.Engine {
	t.Helper()
	file := filepath.Join(dir, "set.rules")
	rule := "alert dns any any -> any any (dns.query; dataset:set,names,type string," + save + "; sid:1;)\n"
	if err := os.WriteFile(file, []byte(rule), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Default()
	src := c.ruleSources(suricata.New(), false)
	src.files, src.library, src.dataDir, src.previous = []string{file}, false, dir, previous
	set, err := src.build()
	if err != nil || len(set.Refused()) > 0 {
		t.Fatal(err, set.Refused())
	}
	return set.Engine
}

// TestSetsOutliveReloads: what traffic adds between and after reloads is in the file at the end, wherever that is by then.
func TestSetsOutliveReloads(t *testing.T) {
	dir := t.TempDir()
	first := setRules(t, dir, "state names.lst", nil)
	first.Sets()["names"].Add([]byte("before"))
	second := setRules(t, dir, "save kept/names.lst", first)
	first.Sets()["names"].Add([]byte("by a worker that has not seen the reload"))
	second.Sets()["names"].Add([]byte("after"))
	for _, e := range []*signatures.Engine{first, second} {
		if err := saveSets(e, dir); err != nil {
			t.Fatal(err)
		}
	}
	// base64 of the three names, sorted
	const want = "YWZ0ZXI=\nYmVmb3Jl\nYnkgYSB3b3JrZXIgdGhhdCBoYXMgbm90IHNlZW4gdGhlIHJlbG9hZA==\n"
	for _, name := range []string{"names.lst", "kept/names.lst"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
		}
	}
	fresh := setRules(t, dir, "state names.lst", nil) // a restart
	if !fresh.Sets()["names"].Has([]byte("after")) {
		t.Error("a restart has lost what was learnt")
	}
}
