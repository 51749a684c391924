package process

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"picket/actions/measure"
	"picket/incidents"
)

// errGone tells that a process is not there any more.
var errGone = errors.New("the process is gone")

// proc is what /proc tells of one process.
type proc struct {
	pid, parent, group int
	start              uint64 // clock ticks after boot
	state              byte   // R, S, D, T, Z …
	nice               int
	comm               string
}

// read reads /proc/PID/stat (proc(5)).
func read(pid int) (p proc, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, errGone
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')') // comm may hold parentheses
	if open < 0 || end < open {
		return p, errGone
	}
	words := strings.Fields(string(text[end+1:]))
	if len(words) < 20 {
		return p, errGone
	}
	p = proc{pid: pid, comm: string(text[open+1 : end]), state: words[0][0]}
	p.parent, _ = strconv.Atoi(words[1])
	p.group, _ = strconv.Atoi(words[2])
	p.nice, _ = strconv.Atoi(words[16])
	p.start, err = strconv.ParseUint(words[19], 10, 64)
	return p, err
}

// all lists every process, by number.
func all() []proc {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	list := make([]proc, 0, len(dirs))
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, err := read(pid); err == nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b proc) int { return cmp.Compare(a.pid, b.pid) })
	return list
}

// Describe is a process as an incident keeps it.
func Describe(pid int) (incidents.Process, error) {
	p, err := read(pid)
	if err != nil {
		return incidents.Process{}, err
	}
	out := incidents.Process{PID: pid, Start: p.start, Name: p.comm, Container: container(pid)}
	out.Exe, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // without privilege it stays unknown
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		out.Command = strings.TrimSpace(strings.ReplaceAll(string(line[:min(len(line), 4096)]), "\x00", " "))
	}
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
	for part := range strings.SplitSeq(cgroup(pid), "/") {
		id := strings.TrimSuffix(part, ".scope")
		id = id[strings.LastIndexByte(id, '-')+1:]
		if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
			return id
		}
	}
	return ""
}

// cgroup is the path of a process in the unified hierarchy, "" when there is none.
func cgroup(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	return ""
}

// target finds the one process that an order means: its arguments pid and start, or the incident's own process.
func target(o *measure.Order) (proc, error) {
	pid, start, err := named(o)
	if err != nil {
		return proc{}, err
	}
	p, err := read(pid)
	if err != nil {
		return proc{pid: pid, start: start}, errGone
	}
	if start != 0 && p.start != start {
		return proc{pid: pid, start: start}, errGone // its number is another's now
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
	out["pid"], out["start"] = strconv.Itoa(p.pid), strconv.FormatUint(p.start, 10)
	return out
}

func (p proc) String() string { return fmt.Sprintf("pid %d (%s)", p.pid, p.comm) }

// threads lists the thread numbers of a process.
func threads(pid int) (list []int) {
	dirs, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
	for _, dir := range dirs {
		if tid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			list = append(list, tid)
		}
	}
	return list
}
