package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallOverTLS: a plugin comes from a server whose certificate this host trusts, with its checksum, and from no other;
// what was installed before stays when anything is wrong.
func TestInstallOverTLS(t *testing.T) {
	t.Parallel()
	file := []byte(`{"name": "A", "author": "b", "textkey": "a.b", "description": "c", "command": ["true"]}`)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(file) }))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	trusted := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(file)
	right := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		ca, sum, want string
		ok            bool
	}{
		{"/dev/null", right, "certificate", false},
		{trusted, strings.Repeat("0", 64), "not the file that was meant", false},
		{trusted, right, "a running picket knows it after a restart", true},
		{trusted, right, "picket reload puts it in force", true},
		{"/dev/null", right, "certificate", false},
	} {
		cmd := exec.Command(binary, "plugins", "install", server.URL+"/one.json", "--sha256", c.sum, "--dir", filepath.Join(dir, "plugins"))
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+c.ca, "SSL_CERT_DIR=/nonexistent")
		out, err := cmd.CombinedOutput()
		if (err == nil) != c.ok || !strings.Contains(string(out), c.want) {
			t.Errorf("trusting %s, sum %.8s: %v: %s", c.ca, c.sum, err, out)
		}
	}
	out, err := exec.Command(binary, "plugins", "list", "--dir", filepath.Join(dir, "plugins")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "a.b") {
		t.Errorf("%v %s", err, out)
	}
}
