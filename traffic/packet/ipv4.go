package packet

const (
	ipv4Header  = 20
	ipv6Header  = 40
	maxDatagram = 65535
)

// ipv4 reads an IPv4 packet (RFC 791). False: there is no usable IP header.
func (d *Decoder) ipv4(p *Packet, b []byte) bool {
	d.counts[CntIPv4]++
	if !d.layer(p) {
		return false
	}
	if e := ipv4Fault(b); e != EvNone {
		return p.fails(e)
	}
	hl := int(b[0]&0x0f) * 4
	b = b[:be.Uint16(b[2:])]
	p.IP, p.Family, p.IPHdrLen = b, 4, uint16(hl)
	p.Flags &^= NoIP
	p.TOS, p.TTL, p.Proto = b[1], b[8], Proto(b[9])
	p.IPID = uint32(be.Uint16(b[4:]))
	p.Src, p.Dst = AddrFrom4([4]byte(b[12:])), AddrFrom4([4]byte(b[16:]))
	if hl > ipv4Header {
		p.ipv4Options(b[ipv4Header:hl])
	}
	if frag := be.Uint16(b[6:]); frag&0x3fff != 0 { // offset or "more fragments"
		p.Flags |= Fragment
		p.FragOff, p.MoreFrag = frag<<3, frag&0x2000 != 0
		d.fragment4(p)
		return true
	}
	d.inIPv4(p, b[hl:])
	return true
}

// ipv4Fault names what makes an IPv4 header unusable.
func ipv4Fault(b []byte) Event {
	if len(b) < ipv4Header {
		return EvIPv4PktTooSmall
	}
	hl, total := int(b[0]&0x0f)*4, int(be.Uint16(b[2:]))
	switch {
	case b[0]>>4 != 4:
		return EvIPv4WrongIPVersion
	case hl < ipv4Header:
		return EvIPv4HlenTooSmall
	case total < hl:
		return EvIPv4IPLenSmallerThanHlen
	case total > len(b):
		return EvIPv4TruncPkt
	}
	return EvNone
}

// inIPv4 reads what an IPv4 packet that is no fragment carries.
func (d *Decoder) inIPv4(p *Packet, b []byte) {
	switch p.Proto {
	case TCP:
		d.tcp(p, b)
	case UDP:
		d.udp(p, b)
	case ICMP:
		d.icmpv4(p, b)
	case GRE:
		d.gre(p, b)
	case SCTP:
		d.sctp(p, b)
	case ESP:
		d.esp(p, b)
	case IPv6:
		d.countTunnel(CntIPv6InIPv4, d.tunnel(p, TunnelIPinIP, isIPv6, b))
		p.Flags |= WantsFlow
	case IPIP:
		d.countTunnel(CntIPv4InIPv4, d.tunnel(p, TunnelIPinIP, isIPv4, b))
		p.Flags |= WantsFlow
	case IGMP:
		d.igmp(p, b)
	case ICMPv6:
		p.invalid(EvIPv4ICMPv6)
	}
}

func (d *Decoder) countTunnel(c Counter, found bool) {
	if found {
		d.counts[c]++
	}
}
