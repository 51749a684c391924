package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeSystemctl takes the place of systemd: a unit is active as long as the file state says so.
const fakeSystemctl = `#!/bin/sh
echo "$@" >> "$FAKE/calls"
for unit; do :; done
case "$2 $unit" in
"is-active broken.service") echo failed; exit 3;;
"stop broken.service") echo "Job for broken.service failed." >&2; exit 1;;
"is-active "*) cat "$FAKE/state"; grep -qx active "$FAKE/state"; exit;;
"stop "*) echo inactive > "$FAKE/state";;
*) echo active > "$FAKE/state";;
esac
`

// TestUnit drives a unit through its measures; systemctl's own words are in the error.
func TestUnit(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	for name, text := range map[string]string{"systemctl": fakeSystemctl, "state": "active\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("FAKE", dir)
	stop, o := &Unit{Verb: "stop"}, order("unit", "nginx.service")
	if p, err := stop.Plan(ctx, o); err != nil || !p.Lasting {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := stop.Prove(ctx, o); err == nil || !strings.Contains(err.Error(), "is active after stop") {
		t.Errorf("before: %v", err)
	}
	if _, err := stop.Do(ctx, o); err != nil {
		t.Error(err)
	}
	if proof, err := stop.Prove(ctx, o); err != nil || proof != "unit nginx.service is inactive" {
		t.Errorf("stopped: %q %v", proof, err)
	}
	if err := stop.Undo(ctx, o); err != nil {
		t.Error(err)
	}
	again := order("unit", "nginx.service")
	again.Again = true
	restart := &Unit{Verb: "restart"}
	if _, err := restart.Do(ctx, again); err == nil {
		t.Error("a restart is done twice")
	}
	if _, err := restart.Do(ctx, o); err != nil {
		t.Error(err)
	}
	if proof, err := restart.Prove(ctx, o); err != nil || proof != "unit nginx.service is active" {
		t.Errorf("restarted: %q %v", proof, err)
	}
	if _, err := stop.Do(ctx, order("unit", "broken.service")); err == nil || !strings.Contains(err.Error(), "Job for broken.service failed") {
		t.Errorf("a unit that will not stop: %v", err)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil || !strings.Contains(string(calls), "--no-ask-password start -- nginx.service") {
		t.Errorf("%s %v", calls, err)
	}
}
