package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/procfs"
)

// Scope says how far a measure on a process reaches.
type Scope string

// Scopes.
const (
	One       Scope = "process"
	Group     Scope = "group" // its process group
	Tree      Scope = "tree"  // itself and its descendants
	Container Scope = "container"
)

// Gate is what this package needs of the gate.
type Gate interface {
	DecideProcess(pid int, by, reason string) actions.Decision
}

// Kill ends processes: with a signal first (argument signal, TERM), and with KILL when they have not gone within a grace
// time (argument grace, 5s). Arguments pid and start name the process; without them it is the incident's.
type Kill struct {
	Scope Scope
	Gate  Gate
}

var _ measure.Doer = (*Kill)(nil)

const (
	defaultGrace = 5 * time.Second
	maxGrace     = 5 * time.Minute
	killWait     = 3 * time.Second // for the kernel to take a killed process away
	maxTargets   = 4096
)

// Able implements measure.Doer.
func (k *Kill) Able() error {
	if k.Scope != Container {
		return nil
	}
	if procfs.CgroupRoot() == "" {
		return errors.New("killing a container needs the unified cgroup hierarchy (cgroup v2)")
	}
	return nil
}

// Plan implements measure.Doer.
func (k *Kill) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	sig, grace, err := killArgs(o.Measure.Args)
	if err != nil {
		return measure.Plan{}, err
	}
	p, err := target(o)
	if err != nil {
		return measure.Plan{}, err
	}
	list, err := k.reach(p)
	if err != nil {
		return measure.Plan{}, err
	}
	plan := measure.Plan{Target: k.describe(p, len(list)), Args: pin(o.Measure.Args, p)}
	for _, one := range list {
		plan.PIDs = append(plan.PIDs, one.PID)
		plan.Steps = append(plan.Steps, fmt.Sprintf("send %s to %s, KILL after %s", unix.SignalName(sig), one, grace))
	}
	if k.Scope == Tree {
		for _, one := range strays(p) {
			plan.Steps = append(plan.Steps, fmt.Sprintf("not: %s, which may be its own and has left the tree", one))
		}
	}
	return plan, nil
}

func (k *Kill) describe(p proc, n int) string {
	if k.Scope == One {
		return p.String()
	}
	return fmt.Sprintf("the %s of %s, %d processes", k.Scope, p, n)
}

func killArgs(args map[string]string) (sig syscall.Signal, grace time.Duration, err error) {
	sig, grace = unix.SIGTERM, defaultGrace
	if text := args["signal"]; text != "" {
		name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
		if sig = unix.SignalNum("SIG" + name); sig == 0 {
			return 0, 0, fmt.Errorf("signal %q is not known (TERM, INT, HUP, KILL …)", text)
		}
	}
	if text := args["grace"]; text != "" {
		if grace, err = time.ParseDuration(text); err != nil || grace < 0 || grace > maxGrace {
			return 0, 0, fmt.Errorf("grace %q is not a time of at most %s", text, maxGrace)
		}
	}
	return sig, grace, nil
}

// reach lists the processes that the measure touches now.
func (k *Kill) reach(p proc) ([]proc, error) {
	switch k.Scope {
	case Group:
		return groupOf(p), nil
	case Tree:
		return treeOf(p), nil
	case Container:
		return containerOf(p)
	}
	return []proc{p}, nil
}

func groupOf(p proc) (list []proc) {
	for _, one := range all() {
		if one.Group == p.Group {
			list = append(list, one)
		}
	}
	return list[:min(len(list), maxTargets)]
}

// treeOf lists a process and its descendants, parents first.
func treeOf(p proc) []proc {
	children := map[int][]proc{}
	for _, one := range all() {
		children[one.Parent] = append(children[one.Parent], one)
	}
	list := []proc{p}
	for i := 0; i < len(list) && len(list) < maxTargets; i++ {
		list = append(list, children[list[i].PID]...)
	}
	return list
}

// containerOf lists the processes of a container's cgroup. A process in no container is an error: its cgroup may be the
// host's own.
func containerOf(p proc) ([]proc, error) {
	if container(p.PID) == "" {
		return nil, fmt.Errorf("%s is in no container", p)
	}
	members, err := procfs.Members(filepath.Join(procfs.CgroupRoot(), procfs.Cgroup(p.PID)))
	if err != nil {
		return nil, fmt.Errorf("read the processes of the container: %w", err)
	}
	var list []proc
	for _, pid := range members[:min(len(members), maxTargets)] {
		if one, err := read(pid); err == nil {
			list = append(list, one)
		}
	}
	return list, nil
}

// Do implements measure.Doer. All processes are stopped first, so that none is born while they are counted; then they
// get the signal and go on; those that are left after the grace time are stopped again, with what they started
// meanwhile, and killed.
func (k *Kill) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	sig, grace, err := killArgs(o.Measure.Args)
	if err != nil {
		return measure.Result{}, err
	}
	p, err := target(o)
	if errors.Is(err, procfs.ErrGone) {
		return measure.Result{Output: said("process %d was gone already\n", p.PID)}, nil
	}
	if err != nil {
		return measure.Result{}, err
	}
	var log strings.Builder
	var lost []proc
	if k.Scope == Tree {
		lost = strays(p)
	}
	left, err := k.end(ctx, o, p, sig, grace, &log)
	switch {
	case err == nil && len(left) > 0:
		err = fmt.Errorf("%d processes are still there, %s among them", len(left), left[0].proc)
	case err == nil && len(lost) > 0:
		err = fmt.Errorf("the tree is gone, but what has left it before may be its own: %s (look at each, and kill it by its pid; kill-container reaches all of a container)", listed(lost))
	}
	release(left)
	return measure.Result{Output: said("%s", log.String())}, err
}

