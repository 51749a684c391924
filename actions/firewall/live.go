package firewall

import (
	"fmt"
	"net/netip"

	"github.com/ti-mo/conntrack"
)

// Live counts the connections of a prefix that conntrack knows at this moment, and their bytes where the kernel counts
// them (net.netfilter.nf_conntrack_acct). It reads the whole conntrack table.
func Live(p netip.Prefix) (connections int, bytes uint64, err error) {
	conn, err := conntrack.Dial(nil)
	if err != nil {
		return 0, 0, fmt.Errorf("open conntrack: %w (picket needs CAP_NET_ADMIN)", err)
	}
	defer conn.Close()
	list, err := conn.Dump(nil)
	if err != nil {
		return 0, 0, fmt.Errorf("read conntrack: %w", err)
	}
	for _, f := range list {
		if p.Contains(f.TupleOrig.IP.SourceAddress.Unmap()) || p.Contains(f.TupleOrig.IP.DestinationAddress.Unmap()) {
			connections++
			bytes += f.CountersOrig.Bytes + f.CountersReply.Bytes
		}
	}
	return connections, bytes, nil
}
