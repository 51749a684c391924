package main

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"picket/capture/nstest"
)

// foreignTables is what runs beside picket on a host of containers: DNAT to a container, and a firewall that accepts
// everything, first in every hook that it uses.
const foreignTables = `
table ip nat {
	chain pre {
		type nat hook prerouting priority dstnat
		iifname toa tcp dport 8080 dnat to ` + nstest.B4 + `:80
	}
}
table inet other {
	chain pre {
		type filter hook prerouting priority -500
		accept
	}
	chain forward {
		type filter hook forward priority -500
		accept
	}
}
`

// TestBanCoversTheForwardPath: who is banned as part of a prefix reaches neither the host nor what is behind its DNAT,
// whatever other tables accept.
func TestBanCoversTheForwardPath(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	s.write("foreign.nft", foreignTables)
	s.kernel("-f", s.dir+"/foreign.nft")
	s.start()
	container := func() error {
		c, err := g.A.Dial(t, "tcp", net.JoinHostPort(nstest.GatewayA4, "8080"))
		if err == nil {
			_, err = ask(c, "/")
			c.Close()
		}
		return err
	}
	if err := container(); err != nil {
		t.Fatal("the container is not reached:", err)
	}
	if out := s.must("ban", nstest.A4+"/31", "--for", "1h"); !strings.Contains(out, "the kernel holds it") {
		t.Error(out)
	}
	if container() == nil {
		t.Error("the banned host reaches the container")
	}
	s.must("unban", nstest.A4+"/31")
	if err := container(); err != nil {
		t.Error("after unban:", err)
	}
	s.stop(syscall.SIGTERM)
}
