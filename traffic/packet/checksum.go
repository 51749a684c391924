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
		if p.HasIPChecksum() && headerSum(p.IP[:int(p.IP[0]&0x0f)*4]) != 0xffff {
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
		return s + uint64(be.Uint32(p.IP[12:])) + uint64(be.Uint32(p.IP[16:]))
	}
	for a := p.IP[8:40]; len(a) >= 4; a = a[4:] { // with a routing header, right only in the last hop
		s += uint64(be.Uint32(a))
	}
	return s
}

// headerSum sums an IPv4 header, whose length is a multiple of 4; 0xffff says that it is right.
func headerSum(b []byte) uint16 {
	var s uint64
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(be.Uint32(b))
	}
	return fold(s)
}

// checksum folds the Internet checksum (RFC 1071) of b and a sum made before; 0 says that b, which holds its own
// checksum, is right.
func checksum(initial uint64, b []byte) uint16 {
	return ^fold(initial + sum(b))
}

// fold brings a sum down to 16 bits, carries going round.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}

// sum adds up b as big-endian 16-bit words, the last byte padded with zero; the result is below 2^16, so that callers
// can add to it. It reads in little-endian order and swaps in the end (RFC 1071, section 2 B), in two independent
// carry chains of 32 bytes.
func sum(b []byte) uint64 {
	var s, t, c uint64
	for len(b) >= 64 {
		s, c = bits.Add64(s, le.Uint64(b), 0)
		s, c = bits.Add64(s, le.Uint64(b[8:]), c)
		s, c = bits.Add64(s, le.Uint64(b[16:]), c)
		s, c = bits.Add64(s, le.Uint64(b[24:]), c)
		s += c // cannot overflow: a sum that carried is at most 2^64-2
		t, c = bits.Add64(t, le.Uint64(b[32:]), 0)
		t, c = bits.Add64(t, le.Uint64(b[40:]), c)
		t, c = bits.Add64(t, le.Uint64(b[48:]), c)
		t, c = bits.Add64(t, le.Uint64(b[56:]), c)
		t += c
		b = b[64:]
	}
	s, c = bits.Add64(s, t, 0)
	s += c
	for len(b) > 8 {
		s, c = bits.Add64(s, le.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	s, c = bits.Add64(s, upTo8(b), 0)
	return uint64(bits.ReverseBytes16(fold(s + c)))
}

// upTo8 reads 0 to 8 bytes in little-endian order, zero above, with few branches.
func upTo8(b []byte) uint64 {
	switch n := len(b); {
	case n == 8:
		return le.Uint64(b)
	case n >= 4: // two reads that overlap
		return uint64(le.Uint32(b)) | uint64(le.Uint32(b[n-4:]))<<(8*(n-4))
	case n >= 2:
		return uint64(le.Uint16(b)) | uint64(b[n-1])<<(8*(n-1))
	case n == 1:
		return uint64(b[0])
	}
	return 0
}
