package actions

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"picket/actions/procfs"
)

// processes lists, by comm, what a host cannot be without: whoever ends one of these takes the host or its operators
// along. The operator's list is added to it.
var processes = []string{
	"systemd", "systemd-journal", "systemd-udevd", "systemd-logind", "systemd-network", "systemd-resolve", "init",
	"dbus-daemon", "dbus-broker", "sshd", "dockerd", "containerd", "kubelet", "crio", "libvirtd", "getty", "agetty",
}

// DecideProcess rules on a measure that touches a process, and records it: for those who are about to act. Any goroutine
// may call it.
func (g *Gate) DecideProcess(pid int, by, reason string) Decision {
	d := g.ConsiderProcess(pid, by, reason)
	g.Record(d)
	return d
}

// ConsiderProcess tells what DecideProcess would rule: PID 1, picket itself and its ancestors, kernel threads and listed
// processes are refused. A process that is gone is allowed: there is nothing to protect.
func (g *Gate) ConsiderProcess(pid int, by, reason string) Decision {
	d := Decision{Time: time.Now().UTC(), PID: pid, By: by, Reason: reason, Observed: g.Observing()}
	if d.Why = g.protectsProcess(pid); d.Why != "" {
		d.Ruling = Refused
	}
	return d
}

func (g *Gate) protectsProcess(pid int) string {
	switch {
	case pid <= 0:
		return "no process has this number"
	case pid == 1:
		return "PID 1, on which all others depend"
	case pid == os.Getpid():
		return "picket itself"
	}
	p, err := procfs.Read(pid)
	if err != nil {
		return "" // gone
	}
	if p.Flags&procfs.KernelThread != 0 || pid == 2 {
		return "a kernel thread"
	}
	if (slices.Contains(processes, p.Comm) || slices.Contains(g.rules.Load().Processes, p.Comm)) && installed(pid) {
		return fmt.Sprintf("a protected process (%s)", p.Comm)
	}
	for up := os.Getppid(); up > 1; {
		if up == pid {
			return "an ancestor of picket"
		}
		parent, err := procfs.Read(up)
		if err != nil {
			break
		}
		up = parent.Parent
	}
	return ""
}

// installed tells whether a process runs a program of the system: root's file that nobody else may write. A name alone
// protects nobody, since every process chooses its own. What cannot be read is taken for installed.
func installed(pid int) bool {
	info, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return true
	}
	file, ok := info.Sys().(*syscall.Stat_t)
	return !ok || file.Uid == 0 && info.Mode().Perm()&0o022 == 0
}
