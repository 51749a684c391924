package fail2ban

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectors reads one table of the kit's vectors.json.
func vectors[T any](t *testing.T, name string) map[string]T {
	t.Helper()
	text, err := os.ReadFile(kit + "/vectors.json")
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var table map[string]T
	if err := json.Unmarshal(all[name], &table); err != nil {
		t.Fatal(err)
	}
	return table
}

func isError(raw json.RawMessage) bool {
	return strings.HasPrefix(string(raw), "{") && strings.Contains(string(raw), `"error"`)
}

func TestSeconds(t *testing.T) {
	for text, raw := range vectors[json.RawMessage](t, "str2seconds") {
		got, err := Seconds(text)
		if isError(raw) {
			if err == nil {
				t.Errorf("%q is %v, want an error", text, got)
			}
			continue
		}
		var want float64
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestSplitParameters(t *testing.T) {
	for text, raw := range vectors[json.RawMessage](t, "extractOptions") {
		name, params, err := ParseSpec(text)
		if isError(raw) {
			if err == nil {
				t.Errorf("%q is %q, %v, want an error", text, name, params)
			}
			continue
		}
		var want []any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for k, v := range params {
			got[k] = v
		}
		if d := cmp.Diff(want, []any{name, got}); err != nil || d != "" {
			t.Errorf("%q: %v, %s", text, err, d)
		}
	}
}

func TestSplitActions(t *testing.T) {
	for text, want := range vectors[[]string](t, "splitWithOptions") {
		for i := range want {
			want[i] = strings.TrimSpace(want[i])
		}
		got := append([]string{}, splitActions(text)...)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for text, want := range vectors[[]string](t, "splitwords") {
		if d := cmp.Diff(want, append([]string{}, splitWords(text)...)); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func FuzzSeconds(f *testing.F) {
	f.Add("1d12h30m")
	f.Add("-(60*60/2) # x")
	f.Fuzz(func(t *testing.T, text string) { _, _ = Seconds(text) })
}

// FuzzConfig reads hostile files: a jail, its filter and its action.
func FuzzConfig(f *testing.F) {
	f.Add("[DEFAULT]\na = %(b)s\nb = %(a)s\n[x]\nenabled = true\nfilter = f[m=<n>]\naction = a[p=<q>]\n", "[Definition]\nfailregex = <a>\na = <b>\nb = <a>x\n", "[Definition]\nactionban = <x>\n[Init]\nx = <y>\ny = <x><x>\n")
	f.Add("[x]\nenabled=1\nfilter=f\n", "[INCLUDES]\nbefore = f.conf\n[Definition]\nfailregex = %(known/failregex)s\n", "[Init?family=inet6]\nx=1\n")
	f.Fuzz(func(t *testing.T, jail, filter, action string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"jail.conf": jail, "filter.d/f.conf": filter, "filter.d/f.local": filter, "action.d/a.conf": action} {
			path := dir + "/" + name
			if err := os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := Load(dir); err == nil {
			c.Commands()
		}
	})
}
