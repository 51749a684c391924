package language

import "net/netip"

// AddrSet is a resolved address list: positive and negated prefixes. An address is in it when it lies in In
// (or In is empty) and not in Not.
type AddrSet struct {
	Any bool
	In  []netip.Prefix // ranges are cut into prefixes
	Not []netip.Prefix
}

// PortSet is a resolved port list as sorted, merged ranges with all negations applied.
type PortSet struct {
	Any    bool
	Ranges []PortRange
}

// PortRange is inclusive.
type PortRange struct{ Lo, Hi uint16 }

// Vars are the variables of a rules file, by name without the dollar sign.
type Vars struct {
	Address map[string]string // HOME_NET: "[192.168.0.0/16,10.0.0.0/8]"
	Port    map[string]string // HTTP_PORTS: "80"
	// Lacks tells whether something that a rule's requires option names is not there: kind is "feature" ("ja4") or
	// "keyword" ("http.uri"). nil: everything is there.
	Lacks func(kind, name string) bool
}

// DefaultVars are Suricata's defaults, and what else Snort 3 has of them.
func DefaultVars() Vars {
	return Vars{
		Address: map[string]string{
			"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]", "EXTERNAL_NET": "!$HOME_NET",
			"HTTP_SERVERS": "$HOME_NET", "SMTP_SERVERS": "$HOME_NET", "SQL_SERVERS": "$HOME_NET",
			"DNS_SERVERS": "$HOME_NET", "TELNET_SERVERS": "$HOME_NET", "AIM_SERVERS": "$EXTERNAL_NET",
			"DC_SERVERS": "$HOME_NET", "DNP3_SERVER": "$HOME_NET", "DNP3_CLIENT": "$HOME_NET",
			"MODBUS_CLIENT": "$HOME_NET", "MODBUS_SERVER": "$HOME_NET", "ENIP_CLIENT": "$HOME_NET",
			"ENIP_SERVER": "$HOME_NET",
			"SIP_SERVERS": "$HOME_NET", "FTP_SERVERS": "$HOME_NET", "SSH_SERVERS": "$HOME_NET", // Snort's
		},
		Port: map[string]string{
			"HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521", "SSH_PORTS": "22",
			"DNP3_PORTS": "20000", "MODBUS_PORTS": "502", "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
			"FTP_PORTS": "21", "GENEVE_PORTS": "6081", "VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544",
			"SIP_PORTS": "[5060, 5061]",
		},
	}
}
