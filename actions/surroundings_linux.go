package actions

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"picket/actions/procfs"
)

// ThisHost returns Surroundings that read who this host depends on, from the kernel and /etc/resolv.conf: its own
// addresses, the gateways of its routes, its resolvers and time servers, and who is logged in over SSH.
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
	clocks, err5 := timeServers("/proc/net/udp", "/proc/net/udp6")
	return slices.Concat(own, gateways, resolvers, sessions, clocks), errors.Join(err1, err2, err3, err4, err5)
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
			list = append(list, Protected{Prefix: single(ip), Why: "an address of this host"})
		}
		if ip, ok := netip.AddrFromSlice(a.Broadcast); ok && !ip.IsUnspecified() {
			list = append(list, Protected{Prefix: single(ip), Why: "a broadcast address of this host's networks"})
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
			list = append(list, Protected{Prefix: single(a), Why: "a gateway of this host"})
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
				list = append(list, Protected{Prefix: single(a), Why: "a resolver of this host"})
			}
		}
	}
	return list, nil
}

// timeServers are the peers of connected UDP sockets on port 123; those that the configuration names are in TimeNames.
func timeServers(files ...string) (list []Protected, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return list, fmt.Errorf("read time servers: %w", err)
		}
		for c := range procfs.Sockets(text) {
			if c.Remote.Port() == 123 && !c.Remote.Addr().IsUnspecified() {
				list = append(list, Protected{Prefix: single(c.Remote.Addr()), Why: "a time server of this host"})
			}
		}
	}
	return list, nil
}

// TimeNames are the time servers that this host's configuration names: chrony's, ntpd's, systemd-timesyncd's.
func TimeNames() []NamedParty {
	files, _ := filepath.Glob("/etc/chrony/sources.d/*.sources")
	files = append(files, "/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf")
	var list []NamedParty
	for _, file := range files {
		text, _ := os.ReadFile(file) // most are not there
		for line := range strings.Lines(string(text)) {
			for _, name := range timeServersOf(line) {
				list = append(list, NamedParty{name, "a time server of this host (" + name + ")"})
			}
		}
	}
	return list
}

// timeServersOf reads "server NAME …", "pool NAME …", "peer NAME …" and timesyncd's "NTP=NAME NAME".
func timeServersOf(line string) []string {
	if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && (key == "NTP" || key == "FallbackNTP") {
		return strings.Fields(value)
	}
	words := strings.Fields(line)
	if len(words) >= 2 && slices.Contains([]string{"server", "pool", "peer"}, words[0]) {
		return words[1:2]
	}
	return nil
}

func sortProtected(list []Protected) {
	slices.SortFunc(list, func(a, b Protected) int { return a.Prefix.Compare(b.Prefix) })
}
