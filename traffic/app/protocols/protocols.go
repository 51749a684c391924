// Package protocols is the table of all application protocols that picket knows: one line each.
package protocols

import (
	"picket/traffic/app"
	"picket/traffic/app/dcerpc"
	"picket/traffic/app/dhcp"
	"picket/traffic/app/dnp3"
	"picket/traffic/app/dns"
	"picket/traffic/app/enip"
	"picket/traffic/app/ftp"
	"picket/traffic/app/http1"
	"picket/traffic/app/http2"
	"picket/traffic/app/ike"
	"picket/traffic/app/krb5"
	"picket/traffic/app/ldap"
	"picket/traffic/app/modbus"
	"picket/traffic/app/mqtt"
	"picket/traffic/app/nfs"
	"picket/traffic/app/ntp"
	"picket/traffic/app/pgsql"
	"picket/traffic/app/pop3"
	"picket/traffic/app/quic"
	"picket/traffic/app/rdp"
	"picket/traffic/app/rfb"
	"picket/traffic/app/sip"
	"picket/traffic/app/smb"
	"picket/traffic/app/smtp"
	"picket/traffic/app/snmp"
	"picket/traffic/app/ssh"
	"picket/traffic/app/telnet"
	"picket/traffic/app/tftp"
	"picket/traffic/app/tls"
	"picket/traffic/app/websocket"
)

// All returns the table. Where several protocols could claim the same bytes the earlier line wins.
func All() []app.Protocol {
	return append([]app.Protocol{
		http1.Protocol(),
		http2.Protocol(),
		http2.DNS(),
		quic.Protocol(),
		dnp3.Protocol(),
		tls.Protocol(),
		ssh.Protocol(),
		smtp.Protocol(),
		dns.TCP(),
		dns.UDP(),
		dns.MDNS(),
		ftp.Control(),
		ftp.Data(),
		dcerpc.TCP(),
		dcerpc.UDP(),
		smb.Protocol(),
		nfs.Protocol(),
		mqtt.Protocol(),
		sip.UDP(),
		sip.TCP(),
		pgsql.Protocol(),
		rfb.Protocol(),
		websocket.Protocol(),
		ldap.TCP(),
		ldap.UDP(),
		krb5.TCP(),
		krb5.UDP(),
		snmp.Protocol(),
		tftp.Protocol(),
		dhcp.Protocol(),
		ntp.Protocol(),
		pop3.Protocol(),
		ike.Protocol(),
		rdp.Protocol(),
		telnet.Protocol(),
		enip.TCP(),
		enip.UDP(),
		modbus.Protocol(),
	}, detectionOnly()...)
}
