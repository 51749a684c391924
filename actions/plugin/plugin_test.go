package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

// written makes a plugin of a shell script, in a folder that the plugin's user may read.
func written(t *testing.T, script, more string) *Manifest {
	t.Helper()
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "plugin.json")
	text := fmt.Sprintf(`{"name": "A test", "author": "picket", "textkey": "test.one", "description": "tests", "command": "./run.sh"%s}`, more)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// folder is a temporary one that everybody may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "picket-plugin-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runner(t *testing.T) *Runner {
	return &Runner{
		Host: Host{ID: "0123", Key: "k", FQDN: "gw.example.net", Name: "gw", Tags: []string{"edge"}}, Dir: t.TempDir(),
		Announce: func(context.Context, string) error { return nil },
	}
}

func order() *measure.Order {
	return &measure.Order{
		Measure:  &measure.Measure{ID: 40, Reason: "port scan", Created: time.Unix(1700000000, 0), Spec: measure.Spec{Args: map[string]string{"a": "b"}}},
		Incident: &incidents.Incident{ID: 12, Title: "ET SCAN", Severity: incidents.High, Opened: time.Unix(1700000000, 0)},
	}
}

func do(t *testing.T, m *Manifest) (measure.Result, error) {
	t.Helper()
	d := runner(t).Doers([]*Manifest{m})["test.one"]
	if err := d.Able(); err != nil {
		t.Fatal(err)
	}
	return d.Do(context.Background(), order())
}

func TestRunsUnprivilegedAndBounded(t *testing.T) {
	m := written(t, `id -un; pwd; env | sort; ulimit -n; ulimit -v; cat`, `, "environment": {"COLOUR": "blue"}, "open_files": 32, "memory_mib": 100`)
	r, err := do(t, m)
	if err != nil {
		t.Fatal(err, r.Output.Text)
	}
	lines := strings.Split(r.Output.Text, "\n")
	if os.Geteuid() == 0 && lines[0] != "nobody" || lines[1] != m.dir {
		t.Errorf("as %s in %s", lines[0], lines[1])
	}
	for _, want := range []string{"COLOUR=blue", "PICKET_MEASURE=40", "\n32\n", "\n102400\n"} {
		if !strings.Contains(r.Output.Text, want) {
			t.Errorf("no %q in:\n%s", want, r.Output.Text)
		}
	}
	for _, not := range []string{"GOPATH", "HOME=/root", "SSH_"} {
		if strings.Contains(r.Output.Text, not) {
			t.Errorf("%q has come through:\n%s", not, r.Output.Text)
		}
	}
	var in request
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &in); err != nil {
		t.Fatal(err)
	}
	if in.Verb != "run" || in.Args["a"] != "b" || in.Metadata.OutageID != "12" || in.Metadata.AlertLabel != "ET SCAN" ||
		in.Metadata.ServerFQDN != "gw.example.net" || in.Metadata.Severity != "high" || in.Metadata.Timestamp != 1700000000 {
		t.Errorf("%+v", in)
	}
	if strings.Contains(lines[len(lines)-1], "null") {
		t.Errorf("a list is null: %s", lines[len(lines)-1])
	}
}

func TestEndsWithACode(t *testing.T) {
	r, err := do(t, written(t, "echo out; echo oops >&2; exit 3", ""))
	if err == nil || !strings.Contains(err.Error(), "code 3: oops") || r.Exit != 3 || !strings.HasPrefix(r.Output.Text, "out\n") {
		t.Errorf("%+v %v", r, err)
	}
}

func TestAnswersJSON(t *testing.T) {
	r, err := do(t, written(t, `echo '{"output": "<b>done</b>", "format": "html", "return_code": 0}'`, `, "protocol": "json"`))
	if err != nil || r.Output.Type != "text/html" || r.Output.Text != "<b>done</b>" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err = do(t, written(t, `echo '{"return_code": 4, "error": "no such host"}'`, `, "protocol": "json"`)); err == nil || r.Exit != 4 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err = do(t, written(t, `echo hello`, `, "protocol": "json"`)); err == nil {
		t.Error("an answer that is no JSON is taken")
	}
}

