package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/dhcp"
)

// dhcpKeywords are the DHCP keywords of Suricata 8 ("DHCP keywords" in its manual).
func dhcpKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.DHCP), when(app.ToClient, 0, app.DHCP)...)
	of := func(code uint8) func(*view) (uint64, bool) {
		return func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*dhcp.Message); ok {
				return m.Seconds(code)
			}
			return 0, false
		}
	}
	return []Keyword{
		number("dhcp.leasetime", 64, both, of(dhcp.OptLeaseTime)),
		number("dhcp.rebinding_time", 64, both, of(dhcp.OptRebindingTime)),
		number("dhcp.renewal_time", 64, both, of(dhcp.OptRenewalTime)),
	}
}
