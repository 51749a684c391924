package eve

import (
	"net/netip"

	"picket/traffic/app"
	"picket/traffic/app/dhcp"
)

// appendDHCP writes a message as rust/src/dhcp/logger.rs does. Without the setting "dhcp.extended" only what leases
// addresses is written, with few fields.
func appendDHCP(j *JSON, tx *app.Transaction, c *Context) bool {
	m, ok := tx.Data.(*dhcp.Message)
	if !ok {
		return false
	}
	extended, set := yesNo(c.Cfg.Settings["dhcp.extended"])
	extended = extended || !set && c.Cfg.All
	kind, _ := m.Get(dhcp.OptType)
	if !extended && !c.Alert && (len(kind) == 0 || kind[0] != dhcp.TypeAck) {
		return false
	}
	j.Object("dhcp")
	switch m.Op {
	case dhcp.Request:
		j.Str("type", "request")
	case dhcp.Reply:
		j.Str("type", "reply")
	default:
		j.Str("type", "<unknown>")
	}
	j.Uint("id", uint64(m.ID))
	j.Str("client_mac", colonHex(m.ClientMAC))
	j.Str("assigned_ip", ip4(m.AssignedIP[:]))
	if extended {
		j.Str("client_ip", ip4(m.ClientIP[:]))
		if m.Op == dhcp.Reply {
			j.Str("relay_ip", ip4(m.RelayIP[:]))
			j.Str("next_server_ip", ip4(m.NextServerIP[:]))
		}
	}
	for i := range m.Options {
		dhcpOption(j, m, &m.Options[i], extended)
	}
	j.EndObject()
	return true
}

// ip4 prints four bytes as an address; anything else is nothing.
func ip4(b []byte) string {
	if len(b) != 4 {
		return ""
	}
	return netip.AddrFrom4([4]byte(b)).String()
}

func dhcpOption(j *JSON, m *dhcp.Message, o *dhcp.Option, extended bool) {
	switch o.Code {
	case dhcp.OptClientID:
		j.Str("client_id", colonHex(o.Data[1:]))
	case dhcp.OptHostname:
		if len(o.Data) > 0 {
			j.Text("hostname", o.Data)
		}
	case dhcp.OptType:
		if len(o.Data) > 0 {
			j.Str("dhcp_type", dhcp.TypeName(o.Data[0]))
		}
	case dhcp.OptRenewalTime:
		dhcpSeconds(j, "renewal_time", m, o.Code)
	}
	if extended {
		dhcpExtended(j, m, o)
	}
}

func dhcpSeconds(j *JSON, key string, m *dhcp.Message, code uint8) {
	if s, ok := m.Seconds(code); ok {
		j.Uint(key, s)
	}
}

func dhcpExtended(j *JSON, m *dhcp.Message, o *dhcp.Option) {
	switch o.Code {
	case dhcp.OptLeaseTime:
		dhcpSeconds(j, "lease_time", m, o.Code)
	case dhcp.OptRebindingTime:
		dhcpSeconds(j, "rebinding_time", m, o.Code)
	case dhcp.OptSubnetMask:
		j.Str("subnet_mask", ip4(o.Data))
	case dhcp.OptRequestedIP:
		j.Str("requested_ip", ip4(o.Data))
	case dhcp.OptVendorClass:
		j.Text("vendor_class_identifier", o.Data)
	case dhcp.OptDNSServers:
		dhcpAddresses(j, "dns_servers", o.Data)
	case dhcp.OptRouters:
		dhcpAddresses(j, "routers", o.Data)
	case dhcp.OptParameterList:
		j.Array("params")
		for _, p := range o.Data {
			if name := dhcpParameters[p]; name != "" {
				j.Str("", name)
			}
		}
		j.EndArray()
	}
}

func dhcpAddresses(j *JSON, key string, b []byte) {
	j.Array(key)
	for ; len(b) >= 4; b = b[4:] {
		j.Str("", ip4(b[:4]))
	}
	j.EndArray()
}

// dhcpParameters names the options that a client may ask for, as far as Suricata does.
var dhcpParameters = map[byte]string{1: "subnet_mask", 3: "router", 6: "dns_server", 15: "domain", 35: "arp_timeout",
	42: "ntp_server", 66: "tftp_server_name", 150: "tftp_server_ip"}
