package packet

import "encoding/binary"

// HostHash maps a frame to a number that is the same for both directions of a conversation and for all its
// fragments: it looks at the two addresses of the outermost IP header only. Frames without IP give 0. It serves to
// spread frames over workers, as the kernel's queue balance does; it allocates nothing.
func HostHash(link LinkType, b []byte) uint32 {
	ip := Network(link, b)
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return mix(uint64(binary.BigEndian.Uint32(ip[12:])) + uint64(binary.BigEndian.Uint32(ip[16:])))
	case len(ip) >= 40 && ip[0]>>4 == 6:
		var sum uint64
		for i := 8; i < 40; i += 8 {
			sum += binary.BigEndian.Uint64(ip[i:])
		}
		return mix(sum)
	}
	return 0
}

// mix spreads the bits of a sum (the finalizer of splitmix64).
func mix(x uint64) uint32 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return uint32(x >> 32)
}

// Network finds the outermost IP header of a frame of the usual link types; nil where there is none.
func Network(link LinkType, b []byte) []byte {
	skip := 0
	switch link {
	case LinkEthernet:
		return behindEthernet(b)
	case LinkRaw, LinkRawBSD, LinkRawOBSD, LinkIPv4, LinkIPv6:
	case LinkNull, LinkLoop, LinkPPP, LinkCiscoHDL:
		skip = 4
	case LinkSLL:
		skip = 16
	case LinkSLL2:
		skip = 20
	default:
		return nil
	}
	if len(b) < skip {
		return nil
	}
	return b[skip:]
}

// behindEthernet steps over the Ethernet header and its VLAN tags.
func behindEthernet(b []byte) []byte {
	for at := 12; at+2 <= len(b) && at <= 12+4*MaxVLANs; at += 4 {
		switch binary.BigEndian.Uint16(b[at:]) {
		case 0x0800, 0x86dd:
			return b[at+2:]
		case 0x8100, 0x88a8, 0x9100:
		default:
			return nil
		}
	}
	return nil
}
