package eve

import (
	"strings"

	"picket/traffic/app"
	"picket/traffic/packet"
)

// Anomalies writes a record for each decoder and stream event of the packet. names tells the name of events that
// packet does not know ("pkt_invalid_ack"): those of the stream.
func (l *Logger) Anomalies(at *Moment, names func(packet.Event) string) {
	if !l.cfg.Enabled("anomaly") || at.Packet == nil {
		return
	}
	for _, e := range at.Packet.Events[:at.Packet.NEvents] {
		kind, on, name := "decode", l.cfg.AnomalyDecode, e.Name()
		if e >= packet.FirstStreamEvent {
			kind, on, name = "stream", l.cfg.AnomalyStream, streamEvent(e, names)
		}
		if !on || name == "" {
			continue
		}
		l.head("anomaly", at.Packet, at.Flow, AsPacket, at.Time)
		if l.cfg.Settings["anomaly.packethdr"] == "yes" {
			l.frame(at.Packet)
		}
		l.json.Object("anomaly")
		l.json.Str("type", kind)
		l.json.Str("event", name)
		l.json.EndObject()
		l.finish()
	}
}

// Layers of an application anomaly.
const (
	layerDetect = "proto_detect"
	layerParser = "proto_parser"
)

// TxAnomalies writes a record for each event of a transaction from the first-th on and returns how many events
// there are now, for the next call.
func (l *Logger) TxAnomalies(tx *app.Transaction, at *Moment, first int) int {
	if l.cfg.AnomalyApp && l.cfg.Enabled("anomaly") {
		for _, e := range tx.Events[min(first, len(tx.Events)):] {
			l.appAnomaly(at, tx, tx.Proto, e, layerParser)
		}
	}
	return len(tx.Events)
}

// ConnAnomalies is TxAnomalies for the events of a connection that belong to no transaction.
func (l *Logger) ConnAnomalies(at *Moment, first int) int {
	c := at.conn()
	if c == nil {
		return first
	}
	if l.cfg.AnomalyApp && l.cfg.Enabled("anomaly") {
		for _, e := range c.Events[min(first, len(c.Events)):] {
			l.appAnomaly(at, nil, c.Proto, e, layerDetect)
		}
	}
	return len(c.Events)
}

// appAnomaly writes one application event (output-json-anomaly.c). Events of the protocol detection are written
// in capitals, as Suricata has them.
func (l *Logger) appAnomaly(at *Moment, tx *app.Transaction, proto app.Proto, event, layer string) {
	l.head("anomaly", at.Packet, at.Flow, AsPacket, at.Time)
	j := &l.json
	if tx != nil {
		j.Uint("tx_id", tx.ID)
	}
	j.Object("anomaly")
	j.Str("app_proto", proto.String())
	j.Str("type", "applayer")
	if capitals(proto) || layer == layerDetect {
		event = strings.ToUpper(event)
	}
	j.Str("event", event)
	j.Str("layer", layer)
	j.EndObject()
	l.finish()
}

// capitals tells whether Suricata's table of the protocol's events is written in capitals: the parsers that were
// written in C.
func capitals(p app.Proto) bool {
	switch p {
	case app.HTTP1, app.SMTP, app.TLS:
		return true
	}
	return false
}

// ARP writes an arp record for a packet with an ARP message.
func (l *Logger) ARP(at *Moment) {
	if !l.cfg.Enabled("arp") || at.Packet == nil {
		return
	}
	a, ok := at.Packet.ReadARP()
	if !ok {
		return
	}
	l.head("arp", at.Packet, nil, AsPacket, at.Time)
	j := &l.json
	j.Object("arp")
	j.Str("hw_type", "ethernet")
	j.Str("proto_type", "ipv4")
	if int(a.Opcode) < len(arpOpcodes) && arpOpcodes[a.Opcode] != "" {
		j.Str("opcode", arpOpcodes[a.Opcode])
	} else {
		j.Uint("opcode", uint64(a.Opcode))
	}
	j.MAC("src_mac", a.SrcMAC[:])
	j.Addr("src_ip", a.SrcIP, 4)
	j.MAC("dest_mac", a.DstMAC[:])
	j.Addr("dest_ip", a.DstIP, 4)
	j.EndObject()
	l.finish()
}

var arpOpcodes = [...]string{
	1: "request", 2: "reply", 3: "reverse_request", 4: "reverse_reply", 8: "inverse_request", 9: "inverse_reply", 10: "nak",
}
