package sensor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket/actions/policy"
	"picket/sensor/strict"
)

// TestPolicyExample loads the example of docs/policies.md.
func TestPolicyExample(t *testing.T) {
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there is no example")
	}
	c, err := ParseConfig(filepath.Join(t.TempDir(), "picket.yaml"), []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	set, faults := c.compilePolicies(c.doersToCheck(), policy.NewMemory())
	if len(faults) > 0 || set.Len() != 4 {
		t.Errorf("%d policies, %v", set.Len(), faults)
	}
}

// TestPolicyFiles: policies in files are as those in the configuration, and their faults name the file and the place.
func TestPolicyFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("zones.yaml", "zones: {dmz: [192.0.2.0/24]}\n")
	write("one.yaml", "list:\n  - name: one\n    match: {source: [dmz]}\n    default: [{do: ban, for: 1h}]\n")
	config := "bans: {policies: [{sid: 2, for: 1h}]}\npolicies: {files: '*.yaml'}\n"
	path := filepath.Join(dir, "picket.conf")
	c, err := ParseConfig(path, []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if set, faults := c.compilePolicies(c.doersToCheck(), policy.NewMemory()); len(faults) > 0 || set.Len() != 2 {
		t.Errorf("%v", faults)
	}
	write("two.yaml", "list:\n  - name: one\n    mtach: {}\n    default: [{do: bann}]\n")
	_, err = ParseConfig(path, []byte(config))
	var faults strict.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("faults: %v", err)
	}
	for i, want := range []string{"two.yaml:2:11: list[0].name: ", "two.yaml:3:5: list[0].mtach: unknown key", "two.yaml:4:20: list[0].default[0].do: "} {
		if !strings.Contains(faults[i].Error(), want) {
			t.Errorf("fault %d: %v, want %s", i, faults[i], want)
		}
	}
}

// TestShortPolicies: bans.policies mean what they always did.
func TestShortPolicies(t *testing.T) {
	c := &BansConfig{Policies: []BanPolicy{{SID: []uint32{2}, Classtype: []string{"misc-attack"}, Severity: 2, For: 3600e9, V6Prefix: 64}}}
	p := c.asPolicies()[0]
	if p.Match.SID[0] != "2" || p.Match.Classtype[0] != "misc-attack" || p.Match.Severity.String() != "medium" {
		t.Errorf("selectors: %+v", p.Match)
	}
	if m := p.Default[0]; m.Do != "ban" || m.For.String() != "1h" || m.With["prefix6"] != "64" || m.With["prefix4"] != "" {
		t.Errorf("measure: %+v", m)
	}
}
