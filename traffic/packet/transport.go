package packet

const (
	udpHeader  = 8
	sctpHeader = 12
	espHeader  = 8
	igmpHeader = 8
)

// udp reads a UDP header (RFC 768) and looks for tunnels at their ports.
func (d *Decoder) udp(p *Packet, b []byte) {
	d.counts[CntUDP]++
	if e := udpFault(b); e != EvNone {
		p.invalid(e)
		return
	}
	p.SrcPort, p.DstPort = be.Uint16(b), be.Uint16(b[2:])
	p.L4 = b[:be.Uint16(b[4:])]
	p.Payload = p.L4[udpHeader:]
	p.Flags |= WantsFlow
	if t := &d.cfg; t.VXLAN.match(p.DstPort, p.DstPort) && d.vxlan(p) || t.GENEVE.match(p.SrcPort, p.DstPort) && d.geneve(p) {
		return
	}
	if d.cfg.Teredo.match(p.SrcPort, p.DstPort) {
		d.teredo(p)
	}
}

func udpFault(b []byte) Event {
	if len(b) < udpHeader {
		return EvUDPHlenTooSmall
	}
	switch n := int(be.Uint16(b[4:])); {
	case n > len(b):
		return EvUDPPktTooSmall
	case n < udpHeader:
		return EvUDPLenInvalid
	}
	return EvNone
}

// sctp reads an SCTP common header (RFC 9260).
func (d *Decoder) sctp(p *Packet, b []byte) {
	d.counts[CntSCTP]++
	if len(b) < sctpHeader {
		p.invalid(EvSCTPPktTooSmall)
		return
	}
	p.SrcPort, p.DstPort = be.Uint16(b), be.Uint16(b[2:])
	p.L4, p.Payload = b, b[sctpHeader:]
	p.Flags |= WantsFlow
}

// esp reads an ESP header (RFC 4303): security parameters index and sequence number.
func (d *Decoder) esp(p *Packet, b []byte) {
	d.counts[CntESP]++
	if len(b) < espHeader {
		p.invalid(EvESPPktTooSmall)
		return
	}
	p.L4, p.Payload = b, b[espHeader:]
	p.Flags |= WantsFlow
}

// Types of IGMP messages (RFC 2236, RFC 3376).
const (
	igmpQuery    = 0x11
	igmpReportV3 = 0x22
)

// igmp reads an IGMP message. Only version 3 has a variable length.
func (d *Decoder) igmp(p *Packet, b []byte) {
	d.counts[CntIGMP]++
	if len(b) < igmpHeader {
		p.invalid(EvIGMPPktTooSmall)
		return
	}
	p.ICMPType = b[0]
	switch {
	case b[0] == igmpQuery && len(b) > igmpHeader:
		// group, flags, interval and the number of sources of 4 bytes each (RFC 3376, section 4.1)
		if len(b) < 12 {
			p.invalid(EvIGMPv3PktTooSmall)
			return
		}
		if 12+int(be.Uint16(b[10:]))*4 > len(b) {
			p.invalid(EvIGMPMalformed)
			return
		}
	case b[0] == igmpReportV3 && !igmpRecords(b[igmpHeader:], int(be.Uint16(b[6:]))):
		p.invalid(EvIGMPMalformed)
		return
	}
	p.L4 = b // all of it is header
}

// igmpRecords walks n group records: type, auxiliary words, sources, group, sources, auxiliary data.
func igmpRecords(b []byte, n int) bool {
	for ; n > 0; n-- {
		if len(b) < 8 {
			return false
		}
		size := 8 + int(be.Uint16(b[2:]))*4 + int(b[1])*4
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}
