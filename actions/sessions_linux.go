package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"picket/actions/procfs"
	"picket/watch/logins"
)

// recordedSessions are those who are logged in from elsewhere as the system's records tell: they know of servers beside
// OpenSSH's, and of mosh, which has no connection to be seen. A record counts while the process that leads the session is
// there and root's: any user's terminal may add to utmp what it likes, with a process of its own.
func recordedSessions() ([]Protected, error) {
	list, from, err := logins.Current()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // this system keeps none: the SSH server's own processes must do
	}
	if err != nil {
		return nil, fmt.Errorf("read who is logged in: %w", err)
	}
	return live(list, from, ledByRoot), nil
}

// live are the sessions from elsewhere whose leaders are as they must be.
func live(list []logins.Login, from string, led func(pid int) bool) (out []Protected) {
	seen := map[string]bool{}
	for i := range list {
		l := &list[i]
		if !l.Addr.IsValid() || l.Addr.IsLoopback() || seen[l.Addr.String()] || !led(l.PID) {
			continue
		}
		seen[l.Addr.String()] = true
		out = append(out, Protected{Prefix: single(l.Addr), Why: fmt.Sprintf("the peer of a live session of %s (%s)", procfs.Printable(l.User), from), Session: true})
	}
	return out
}

// ledByRoot tells whether a process is there, and root's.
func ledByRoot(pid int) bool {
	if pid <= 1 {
		return false
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return false
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	return ok && of.Uid == 0
}
