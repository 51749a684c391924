package packet

import "encoding/binary"

// The byte orders, by short names: be is the network's.
var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// link reads the link header that the capture's link type stands for. It reports, as all steps do, whether the
// bytes decoded down to where they were understood.
func (d *Decoder) link(p *Packet, b []byte) bool {
	switch p.Link {
	case LinkEthernet:
		return d.ethernet(p, b)
	case LinkRaw, LinkRawBSD, LinkRawOBSD, LinkIPv4, LinkIPv6:
		return d.raw(p, b)
	case LinkSLL:
		return d.sll(p, b)
	case LinkSLL2:
		return d.sll2(p, b)
	case LinkNull, LinkLoop:
		return d.null(p, b)
	case LinkPPP:
		return d.ppp(p, b)
	case LinkCiscoHDL:
		return d.chdlc(p, b)
	}
	return false
}

const ethernetHeader = 14

func (d *Decoder) ethernet(p *Packet, b []byte) bool {
	d.counts[CntEthernet]++
	if len(b) < ethernetHeader {
		return p.fails(EvEthernetPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	p.Eth = b[:ethernetHeader]
	if !d.etherType(p, be.Uint16(b[12:]), b[ethernetHeader:]) { // unknown, or the length of an IEEE 802.3 frame
		p.AddEvent(EvEthernetUnknownEtherType)
	}
	return true
}

// raw reads an IP packet without a link header; its version nibble tells which.
func (d *Decoder) raw(p *Packet, b []byte) bool {
	d.counts[CntRaw]++
	if len(b) < ipv4Header {
		return p.fails(EvIPv4PktTooSmall)
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(p, b)
	case 6:
		return d.ipv6(p, b)
	}
	return p.fails(EvIPRawInvalidIPVersion)
}

// sll reads Linux' "cooked" header (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html).
func (d *Decoder) sll(p *Packet, b []byte) bool {
	const header = 16
	d.counts[CntSLL]++
	if len(b) < header {
		return p.fails(EvSLLPktTooSmall)
	}
	d.etherType(p, be.Uint16(b[14:]), b[header:])
	return true
}

// sll2 reads version 2 of it (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
func (d *Decoder) sll2(p *Packet, b []byte) bool {
	const header = 20
	d.counts[CntSLL2]++
	if len(b) < header {
		return p.fails(EvSLL2PktTooSmall)
	}
	d.etherType(p, be.Uint16(b), b[header:])
	return true
}

// null reads BSD's loopback header: an address family, in the byte order of the machine that captured (null) or of
// the network (loop). The families are numbered by several systems.
func (d *Decoder) null(p *Packet, b []byte) bool {
	d.counts[CntNull]++
	if len(b) < 4 {
		return p.fails(EvNullPktTooSmall)
	}
	family := le.Uint32(b)
	if family > 0xffff {
		family = be.Uint32(b)
	}
	switch family {
	case 2: // AF_INET everywhere
		return d.ipv4(p, b[4:])
	case 10, 23, 24, 26, 28, 30: // AF_INET6 of Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, Darwin
		return d.ipv6(p, b[4:])
	}
	return p.fails(EvNullUnsupportedType)
}

// chdlc reads Cisco's HDLC header: address, control, ethertype.
func (d *Decoder) chdlc(p *Packet, b []byte) bool {
	d.counts[CntCHDLC]++
	if len(b) < 4 {
		return p.fails(EvCHDLCPktTooSmall)
	}
	d.etherType(p, be.Uint16(b[2:]), b[4:])
	return true
}

// Ethertypes that are followed.
const (
	etherIPv4       = 0x0800
	etherARP        = 0x0806
	etherBridge     = 0x6558 // Ethernet inside GRE or GENEVE
	etherVLAN       = 0x8100
	etherIPv6       = 0x86dd
	etherMPLS       = 0x8847
	etherMPLSMulti  = 0x8848
	etherPPPoEDisc  = 0x8863
	etherPPPoESess  = 0x8864
	etherQinQ       = 0x88a8 // 802.1ad
	etherERSPAN     = 0x88be
	etherIEEE8021ah = 0x88e7
	etherDCE        = 0x8903 // Cisco FabricPath
	etherVNTag      = 0x8926
	etherETag       = 0x893f
	etherNSH        = 0x894f
	etherOldQinQ    = 0x9100
	grePPP          = 0x880b
)

// etherType follows an ethertype. False says that the type is unknown, not that its bytes were bad.
func (d *Decoder) etherType(p *Packet, t uint16, b []byte) bool {
	p.EtherType = t
	switch t {
	case etherIPv4:
		d.ipv4(p, b)
	case etherIPv6:
		d.ipv6(p, b)
	case etherVLAN, etherQinQ, etherOldQinQ:
		d.vlan(p, b)
	case etherARP:
		d.arp(p, b)
	default:
		return d.rareEtherType(p, t, b)
	}
	return true
}

func (d *Decoder) rareEtherType(p *Packet, t uint16, b []byte) bool {
	switch t {
	case etherPPPoESess:
		d.pppoeSession(p, b)
	case etherPPPoEDisc:
		d.pppoeDiscovery(p, b)
	case etherMPLS, etherMPLSMulti:
		d.mpls(p, b)
	case etherIEEE8021ah:
		d.ieee8021ah(p, b)
	case etherDCE:
		d.dce(p, b)
	case etherVNTag:
		d.vntag(p, b)
	case etherNSH:
		d.nsh(p, b)
	default:
		d.counts[CntUnknownEtherType]++
		return false
	}
	return true
}
