package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

// gate refuses listed numbers.
type gate []int

func (g gate) DecideProcess(pid int, _, _ string) actions.Decision {
	if slices.Contains(g, pid) {
		return actions.Decision{Ruling: actions.Refused, Why: "protected"}
	}
	return actions.Decision{}
}

// shell starts a script in a process group of its own and reads the numbers that it prints, one a line.
func shell(t *testing.T, script string, numbers int) (*exec.Cmd, []int) {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", script)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Env = append(os.Environ(), "PICKET_TEST="+t.Name()) // no other test's processes are like these
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() { c.Process.Wait(); close(reaped) }()
	t.Cleanup(func() { syscall.Kill(-c.Process.Pid, syscall.SIGKILL); <-reaped })
	for strings.HasPrefix(script, "exec ") && !strings.HasPrefix(procfs.Command(c.Process.Pid, 100), strings.TrimPrefix(script, "exec ")) {
		time.Sleep(time.Millisecond)
	}
	pids := []int{c.Process.Pid}
	lines := bufio.NewScanner(out)
	for range numbers {
		if !lines.Scan() {
			t.Fatal("the script has said too little")
		}
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return c, pids
}

func order(args ...string) *measure.Order {
	m := &measure.Measure{Spec: measure.Spec{Args: map[string]string{}}}
	for i := 0; i < len(args); i += 2 {
		m.Args[args[i]] = args[i+1]
	}
	return &measure.Order{Measure: m}
}

// planned pins the order's target, as the desk does.
func planned(t *testing.T, d measure.Doer, o *measure.Order) measure.Plan {
	t.Helper()
	p, err := d.Plan(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Measure.Args = p.Args
	return p
}

func alive(pid int) bool {
	p, err := read(pid)
	return err == nil && p.State != 'Z'
}

func TestKillEndsOne(t *testing.T) {
	_, pids := shell(t, "exec sleep 100", 0)
	k, o := &Kill{Scope: One, Gate: gate{}}, order("pid", strconv.Itoa(pids[0]))
	if p := planned(t, k, o); len(p.PIDs) != 1 || !strings.Contains(p.Steps[0], "SIGTERM") {
		t.Errorf("plan %+v", p)
	}
	r, err := k.Do(context.Background(), o)
	if err != nil || alive(pids[0]) || strings.Contains(r.Output.Text, "SIGKILL") {
		t.Errorf("%v %q", err, r.Output.Text)
	}
	if proof, err := k.Prove(context.Background(), o); err != nil {
		t.Errorf("%q %v", proof, err)
	}
	if r, err := k.Do(context.Background(), o); err != nil || !strings.Contains(r.Output.Text, "gone already") {
		t.Errorf("again, as after a crash: %v %q", err, r.Output.Text)
	}
}

func TestKillInsists(t *testing.T) {
	_, pids := shell(t, `trap "" TERM; echo $$; while :; do sleep 0.05; done`, 1)
	k, o := &Kill{Scope: One, Gate: gate{}}, order("pid", strconv.Itoa(pids[0]), "grace", "200ms")
	planned(t, k, o)
	r, err := k.Do(context.Background(), o)
	if err != nil || alive(pids[0]) || !strings.Contains(r.Output.Text, "SIGKILL") {
		t.Errorf("%v %q", err, r.Output.Text)
	}
}

// TestKillTree: a tree that forks all the time and ignores TERM goes whole, its daemons too.
func TestKillTree(t *testing.T) {
	_, pids := shell(t, `trap "" TERM; echo $$; (trap "" TERM; while :; do sleep 100 & sleep 0.01; done) & echo $!; while :; do sleep 0.05; done`, 2)
	time.Sleep(100 * time.Millisecond)
	root, err := read(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	before := groupOf(root)
	k, o := &Kill{Scope: Tree, Gate: gate{}}, order("pid", strconv.Itoa(pids[0]), "grace", "100ms")
	planned(t, k, o)
	if _, err := k.Do(context.Background(), o); err != nil {
		t.Error(err)
	}
	for _, p := range append(before, groupOf(root)...) {
		if alive(p.PID) {
			t.Errorf("%s of %d lives", p, len(before))
		}
	}
}

// TestKillContainer: all of a container's cgroup goes, whatever group or session its processes have made for themselves.
func TestKillContainer(t *testing.T) {
	root := procfs.CgroupRoot()
	dir := filepath.Join(root, "picket-test", strings.Repeat("c0ffee00", 8))
	if err := os.MkdirAll(dir, 0o755); root == "" || err != nil {
		t.Skip("no cgroup v2 that can be written here: ", err)
	}
	defer os.Remove(filepath.Dir(dir))
	defer os.Remove(dir)
	_, pids := shell(t, fmt.Sprintf(`echo $$ > %s/cgroup.procs; trap "" TERM; (trap "" TERM; setsid sh -c 'while :; do sleep 100 & sleep 0.01; done') & echo $!; while :; do sleep 0.05; done`, dir), 1)
	time.Sleep(50 * time.Millisecond)
	k, o := &Kill{Scope: Container, Gate: gate{}}, order("pid", strconv.Itoa(pids[1]), "grace", "50ms")
	if err := k.Able(); err != nil {
		t.Fatal(err)
	}
	planned(t, k, o)
	if r, err := k.Do(context.Background(), o); err != nil {
		t.Error(err, r.Output.Text)
	}
	if left, err := procfs.Members(dir); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
	if _, err := k.Plan(context.Background(), order("pid", strconv.Itoa(os.Getpid()))); err == nil {
		t.Error("a process of the host is taken for a container")
	}
}

// TestKillTreeTellsOfDaemons: what has forked twice and made a session of its own has left the tree; the measure is no
// success then, and names it.
func TestKillTreeTellsOfDaemons(t *testing.T) {
	_, pids := shell(t, `(setsid sh -c 'echo $$; exec sleep 100' &); while :; do sleep 0.05; done`, 1)
	daemon := pids[1]
	t.Cleanup(func() { syscall.Kill(daemon, syscall.SIGKILL) })
	for p, err := read(daemon); err == nil && treeHolds(pids[0], p.PID); p, err = read(daemon) {
		time.Sleep(time.Millisecond) // the one between has not ended yet
	}
	k, o := &Kill{Scope: Tree, Gate: gate{}}, order("pid", strconv.Itoa(pids[0]), "grace", "100ms")
	if p := planned(t, k, o); !strings.Contains(p.Steps[len(p.Steps)-1], fmt.Sprintf("not: pid %d", daemon)) {
		t.Errorf("the plan does not tell of %d: %q", daemon, p.Steps)
	}
	_, err := k.Do(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d (sleep 100)", daemon)) {
		t.Errorf("%v", err)
	}
	if alive(pids[0]) || !alive(daemon) {
		t.Errorf("root alive %t, daemon alive %t", alive(pids[0]), alive(daemon))
	}
}

func treeHolds(root, pid int) bool {
	p, err := read(root)
	return err == nil && slices.ContainsFunc(treeOf(p), func(one proc) bool { return one.PID == pid })
}

// TestEndsByItself: a process that is killed while it is held ends the measure, and is no deviation.
func TestEndsByItself(t *testing.T) {
	ctx := context.Background()
	for _, d := range []measure.Doer{&Suspend{gate{}}, &Renice{gate{}, slog.New(slog.DiscardHandler)}} {
		_, pids := shell(t, "exec sleep 100", 0)
		o := order("pid", strconv.Itoa(pids[0]), "nice", "5")
		planned(t, d, o)
		if _, err := d.Do(ctx, o); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(pids[0], syscall.SIGKILL)
		for alive(pids[0]) {
			time.Sleep(time.Millisecond)
		}
		if proof, err := d.Prove(ctx, o); !errors.Is(err, measure.ErrEnded) {
			t.Errorf("%T: %q %v", d, proof, err)
		}
		if err := d.Undo(ctx, o); err != nil {
			t.Errorf("%T: %v", d, err)
		}
	}
}

func TestGateStopsAll(t *testing.T) {
	_, pids := shell(t, `sleep 100 & echo $!; sleep 100 & echo $!; wait`, 2)
	k, o := &Kill{Scope: Group, Gate: gate{pids[2]}}, order("pid", strconv.Itoa(pids[0]))
	planned(t, k, o)
	if _, err := k.Do(context.Background(), o); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	time.Sleep(20 * time.Millisecond)
	for _, pid := range pids {
		if p, err := read(pid); err != nil || p.State == 'T' || p.State == 'Z' {
			t.Errorf("%d was touched: %c %v", pid, p.State, err)
		}
	}
}

// TestAnotherWithTheNumber: a process that has the number but not the start time is not the one that was meant.
func TestAnotherWithTheNumber(t *testing.T) {
	_, pids := shell(t, "exec sleep 100", 0)
	k, o := &Kill{Scope: One, Gate: gate{}}, order("pid", strconv.Itoa(pids[0]), "start", "1")
	if _, err := k.Do(context.Background(), o); err != nil || !alive(pids[0]) {
		t.Errorf("%v, alive %t", err, alive(pids[0]))
	}
}

func TestSuspendAndRenice(t *testing.T) {
	_, pids := shell(t, "exec sleep 100", 0)
	before, _ := read(pids[0])
	ctx := context.Background()
	for _, d := range []measure.Doer{&Suspend{gate{}}, &Renice{gate{}, slog.New(slog.DiscardHandler)}} {
		o := order("pid", strconv.Itoa(pids[0]), "nice", "99.5")
		planned(t, d, o)
		r, err := d.Do(ctx, o)
		if _, renices := d.(*Renice); err != nil || strings.Contains(r.Output.Text, "warning: nice 99.5") != renices {
			t.Fatal(r.Output.Text, err)
		}
		if proof, err := d.Prove(ctx, o); err != nil {
			t.Errorf("%T: %q %v", d, proof, err)
		}
		if err := d.Undo(ctx, o); err != nil {
			t.Errorf("%T: %v", d, err)
		}
	}
	if p, _ := read(pids[0]); p.Nice != before.Nice || p.State == 'T' {
		t.Errorf("after lifting: %+v", p)
	}
}

func TestTargetOfIncident(t *testing.T) {
	_, pids := shell(t, "exec sleep 100", 0)
	who, err := Describe(pids[0])
	if err != nil || who.Name != "sleep" || who.User == "" || !strings.Contains(who.Command, "sleep 100") {
		t.Fatalf("%+v %v", who, err)
	}
	o := order()
	o.Incident = &incidents.Incident{Processes: []incidents.Process{{PID: os.Getpid()}, who}}
	if p, err := target(o); err != nil || p.PID != pids[0] {
		t.Errorf("%v %v", p, err)
	}
}

func TestArguments(t *testing.T) {
	for _, bad := range [][]string{{"pid", "0"}, {"pid", "x"}, {"pid", "1", "start", "-"}, {"pid", "1", "signal", "NOPE"}, {"pid", "1", "grace", "1h"}, {}} {
		if _, err := (&Kill{Scope: One, Gate: gate{}}).Plan(context.Background(), order(bad...)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{"", "-x.service", "a b", "sshd.service", "systemd-logind.service", "x/y"} {
		if _, err := (&Unit{Verb: "stop"}).Plan(context.Background(), order("unit", bad)); err == nil {
			t.Errorf("unit %q is taken", bad)
		}
	}
}