// end walks the processes through both signals and returns, held, who has outlived them.
func (k *Kill) end(ctx context.Context, o *measure.Order, p proc, sig syscall.Signal, grace time.Duration, log *strings.Builder) ([]held, error) {
	stopped, err := k.freeze(o, []proc{p})
	if err != nil {
		return nil, err
	}
	tell(stopped, sig, "", log)
	for _, h := range stopped {
		_ = h.signal(unix.SIGCONT) // one that is gone needs none
	}
	stubborn := await(ctx, stopped, grace)
	if len(stubborn) == 0 {
		return nil, nil
	}
	if k.Scope == Container {
		return k.endContainer(ctx, stubborn, grace, log)
	}
	again, err := k.freeze(o, procsOf(stubborn))
	if err != nil {
		return stubborn, err
	}
	tell(again, unix.SIGKILL, fmt.Sprintf(", still there after %s", grace), log)
	return await(ctx, again, killWait), nil
}

// endContainer ends what has outlived the signal, and waits until the cgroup is empty.
func (k *Kill) endContainer(ctx context.Context, stubborn []held, grace time.Duration, log *strings.Builder) ([]held, error) {
	path := procfs.Cgroup(stubborn[0].PID)
	err := killCgroup(path)
	fmt.Fprintf(log, "cgroup %s is killed, %d processes were there after %s: %s\n", path, len(stubborn), grace, outcome(err))
	if err != nil {
		return stubborn, err
	}
	left := await(ctx, stubborn, killWait)
	for until := time.Now().Add(killWait); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if members, err := procfs.Members(filepath.Join(procfs.CgroupRoot(), path)); err != nil || len(members) == 0 {
			return left, nil // the folder goes with its last process where a runtime looks after it
		}
	}
	return left, fmt.Errorf("cgroup %s is not empty", path)
}

// killCgroup ends every process of a cgroup at once, those that are being born, too (cgroup.kill of cgroup v2).
func killCgroup(path string) error {
	if path == "" || path == "/" {
		return errors.New("the process is in the cgroup of the host itself")
	}
	return os.WriteFile(filepath.Join(procfs.CgroupRoot(), path, "cgroup.kill"), []byte("1"), 0)
}

func procsOf(list []held) (out []proc) {
	for _, h := range list {
		out = append(out, h.proc)
	}
	return out
}

func tell(list []held, sig syscall.Signal, why string, log *strings.Builder) {
	for _, h := range list {
		fmt.Fprintf(log, "%s to %s%s: %s\n", unix.SignalName(sig), h.proc, why, outcome(h.signal(sig)))
	}
}

// freezeRounds bounds how often new processes are looked for while the known ones stand still.
const freezeRounds = 16

// freeze stops all that the measure reaches from these, until no new one turns up. If the gate refuses one of them, all
// go on and nothing has happened.
func (k *Kill) freeze(o *measure.Order, from []proc) (stopped []held, err error) {
	known := map[int]bool{}
	for range freezeRounds {
		found, err := k.news(o, from, known)
		if err != nil {
			for _, h := range stopped {
				_ = h.signal(unix.SIGCONT)
			}
			release(stopped)
			return nil, err
		}
		if len(found) == 0 {
			break
		}
		for _, h := range found {
			_ = h.signal(unix.SIGSTOP)
		}
		stopped = append(stopped, found...)
	}
	return stopped, nil
}

// news holds the processes in reach that are not known yet, if the gate lets them be touched.
func (k *Kill) news(o *measure.Order, from []proc, known map[int]bool) ([]held, error) {
	var list []proc
	for _, p := range from {
		reached, err := k.reach(p)
		if err != nil {
			return nil, err
		}
		for _, one := range reached {
			if known[one.PID] || one.State == 'Z' {
				continue
			}
			known[one.PID] = true
			if d := k.Gate.DecideProcess(one.PID, o.Measure.By, o.Measure.Reason); d.Ruling != actions.Allowed {
				return nil, fmt.Errorf("kill %s: refused: it is %s", one, d.Why)
			}
			list = append(list, one)
		}
	}
	return hold(list), nil
}

func said(format string, args ...any) measure.Output {
	return measure.Output{Type: "text/plain", Text: fmt.Sprintf(format, args...)}
}

func outcome(err error) string {
	if err != nil {
		return err.Error()
	}
	return "sent"
}

// Prove implements measure.Doer: nobody whom the measure meant is there.
func (k *Kill) Prove(_ context.Context, o *measure.Order) (string, error) {
	p, err := target(o)
	if err == nil && p.State != 'Z' {
		return "", fmt.Errorf("%s is still there", p)
	}
	if err != nil && !errors.Is(err, procfs.ErrGone) {
		return "", err
	}
	return fmt.Sprintf("process %d, started at tick %d, is gone", p.PID, p.Start), nil
}

// Undo implements measure.Doer.
func (k *Kill) Undo(context.Context, *measure.Order) error {
	return errors.New("a killed process cannot be brought back")
}
