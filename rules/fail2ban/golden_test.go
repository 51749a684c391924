package fail2ban

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kit = "../../../shared/kits/fail2ban"

// TestGolden reads stock configurations with an administrator's changes over them.
func TestGolden(t *testing.T) {
	cases, _ := filepath.Glob(kit + "/golden/*/expected.json")
	if len(cases) == 0 {
		t.Skip("the fail2ban kit is not there")
	}
	for _, c := range cases {
		t.Run(filepath.Base(filepath.Dir(c)), func(t *testing.T) { golden(t, filepath.Dir(c)) })
	}
}

type goldenCase struct {
	OK        bool
	Stream    [][]any
	Exception string
}

func golden(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want goldenCase
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	conf := t.TempDir()
	copyTree(t, kit+"/config", conf)
	copyTree(t, filepath.Join(dir, "overlay"), conf)
	got, err := Load(conf)
	if !want.OK {
		if err == nil || !strings.Contains(err.Error(), goldenProblem(want.Exception)) {
			t.Errorf("error %v, want %s", err, want.Exception)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	compareStreams(t, want.Stream, normalized(t, got.Commands(), conf))
}

// goldenProblem cuts the exception's name and its raw value.
func goldenProblem(exception string) string {
	_, problem, _ := strings.Cut(exception, ": ")
	problem, _, _ = strings.Cut(problem, ". Raw value")
	return problem
}

func normalized(t *testing.T, commands [][]any, conf string) [][]any {
	text, err := json.Marshal(commands)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), conf, "@CONF@")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func compareStreams(t *testing.T, want, got [][]any) {
	if len(want) != len(got) {
		t.Errorf("%d commands, want %d", len(got), len(want))
	}
	wrong := 0
	for i := 0; i < min(len(want), len(got)) && wrong < 5; i++ {
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Errorf("command %d: %s", i, d)
			wrong++
		}
	}
}

func copyTree(t *testing.T, from, to string) {
	if _, err := os.Stat(from); err != nil {
		return
	}
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
