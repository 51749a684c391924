package packet

// ARP is one message of the address resolution protocol for IPv4 over Ethernet (RFC 826).
type ARP struct {
	HardwareType, ProtocolType uint16
	Opcode                     uint16
	SrcMAC, DstMAC             [6]byte
	SrcIP, DstIP               Addr
}

const (
	arpMinHeader = 8
	arpHeader    = 28
)

func (d *Decoder) arp(p *Packet, b []byte) bool {
	d.counts[CntARP]++
	if len(b) < arpMinHeader {
		return p.fails(EvARPPktTooSmall)
	}
	if !d.layer(p) {
		return false
	}
	if e := arpFault(b); e != EvNone {
		return p.fails(e)
	}
	p.ARP = b[:arpHeader]
	return true
}

// arpFault names what makes an ARP message unreadable; b holds at least the fixed fields.
func arpFault(b []byte) Event {
	switch {
	case be.Uint16(b) != 1: // Ethernet
		return EvARPUnsupportedHardware
	case be.Uint16(b[2:]) != etherIPv4:
		return EvARPUnsupportedProtocol
	case len(b) < arpHeader:
		return EvARPInvalidPkt
	case b[4] != 6:
		return EvARPInvalidHardwareSize
	case b[5] != 4:
		return EvARPInvalidProtocolSize
	}
	if op := be.Uint16(b[6:]); op < 1 || op > 4 { // request and reply, of ARP and of reverse ARP
		return EvARPUnsupportedOpcode
	}
	return EvNone
}

// ReadARP returns the fields of the packet's ARP message; false if it has none.
func (p *Packet) ReadARP() (ARP, bool) {
	b := p.ARP
	if len(b) < arpHeader {
		return ARP{}, false
	}
	return ARP{
		HardwareType: be.Uint16(b),
		ProtocolType: be.Uint16(b[2:]),
		Opcode:       be.Uint16(b[6:]),
		SrcMAC:       [6]byte(b[8:14]),
		SrcIP:        AddrFrom4([4]byte(b[14:18])),
		DstMAC:       [6]byte(b[18:24]),
		DstIP:        AddrFrom4([4]byte(b[24:28])),
	}, true
}
