package sensor

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/actions/plugin"
)

// publisher is a server of plugins that signs them.
type publisher struct {
	key   ed25519.PrivateKey
	files map[string][]byte
	asked int
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked++
	b, ok := p.files[r.URL.Path]
	if !ok {
		http.Error(w, "gone", http.StatusServiceUnavailable)
		return
	}
	w.Write(b)
}

func (p *publisher) publish(path string, archive []byte) {
	p.files[path] = archive
	p.files[path+".sig"] = []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(p.key, archive)))
}

// release is a version of a plugin: it says which it is, waits until it may go on, and says what its data are.
func release(t *testing.T, textkey, version string, more ...string) []byte {
	t.Helper()
	files := []string{
		"plugin.json", fmt.Sprintf(`{"name": "A", "author": "b", "textkey": %q, "description": "version %s", "command": "./run.sh"}`, textkey, version),
		"run.sh", "#!/bin/sh\necho run " + version + "\nwhile [ ! -e ../go ]; do sleep 0.02; done\necho data $(cat ./data)\n",
		"data", version,
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for files = append(files, more...); len(files) > 0; files = files[2:] {
		err := w.WriteHeader(&tar.Header{Name: files[0], Mode: 0o755, Size: int64(len(files[1])), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(files[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPluginsAreRefreshed: a plugin is fetched anew at its interval and in force at once, also while it runs; whatever is
// wrong with the server or with what it sends, the old one stays, and the source is asked again soon.
func TestPluginsAreRefreshed(t *testing.T) {
	dir, err := os.MkdirTemp("", "picket-plugins-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the plugin's user enters
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{key: private, files: map[string][]byte{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.publish("/web.tar", release(t, "web.restart", "1"))

	c := &Config{StateDir: t.TempDir()}
	c.Plugins = PluginsConfig{Dir: dir, User: "nobody", Sources: map[string]PluginSource{
		"web": {URL: server.URL + "/web.tar", Key: base64.StdEncoding.EncodeToString(public), Refresh: 1},
	}}
	s := &Sensor{log: slog.New(slog.DiscardHandler), doers: measure.Doers{}}
	s.config.Store(c)
	due, now, ctx := map[string]time.Time{}, time.Unix(1_800_000_000, 0), context.Background()
	s.fetchDue(ctx, due, now)
	s.doers = c.pluginDoers(nil, func(err error) { t.Error(err) })
	run := func() string {
		r, err := s.doers["web.restart"].Do(ctx, &measure.Order{Measure: &measure.Measure{}})
		if err != nil {
			return err.Error()
		}
		return r.Output.Text
	}
	later := func(wait time.Duration, fetched bool) {
		t.Helper()
		before := p.asked
		now = now.Add(wait)
		s.fetchDue(ctx, due, now)
		if (p.asked > before) != fetched {
			t.Errorf("after %s: asked %t, want %t", wait, p.asked > before, fetched)
		}
	}
	want := func(what, version string) {
		t.Helper()
		if out := run(); out != fmt.Sprintf("run %[1]s\ndata %[1]s\n", version) {
			t.Errorf("%s: %q", what, out)
		}
		if about := s.doers["web.restart"].(*plugin.Plugin).About(); about != "version "+version {
			t.Errorf("%s: %s is in force", what, about)
		}
	}

	running := make(chan string)
	go func() { running <- run() }()
	for len(runs(dir, "1")) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	p.publish("/web.tar", release(t, "web.restart", "2"))
	later(59*time.Minute, false)
	later(time.Minute, true)
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := <-running; out != "run 1\ndata 1\n" {
		t.Errorf("what ran meanwhile: %q", out)
	}
	want("refreshed", "2")

	p.files["/web.tar"] = release(t, "web.restart", "3") // the signature is that of 2
	later(time.Hour, true)
	want("a wrong signature", "2")
	p.publish("/web.tar", release(t, "web.restart", "3", "../../out", "x"))
	later(fetchRetry, true)
	want("an archive that leaves its folder", "2")
	delete(p.files, "/web.tar")
	later(fetchRetry, true)
	want("the server answers 503", "2")
	p.publish("/web.tar", []byte("{"))
	later(fetchRetry, true)
	want("no plugin at all", "2")
	p.publish("/web.tar", release(t, "web.restart", "3"))
	later(fetchRetry-time.Second, false)
	later(time.Second, true)
	want("mended", "3")

	p.publish("/thief.tar", release(t, "web.restart", "4"))
	if _, err := plugin.Install(ctx, dir, "thief", plugin.Source{URL: server.URL + "/thief.tar", Key: c.Plugins.Sources["web"].Key}); err == nil || !strings.Contains(err.Error(), "textkey web.restart is that of") {
		t.Errorf("another source takes its textkey: %v", err)
	}
	server.Close()
	s.fetchDue(ctx, due, now.Add(time.Hour))
	want("the server is gone", "3")
}

// runs lists the processes that run a version's script.
func runs(dir, version string) []string {
	var list []string
	files, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, f := range files {
		cwd, err := os.Readlink(f)
		if text, err2 := os.ReadFile(filepath.Join(cwd, "data")); err == nil && err2 == nil && filepath.Dir(cwd) == dir && string(text) == version {
			list = append(list, f)
		}
	}
	return list
}
