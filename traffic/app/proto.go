package app

// Proto names an application protocol.
type Proto uint8

// The protocols, in no order that matters. Unknown: not looked for or not found yet; Failed: found to be none.
const (
	Unknown Proto = iota
	Failed
	HTTP1
	HTTP2
	DNS
	DoH2
	TLS
	SSH
	SMTP
	FTP
	FTPData
	IMAP
	POP3
	SMB
	DCERPC
	NFS
	NTP
	TFTP
	DHCP
	KRB5
	SIP
	RDP
	RFB
	SNMP
	MQTT
	PgSQL
	LDAP
	QUIC
	Modbus
	DNP3
	ENIP
	IKE
	WebSocket
	Telnet
	BitTorrentDHT
	MDNS
	IRC
	protoCount
)

// Protocols is the number of protocols: every Proto is below it.
const Protocols = int(protoCount)

var protoNames = [protoCount]string{
	Unknown: "unknown", Failed: "failed", HTTP1: "http", HTTP2: "http2", DNS: "dns", DoH2: "doh2", TLS: "tls",
	SSH: "ssh", SMTP: "smtp", FTP: "ftp", FTPData: "ftp-data", IMAP: "imap", POP3: "pop3", SMB: "smb",
	DCERPC: "dcerpc", NFS: "nfs", NTP: "ntp", TFTP: "tftp", DHCP: "dhcp", KRB5: "krb5", SIP: "sip", RDP: "rdp",
	RFB: "rfb", SNMP: "snmp", MQTT: "mqtt", PgSQL: "pgsql", LDAP: "ldap", QUIC: "quic", Modbus: "modbus",
	DNP3: "dnp3", ENIP: "enip", IKE: "ike", WebSocket: "websocket", Telnet: "telnet",
	BitTorrentDHT: "bittorrent-dht", MDNS: "mdns", IRC: "irc",
}

// String is the name that EVE's app_proto carries.
func (p Proto) String() string {
	if p < protoCount {
		return protoNames[p]
	}
	return "unknown"
}

// AnyProto, as Result.Upgrade, says that another protocol follows and that nobody knows which.
const AnyProto Proto = 255

// ProtoCount bounds arrays indexed by Proto.
const ProtoCount = int(protoCount)
