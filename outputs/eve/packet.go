package eve

import (
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// packet writes the whole frame, when alerts shall carry it.
func (l *Logger) packet(p *packet.Packet) {
	if !l.cfg.Alert.Packet || p == nil || len(p.Frame) == 0 {
		return
	}
	l.frame(p)
}

func (l *Logger) frame(p *packet.Packet) {
	j := &l.json
	j.Base64("packet", p.Frame)
	j.Object("packet_info")
	j.Uint("linktype", uint64(p.Link))
	if name := linkName(p.Link); name != "" {
		j.Str("linktype_name", name)
	}
	j.EndObject()
}

// linkName is libpcap's name of a link type (pcap_datalink_val_to_name); of raw IP the way Suricata writes it.
func linkName(t packet.LinkType) string {
	switch t {
	case packet.LinkNull:
		return "NULL"
	case packet.LinkEthernet:
		return "EN10MB"
	case packet.LinkPPP:
		return "PPP"
	case packet.LinkRaw, packet.LinkRawBSD, packet.LinkRawOBSD:
		return "RAW"
	case packet.LinkCiscoHDL:
		return "C_HDLC"
	case packet.LinkLoop:
		return "LOOP"
	case packet.LinkSLL:
		return "LINUX_SLL"
	case packet.LinkSLL2:
		return "LINUX_SLL2"
	case packet.LinkIPv4:
		return "IPv4"
	case packet.LinkIPv6:
		return "IPv6"
	}
	return ""
}

// Packet writes a packet record: one that a rule tagged. It is part of the alert log.
func (l *Logger) Packet(at *Moment) {
	if !l.cfg.Enabled("alert") || !l.cfg.Alert.TaggedPackets || at.Packet == nil {
		return
	}
	l.head("packet", at.Packet, at.Flow, AsPacket, at.Time)
	l.frame(at.Packet)
	l.finish()
}

// tunnel writes the outermost packet's sides for a packet that was found in another.
func (l *Logger) tunnel(p *packet.Packet) {
	if p == nil || p.Outer == nil || p.Tunnel == packet.TunnelFragment {
		return
	}
	root := p.Outer
	for root.Outer != nil {
		root = root.Outer
	}
	j := &l.json
	j.Object("tunnel")
	e := ends(root, nil, AsPacket)
	if e.Family != 0 {
		e.write(j)
	}
	j.Uint("depth", uint64(p.Depth))
	if l.cfg.Offline && root.Num != 0 {
		j.Uint("pcap_cnt", root.Num)
	}
	j.Str("pkt_src", packetSource(root))
	j.EndObject()
}

// Drop writes a record of a packet that was dropped. a is the alert that dropped it, or nil.
func (l *Logger) Drop(at *Moment, v *Verdict, a *Alert) {
	p := at.Packet
	if !l.cfg.Enabled("drop") || p == nil || p.Has(packet.Pseudo) || !l.firstDrop(at, a) {
		return
	}
	j := &l.json
	l.head("drop", p, at.Flow, AsPacket, at.Time)
	if at.Flow != nil {
		j.Str("direction", p.Dir.String())
	}
	j.Object("drop")
	ipFields(j, p)
	transportFields(j, p)
	if v.Reason != "" {
		j.Str("reason", v.Reason)
	}
	j.EndObject()
	if a != nil && l.cfg.DropAlerts {
		l.alertObject(a, at)
	}
	if l.cfg.Alert.Verdict {
		verdict(j, v)
	}
	l.finish()
}

// firstDrop tells whether a drop is to be written: of a flow that is dropped as a whole one packet per direction
// is enough, unless a rule dropped this very packet.
func (l *Logger) firstDrop(at *Moment, a *Alert) bool {
	f := at.Flow
	if l.cfg.DropAll || f == nil || a != nil || f.Action != flow.Drop && f.Action != flow.Reject {
		return true
	}
	d := &l.dropped[f.ID%uint64(len(l.dropped))]
	if d.id != f.ID {
		*d = droppedFlow{id: f.ID}
	}
	bit := uint8(1) << at.Packet.Dir
	first := d.dirs&bit == 0
	d.dirs |= bit
	return first
}

func ipFields(j *JSON, p *packet.Packet) {
	switch p.Family {
	case 4:
		j.Uint("len", uint64(len(p.IP)))
		j.Uint("tos", uint64(p.TOS))
		j.Uint("ttl", uint64(p.TTL))
		j.Uint("ipid", uint64(p.IPID))
	case 6:
		j.Uint("len", uint64(max(len(p.IP)-40, 0)))
		j.Uint("tc", uint64(p.TOS))
		j.Uint("hoplimit", uint64(p.TTL))
		flowLabel := uint64(0)
		if len(p.IP) >= 4 {
			flowLabel = uint64(p.IP[1]&15)<<16 | uint64(p.IP[2])<<8 | uint64(p.IP[3])
		}
		j.Uint("flowlbl", flowLabel)
	}
}

func transportFields(j *JSON, p *packet.Packet) {
	if p.L4 == nil {
		return
	}
	switch p.Proto {
	case packet.TCP:
		tcpFields(j, &p.TCP)
	case packet.UDP:
		j.Uint("udplen", uint64(len(p.L4)))
	case packet.ICMP, packet.ICMPv6:
		if len(p.L4) >= 8 {
			j.Uint("icmp_id", uint64(p.L4[4])<<8|uint64(p.L4[5]))
			j.Uint("icmp_seq", uint64(p.L4[6])<<8|uint64(p.L4[7]))
		}
	}
}

func tcpFields(j *JSON, h *packet.TCPHeader) {
	j.Uint("tcpseq", uint64(h.Seq))
	j.Uint("tcpack", uint64(h.Ack))
	j.Uint("tcpwin", uint64(h.Window))
	j.Bool("syn", h.Flags&packet.SYN != 0)
	j.Bool("ack", h.Flags&packet.ACK != 0)
	j.Bool("psh", h.Flags&packet.PSH != 0)
	j.Bool("rst", h.Flags&packet.RST != 0)
	j.Bool("urg", h.Flags&packet.URG != 0)
	j.Bool("fin", h.Flags&packet.FIN != 0)
	j.Uint("tcpres", 0)
	j.Uint("tcpurgp", uint64(h.Urgent))
}
