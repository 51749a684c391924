package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/ssh"
	"picket/traffic/app/tls"
	"picket/traffic/flow"
)

// TxLogger is one line of the table below: how a protocol's transactions are written.
type TxLogger struct {
	Proto app.Proto
	// Event is the record's event_type.
	Event string
	// Switch is the name that turns the records on in the configuration, where it is not that of the event.
	Switch string
	// Append writes the protocol's members ("http":{...}), into a transaction record or into an alert. False:
	// this transaction has nothing to log; the record is thrown away.
	Append func(j *JSON, tx *app.Transaction, c *Context) bool
	// Client and Server are the progress at which a transaction is logged; 0 means complete.
	Client, Server app.Progress
	// Ready says when a transaction that has come as far is logged; nil: at once.
	Ready func(tx *app.Transaction) bool
	// Each logs a transaction once per direction as it completes, and not once for both.
	Each bool
	// AsPacket: src is who sent the packet at hand. Otherwise src is the client.
	AsPacket bool
	// OneWay: each message is a transaction of its own; src is who sent it.
	OneWay bool
	// OnlyAlert: no records of its own, only members in alerts.
	OnlyAlert bool
}

// Context is what a transaction's Append may look at beside the transaction.
type Context struct {
	Cfg  *Config
	Conn *app.Conn
	Flow *flow.Flow
	// Alert: the members go into an alert record, which may hold more or less than the protocol's own.
	Alert bool
	// Bodies: an HTTP message's content goes along where the configuration wants it; files' records tell of the file.
	Bodies bool
	// Dir is the direction that is logged; valid iff the logger's Each is set.
	Dir app.Direction
}

// loggers holds every protocol that is logged: a new one is one line here and one file with its Append.
var loggers = [...]TxLogger{
	{Proto: app.HTTP1, Event: "http", Append: appendHTTP},
	{Proto: app.HTTP2, Event: "http", Switch: "http2", Append: appendHTTP2},
	{Proto: app.DoH2, Event: "dns", Switch: "doh2", Append: appendDoH2},
	{Proto: app.QUIC, Event: "quic", Append: appendQUIC, AsPacket: true},
	{Proto: app.Modbus, Event: "modbus", Append: appendModbus},
	{Proto: app.ENIP, Event: "enip", Append: appendENIP},
	{Proto: app.DNP3, Event: "dnp3", Append: appendDNP3},
	{Proto: app.DNS, Event: "dns", Append: appendDNS, OneWay: true},
	{Proto: app.MDNS, Event: "mdns", Append: appendMDNS, OneWay: true},
	{Proto: app.TLS, Event: "tls", Append: appendTLS, Client: tls.ClientHelloDone, Server: tls.ServerCertDone,
		Ready: tlsReady},
	{Proto: app.SSH, Event: "ssh", Append: appendSSH, Client: ssh.BannerDone, Server: ssh.BannerDone,
		Ready: sshReady},
	{Proto: app.SMTP, Event: "smtp", Append: appendSMTP},
	{Proto: app.FTP, Event: "ftp", Append: appendFTP},
	{Proto: app.MQTT, Event: "mqtt", Append: appendMQTT, OneWay: true},
	{Proto: app.FTPData, Event: "ftp_data", Append: appendFTPData},
	{Proto: app.DCERPC, Event: "dcerpc", Append: appendDCERPC},
	{Proto: app.SMB, Event: "smb", Append: appendSMB},
	{Proto: app.NFS, Event: "nfs", Append: appendNFS, AsPacket: true},
	{Proto: app.SIP, Event: "sip", Append: appendSIP, AsPacket: true},
	{Proto: app.PgSQL, Event: "pgsql", Append: appendPgSQL},
	{Proto: app.RFB, Event: "rfb", Append: appendRFB, AsPacket: true},
	{Proto: app.WebSocket, Event: "websocket", Append: appendWebSocket, AsPacket: true},
	{Proto: app.LDAP, Event: "ldap", Append: appendLDAP},
	{Proto: app.KRB5, Event: "krb5", Append: appendKRB5, AsPacket: true},
	{Proto: app.SNMP, Event: "snmp", Append: appendSNMP, OneWay: true},
	{Proto: app.TFTP, Event: "tftp", Append: appendTFTP, AsPacket: true},
	{Proto: app.DHCP, Event: "dhcp", Append: appendDHCP, OneWay: true},
	{Proto: app.NTP, Event: "ntp", Append: appendNTP, OneWay: true},
	{Proto: app.POP3, Event: "pop3", Append: appendPOP3},
	{Proto: app.IKE, Event: "ike", Append: appendIKE, OneWay: true},
	{Proto: app.RDP, Event: "rdp", Append: appendRDP, AsPacket: true},
}

// logger returns a protocol's line, or nil.
func logger(p app.Proto) *TxLogger {
	for i := range loggers {
		if loggers[i].Proto == p {
			return &loggers[i]
		}
	}
	return nil
}

// due tells whether a transaction is to be logged now, given what was logged of it before.
func (t *TxLogger) due(tx *app.Transaction) bool {
	if tx.Logged&loggedBoth != 0 {
		return false
	}
	return t.reached(tx, app.ToServer) && t.reached(tx, app.ToClient) && (t.Ready == nil || t.Ready(tx))
}

func (t *TxLogger) reached(tx *app.Transaction, dir app.Direction) bool {
	least := t.Client
	if dir == app.ToClient {
		least = t.Server
	}
	if least == 0 {
		least = app.Complete(tx.Proto)
	}
	return tx.Skip[dir] || tx.Progress[dir] >= least
}

// Bits of Transaction.Logged: one for both directions, one for each.
const (
	loggedBoth uint32 = 1 << iota
	loggedToServer
	loggedToClient
)

// Transaction writes tx's record when it is due. final says that the transaction will not change any more: the
// flow or its parser has ended, and what is there is written.
func (l *Logger) Transaction(tx *app.Transaction, at *Moment, final bool) {
	t := l.wanted[tx.Proto]
	if t == nil {
		return
	}
	if !t.Each {
		if t.due(tx) || final && tx.Logged&loggedBoth == 0 {
			tx.Logged |= loggedBoth
			l.transaction(t, tx, at, app.ToServer)
		}
		return
	}
	for dir, bit := range [2]uint32{loggedToServer, loggedToClient} {
		d := app.Direction(dir)
		if tx.Logged&bit != 0 || tx.Skip[d] || !t.reached(tx, d) && !final {
			continue
		}
		tx.Logged |= bit
		l.transaction(t, tx, at, d)
	}
}

func (l *Logger) transaction(t *TxLogger, tx *app.Transaction, at *Moment, dir app.Direction) {
	o := FromClient
	if t.AsPacket {
		o = AsPacket
	} else if older := t.Proto == app.DNS && l.cfg.Settings["dns.version"] == "2"; t.OneWay && tx.Skip[app.ToServer] && !older {
		o = FromServer
	}
	l.head(t.Event, at.Packet, at.Flow, o, at.Time)
	l.json.Uint("tx_id", tx.ID)
	if !t.Append(&l.json, tx, &Context{Cfg: l.cfg, Conn: at.conn(), Flow: at.Flow, Dir: dir}) {
		return
	}
	l.finish()
}
