package packet

// ipv6 reads an IPv6 packet (RFC 8200). False: there is no usable IP header.
func (d *Decoder) ipv6(p *Packet, b []byte) bool {
	d.counts[CntIPv6]++
	if !d.layer(p) {
		return false
	}
	if e := ipv6Fault(b); e != EvNone {
		return p.fails(e)
	}
	b = b[:ipv6Header+int(be.Uint16(b[4:]))]
	p.IP, p.Family, p.IPHdrLen = b, 6, ipv6Header
	p.Flags &^= NoIP
	p.TOS, p.TTL, p.Proto = byte(be.Uint16(b)>>4), b[7], Proto(b[6])
	p.Src, p.Dst = Addr(b[8:24]), Addr(b[24:40])
	d.inIPv6(p, b[ipv6Header:])
	return true
}

// ipv6Fault names what makes an IPv6 header unusable.
func ipv6Fault(b []byte) Event {
	switch {
	case len(b) < ipv6Header:
		return EvIPv6PktTooSmall
	case b[0]>>4 != 6:
		return EvIPv6WrongIPVersion
	case len(b) < ipv6Header+int(be.Uint16(b[4:])):
		return EvIPv6TruncPkt
	}
	return EvNone
}

// inIPv6 reads what the fixed header announces.
func (d *Decoder) inIPv6(p *Packet, b []byte) {
	if d.transport6(p, b) {
		return
	}
	switch p.Proto {
	case IPv6:
		d.ipInIPv6(p, b, 6)
	case GRE:
		d.gre(p, b)
	case hopByHop, routing, fragmentHeader, ESP, AH, noNext, destination, mobility, hip, shim6:
		d.extHeaders(p, b)
	default:
		p.AddEvent(EvIPv6UnknownNextHeader)
	}
}

// transport6 reads the protocols that may follow both the fixed header and extension headers.
func (d *Decoder) transport6(p *Packet, b []byte) bool {
	switch p.Proto {
	case TCP:
		d.tcp(p, b)
	case UDP:
		d.udp(p, b)
	case ICMPv6:
		d.icmpv6(p, b)
	case SCTP:
		d.sctp(p, b)
	case IPIP:
		d.ipInIPv6(p, b, 4)
	case ICMP:
		p.AddEvent(EvIPv6ICMPv4)
	default:
		return false
	}
	return true
}

// ipInIPv6 reads an IP packet of the given version inside an IPv6 packet.
func (d *Decoder) ipInIPv6(p *Packet, b []byte, version byte) {
	what, counter, least := isIPv6, CntIPv6InIPv6, ipv6Header
	small, wrong := EvIPv6InIPv6TooSmall, EvIPv6InIPv6WrongVersion
	if version == 4 {
		what, counter, least = isIPv4, CntIPv4InIPv6, ipv4Header
		small, wrong = EvIPv4InIPv6TooSmall, EvIPv4InIPv6WrongVersion
	}
	switch {
	case len(b) < least:
		p.invalid(small)
	case b[0]>>4 != version:
		p.invalid(wrong)
	default:
		d.countTunnel(counter, d.tunnel(p, TunnelIPinIP, what, b))
		p.Flags |= WantsFlow
	}
}
