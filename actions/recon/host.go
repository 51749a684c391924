package recon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
	"picket/watch/logins"
)

// disk lists mounted file systems that hold data.
func disk(context.Context, *measure.Order) (string, []incidents.Evidence, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", nil, fmt.Errorf("read mounts: %w", err)
	}
	var rows []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		var s unix.Statfs_t
		if len(words) < 3 || seen[words[1]] || unix.Statfs(words[1], &s) != nil || s.Blocks == 0 {
			continue
		}
		seen[words[1]] = true
		size, free := s.Blocks*uint64(s.Bsize), s.Bavail*uint64(s.Bsize)
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%d\t%.0f\t%d", procfs.Printable(words[1]), words[2], size>>20, free>>20, 100*(1-float64(free)/float64(size)), s.Ffree))
	}
	return table(fmt.Sprintf("%d file systems", len(rows)), "MOUNT\tTYPE\tSIZE MiB\tFREE MiB\tUSED %\tFREE INODES", rows, func(r string) string { return r }), nil, nil
}

// lastRecords bounds the logins of each list.
const lastRecords = 50

// loginRecords lists who is logged in, the newest logins and failed logins, and when each user was last here, as far as this
// host keeps records of it.
func loginRecords(context.Context, *measure.Order) (string, []incidents.Evidence, error) {
	var out strings.Builder
	part := func(title, from string, list []logins.Login, err error) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(&out, "%s: this host keeps no %s\n\n", title, from)
		case err != nil:
			fmt.Fprintf(&out, "%s: %v\n\n", title, err)
		default:
			out.WriteString(table(fmt.Sprintf("%s (%s)", title, from), "TIME\tUSER\tLINE\tFROM\tPID", list, loginRow))
			out.WriteByte('\n')
		}
	}
	list, from, err := logins.Current()
	if len(list) == 0 {
		list, from, err = sshLogins(), "processes of sshd", nil
	}
	part("logged in", from, list, err)
	list, from, err = logins.Past(lastRecords)
	part("last logins", from, list, err)
	list, err = logins.OfUTMP(logins.BTMP, lastRecords)
	part("last failures", logins.BTMP, list, err)
	if list, err = logins.OfLastlog2(logins.Lastlog2, lastRecords); err == nil {
		part("last login of each user", logins.Lastlog2, list, nil)
	}
	return out.String(), nil, nil
}

// sshLogins are the sessions of OpenSSH, as its processes and their sockets tell.
func sshLogins() (list []logins.Login) {
	for _, s := range actions.SSHSessions() {
		list = append(list, logins.Login{User: s.User, Line: s.Line, Addr: s.Peer.Addr(), PID: s.PID, At: s.Since})
	}
	return list
}

func loginRow(l logins.Login) string {
	from := l.Host
	switch {
	case l.Addr.IsValid() && from == "":
		from = l.Addr.String()
	case l.Addr.IsValid() && from != l.Addr.String():
		from += " (" + l.Addr.String() + ")"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d", l.At.UTC().Format(time.RFC3339), procfs.Printable(l.User), procfs.Printable(l.Line), procfs.Printable(from), l.PID)
}
