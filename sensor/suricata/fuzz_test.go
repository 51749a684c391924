package suricata

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A suricata.yaml of any bytes is read or refused.
func FuzzSettings(f *testing.F) {
	f.Add([]byte("%YAML 1.1\n---\nvars:\n  address-groups:\n    HOME_NET: \"[192.168.0.0/16,10.0.0.0/8]\"\n"))
	f.Add([]byte("stream:\n  midstream: true\n  reassembly: {depth: 1mb}\nhost-os-policy:\n  linux: [0.0.0.0/0, \"::/0\"]\n"))
	f.Add([]byte("outputs:\n  - eve-log:\n      enabled: yes\n      types:\n        - alert\n        - http: {extended: yes}\n"))
	f.Add([]byte("app-layer: &a\n  protocols: {http: {enabled: yes}}\nother: *a\nthird: {<<: *a}\n"))
	f.Add([]byte("a: |\n  text\nb: >\n  more\nc: !tag x\nd: [1, [2, {e: f}]]\n"))
	file := filepath.Join(f.TempDir(), "suricata.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("include")) {
			return // it would open files
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(file)
		if err != nil {
			return
		}
		for path := range s.Flat("") {
			s.Text(path, "")
		}
	})
}
