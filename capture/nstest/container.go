package nstest

import "strings"

// The container behind the gateway's bridge, and the addresses of the bridge.
const (
	Bridge                 = "docker0"
	BridgeNet4, BridgeNet6 = "172.17.0.1", "fd17::1"
	Container4, Container6 = "172.17.0.2", "fd17::2"
	Published4, Published6 = GatewayA4, GatewayA6 // where the world reaches it, on PublishedPort
	PublishedPort          = "8080"
	bridgePort             = "vethc"
)

// EngineTable is what an engine of containers lays down: DNAT to the container's port 80, and masquerading.
const EngineTable = `
table inet engine {
	chain pre {
		type nat hook prerouting priority dstnat
		ip daddr ` + Published4 + ` tcp dport ` + PublishedPort + ` dnat ip to ` + Container4 + `:80
		ip6 daddr ` + Published6 + ` tcp dport ` + PublishedPort + ` dnat ip6 to [` + Container6 + `]:80
	}
	chain post {
		type nat hook postrouting priority srcnat
		oifname != "` + Bridge + `" ip saddr 172.17.0.0/16 masquerade
		oifname != "` + Bridge + `" ip6 saddr fd17::/64 masquerade
	}
}
`

// FirstTable is a firewall that accepts everything first, in every hook that it uses, ingress too.
const FirstTable = `
table inet other {
	chain ingress { type filter hook ingress device ` + GatewayIfaceA + ` priority -600; accept; }
	chain pre { type filter hook prerouting priority -500; accept; }
	chain input { type filter hook input priority -500; accept; }
	chain forward { type filter hook forward priority -500; accept; }
	chain output { type filter hook output priority -500; accept; }
}
`

// Container puts a host behind a bridge of the gateway.
func (g *Gateway) Container(t T) *Host {
	t.Helper()
	c := NewHost(t, "container")
	Link(t, c, HostIface, g.GW, bridgePort)
	g.GW.ip(t,
		"link add "+Bridge+" type bridge", "link set "+bridgePort+" master "+Bridge, "link set "+Bridge+" up",
		"address add "+BridgeNet4+"/16 dev "+Bridge, "address add "+BridgeNet6+"/64 dev "+Bridge+" nodad")
	c.ip(t,
		"address add "+Container4+"/16 dev "+HostIface, "address add "+Container6+"/64 dev "+HostIface+" nodad",
		"route add default via "+BridgeNet4, "-6 route add default via "+BridgeNet6)
	return c
}

// Addresses of host b in the network of host a, once they share a bridge.
const Bridged4, Bridged6 = "10.91.1.3", "fd91:1::3"

// Bridged makes the gateway a switch between its hosts: what they say to each other there passes no hook of IP, unless
// the kernel hands bridged frames to it (setting is that of net.bridge.bridge-nf-call-iptables and -ip6tables).
func (g *Gateway) Bridged(t T, filtered bool) {
	t.Helper()
	g.GW.ip(t, "link add br0 type bridge", "link set "+GatewayIfaceA+" master br0", "link set "+GatewayIfaceB+" master br0", "link set br0 up")
	g.B.ip(t, "address add "+Bridged4+prefixLength4+" dev "+HostIface, "address add "+Bridged6+prefixLength6+" dev "+HostIface+" nodad")
	value := "0"
	if filtered {
		value = "1"
	}
	g.GW.Do(t, func() {
		for _, name := range []string{"iptables", "ip6tables"} {
			setting(t, "/proc/sys/net/bridge/bridge-nf-call-"+name, value)
		}
	})
}

// ip runs lines of ip(8) on a host.
func (h *Host) ip(t T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		h.Run(t, "ip", strings.Fields(line)...)
	}
}
