package packet

// Views of a decoded packet for keywords and records. They return nothing, rather than something wrong, when the packet
// has no such part.

// IPHeader returns the IP header with its options, or with its extension headers.
func (p *Packet) IPHeader() []byte {
	if p.IP == nil {
		return nil
	}
	return p.IP[:p.IPHdrLen]
}

// TransportHeader returns the transport header with its options: what of L4 is not payload.
func (p *Packet) TransportHeader() []byte { return p.L4[:len(p.L4)-len(p.Payload)] }

// LinkHeader returns the bytes of the frame before IP, or the whole frame without IP.
func (p *Packet) LinkHeader() []byte {
	if p.IP == nil {
		return p.Frame
	}
	return p.Frame[:cap(p.Frame)-cap(p.IP)] // IP is a part of Frame: both end at the same capacity
}

// EchoID returns the identifier and the sequence number of an ICMP message that has them (echo, timestamp, mask).
func (p *Packet) EchoID() (id, seq uint16, ok bool) {
	if len(p.L4) < icmpHeader {
		return 0, 0, false
	}
	switch {
	case p.Proto == ICMP && (p.ICMPType == 0 || p.ICMPType == 8 || (p.ICMPType >= 13 && p.ICMPType <= 18)):
	case p.Proto == ICMPv6 && (p.ICMPType == 128 || p.ICMPType == 129):
	default:
		return 0, 0, false
	}
	return be.Uint16(p.L4[4:]), be.Uint16(p.L4[6:]), true
}

// SPI returns the security parameters index of an ESP packet.
func (p *Packet) SPI() (uint32, bool) {
	if p.Proto != ESP || len(p.L4) < espHeader {
		return 0, false
	}
	return be.Uint32(p.L4), true
}

// Root returns the packet that was on the wire: p itself, or its outermost carrier.
func (p *Packet) Root() *Packet {
	for p.Outer != nil {
		p = p.Outer
	}
	return p
}
