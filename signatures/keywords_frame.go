package signatures

import (
	"fmt"
	"slices"
	"strings"

	"picket/traffic/app"
)

// frameNames are the frames that the parsers announce, by protocol (docs.suricata.io, "Frames"; the names are those of
// Suricata 8's parsers). Protocols over TCP have the frame "stream" besides, the direction as a whole.
var frameNames = map[string][]string{
	"dcerpc":    {"pdu", "hdr", "data"},
	"dns":       {"pdu"},
	"enip":      {"pdu", "hdr", "data", "cip", "enip.item"},
	"ftp":       {"command_line", "response_line"},
	"http1":     {"request", "response"},
	"http2":     {"hdr", "data", "pdu"},
	"ldap":      {"pdu"},
	"modbus":    {"pdu"},
	"mqtt":      {"pdu", "header", "data"},
	"nfs":       {"rpc.pdu", "rpc.hdr", "rpc.data", "rpc.creds", "nfs.pdu", "nfs.status", "nfs4.pdu", "nfs4.hdr", "nfs4.ops", "nfs4.status"},
	"pgsql":     {"pdu"},
	"quic":      {"pdu"},
	"rdp":       {"pdu"},
	"rfb":       {"pdu"},
	"sip":       {"pdu", "request.line", "request.headers", "request.body", "response.line", "response.headers", "response.body"},
	"smb":       {"nbss.pdu", "nbss.hdr", "nbss.data", "smb1.pdu", "smb1.hdr", "smb1.data", "smb2.pdu", "smb2.hdr", "smb2.data", "smb3.pdu", "smb3.hdr", "smb3.data"},
	"smtp":      {"command_line", "data", "response_line"},
	"snmp":      {"pdu"},
	"ssh":       {"record.hdr", "record.data", "record.pdu"},
	"telnet":    {"pdu", "ctl", "data"},
	"tls":       {"pdu", "hdr", "data", "alert_pdu", "hb_pdu", "ssl2.hdr", "ssl2.pdu"},
	"websocket": {"pdu", "header", "data"},
}

// parseFrame reads frame, a sticky buffer that shows one part of a protocol's bytes: "dns.pdu", or "pdu" in a rule whose
// header names the protocol.
func parseFrame(b *builder, arg string) error {
	proto, name := frameOf(b.rule.Proto, arg)
	names, ok := frameNames[proto]
	if !ok || !slices.Contains(names, name) && name != app.StreamFrame {
		return fmt.Errorf("unknown frame %q", arg)
	}
	if err := b.app("frame", appProtos(proto)...); err != nil {
		return err
	}
	b.ipOnly = false
	for _, l := range b.lists {
		if l.buffer != nil && l.buffer.Frame == name && len(l.xform) == 0 {
			b.cur, b.sticky = l, true
			return nil
		}
	}
	b.cur, b.sticky = b.newList(&Buffer{Name: "frame:" + arg, Frame: name}), true
	return nil
}

// frameOf splits a frame's name into protocol and frame; the protocol of the rule's header counts where none is given.
func frameOf(header, arg string) (proto, name string) {
	proto, name, dotted := strings.Cut(arg, ".")
	if proto == "http" {
		proto = "http1"
	}
	if _, known := frameNames[proto]; dotted && known && !slices.Contains(frameNames[header], arg) {
		return proto, name
	}
	if header == "http" {
		header = "http1"
	}
	return header, arg
}
