package web

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"picket/actions/procfs"
)

// Who does something is what the kernel says of the process at the other end of the socket (SO_PEERCRED, unix(7)), never
// what a request says. Behind root the person is looked for who became root: timelines are read by people, and "root"
// tells them nothing.

// peerKey is the context's key of who is at the other end of a connection, a func() string.
type peerKey struct{}

// withPeer notes who is at the other end of a connection; http.Server calls it for each. Who it is is looked up when it is
// asked for, once: a connection may carry thousands of requests.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if peer, err := peerOf(c); err == nil {
		return context.WithValue(ctx, peerKey{}, sync.OnceValue(func() string { return personOf(peer) }))
	}
	return ctx
}

func peerOf(c net.Conn) (peer *unix.Ucred, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	ask := func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }
	return peer, errors.Join(raw.Control(ask), err)
}

// operator is who has sent a request: "alice", "root", or "alice (as root)".
func operator(r *http.Request) string {
	if who, known := r.Context().Value(peerKey{}).(func() string); known {
		return who()
	}
	return "an unknown user"
}

func personOf(peer *unix.Ucred) string {
	name := userName(peer.Uid)
	if peer.Uid != 0 || peer.Pid <= 0 {
		return name
	}
	return asRoot(name, behindRoot(int(peer.Pid)))
}

// person is who has become root, as far as it can be known.
type person struct {
	name  string
	claim bool // only the process says so itself
}

func asRoot(root string, p person) string {
	switch {
	case p.name == "":
		return root
	case p.claim:
		return root + " (" + p.name + ", it says)"
	}
	return p.name + " (as " + root + ")"
}

// behindRoot finds who became root. The kernel's own word comes first: the user that PAM noted at the login, which only
// the right to change the audit can alter, then the nearest ancestor that another user runs, as the shell from which sudo,
// su or doas was called is. What sudo leaves in the environment root can write there as well: it is told as a claim.
func behindRoot(pid int) person {
	if uid, ok := loginUID(pid); ok {
		return person{name: userName(uid)}
	}
	for parent, up := pid, 0; parent > 1 && up < maxAncestors; up++ {
		if uid, ok := realUID(parent); ok && uid != 0 {
			return person{name: userName(uid)}
		}
		p, err := procfs.Read(parent)
		if err != nil {
			break
		}
		parent = p.Parent
	}
	env, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return person{name: sudoUser(env), claim: true}
}

// maxAncestors bounds the walk to who became root.
const maxAncestors = 32

// loginUID reads /proc/PID/loginuid; false where nobody has logged in, or it was root.
func loginUID(pid int) (uint32, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/loginuid")
	uid, parse := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	const unset = 1<<32 - 1
	return uint32(uid), err == nil && parse == nil && uid != 0 && uid != unset
}

// realUID reads the first number of the line Uid of /proc/PID/status.
func realUID(pid int) (uint32, bool) {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, rest, _ := bytes.Cut(text, []byte("\nUid:\t"))
	number, _, _ := bytes.Cut(rest, []byte("\t"))
	uid, err := strconv.ParseUint(string(number), 10, 32)
	return uint32(uid), err == nil
}

// sudoUser is SUDO_USER of an environment, when it is a name that a user may have.
func sudoUser(env []byte) string {
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if name, ok := bytes.CutPrefix(entry, []byte("SUDO_USER=")); ok && len(name) <= maxUserName && plainName(name) {
			return string(name)
		}
	}
	return ""
}

// maxUserName is LOGIN_NAME_MAX of Linux.
const maxUserName = 256

func plainName(name []byte) bool {
	return len(name) > 0 && !bytes.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r > 0x7f || strings.ContainsRune(`()"':,`, r)
	})
}

func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "uid " + number
}
