package language

// Actions returns the action names that a rule can begin with.
func Actions() []string {
	return actions[:]
}

var actions = [...]string{"alert", "drop", "pass", "reject", "rejectsrc", "rejectdst", "rejectboth", "config"}

// Protocols returns the protocol names that a rule header can carry: PacketProtocols and AppProtocols.
func Protocols() []string { return protocols[:] }

// PacketProtocols returns the names that speak of packets and streams (detect-engine-proto.c).
func PacketProtocols() []string { return protocols[:packetProtocols] }

// AppProtocols returns the names of application protocols. "http" means http1 and http2, "dns" also doh2.
func AppProtocols() []string { return protocols[packetProtocols:] }

// packetProtocols is the number of names at the head of protocols that are no application protocol.
const packetProtocols = 18

var protocols = [...]string{
	"ip", "ip4", "ipv4", "ip6", "ipv6", "pkthdr", "ether", "arp",
	"tcp", "tcp-pkt", "tcp-stream", "udp", "sctp", "icmp", "icmpv4", "icmpv6", "igmp", "esp",

	"http", "http1", "http2", "dns", "doh2", "tls", "ssh", "smtp", "ftp", "ftp-data", "imap", "pop3", "smb",
	"dcerpc", "nfs", "ntp", "tftp", "dhcp", "krb5", "sip", "rdp", "rfb", "snmp", "mqtt", "pgsql", "ldap", "quic",
	"modbus", "dnp3", "enip", "ike", "websocket", "telnet", "bittorrent-dht", "mdns", "llmnr", "irc", "jabber",
}

func known(name string, list []string) bool {
	for _, have := range list {
		if have == name {
			return true
		}
	}
	return false
}
