package recon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

const (
	traceSeconds = 10
	maxSeconds   = 300
	maxTrace     = 4 << 20 // bytes of strace's output that are looked at
)

// traced is the process that an order means, and for how long it is traced.
func traced(o *measure.Order) (pid int, seconds int, err error) {
	if seconds, err = number(o, "seconds", traceSeconds, 1, maxSeconds); err != nil {
		return 0, 0, err
	}
	switch {
	case o.Measure.Args["pid"] != "":
		pid, err = number(o, "pid", 0, 1, 1<<22)
	case o.Finding != nil && o.Finding.Process != nil:
		pid = o.Finding.Process.PID
	case o.Incident != nil && len(o.Incident.Processes) > 0:
		pid = o.Incident.Processes[len(o.Incident.Processes)-1].PID
	default:
		err = errors.New("no process is known: the incident has none (give pid)")
	}
	if err == nil && pid == os.Getpid() {
		err = errors.New("picket does not trace itself")
	}
	return pid, seconds, err
}

func traceCheck(o *measure.Order) (target, step string, err error) {
	pid, seconds, err := traced(o)
	if err != nil {
		return "", "", err
	}
	how := "snapshots of /proc"
	if _, err := exec.LookPath("strace"); err == nil {
		how = "strace"
	}
	return fmt.Sprintf("pid %d", pid), fmt.Sprintf("trace process %d for %d seconds with %s", pid, seconds, how), nil
}

// trace runs strace for a while, and takes a snapshot of the process before and after; without strace, or when it may
// not attach, only the snapshots.
func trace(ctx context.Context, o *measure.Order) (string, []incidents.Evidence, error) {
	pid, seconds, err := traced(o)
	if err != nil {
		return "", nil, err
	}
	var out strings.Builder
	if err := snapshot(&out, pid); err != nil {
		return "", nil, err
	}
	text, err := strace(ctx, pid, seconds)
	if err != nil {
		fmt.Fprintf(&out, "\nno strace: %v\n", err)
		if err := pause(ctx, min(seconds, 2)); err != nil {
			return out.String(), nil, err
		}
	} else {
		fmt.Fprintf(&out, "\nstrace for %d seconds:\n%s\n", seconds, text)
	}
	if err := snapshot(&out, pid); err != nil {
		fmt.Fprintf(&out, "\nit ended meanwhile\n")
	}
	return out.String(), nil, nil
}

func pause(ctx context.Context, seconds int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(seconds) * time.Second):
		return nil
	}
}

// strace attaches for a while. It detaches on SIGINT; the process goes on.
func strace(ctx context.Context, pid, seconds int) (string, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return "", errors.New("it is not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, path, "-f", "-tt", "-s", "128", "-p", strconv.Itoa(pid))
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 2 * time.Second
	out := &measure.Buffer{Limit: maxTrace}
	c.Stdout, c.Stderr = out, out
	err = c.Run()
	if ctx.Err() == nil && err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// snapshot writes what /proc says of a process.
func snapshot(out *strings.Builder, pid int) error {
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return fmt.Errorf("process %d is gone", pid)
	}
	fmt.Fprintf(out, "process %d at %s: %s\n", pid, time.Now().UTC().Format(time.RFC3339), commandLine(pid, ""))
	for _, link := range []string{"exe", "cwd", "root"} {
		to, _ := os.Readlink(filepath.Join(dir, link)) // without privilege it stays empty
		fmt.Fprintf(out, "  %-5s %s\n", link, procfs.Printable(to))
	}
	for line := range strings.Lines(string(status)) {
		for _, key := range []string{"Name:", "State:", "PPid:", "Uid:", "Threads:", "VmRSS:", "CapEff:", "NoNewPrivs:"} {
			if strings.HasPrefix(line, key) {
				fmt.Fprintf(out, "  %s", strings.ReplaceAll(line, "\t", " "))
			}
		}
	}
	for _, file := range []string{"wchan", "syscall", "io"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			fmt.Fprintf(out, "  %s %s\n", file, strings.Join(strings.Fields(string(text)), " "))
		}
	}
	files, _ := filepath.Glob(dir + "/fd/*")
	for _, f := range files[:min(len(files), 200)] {
		to, _ := os.Readlink(f)
		fmt.Fprintf(out, "  fd %s %s\n", filepath.Base(f), procfs.Printable(to))
	}
	return nil
}
