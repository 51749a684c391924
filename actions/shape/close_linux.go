package shape

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"

	"picket/actions"
	"picket/actions/firewall"
)

// closeNow ends what a party has open: conntrack entries and this host's own sockets. A party whose frames only pass a
// bridge is an error: connection tracking sees nothing of it.
func closeNow(p netip.Prefix) (string, error) {
	closed, err := firewall.CutNow(p)
	if err != nil {
		return "", err
	}
	if bridge := behind(p.Addr()); closed == 0 && bridge != "" {
		return "", fmt.Errorf("no connection of %s is known, and its frames may pass the bridge %s unseen by connection tracking (set net.bridge.bridge-nf-call-iptables and -ip6tables, or ban it)",
			actions.Text(p), bridge)
	}
	return fmt.Sprintf("%d connections of %s were closed\n", closed, actions.Text(p)), nil
}

// behind is the bridge behind which an address is reached without a router, when its frames are not handed to the hooks
// of IP; "" for none.
func behind(a netip.Addr) string {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 || len(routes[0].Gw) > 0 || bridgedFramesAreFiltered(a) {
		return ""
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err == nil && link.Attrs().MasterIndex != 0 {
		link, err = netlink.LinkByIndex(link.Attrs().MasterIndex)
	}
	if err != nil || link.Type() != "bridge" {
		return ""
	}
	return link.Attrs().Name
}

// bridgedFramesAreFiltered tells whether br_netfilter hands bridged frames of a's family to the hooks of IP.
func bridgedFramesAreFiltered(a netip.Addr) bool {
	name := "iptables"
	if a.Is6() {
		name = "ip6tables"
	}
	text, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-" + name)
	return err == nil && strings.TrimSpace(string(text)) != "0"
}