// TestForksAndHangs: a plugin whose children leave its session and ignore signals is ended whole, with cgroups and
// without; who clears the mark as well is found by its cgroup only, and without one the error promises no more.
func TestForksAndHangs(t *testing.T) {
	for _, cgroups := range []bool{true, false} {
		m := written(t, `trap "" TERM HUP
(setsid sh -c 'trap "" TERM; (sleep 1000 & sleep 1000) & sleep 1000' &)
env -i setsid sleep 999.25 >/dev/null 2>&1 &
sleep 1000`, `, "max_runtime": 0.3`)
		d := &doer{m, runner(t)}
		d.runner.noCgroups = !cgroups
		r, err := d.run(context.Background(), "run", order())
		if err == nil || !strings.Contains(err.Error(), "max_runtime") || r.code != -1 {
			t.Errorf("cgroups %t: %v", cgroups, err)
		}
		if left := marked("PICKET_MEASURE=40"); len(left) > 0 {
			t.Errorf("cgroups %t: still there: %v", cgroups, left)
		}
		hidden := named("sleep 999.25")
		if honest := strings.Contains(err.Error(), "would not be found"); len(hidden) > 0 && !honest {
			t.Errorf("cgroups %t: %v is still there, and is not told of: %v", cgroups, hidden, err)
		}
		for _, pid := range hidden {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// named lists processes by their command line.
func named(command string) (list []int) {
	for _, p := range procfs.All() {
		if p.State != 'Z' && procfs.Command(p.PID, 100) == command {
			list = append(list, p.PID)
		}
	}
	return list
}

func TestMayNotRunTooOften(t *testing.T) {
	m := written(t, "true", `, "max_frequency": "1h"`)
	r := runner(t)
	now := time.Now()
	if err := r.admit(m, now); err != nil {
		t.Fatal(err)
	}
	again := &Runner{Dir: r.Dir} // after a restart
	if err := again.admit(m, now.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "max_frequency") {
		t.Errorf("a minute later: %v", err)
	}
	if err := again.admit(m, now.Add(time.Hour)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestIsNotRepeatedAfterACrash(t *testing.T) {
	o := order()
	o.Again = true
	d := &doer{written(t, "touch done", ""), runner(t)}
	if _, err := d.Do(context.Background(), o); err == nil {
		t.Error("it ran again")
	}
}

func TestOutputIsBounded(t *testing.T) {
	r, err := do(t, written(t, "head -c 3000000 /dev/zero | tr '\\0' x", ""))
	if err != nil || len(r.Output.Text) != measure.MaxOutput || !r.Output.Cut {
		t.Errorf("%d bytes, cut %t, %v", len(r.Output.Text), r.Output.Cut, err)
	}
}

func TestFaultsAreToldTogether(t *testing.T) {
	_, err := parse("bad.json", []byte(`{"textkey": "Bad Key", "command": "./none", "protocol": "xml", "sudo_requirements": ["reboot"], "max_runtime": 99999}`))
	for _, want := range []string{"name is missing", "lower case", "./none", "xml", "full command line", "max_runtime"} {
		if want == "./none" {
			want = "no such file"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	for text, want := range map[string]string{
		"{\n  \"nam\": 1}":    "unknown field",
		"{\n  \"name\": 1}":   "bad.json:2:",
		"{\"name\": \"a\"} x": "something follows",
		"[":                   "bad.json:1:",
	} {
		if _, err := parse("bad.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestRootIsRefused(t *testing.T) {
	d := &doer{written(t, "true", `, "user": "root"`), runner(t)}
	if err := d.Able(); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("%v", err)
	}
}

// TestLeavesAndMultiplies: what a plugin leaves running is named; one that multiplies without end meets its bound.
func TestLeavesAndMultiplies(t *testing.T) {
	r, err := do(t, written(t, "(setsid sleep 5.5 >/dev/null 2>&1 &); echo done", ""))
	if err != nil || !strings.Contains(r.Output.Text, "sleep 5.5") {
		t.Errorf("%q %v", r.Output.Text, err)
	}
	m := written(t, "i=0; while [ $i -lt 60 ]; do sleep 4 >/dev/null 2>&1 & i=$((i+1)); done; wait", `, "processes": 40`)
	if _, err = do(t, m); os.Geteuid() == 0 && (err == nil || !strings.Contains(strings.ToLower(err.Error()), "fork")) {
		t.Errorf("60 processes of 40 allowed: %v", err)
	}
}

// TestForkBomb: a plugin that multiplies without end is bounded in number, and when its time is over, or when it fails,
// nothing of it is left, with cgroups and without.
func TestForkBomb(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: another user's processes are counted")
	}
	for _, script := range []string{"exec sleep 100", "sleep 0.1; exit 3"} {
		for _, cgroups := range []bool{true, false} {
			m := written(t, "bomb() { bomb | bomb & }\n(bomb; sleep 100) &\n"+script, `, "user": "games", "processes": 60, "max_runtime": 0.5`)
			d, o := &doer{m, runner(t)}, order()
			d.runner.noCgroups, o.Measure.ID = !cgroups, 41
			_, err := d.run(context.Background(), "run", o) // where it meets its bound, it fails before its time
			if err == nil || strings.Contains(err.Error(), "still there") {
				t.Errorf("%s, cgroups %t: %v", script, cgroups, err)
			}
			if left := marked("PICKET_MEASURE=41"); len(left) > 0 {
				t.Errorf("%s, cgroups %t: still there: %v", script, cgroups, left)
			}
		}
	}
}

// TestMemoryIsBounded: who wants more than its share is refused by the kernel.
func TestMemoryIsBounded(t *testing.T) {
	r, err := do(t, written(t, "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c", `, "memory_mib": 64`))
	if !strings.Contains(r.Output.Text, "exhausted") || strings.Contains(r.Output.Text, "200000000") {
		t.Errorf("%q %v", r.Output.Text, err)
	}
}

// TestFields: a plugin reads every field that monitoring agents hand over, and ours.
func TestFields(t *testing.T) {
	r, err := do(t, written(t, "cat", ""))
	var in struct {
		Verb     string
		Args     map[string]string
		Metadata map[string]any
	}
	if err := errors.Join(err, json.Unmarshal([]byte(r.Output.Text), &in)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"outage_id", "alert_label", "timestamp", "severity", "reasons", "server_id", "server_key", "server_fqdn", "server_name", "server_tags",
		"metrics", "metric_tags", "resource", "services", "measure_id", "reason", "attackers", "victims", "users", "tags", "community_ids", "processes",
	} {
		if v, there := in.Metadata[key]; !there || v == nil {
			t.Errorf("%s is %v", key, v)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Add([]byte(`{"command": [1], "max_runtime": "x"}`))
	f.Fuzz(func(t *testing.T, b []byte) { parse("f", b) })
}

// TestAnnounces: people are told before a plugin runs, and have their time; that nobody could be told is said with the
// output.
func TestAnnounces(t *testing.T) {
	m := written(t, "date +%s%N", `, "wall_announce_delay": 0.2`)
	for _, fails := range []error{nil, errors.New("no wall here")} {
		r, told := runner(t), time.Time{}
		r.Announce = func(_ context.Context, text string) error {
			if told = time.Now(); !strings.Contains(text, "picket will run A test in 200ms: port scan (measure 40)") {
				t.Errorf("announced: %q", text)
			}
			return fails
		}
		out, err := r.Doers([]*Manifest{m})["test.one"].Do(context.Background(), order())
		if err != nil {
			t.Fatal(err)
		}
		note, ran, noted := strings.Cut(out.Output.Text, "no wall here\n")
		if !noted {
			ran = note
		}
		if noted != (fails != nil) {
			t.Errorf("announcing failed with %v: %q", fails, out.Output.Text)
		}
		at, err := strconv.ParseInt(strings.TrimSpace(ran), 10, 64)
		if err != nil || time.Unix(0, at).Sub(told) < 200*time.Millisecond {
			t.Errorf("it ran at %q, announced at %d", ran, told.UnixNano())
		}
	}
	m.WallAnnounceDelay = Seconds(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := runner(t).Doers([]*Manifest{m})["test.one"].Do(ctx, order()); !errors.Is(err, context.Canceled) {
		t.Errorf("given up while it waits: %v", err)
	}
}
