package recon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

// socket is a socket with what people call its kind and state.
type socket struct {
	proto, state  string
	local, remote netip.AddrPort
	inode         string
}

const maxSockets = 20000

// tcpStates are the kernel's numbers from 1 (include/net/tcp_states.h).
var tcpStates = [...]string{"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}

// sockets lists TCP and UDP sockets with the processes that hold them.
func sockets(context.Context, *measure.Order) (string, []incidents.Evidence, error) {
	var list []socket
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/net/" + proto)
		if err != nil {
			continue // no IPv6
		}
		list = append(list, socketsOf(strings.TrimSuffix(proto, "6"), text)...)
	}
	owners := procfs.SocketOwners()
	return table(fmt.Sprintf("%d sockets", len(list)), "PROTO\tSTATE\tLOCAL\tREMOTE\tPROCESS", list[:min(len(list), maxSockets)], func(s socket) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", s.proto, s.state, s.local, s.remote, owner(owners[s.inode]))
	}), nil, nil
}

func owner(pid int) string {
	p, err := procfs.Read(pid)
	if pid == 0 || err != nil {
		return "-"
	}
	return fmt.Sprintf("%d %s", pid, procfs.Printable(p.Comm))
}

func socketsOf(proto string, text []byte) (list []socket) {
	for c := range procfs.Sockets(text) {
		s := socket{proto, "-", c.Local, c.Remote, c.Inode}
		if proto == "tcp" && int(c.State) < len(tcpStates) {
			s.state = tcpStates[c.State]
		}
		list = append(list, s)
	}
	return list
}
