package packet

// greHeader is flags and protocol (RFC 2784); what else there is, the flags say.
const greHeader = 4

// Flags of a GRE header's first two bytes (RFC 1701, RFC 2637).
const (
	greChecksum  = 0x8000
	greRouting   = 0x4000
	greKey       = 0x2000
	greSequence  = 0x1000
	greSSR       = 0x0800
	greRecursion = 0x0700
	greAck       = 0x0080 // version 1
	greFlags0    = 0x00f8 // reserved in version 0
	greFlags1    = 0x0078 // reserved in version 1
	greVersion   = 0x0007
)

func (d *Decoder) gre(p *Packet, b []byte) {
	d.counts[CntGRE]++
	if len(b) < greHeader {
		p.invalid(EvGREPktTooSmall)
		return
	}
	if !d.layer(p) {
		return
	}
	flags, proto := be.Uint16(b), be.Uint16(b[2:])
	var n int
	var e Event
	switch flags & greVersion {
	case 0:
		n, e = gre0(flags, b)
	case 1:
		n, e = gre1(flags, proto, b)
	default:
		e = EvGREWrongVersion
	}
	if e != EvNone {
		p.invalid(e)
		return
	}
	d.grePayload(p, flags, proto, b, n)
}

// gre0 returns the length of a version 0 header.
func gre0(flags uint16, b []byte) (int, Event) {
	switch {
	case flags&greRecursion != 0:
		return 0, EvGRE0Recur
	case flags&greFlags1 != 0: // the acknowledgement bit is let through, as Suricata does
		return 0, EvGRE0Flags
	}
	n := greHeader
	if flags&greKey != 0 {
		n += 4
	}
	if flags&greSequence != 0 {
		n += 4
	}
	if flags&(greChecksum|greRouting) != 0 {
		n += 4
	}
	if n > len(b) {
		return 0, EvGRE0HdrTooBig
	}
	if flags&greRouting != 0 {
		return greRoutes(n, b)
	}
	return n, EvNone
}

// greRoutes walks the source route entries from n on, up to the null entry (RFC 1701). Each takes 4 bytes at least.
func greRoutes(n int, b []byte) (int, Event) {
	for {
		if n+4 > len(b) {
			return 0, EvGRE0MalformedSRE
		}
		family, length := be.Uint16(b[n:]), int(b[n+3])
		n += 4
		if family == 0 && length == 0 {
			return n, EvNone
		}
		if n += length; n > len(b) {
			return 0, EvGRE0MalformedSRE
		}
	}
}

// gre1 returns the length of a version 1 header (PPTP, RFC 2637).
func gre1(flags, proto uint16, b []byte) (int, Event) {
	switch {
	case flags&greChecksum != 0:
		return 0, EvGRE1Checksum
	case flags&greRouting != 0:
		return 0, EvGRE1Route
	case flags&greSSR != 0:
		return 0, EvGRE1SSR
	case flags&greRecursion != 0:
		return 0, EvGRE1Recur
	case flags&greFlags1 != 0:
		return 0, EvGRE1Flags
	case proto != grePPP:
		return 0, EvGRE1WrongProtocol
	case flags&greKey == 0:
		return 0, EvGRE1NoKey
	}
	n := greHeader + 4
	if flags&greSequence != 0 {
		n += 4
	}
	if flags&greAck != 0 {
		n += 4
	}
	if n > len(b) {
		return 0, EvGRE1HdrTooBig
	}
	return n, EvNone
}

// grePayload decodes what lies behind the n bytes of header.
func (d *Decoder) grePayload(p *Packet, flags, proto uint16, b []byte, n int) {
	var key uint32
	if flags&greKey != 0 {
		at := greHeader
		if flags&(greChecksum|greRouting) != 0 {
			at += 4
		}
		key = be.Uint32(b[at:])
	}
	in := b[n:]
	switch proto {
	case etherIPv4:
		d.tunnelVNI(p, TunnelGRE, isIPv4, in, key)
	case etherIPv6:
		d.tunnelVNI(p, TunnelGRE, isIPv6, in, key)
	case etherVLAN:
		d.tunnelVNI(p, TunnelGRE, isVLAN, in, key)
	case etherBridge:
		d.tunnelVNI(p, TunnelGRE, isEthernet, in, key)
	case etherARP:
		d.tunnelVNI(p, TunnelGRE, isARP, in, key)
	case grePPP:
		if flags&greVersion == 1 && key>>16 == 0 { // PPTP: the upper half of the key is the payload's length
			return
		}
		d.tunnelVNI(p, TunnelGRE, isPPP, in, key)
	case etherERSPAN:
		switch {
		case flags&greSequence != 0:
			d.tunnel(p, TunnelERSPAN, isERSPAN2, in)
		case d.cfg.ERSPANTypeI:
			d.counts[CntERSPAN]++
			d.tunnel(p, TunnelERSPAN, isEthernet, in)
		}
	}
}

