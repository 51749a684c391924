package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifest = `{"name": "A", "author": "b", "textkey": "a.b", "description": "c", "command": ["true"]}`

func zipped(files map[string]string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, _ := z.Create(name)
		w.Write([]byte(text))
	}
	z.Close()
	return b.Bytes()
}

func tarred(h tar.Header, text string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h.Size, h.Mode = int64(len(text)), 0o644
	w.WriteHeader(&h)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

func sum(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

func TestInstall(t *testing.T) {
	files := map[string][]byte{
		"/a.zip":    zipped(map[string]string{"a/plugin.json": manifest, "a/lib/x.sh": "echo"}),
		"/a.tar":    tarred(tar.Header{Name: "plugin.json", Typeflag: tar.TypeReg}, manifest),
		"/one.json": []byte(manifest),
		"/up.zip":   zipped(map[string]string{"plugin.json": manifest, "../../evil": "x"}),
		"/abs.tar":  tarred(tar.Header{Name: "/etc/evil", Typeflag: tar.TypeReg}, "x"),
		"/link.tar": tarred(tar.Header{Name: "l", Linkname: "/etc", Typeflag: tar.TypeSymlink}, ""),
		"/none.zip": zipped(map[string]string{"readme": "x"}),
		"/bad.json": []byte("{"),
	}
	public, private, _ := ed25519.GenerateKey(nil)
	files["/one.json.sig"] = []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(private, files["/one.json"])))
	files["/a.zip.sig"] = files["/one.json.sig"]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, ok := files[r.URL.Path]; ok {
			w.Write(b)
			return
		}
		http.NotFound(w, r)
	}))
	defer srv.Close()
	key := base64.StdEncoding.EncodeToString(public)
	dir := t.TempDir()
	for _, c := range []struct {
		file, sum, key string
		fault          string
	}{
		{"/a.zip", sum(files["/a.zip"]), "", ""},
		{"/a.tar", sum(files["/a.tar"]), "", ""},
		{"/one.json", "", key, ""},
		{"/one.json", sum(files["/one.json"]), key, ""},
		{"/a.zip", "", "", "neither a checksum nor a key"},
		{"/a.zip", sum([]byte("x")), "", "not the file that was meant"},
		{"/a.zip", "", key, "signature is not the key's"},
		{"/a.tar", "", key, "404"},
		{"/up.zip", sum(files["/up.zip"]), "", "outside"},
		{"/abs.tar", sum(files["/abs.tar"]), "", "outside"},
		{"/link.tar", sum(files["/link.tar"]), "", "neither a file nor a folder"},
		{"/none.zip", sum(files["/none.zip"]), "", "no plugin"},
		{"/bad.json", sum(files["/bad.json"]), "", "no plugin"},
		{"/gone", "00", "", "404"},
	} {
		list, err := Install(context.Background(), dir, "a", Source{srv.URL + c.file, c.sum, c.key})
		if c.fault == "" && (err != nil || len(list) != 1 || list[0].Textkey != "a.b") {
			t.Errorf("%s: %v %v", c.file, list, err)
		}
		if c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: %v, want %q", c.file, err, c.fault)
		}
		if have, faults := Load(dir); len(have) != 1 || len(faults) != 0 {
			t.Errorf("after %s: %d plugins, %v", c.file, len(have), faults)
		}
	}
	if _, err := Install(context.Background(), dir, "..", Source{}); err == nil {
		t.Error("a folder outside is taken")
	}
	if left, _ := filepath.Glob(dir + "/.install-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestHostileArchives: nothing of an archive that holds a link, a device, a way out or too much is used.
func TestHostileArchives(t *testing.T) {
	entry := func(kind byte) []byte {
		return tarred(tar.Header{Name: "x", Linkname: "/etc/passwd", Typeflag: kind, Devmajor: 1, Devminor: 3}, "")
	}
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprintf("%d", i)] = ""
	}
	var link bytes.Buffer
	z := zip.NewWriter(&link)
	h := &zip.FileHeader{Name: "l"}
	h.SetMode(os.ModeSymlink | 0o777)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write([]byte("/etc/passwd"))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	bomb := strings.Repeat("\x00", 3<<20)
	for name, c := range map[string]struct {
		archive []byte
		fault   string
	}{
		"hard link": {entry(tar.TypeLink), "neither a file nor a folder"}, "character device": {entry(tar.TypeChar), "neither a file nor a folder"},
		"block device": {entry(tar.TypeBlock), "neither a file nor a folder"}, "pipe": {entry(tar.TypeFifo), "neither a file nor a folder"},
		"symlink in a zip": {link.Bytes(), "neither a file nor a folder"}, "many files": {zipped(many), "more than"},
		"zip bomb": {zipped(map[string]string{"a": bomb}), "unpacks to more"}, "tar bomb": {tarred(tar.Header{Name: "a", Typeflag: tar.TypeReg}, bomb), "unpacks to more"},
		"long name": {zipped(map[string]string{strings.Repeat("n", 4000): ""}), "outside"}, "deep": {zipped(map[string]string{strings.Repeat("d/", 2000) + "x": ""}), "outside"},
		"backslashes": {zipped(map[string]string{`..\..\x`: ""}), "outside"}, "up in a tar": {tarred(tar.Header{Name: "a/../../x", Typeflag: tar.TypeReg}, "x"), "outside"},
		"case clash":                    {zipped(map[string]string{"a/Run.sh": "1", "a/run.sh": "2"}), "where case does not count"},
		"file in the place of a folder": {zipped(map[string]string{"a": "", "a/b": ""}), ""}, "cut off": {zipped(map[string]string{"a": "b"})[:40], ""},
	} {
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		err := unpackWithin(c.archive, "x.zip", dir, room{1 << 20, 50})
		if err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, want %q", name, err, c.fault)
		}
		if up, _ := os.ReadDir(filepath.Dir(dir)); len(up) != 1 {
			t.Errorf("%s: something was written outside", name)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(zipped(map[string]string{"a/plugin.json": manifest}))
	f.Add(tarred(tar.Header{Name: "plugin.json", Typeflag: tar.TypeReg}, manifest))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := filepath.Join(t.TempDir(), "in", "side")
		os.MkdirAll(dir, 0o700)
		unpack(b, "x.json", dir)
		if up, _ := os.ReadDir(filepath.Dir(dir)); len(up) != 1 {
			t.Fatal("something was written outside")
		}
	})
}
