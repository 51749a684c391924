package packet

// What may stand between an Ethernet header and the network layer: VLAN tags, MPLS labels, service headers. They are
// layers of the same packet, not tunnels.

// vlan reads an 802.1Q, 802.1ad or 0x9100 tag.
func (d *Decoder) vlan(p *Packet, b []byte) bool {
	d.counts[CntVLAN]++
	if len(b) < 4 {
		return p.fails(EvVLANHeaderTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	if !p.addVLAN(be.Uint16(b)) {
		p.AddEvent(EvVLANTooManyLayers)
		return false
	}
	switch p.VLANs {
	case 2:
		d.counts[CntQinQ]++
	case 3:
		d.counts[CntQinQinQ]++
	}
	if !d.etherType(p, be.Uint16(b[2:]), b[4:]) {
		return p.fails(EvVLANUnknownType)
	}
	return true
}

// addVLAN appends a tag; its priority bits are not part of the identifier.
func (p *Packet) addVLAN(tci uint16) bool {
	if p.VLANs >= MaxVLANs {
		return false
	}
	p.VLAN[p.VLANs] = tci & 0xfff
	p.VLANs++
	return true
}

// ieee8021ah reads a provider backbone header: flags and service, then the customer's addresses and ethertype.
func (d *Decoder) ieee8021ah(p *Packet, b []byte) bool {
	const header = 4 + 12 + 2
	d.counts[CntIEEE8021ah]++
	if len(b) < header {
		return p.fails(EvIEEE8021ahHeaderTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	return d.etherType(p, be.Uint16(b[16:]), b[header:])
}

// vntag reads Cisco's VN-Tag: 4 bytes of interfaces, ethertype.
func (d *Decoder) vntag(p *Packet, b []byte) bool {
	d.counts[CntVNTag]++
	if len(b) < 6 {
		return p.fails(EvVNTagHeaderTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	if !d.etherType(p, be.Uint16(b[4:]), b[6:]) {
		return p.fails(EvVNTagUnknownType)
	}
	return true
}

// dce reads Cisco FabricPath: two more bytes, then a whole Ethernet header.
func (d *Decoder) dce(p *Packet, b []byte) bool {
	if len(b) < ethernetHeader+2 {
		return p.fails(EvDCEPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	return d.ethernet(p, b[2:])
}

// MPLS labels with a meaning of their own (RFC 3032, section 2.1).
const (
	mplsIPv4        = 0
	mplsRouterAlert = 1
	mplsIPv6        = 2
	mplsNull        = 3
	mplsMaxReserved = 15
)

// mpls walks to the bottom of the label stack and guesses what lies under it (RFC 4928, section 3).
func (d *Decoder) mpls(p *Packet, b []byte) bool {
	d.counts[CntMPLS]++
	if !d.layer(p) {
		return false
	}
	var shim uint32
	for bottom := false; !bottom; bottom = shim>>8&1 == 1 {
		if len(b) < 4 {
			return p.fails(EvMPLSHeaderTooSmall)
		}
		shim, b = be.Uint32(b), b[4:]
	}
	switch label := shim >> 12; {
	case label == mplsIPv4:
		return d.ipv4(p, b)
	case label == mplsIPv6:
		return d.ipv6(p, b)
	case label == mplsRouterAlert:
		p.AddEvent(EvMPLSBadLabelRouterAlert)
	case label == mplsNull:
		p.AddEvent(EvMPLSBadLabelImplicitNull)
	case label < mplsMaxReserved:
		p.AddEvent(EvMPLSBadLabelReserved)
	default:
		return d.mplsPayload(p, b)
	}
	return true
}

func (d *Decoder) mplsPayload(p *Packet, b []byte) bool {
	if len(b) < 4 {
		return p.fails(EvMPLSPktTooSmall)
	}
	switch b[0] >> 4 {
	case 4:
		d.ipv4(p, b)
	case 6:
		d.ipv6(p, b)
	case 0: // pseudowire control word
		d.ethernet(p, b[4:])
	default:
		p.invalid(EvMPLSUnknownPayloadType)
	}
	return true
}

// nsh reads a network service header (RFC 8300).
func (d *Decoder) nsh(p *Packet, b []byte) bool {
	d.counts[CntNSH]++
	if len(b) < 8 {
		return p.fails(EvNSHHeaderTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	word := be.Uint16(b)
	length := int(word&0x3f) * 4
	switch {
	case word>>14 != 0:
		return p.fails(EvNSHUnsupportedVersion)
	case length < 8 || length > len(b):
		return p.fails(EvNSHBadHeaderLength)
	}
	if e := nshMetadata(b[2]&0x0f, length); e != EvNone {
		return p.fails(e)
	}
	return d.nshPayload(p, b[3], b[length:])
}

// nshMetadata checks the metadata type against the header's length.
func nshMetadata(kind byte, length int) Event {
	const fixed = 24 // header of type 1: 4 + 4 + 4*4
	switch kind {
	case 0, 15:
		return EvNSHReservedType
	case 1:
		if length != fixed {
			return EvNSHBadHeaderLength
		}
	case 2:
	default:
		return EvNSHUnsupportedType
	}
	return EvNone
}

func (d *Decoder) nshPayload(p *Packet, next byte, b []byte) bool {
	switch next {
	case 1:
		return d.ipv4(p, b)
	case 2:
		return d.ipv6(p, b)
	case 3:
		return d.ethernet(p, b)
	case 5:
		return d.mpls(p, b)
	}
	p.invalid(EvNSHUnknownPayload)
	return true
}
