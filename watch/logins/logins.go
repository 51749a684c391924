// Package logins reads who is logged in and who was, as this host's own records tell: utmp, wtmp and btmp (utmp(5)), and
// where a system keeps those no more, the sessions of systemd-logind and the databases of wtmpdb and lastlog2.
//
// Others write these files: terminals add records to utmp for their users, and names of hosts are what a client's DNS says.
// Everything is bounded, an address is one only when it is written as such, and texts may hold any bytes: who prints them
// must make them harmless. What must be true is held against the kernel first, see Live.
package logins

import (
	"net/netip"
	"os"
	"strings"
	"time"
)

// Login is one session, or one failed try.
type Login struct {
	User    string
	Line    string // terminal: "pts/0", "ssh:notty"
	Host    string // from where, as it was written
	Addr    netip.Addr
	PID     int // of its leader; 0: not known
	At      time.Time
	Service string // "sshd", where it is known
}

// Paths of the records. Debian 13 has neither utmp nor wtmp by default.
const (
	UTMP     = "/var/run/utmp"
	WTMP     = "/var/log/wtmp"
	BTMP     = "/var/log/btmp"
	Sessions = "/run/systemd/sessions"
	WTMPDB   = "/var/lib/wtmpdb/wtmp.db"
	Lastlog2 = "/var/lib/lastlog/lastlog2.db"
)

// maxSessions bounds those who are taken to be logged in at once.
const maxSessions = 4096

// Current lists who is logged in: as logind knows it, else as utmp does.
func Current() (list []Login, from string, err error) {
	if list, err := OfLogind(Sessions, maxSessions); err == nil && len(list) > 0 {
		return list, Sessions, nil
	}
	list, err = OfUTMP(UTMP, maxSessions)
	return list, UTMP, err
}

// Past lists the newest sessions that there were, the newest first: of wtmp, else of wtmpdb.
func Past(most int) (list []Login, from string, err error) {
	if list, err := OfUTMP(WTMP, most); err == nil && len(list) > 0 {
		return list, WTMP, nil
	}
	list, err = OfWTMPDB(WTMPDB, most)
	return list, WTMPDB, err
}

// address is the address that a host's name is, invalid for any other name.
func address(host string) netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(host))
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// regular opens a regular file to read; a FIFO that stands in its place must not keep us waiting.
func regular(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: path, Err: os.ErrInvalid}
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