// erspan2 reads an ERSPAN type II header (draft-foschiano-erspan).
func (d *Decoder) erspan2(p *Packet, b []byte) bool {
	const header = 8
	d.counts[CntERSPAN]++
	if len(b) < header {
		return p.fails(EvERSPANHeaderTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	word := be.Uint16(b)
	if word>>12 != 1 {
		return p.fails(EvERSPANUnsupportedVersion)
	}
	if vlan := word & 0xfff; vlan > 0 && !p.addVLAN(vlan) {
		p.AddEvent(EvERSPANTooManyVLANLayers)
		return false
	}
	return d.ethernet(p, b[header:])
}

// vxlan reads a VXLAN header (RFC 7348) and the Ethernet header behind it; the inner packet begins after both. False:
// the datagram is ordinary UDP.
func (d *Decoder) vxlan(p *Packet) bool {
	const header = 8
	b := p.Payload
	if len(b) < header+ethernetHeader || b[0]&0x08 == 0 || !d.layer(p) {
		return false
	}
	if d.cfg.StrictVXLAN && (b[0] != 0x08 || b[1]|b[2]|b[3]|b[7] != 0) {
		return false
	}
	d.counts[CntVXLAN]++
	vni, in := be.Uint32(b[4:])>>8, b[header+ethernetHeader:]
	switch be.Uint16(b[header+12:]) {
	case etherARP: // nothing to inspect
	case etherIPv4:
		d.tunnelVNI(p, TunnelVXLAN, isIPv4, in, vni)
	case etherIPv6:
		d.tunnelVNI(p, TunnelVXLAN, isIPv6, in, vni)
	case etherVLAN, etherQinQ, etherOldQinQ:
		d.tunnelVNI(p, TunnelVXLAN, isVLAN, in, vni)
	default:
		p.invalid(EvVXLANUnknownPayloadType)
	}
	return true
}

// geneve reads a GENEVE header with its options (RFC 8926). False: the datagram is ordinary UDP.
func (d *Decoder) geneve(p *Packet) bool {
	const header = 8
	b := p.Payload
	if len(b) < header || b[0]>>6 != 0 || b[1]&0x3f != 0 || b[7] != 0 {
		return false
	}
	n := header + int(b[0]&0x3f)*4
	if n > len(b) || !geneveOptions(b[header:n]) || !d.layer(p) {
		return false
	}
	vni, in := be.Uint32(b[4:])>>8, b[n:]
	switch t := be.Uint16(b[2:]); t {
	case etherBridge:
		d.tunnelVNI(p, TunnelGENEVE, isEthernet, in, vni)
	case etherIPv4:
		d.tunnelVNI(p, TunnelGENEVE, isIPv4, in, vni)
	case etherIPv6:
		d.tunnelVNI(p, TunnelGENEVE, isIPv6, in, vni)
	case etherARP:
		d.tunnelVNI(p, TunnelGENEVE, isARP, in, vni)
	default:
		p.AddEvent(EvGENEVEUnknownPayloadType)
		return false
	}
	d.counts[CntGENEVE]++
	return true
}

// geneveOptions checks that the options fill their space.
func geneveOptions(o []byte) bool {
	for len(o) > 0 {
		if len(o) < 4 {
			return false
		}
		n := 4 + int(o[3]&0x1f)*4
		if n > len(o) {
			return false
		}
		o = o[n:]
	}
	return true
}

// teredo reads IPv6 in UDP (RFC 4380, section 5.1.1): authentication and origin, if they are there, then an IPv6
// packet that ends exactly with the datagram; less would find tunnels in all kinds of UDP.
func (d *Decoder) teredo(p *Packet) {
	const origin = 8
	b := p.Payload
	if len(b) < ipv6Header {
		return
	}
	if b[0] == 0 && b[1] == 1 { // authentication: lengths of client identifier and value
		n := 4 + int(b[2]) + int(b[3]) + 9
		if n > len(b) {
			return
		}
		b = b[n:]
	}
	if len(b) >= origin && b[0] == 0 && b[1] == 0 {
		b = b[origin:]
	}
	if len(b) < ipv6Header || b[0]>>4 != 6 || ipv6Header+int(be.Uint16(b[4:])) != len(b) {
		return
	}
	if d.tunnel(p, TunnelTeredo, isIPv6, b) {
		d.counts[CntTeredo]++
	}
}
