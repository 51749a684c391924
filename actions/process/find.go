package process

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

// proc is a process as this package needs it.
type proc struct{ procfs.Process }

// read reads one process; the error is procfs.ErrGone when there is none.
func read(pid int) (proc, error) {
	p, err := procfs.Read(pid)
	return proc{p}, err
}

// all lists every process, by number.
func all() (list []proc) {
	for _, p := range procfs.All() {
		list = append(list, proc{p})
	}
	return list
}

// Describe is a process as an incident keeps it.
func Describe(pid int) (incidents.Process, error) {
	p, err := read(pid)
	if err != nil {
		return incidents.Process{}, err
	}
	out := incidents.Process{PID: pid, Start: p.Start, Name: p.Comm, Container: container(pid)}
	out.Exe, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // without privilege it stays unknown
	out.Command = procfs.Command(pid, 4096)
	if info, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		out.User = owner(info)
	}
	return out, nil
}

func owner(info os.FileInfo) string {
	id := strconv.FormatUint(uint64(uidOf(info)), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// container finds the id of the container or pod in a process's cgroup: the last part of the path that holds 64 hex
// digits (docker-ID.scope, cri-containerd-ID.scope, /docker/ID).
func container(pid int) string {
	for part := range strings.SplitSeq(procfs.Cgroup(pid), "/") {
		id := strings.TrimSuffix(part, ".scope")
		id = id[strings.LastIndexByte(id, '-')+1:]
		if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
			return id
		}
	}
	return ""
}

// gone is a process that is not there any more.
func gone(pid int, start uint64) proc { return proc{procfs.Process{PID: pid, Start: start}} }

// target finds the one process that an order means: its arguments pid and start, or the incident's own process.
func target(o *measure.Order) (proc, error) {
	pid, start, err := named(o)
	if err != nil {
		return proc{}, err
	}
	p, err := read(pid)
	if err != nil {
		return gone(pid, start), procfs.ErrGone
	}
	if start != 0 && p.Start != start {
		return gone(pid, start), procfs.ErrGone // its number is another's now
	}
	return p, nil
}

func named(o *measure.Order) (pid int, start uint64, err error) {
	args := o.Measure.Args
	if text := args["pid"]; text != "" {
		if pid, err = strconv.Atoi(text); err != nil || pid <= 0 {
			return 0, 0, fmt.Errorf("pid %q is not a process number", text)
		}
		if text := args["start"]; text != "" {
			if start, err = strconv.ParseUint(text, 10, 64); err != nil {
				return 0, 0, fmt.Errorf("start %q is not a time in clock ticks", text)
			}
		}
		return pid, start, nil
	}
	if o.Finding != nil && o.Finding.Process != nil {
		return o.Finding.Process.PID, o.Finding.Process.Start, nil
	}
	if o.Incident != nil && len(o.Incident.Processes) > 0 {
		last := o.Incident.Processes[len(o.Incident.Processes)-1]
		return last.PID, last.Start, nil
	}
	return 0, 0, errors.New("no process is known: the incident has none (give pid)")
}

// pin are the arguments that name a process for good.
func pin(args map[string]string, p proc) map[string]string {
	out := map[string]string{}
	for k, v := range args {
		out[k] = v
	}
	out["pid"], out["start"] = strconv.Itoa(p.PID), strconv.FormatUint(p.Start, 10)
	return out
}

func (p proc) String() string { return fmt.Sprintf("pid %d (%s)", p.PID, p.Comm) }
