package packet

// PPP (RFC 1661) and PPPoE (RFC 2516).

// PPP protocol numbers that carry IP.
const (
	pppIPv4  = 0x0021
	pppVJUnc = 0x002f // Van Jacobson, uncompressed: an IPv4 packet
	pppIPv6  = 0x0057
)

// pppOther tells whether a protocol number is a known one that carries user data, but none for us (IANA "PPP numbers").
func pppOther(proto uint16) bool {
	switch proto {
	case 0x0023, 0x0025, 0x0027, 0x0029, 0x002b, 0x002d, 0x0031, 0x0033, 0x0035, // OSI … Vines, compressed TCP
		0x0201, 0x0231, 0x0233, 0x0281, 0x0283: // 802.1d, Luxcom, SNS, MPLS
		return true
	}
	return false
}

// pppControl tells whether a protocol number is one that sets up links and network layers, which is nothing to report.
func pppControl(proto uint16) bool {
	switch proto {
	case 0x8021, 0x8023, 0x8025, 0x8027, 0x8029, 0x802b, 0x8031, 0x8033, 0x8035, 0x8057, 0x80fd, 0x8281, // IPCP … MPLSCP
		0x8283, 0xc021, 0xc023, 0xc025, 0xc223: // LCP, PAP, LQR, CHAP
		return true
	}
	return false
}

// ppp reads a PPP header: address and control, which may be left out, and the protocol, whose first byte may be.
func (d *Decoder) ppp(p *Packet, b []byte) bool {
	d.counts[CntPPP]++
	if len(b) < 4 {
		return p.fails(EvPPPPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	if b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	return d.pppProtocol(p, b)
}

// pppProtocol reads the protocol field, one byte long when odd (RFC 1661, section 6.5), and what follows. b holds
// at least two bytes.
func (d *Decoder) pppProtocol(p *Packet, b []byte) bool {
	proto, n := uint16(b[0]), 1
	if proto&1 == 0 {
		proto, n = be.Uint16(b), 2
	}
	b = b[n:]
	switch proto {
	case pppIPv4:
		if len(b) < ipv4Header {
			return p.fails(EvPPPIPv4PktTooSmall)
		}
		return d.ipv4(p, b)
	case pppVJUnc:
		if len(b) < ipv4Header {
			return p.fails(EvPPPVJUPktTooSmall)
		}
		if b[0]>>4 != 4 {
			return true
		}
		return d.ipv4(p, b)
	case pppIPv6:
		if len(b) < ipv6Header {
			return p.fails(EvPPPIPv6PktTooSmall)
		}
		return d.ipv6(p, b)
	}
	switch {
	case pppControl(proto):
		return true
	case pppOther(proto):
		p.AddEvent(EvPPPUnsupProto)
		return true
	}
	return p.fails(EvPPPWrongType)
}

// pppoeHeader is version and type, code, session and length.
const pppoeHeader = 6

func (d *Decoder) pppoeSession(p *Packet, b []byte) bool {
	d.counts[CntPPPoE]++
	if len(b) < pppoeHeader+1 {
		return p.fails(EvPPPoEPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	length := be.Uint16(b[4:])
	if length == 0 {
		return true
	}
	b = b[pppoeHeader:]
	if len(b) < 2 {
		return p.fails(EvPPPoEPktTooSmall)
	}
	return d.pppProtocol(p, b)
}

// Codes of PPPoE's discovery (RFC 2516, section 5).
const (
	padi = 0x09
	pado = 0x07
	padr = 0x19
	pads = 0x65
	padt = 0xa7
)

func (d *Decoder) pppoeDiscovery(p *Packet, b []byte) bool {
	d.counts[CntPPPoE]++
	if len(b) < pppoeHeader {
		return p.fails(EvPPPoEPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	switch b[1] {
	case padi, pado, padr, pads, padt:
	default:
		p.AddEvent(EvPPPoEWrongCode)
		return true
	}
	if int(be.Uint16(b[4:])) > len(b)-pppoeHeader {
		p.AddEvent(EvPPPoEMalformedTags)
	}
	return true
}
