package packet

import "math/bits"

// sumState remembers what a lazily computed checksum came to.
type sumState uint8

const (
	ipSumKnown sumState = 1 << iota
	ipSumBad
	l4SumKnown
	l4SumBad
)

// HasIPChecksum tells whether the packet's network header has a checksum: IPv4's has.
func (p *Packet) HasIPChecksum() bool { return p.Family == 4 && p.IP != nil }

// IPChecksumOK verifies the IPv4 header checksum, once. It is true for packets without one. This is what the
// ipv4-csum option of rules looks at.
func (p *Packet) IPChecksumOK() bool {
	if p.sums&ipSumKnown == 0 {
		p.sums |= ipSumKnown
		if p.HasIPChecksum() && checksum(0, p.IP[:int(p.IP[0]&0x0f)*4]) != 0 {
			p.sums |= ipSumBad
		}
	}
	return p.sums&ipSumBad == 0
}

// HasTransportChecksum tells whether the transport header's checksum can be verified: a decoded TCP, UDP, ICMP,
// ICMPv6, IGMP or SCTP header of a packet that is no fragment.
func (p *Packet) HasTransportChecksum() bool {
	if p.L4 == nil || p.Has(Pseudo) {
		return false
	}
	switch p.Proto {
	case TCP, UDP, ICMP, ICMPv6, SCTP, IGMP:
		return true
	}
	return false
}

// TransportChecksumOK verifies the checksum of the transport header and payload, once. It is true for packets
// without one and for IPv4 datagrams whose UDP checksum is zero (RFC 768: none was made). This is what tcpv4-csum,
// udpv6-csum, icmpv4-csum and their kin look at.
func (p *Packet) TransportChecksumOK() bool {
	if p.sums&l4SumKnown == 0 {
		p.sums |= l4SumKnown
		if p.HasTransportChecksum() && !p.transportSum() {
			p.sums |= l4SumBad
		}
	}
	return p.sums&l4SumBad == 0
}

func (p *Packet) transportSum() bool {
	switch p.Proto {
	case UDP:
		if p.Family == 4 && be.Uint16(p.L4[6:]) == 0 {
			return true
		}
		fallthrough
	case TCP, ICMPv6:
		return checksum(p.pseudoHeader(), p.L4) == 0
	case SCTP:
		return crc32c(p.L4)
	}
	return checksum(0, p.L4) == 0
}

// pseudoHeader sums the addresses, protocol and length that a transport checksum covers besides its own bytes (RFC
// 9293 section 3.1, RFC 8200 section 8.1).
func (p *Packet) pseudoHeader() uint64 {
	s := uint64(p.Proto) + uint64(len(p.L4))
	if p.Family == 4 {
		return s + sum(p.IP[12:20])
	}
	return s + sum(p.IP[8:40]) // with a routing header, the destination is the final one only in the last hop
}

// checksum folds the Internet checksum (RFC 1071) of b and a sum made before; 0 says that b, which holds its own
// checksum, is right.
func checksum(initial uint64, b []byte) uint16 {
	s := initial + sum(b)
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return ^uint16(s>>16 + s&0xffff)
}

// sum adds up b as big-endian 16-bit words, 32 bytes a step; the result stays below 2^34, so that callers can add
// to it.
func sum(b []byte) uint64 {
	var s, carry uint64
	for len(b) >= 32 {
		s, carry = bits.Add64(s, be.Uint64(b), 0)
		s, carry = bits.Add64(s, be.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, be.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, be.Uint64(b[24:]), carry)
		s += carry // cannot overflow: a sum with carry is at most 2^64-2
		b = b[32:]
	}
	for len(b) >= 8 {
		s, carry = bits.Add64(s, be.Uint64(b), 0)
		s += carry
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		s, carry = bits.Add64(s, be.Uint64(last[:]), 0)
		s += carry
	}
	return s>>32 + s&0xffffffff
}
