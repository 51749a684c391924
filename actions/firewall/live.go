package firewall

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ti-mo/conntrack"

	"picket/actions"
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

// CutNow closes what a prefix has open, conntrack entries and this host's sockets, and returns how many entries there
// were. It is done when it returns.
func CutNow(p netip.Prefix) (closed int, err error) {
	if closed, _, err = Live(p); err != nil {
		return 0, err
	}
	conn, err := conntrack.Dial(nil)
	if err != nil {
		return 0, fmt.Errorf("open conntrack: %w", err)
	}
	c := &cutter{conn: conn}
	party := lengths(map[actions.Target]bool{{Prefix: p}: true})
	return closed, errors.Join(c.flows(party), sockets(party), conn.Close())
}
