package actions

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ThisHost returns Surroundings that read who this host depends on, from the kernel and /etc/resolv.conf: its own
// addresses, the gateways of its routes, its resolvers, and the peers of established connections to its SSH server.
// The returned function may be called by one goroutine at a time.
func ThisHost() Surroundings {
	ssh := &sshServer{}
	return func() ([]Protected, error) { return surroundings(ssh) }
}

func surroundings(ssh *sshServer) ([]Protected, error) {
	own, err1 := ownAddresses()
	gateways, err2 := gateways()
	resolvers, err3 := resolvers("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
	sessions, err4 := ssh.peers("/proc/net/tcp", "/proc/net/tcp6")
	list := append(own, gateways...)
	list = append(append(list, resolvers...), sessions...)
	return list, errors.Join(err1, err2, err3, err4)
}

func single(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

func ownAddresses() ([]Protected, error) {
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("read this host's addresses: %w", err)
	}
	var list []Protected
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			list = append(list, Protected{single(ip), "an address of this host"})
		}
		if ip, ok := netip.AddrFromSlice(a.Broadcast); ok && !ip.IsUnspecified() {
			list = append(list, Protected{single(ip), "a broadcast address of this host's networks"})
		}
	}
	return list, nil
}

func gateways() ([]Protected, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	var list []Protected
	add := func(ip net.IP) {
		if a, ok := netip.AddrFromSlice(ip); ok {
			list = append(list, Protected{single(a), "a gateway of this host"})
		}
	}
	for _, r := range routes {
		add(r.Gw)
		if via, ok := r.Via.(*netlink.Via); ok && via != nil {
			add(via.Addr)
		}
		for _, hop := range r.MultiPath {
			add(hop.Gw)
		}
	}
	return list, nil
}

func resolvers(files ...string) ([]Protected, error) {
	var list []Protected
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return list, fmt.Errorf("read resolvers: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "nameserver" {
				continue
			}
			if a, err := netip.ParseAddr(words[1]); err == nil {
				list = append(list, Protected{single(a), "a resolver of this host"})
			}
		}
	}
	return list, nil
}

// tcpConn is one line of /proc/net/tcp (proc(5)).
type tcpConn struct {
	local, remote netip.AddrPort
	state         uint64
}

// peers finds the peers of connections to the ports that look like an SSH server's: 22, and every listening port of
// the processes named sshd.
func (s *sshServer) peers(files ...string) ([]Protected, error) {
	ports := s.ports(time.Now())
	var list []Protected
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return list, fmt.Errorf("read connections: %w", err)
		}
		for c := range conns(text) {
			if c.state == unix.BPF_TCP_ESTABLISHED && ports[c.local.Port()] {
				list = append(list, Protected{single(c.remote.Addr()), fmt.Sprintf("the peer of a live SSH session (port %d)", c.local.Port())})
			}
		}
	}
	return list, nil
}

func conns(text []byte) func(yield func(tcpConn) bool) {
	return func(yield func(tcpConn) bool) {
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			words := strings.Fields(lines.Text())
			if len(words) < 8 {
				continue
			}
			local, ok1 := procAddr(words[1])
			remote, ok2 := procAddr(words[2])
			state, err := strconv.ParseUint(words[3], 16, 8)
			if ok1 && ok2 && err == nil && !yield(tcpConn{local: local, remote: remote, state: state}) {
				return
			}
		}
	}
}

// procAddr reads "0100007F:0016": the address as words in host order, the port in hex.
func procAddr(text string) (netip.AddrPort, bool) {
	addr, port, _ := strings.Cut(text, ":")
	raw, err1 := hex.DecodeString(addr)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if err1 != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), ok
}
