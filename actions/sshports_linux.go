package actions

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"picket/actions/procfs"
)

// sshPorts are the local ports on which sessions are an operator's: 22 and whatever a process named sshd has
// open. What cannot be read (no privilege) leaves 22.
func sshPorts() map[uint16]bool {
	ports := map[uint16]bool{22: true}
	inodes := map[string]bool{}
	for _, p := range procfs.All() {
		if strings.HasPrefix(p.Comm, "sshd") {
			procfs.SocketInodes(p.PID, inodes)
		}
	}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for s := range procfs.Sockets(text) {
			if s.State == unix.BPF_TCP_LISTEN && inodes[s.Inode] {
				ports[s.Local.Port()] = true
			}
		}
	}
	return ports
}
