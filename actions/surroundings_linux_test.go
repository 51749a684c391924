package actions

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"picket/capture/nstest"
)

func TestResolversOf(t *testing.T) {
	for line, want := range map[string]string{
		"nameserver 192.0.2.1":              "192.0.2.1",
		"nameserver\tfe80::1%eth0":          "fe80::1",
		"# nameserver 192.0.2.1":            "",
		"DNS=192.0.2.1 2001:db8::1":         "192.0.2.1 2001:db8::1",
		"DNS=192.0.2.1:53%eth0#dns.example": "192.0.2.1",
		"DNS=[2001:db8::1]:853#dns.example": "2001:db8::1",
		"FallbackDNS=192.0.2.9":             "192.0.2.9",
		"#DNS=192.0.2.1":                    "",
		"server=192.0.2.1#5353":             "192.0.2.1",
		"server=/corp.example/192.0.2.7":    "192.0.2.7",
		"server=/a/b/192.0.2.7@eth1":        "192.0.2.7",
		"server=2001:db8::7@192.0.2.2":      "2001:db8::7",
		"search example.net":                "",
		"ADDRESS=198.51.100.1":              "",
	} {
		var got []string
		for _, w := range resolversOf(line) {
			if a, err := netip.ParseAddr(w); err == nil {
				got = append(got, a.String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", line, got, want)
		}
	}
}

// TestGatewaysOfAllTables: policy routing has gateways of its own.
func TestGatewaysOfAllTables(t *testing.T) {
	g := nstest.NewGateway(t)
	for _, route := range []string{
		"route add default via " + nstest.A4 + " table 100", "-6 route add default via " + nstest.A6 + " table 101",
		"route add 198.51.100.0/24 nexthop via 10.91.1.7 nexthop via 10.91.2.7",
		"route add 203.0.113.0/24 via inet6 " + nstest.B6 + " dev tob",
	} {
		g.GW.Run(t, "ip", strings.Fields(route)...)
	}
	var list []Protected
	var err error
	g.GW.Do(t, func() { list, err = gateways() })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{nstest.A4, nstest.A6, "10.91.1.7", "10.91.2.7", nstest.B6} {
		if !slices.ContainsFunc(list, func(p Protected) bool { return p.Prefix.Addr().String() == want }) {
			t.Errorf("%s is not among the gateways: %v", want, list)
		}
	}
}
