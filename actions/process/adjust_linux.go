package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/procfs"
)

// Suspend stops a process (SIGSTOP) until it is lifted (SIGCONT).
type Suspend struct{ Gate Gate }

// Renice gives a process another priority (argument nice, -20 to 19); lifting it restores the one before.
type Renice struct {
	Gate Gate
	Log  *slog.Logger
}

var (
	_ measure.Doer = (*Suspend)(nil)
	_ measure.Doer = (*Renice)(nil)
)

// admit finds the order's process and asks the gate.
func admit(g Gate, o *measure.Order, verb string) (proc, error) {
	p, err := target(o)
	if err != nil {
		return p, err
	}
	if d := g.DecideProcess(p.PID, o.Measure.By, o.Measure.Reason); d.Ruling != actions.Allowed {
		return p, fmt.Errorf("%s %s: refused: it is %s", verb, p, d.Why)
	}
	return p, nil
}

// Able implements measure.Doer.
func (s *Suspend) Able() error { return nil }

// Plan implements measure.Doer.
func (s *Suspend) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	p, err := target(o)
	return measure.Plan{
		Target: p.String(), Args: pin(o.Measure.Args, p), Steps: []string{"send SIGSTOP to " + p.String()},
		PIDs: []int{p.PID}, Lasting: true, For: o.Measure.For,
	}, err
}

// Do implements measure.Doer.
func (s *Suspend) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	p, err := admit(s.Gate, o, "suspend")
	if err != nil {
		return measure.Result{}, err
	}
	return measure.Result{Output: said("SIGSTOP to %s\n", p)}, send(p, unix.SIGSTOP)
}

// send signals one process through its pidfd.
func send(p proc, sig syscall.Signal) error {
	open := hold([]proc{p})
	defer release(open)
	if len(open) == 0 {
		return procfs.ErrGone
	}
	return open[0].signal(sig)
}

// Prove implements measure.Doer.
func (s *Suspend) Prove(_ context.Context, o *measure.Order) (string, error) {
	p, err := settled(o, func(p proc) bool { return p.State == 'T' || p.State == 't' })
	if err != nil {
		return "", fmt.Errorf("suspend: %w", err)
	}
	return fmt.Sprintf("%s is stopped (state %c)", p, p.State), nil
}

// settleWithin is how long the kernel may take to show a change.
const settleWithin = 2 * time.Second

// settled waits until the order's process is as wanted. One that has ended is measure.ErrEnded.
func settled(o *measure.Order, wanted func(proc) bool) (proc, error) {
	for until := time.Now().Add(settleWithin); ; time.Sleep(5 * time.Millisecond) {
		p, err := target(o)
		if errors.Is(err, procfs.ErrGone) || err == nil && p.State == 'Z' {
			return p, fmt.Errorf("%w: process %d has ended", measure.ErrEnded, p.PID)
		}
		if err != nil {
			return p, err
		}
		if wanted(p) {
			return p, nil
		}
		if time.Now().After(until) {
			return p, fmt.Errorf("%s is in state %c with nice %d", p, p.State, p.Nice)
		}
	}
}

// Undo implements measure.Doer.
func (s *Suspend) Undo(_ context.Context, o *measure.Order) error {
	p, err := target(o)
	if errors.Is(err, procfs.ErrGone) {
		return nil
	}
	if err == nil {
		err = send(p, unix.SIGCONT)
	}
	if err == nil {
		_, err = settled(o, func(p proc) bool { return p.State != 'T' && p.State != 't' })
	}
	return unlessEnded(err)
}

// unlessEnded is an error of lifting, but for the process's own end.
func unlessEnded(err error) error {
	if errors.Is(err, measure.ErrEnded) {
		return nil
	}
	return err
}

// Able implements measure.Doer.
func (r *Renice) Able() error { return nil }

// nice reads the argument as monitoring agents hand it over: a string or a number, out of range clamped with a warning.
func (r *Renice) nice(o *measure.Order) (nice int, warning string, err error) {
	text := o.Measure.Args["nice"]
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) {
		return 0, "", fmt.Errorf("nice %q is not a number from -20 to 19", text)
	}
	nice = int(min(max(v, -20), 19))
	if float64(nice) != v {
		warning = fmt.Sprintf("nice %s is out of range (-20 to 19) or no whole number, %d is taken", text, nice)
	}
	return nice, warning, nil
}

// Plan implements measure.Doer.
func (r *Renice) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	nice, _, err := r.nice(o)
	if err != nil {
		return measure.Plan{}, err
	}
	p, err := target(o)
	if err != nil {
		return measure.Plan{}, err
	}
	args := pin(o.Measure.Args, p)
	if args["before"] == "" {
		args["before"] = strconv.Itoa(p.Nice)
	}
	return measure.Plan{
		Target: p.String(), Args: args, Steps: []string{fmt.Sprintf("set the priority of %s from %d to %d", p, p.Nice, nice)},
		PIDs: []int{p.PID}, Lasting: true, For: o.Measure.For,
	}, nil
}

// Do implements measure.Doer.
func (r *Renice) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	nice, warning, err := r.nice(o)
	if err != nil {
		return measure.Result{}, err
	}
	p, err := admit(r.Gate, o, "renice")
	if err != nil {
		return measure.Result{}, err
	}
	if err := setNice(p, nice); err != nil {
		return measure.Result{}, err
	}
	text := fmt.Sprintf("priority of %s: %d, was %d\n", p, nice, p.Nice)
	if warning != "" {
		r.Log.Warn("renice", "process", p.PID, "warning", warning)
		text = "warning: " + warning + "\n" + text
	}
	return measure.Result{Output: said("%s", text)}, nil
}

// setNice sets the priority of every thread: on Linux each has its own (setpriority(2)).
func setNice(p proc, nice int) error {
	for _, tid := range procfs.Threads(p.PID) {
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("set the priority of %s: %w", p, err)
		}
	}
	return nil
}

// Prove implements measure.Doer.
func (r *Renice) Prove(_ context.Context, o *measure.Order) (string, error) {
	nice, _, err := r.nice(o)
	if err != nil {
		return "", err
	}
	p, err := settled(o, func(p proc) bool { return p.Nice == nice })
	if err != nil {
		return "", fmt.Errorf("renice: %w", err)
	}
	return fmt.Sprintf("%s has nice %d", p, p.Nice), nil
}

// Undo implements measure.Doer.
func (r *Renice) Undo(_ context.Context, o *measure.Order) error {
	before, err := strconv.Atoi(o.Measure.Args["before"])
	if err != nil {
		return errors.New("the priority of before is not known")
	}
	p, err := target(o)
	if errors.Is(err, procfs.ErrGone) {
		return nil
	}
	if err == nil {
		err = setNice(p, before)
	}
	if err == nil {
		_, err = settled(o, func(p proc) bool { return p.Nice == before })
	}
	return unlessEnded(err)
}
