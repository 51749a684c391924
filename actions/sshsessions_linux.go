package actions

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions/procfs"
)

// sshServer finds the sessions of operators: connections to this host's SSH server on which somebody has logged in. A
// connection alone proves nothing: whoever guesses passwords has one, too, and must stay bannable.
type sshServer struct {
	ports map[uint16]bool
	read  time.Time
	live  map[session]bool // known to be logged in, as long as their connection stands
}

// session is an established connection to the SSH server.
type session struct {
	peer  netip.AddrPort
	inode string // of its socket
}

const sshPortsAge = 10 * time.Second

// peers lists who is logged in over SSH. Looking through the processes is needed only while there is a connection that
// nobody is known to have logged in on.
func (s *sshServer) peers(files ...string) ([]Protected, error) {
	if now := time.Now(); s.ports == nil || now.Sub(s.read) >= sshPortsAge {
		s.ports, s.read = sshPorts(), now
	}
	open, err := s.connections(files)
	if err != nil {
		return nil, err
	}
	live := map[session]bool{}
	var unknown []session
	for _, c := range open {
		if s.live[c] {
			live[c] = true
		} else {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		in := loggedIn()
		for _, c := range unknown {
			if in.inodes[c.inode] || in.peers[c.peer] {
				live[c] = true
			}
		}
	}
	s.live = live
	var list []Protected
	for c := range live {
		list = append(list, Protected{Prefix: single(c.peer.Addr()), Why: "the peer of a live SSH session", Session: true})
	}
	sortProtected(list)
	return list, nil
}

// connections are the established ones to the SSH server's ports.
func (s *sshServer) connections(files []string) (list []session, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // no IPv6
		}
		if err != nil {
			return list, fmt.Errorf("read connections: %w", err)
		}
		for c := range procfs.Sockets(text) {
			if c.State == unix.BPF_TCP_ESTABLISHED && s.ports[c.Local.Port()] {
				list = append(list, session{c.Remote, c.Inode})
			}
		}
	}
	return list, nil
}

// traces are what logins leave among the processes.
type traces struct {
	inodes map[string]bool         // sockets held by a session's process
	peers  map[netip.AddrPort]bool // named by SSH_CONNECTION in a process's environment
}

// loggedIn looks through all processes. A session of OpenSSH is a process titled "sshd: USER@TERMINAL" or "sshd: USER";
// before the login it is "sshd: USER [priv]" or "[net]". Other servers are known by SSH_CONNECTION in what they start.
func loggedIn() traces {
	in := traces{map[string]bool{}, map[netip.AddrPort]bool{}}
	for _, p := range procfs.All() {
		title := procfs.Command(p.PID, 256)
		if title == "" {
			continue // gone, or a kernel thread
		}
		if isSession(title) {
			procfs.SocketInodes(p.PID, in.inodes)
			continue
		}
		if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID)); err == nil {
			if peer, ok := sshConnection(env); ok {
				in.peers[peer] = true
			}
		}
	}
	return in
}

// maxAncestors bounds the walk to the session that a process comes from.
const maxAncestors = 32

// SessionOf is the peer of the SSH session that a process was started from, as its environment or that of an ancestor says.
// A process may say what it likes there: who relies on it must know by other means that the peer has logged in.
func SessionOf(pid int) (peer netip.AddrPort, ok bool) {
	for range maxAncestors {
		if pid <= 1 {
			break
		}
		if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil {
			if peer, ok := sshConnection(env); ok {
				return peer, true
			}
		}
		p, err := procfs.Read(pid)
		if err != nil {
			break
		}
		pid = p.Parent
	}
	return peer, false
}

func isSession(title string) bool {
	_, ok := sessionUser(title)
	return ok
}

// sessionUser reads who a session is of, "joe@pts/0", from its process's title.
func sessionUser(title string) (string, bool) {
	user, ok := strings.CutPrefix(title, "sshd: ")
	if !ok {
		user, ok = strings.CutPrefix(title, "sshd-session: ")
	}
	return user, ok && !strings.ContainsAny(user, "[ ") && user != ""
}

// SSHSession is a session of OpenSSH's server, as its process tells.
type SSHSession struct {
	User, Line string
	PID        int
	Peer       netip.AddrPort
	Since      time.Time
}

// SSHSessions lists the sessions of OpenSSH's server whose connection stands.
func SSHSessions() (list []SSHSession) {
	peers := map[string]netip.AddrPort{} // by inode
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file) // no IPv6
		for c := range procfs.Sockets(text) {
			if c.State == unix.BPF_TCP_ESTABLISHED {
				peers[c.Inode] = c.Remote
			}
		}
	}
	for _, p := range procfs.All() {
		name, ok := sessionUser(procfs.Command(p.PID, 256))
		if !ok {
			continue
		}
		s := SSHSession{PID: p.PID}
		s.User, s.Line, _ = strings.Cut(name, "@")
		s.Since, _ = procfs.Started(p.Start)
		inodes := map[string]bool{}
		procfs.SocketInodes(p.PID, inodes)
		for inode := range inodes {
			if peer, connected := peers[inode]; connected {
				s.Peer = peer
			}
		}
		if s.Peer.IsValid() {
			list = append(list, s)
		}
	}
	return list
}

// sshConnection reads "SSH_CONNECTION=client-address client-port server-address server-port".
func sshConnection(env []byte) (netip.AddrPort, bool) {
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		value, ok := bytes.CutPrefix(entry, []byte("SSH_CONNECTION="))
		if !ok {
			continue
		}
		words := strings.Fields(string(value))
		if len(words) < 2 {
			return netip.AddrPort{}, false
		}
		addr, err1 := netip.ParseAddr(words[0])
		port, err2 := strconv.ParseUint(words[1], 10, 16)
		return netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)), err1 == nil && err2 == nil
	}
	return netip.AddrPort{}, false
}
