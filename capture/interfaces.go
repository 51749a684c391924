package capture

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// DefaultInterfaces names the interfaces that hold a default route, IPv4 or IPv6, in the order of their index.
func DefaultInterfaces() ([]string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	has := map[int]bool{}
	for _, r := range routes {
		if r.Dst == nil || isZero(r.Dst) {
			has[r.LinkIndex] = true
			for _, hop := range r.MultiPath {
				has[hop.LinkIndex] = true
			}
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("read interfaces: %w", err)
	}
	var names []string
	for _, l := range links {
		if has[l.Index] && l.Flags&net.FlagLoopback == 0 {
			names = append(names, l.Name)
		}
	}
	return names, nil
}

func isZero(n *net.IPNet) bool {
	ones, _ := n.Mask.Size()
	return ones == 0 && n.IP.IsUnspecified()
}
