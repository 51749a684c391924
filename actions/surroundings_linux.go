package actions

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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
	resolvers, err3 := resolvers(resolverFiles()...)
	sessions, err4 := ssh.peers("/proc/net/tcp", "/proc/net/tcp6")
	recorded, err6 := recordedSessions()
	clocks, err5 := timeServers("/proc/net/udp", "/proc/net/udp6")
	return slices.Concat(own, gateways, resolvers, sessions, recorded, clocks), errors.Join(err1, err2, err3, err4, err5, err6)
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
	// Of all tables: policy routing and VRFs have gateways of their own.
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
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

// resolverFiles are the files that say whom this host or its local resolver asks: resolv.conf, and what systemd-resolved,
// NetworkManager, resolvconf and dnsmasq keep beside it.
func resolverFiles() []string {
	files := []string{
		"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf",
		"/run/dnsmasq/resolv.conf", "/run/resolvconf/resolv.conf", "/etc/resolv.dnsmasq", "/etc/resolv.dnsmasq.conf",
		"/etc/systemd/resolved.conf", "/etc/dnsmasq.conf",
	}
	for _, pattern := range []string{
		"/etc/systemd/resolved.conf.d/*.conf", "/run/systemd/resolved.conf.d/*.conf", "/etc/dnsmasq.d/*", "/run/systemd/netif/links/*",
		"/run/systemd/netif/leases/*",
	} {
		more, _ := filepath.Glob(pattern) // the patterns are right
		files = append(files, more[:min(len(more), maxConfigFiles)]...)
	}
	return files
}

// maxConfigFiles bounds the files of one folder that are read, maxConfigBytes what is read of each.
const (
	maxConfigFiles = 64
	maxConfigBytes = 1 << 20
)

func resolvers(files ...string) ([]Protected, error) {
	var list []Protected
	var failed error
	for _, file := range files {
		text, err := readConfig(file)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("read resolvers: %w", err))
		}
		for line := range strings.Lines(string(text)) {
			for _, word := range resolversOf(line) {
				if a, err := netip.ParseAddr(word); err == nil && !a.IsLoopback() {
					list = append(list, Protected{Prefix: single(a), Why: "a resolver of this host"})
				}
			}
		}
	}
	return list, failed
}

// readConfig reads a file of somebody else's; one that is not there is empty.
func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfigBytes))
}

// resolversOf reads "nameserver ADDR" (resolv.conf(5)), "DNS=ADDR[:PORT][%IF][#NAME] …" and "FallbackDNS=…"
// (resolved.conf(5), and the leases of systemd-networkd), and "server=[/domain/]ADDR[#PORT][@SOURCE]" (dnsmasq(8)).
func resolversOf(line string) (words []string) {
	line = strings.TrimSpace(line)
	key, value, ok := strings.Cut(line, "=")
	rest, isServer := strings.CutPrefix(line, "nameserver")
	switch key = strings.TrimSpace(key); {
	case isServer:
		words = strings.Fields(rest)
		words = words[:min(len(words), 1)]
	case !ok:
	case key == "DNS" || key == "FallbackDNS":
		words = strings.Fields(value)
	case key == "server":
		words = []string{value[strings.LastIndexByte(value, '/')+1:]}
	}
	for i, w := range words {
		words[i] = bareAddress(strings.TrimSpace(w))
	}
	return words
}

// bareAddress takes port, interface and name away from an address.
func bareAddress(w string) string {
	if end := strings.IndexAny(w, "#@%"); end >= 0 {
		w = w[:end]
	}
	if ap, err := netip.ParseAddrPort(w); err == nil {
		return ap.Addr().String()
	}
	return strings.Trim(w, "[]")
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

// TimeNames are the time servers that this host's configuration names: chrony's, ntpd's, openntpd's, systemd-timesyncd's,
// and those of leases.
func TimeNames() []NamedParty {
	files := []string{"/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf", "/etc/openntpd/ntpd.conf"}
	for _, pattern := range []string{
		"/etc/chrony/sources.d/*.sources", "/etc/chrony/conf.d/*.conf", "/etc/chrony.d/*.conf", "/run/chrony-dhcp/*.sources", "/etc/ntpsec/ntp.d/*.conf",
		"/etc/systemd/timesyncd.conf.d/*.conf", "/run/systemd/timesyncd.conf.d/*.conf", "/usr/lib/systemd/timesyncd.conf.d/*.conf",
		"/run/systemd/netif/links/*", "/run/systemd/netif/leases/*",
	} {
		more, _ := filepath.Glob(pattern)
		files = append(files, more[:min(len(more), maxConfigFiles)]...)
	}
	var list []NamedParty
	for _, file := range files {
		text, _ := readConfig(file) // what can't be read names nobody; connected clients are found by their sockets
		for line := range strings.Lines(string(text)) {
			for _, name := range timeServersOf(line) {
				list = append(list, NamedParty{name, "a time server of this host (" + name + ")"})
			}
		}
	}
	return list
}

// timeServersOf reads "server NAME …", "servers NAME …", "pool NAME …", "peer NAME …" and "NTP=NAME NAME".
func timeServersOf(line string) []string {
	if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && (key == "NTP" || key == "FallbackNTP") {
		return strings.Fields(value)
	}
	words := strings.Fields(line)
	if len(words) >= 2 && slices.Contains([]string{"server", "servers", "pool", "peer"}, words[0]) {
		return words[1:2]
	}
	return nil
}

func sortProtected(list []Protected) {
	slices.SortFunc(list, func(a, b Protected) int { return a.Prefix.Compare(b.Prefix) })
}
