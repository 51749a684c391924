package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket/actions/measure"
)

// fakeSystemctl takes the place of systemd, as far as systemctl's own words go: a unit is as the file state says, and each
// start gives it another invocation.
const fakeSystemctl = `#!/bin/sh
echo "$@" >> "$FAKE/calls"
for unit; do :; done
case "$2 $unit" in
"show gone.service") echo "Id=$unit"; echo LoadState=not-found; echo ActiveState=inactive; exit;;
"show alias.service") echo Id=sshd.service; echo LoadState=loaded; echo ActiveState=active; exit;;
"show deaf.service") echo "Failed to connect to bus" >&2; exit 1;;
"show "*) echo "Id=$unit"; echo LoadState=loaded; echo "ActiveState=$(cat $FAKE/state)"; echo "InvocationID=$(wc -l < $FAKE/starts)"; exit;;
"stop broken.service") echo "Job for broken.service failed." >&2; exit 1;;
"stop slow.service") echo deactivating > "$FAKE/state";;
"stop "*) echo inactive > "$FAKE/state";;
"restart lazy.service") ;;
*) echo active > "$FAKE/state"; echo >> "$FAKE/starts";;
esac
`

func fakeSystemd(t *testing.T) (dir string) {
	dir = t.TempDir()
	for name, text := range map[string]string{"systemctl": fakeSystemctl, "state": "active\n", "starts": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("FAKE", dir)
	return dir
}

// done plans a measure on a unit and does it.
func done(t *testing.T, u *Unit, unit string) *measure.Order {
	t.Helper()
	o := order("unit", unit)
	planned(t, u, o)
	if _, err := u.Do(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestUnit drives a unit through its measures.
func TestUnit(t *testing.T) {
	dir, ctx := fakeSystemd(t), context.Background()
	stop, restart := &Unit{Verb: "stop"}, &Unit{Verb: "restart"}
	if _, err := stop.Prove(ctx, order("unit", "nginx.service")); err == nil || !strings.Contains(err.Error(), "is active after stop") {
		t.Errorf("before: %v", err)
	}
	o := done(t, stop, "nginx.service")
	if proof, err := stop.Prove(ctx, o); err != nil || proof != "unit nginx.service is inactive" {
		t.Errorf("stopped: %q %v", proof, err)
	}
	if err := stop.Undo(ctx, o); err != nil {
		t.Error(err)
	}
	o = done(t, restart, "nginx.service")
	if proof, err := restart.Prove(ctx, o); err != nil || proof != "unit nginx.service is active" {
		t.Errorf("restarted: %q %v", proof, err)
	}
	o.Again = true
	if _, err := restart.Do(ctx, o); err == nil {
		t.Error("a restart is done twice")
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil || !strings.Contains(string(calls), "--no-ask-password start -- nginx.service") {
		t.Errorf("%s %v", calls, err)
	}
}

// TestUnitFaults: systemd's own words are in the error, and nothing is proven that is not so.
func TestUnitFaults(t *testing.T) {
	fakeSystemd(t)
	ctx, stop, restart := context.Background(), &Unit{Verb: "stop"}, &Unit{Verb: "restart"}
	for unit, want := range map[string]string{"gone.service": "not-found", "alias.service": "sshd.service: refused", "deaf.service": "connect to bus"} {
		if _, err := stop.Plan(ctx, order("unit", unit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", unit, err, want)
		}
	}
	if _, err := stop.Do(ctx, order("unit", "broken.service")); err == nil || !strings.Contains(err.Error(), "Job for broken.service failed") {
		t.Errorf("a unit that will not stop: %v", err)
	}
	if proof, err := restart.Prove(ctx, done(t, restart, "lazy.service")); err == nil {
		t.Errorf("a unit that was not restarted: %q", proof)
	}
	if proof, err := stop.Prove(ctx, done(t, stop, "slow.service")); err == nil {
		t.Errorf("a unit that still stops: %q", proof)
	}
	if proof, err := stop.Prove(ctx, order("unit", "deaf.service")); err == nil {
		t.Errorf("without systemd: %q", proof)
	}
}
