package packet

const icmpHeader = 8

// Types of ICMPv4 messages (IANA "ICMP type numbers") that the decoder treats specially.
const (
	icmpUnreachable  = 3
	icmpSourceQuench = 4
	icmpRedirect     = 5
	icmpRouterAdvert = 9
	icmpExceeded     = 11
	icmpParameter    = 12

	icmpTimestamp      = 13
	icmpTimestampReply = 14
)

// icmpv4Codes holds the largest valid code of the known ICMPv4 types; noCode marks the others.
var icmpv4Codes = [...]int8{
	0: 0, 1: noCode, 2: noCode, icmpUnreachable: 15, icmpSourceQuench: 0, icmpRedirect: 3, 6: noCode, 7: noCode,
	8: 0, 9: 16, 10: 0, icmpExceeded: 1, icmpParameter: 2, 13: 0, 14: 0, 15: 0, 16: 0, 17: 0, 18: 0,
}

const noCode = -1

// icmpv4 reads an ICMP message (RFC 792).
func (d *Decoder) icmpv4(p *Packet, b []byte) {
	d.counts[CntICMPv4]++
	if len(b) < icmpHeader {
		p.invalid(EvICMPv4PktTooSmall)
		return
	}
	p.ICMPType, p.ICMPCode = b[0], b[1]
	p.L4, p.Payload = b, b[icmpHeader:]
	p.Flags |= WantsFlow
	if n := icmpv4Fields(b); n > len(b) {
		p.invalid(EvICMPv4PktTooSmall)
	} else {
		p.Payload = b[n:]
	}
	limit := int8(noCode)
	if int(b[0]) < len(icmpv4Codes) {
		limit = icmpv4Codes[b[0]]
	}
	switch {
	case limit == noCode:
		p.AddEvent(EvICMPv4UnknownType)
	case int(b[1]) > int(limit):
		p.AddEvent(EvICMPv4UnknownCode)
	case p.ICMPv4Error() && len(p.Payload) > 0:
		p.quote4(p.Payload)
	}
}

// ICMPv4Error tells whether p is one of ICMPv4's error messages (RFC 1122, 3.2.2), quoting a packet or not.
func (p *Packet) ICMPv4Error() bool {
	t := p.ICMPType
	return p.Proto == ICMP && (t >= icmpUnreachable && t <= icmpRedirect || t == icmpExceeded || t == icmpParameter)
}

// icmpv4Fields returns the length of a message's header: three times follow that of a timestamp (RFC 792), the
// addresses that of a router advertisement (RFC 1256), 8 bytes are common to all.
func icmpv4Fields(b []byte) int {
	switch b[0] {
	case icmpRouterAdvert:
		return icmpHeader + int(b[4])*int(b[5])*4
	case icmpTimestamp, icmpTimestampReply:
		return icmpHeader + 12
	}
	return icmpHeader
}

// quote4 reads the IPv4 packet that an error message quotes (RFC 792: the header and 8 bytes, or more).
func (p *Packet) quote4(b []byte) {
	switch {
	case len(b) < ipv4Header:
		p.invalid(EvICMPv4IPv4TruncPkt)
		return
	case b[0]>>4 != 4:
		p.invalid(EvICMPv4IPv4UnknownVer)
		return
	}
	p.Quoted = Quoted{Src: AddrFrom4([4]byte(b[12:])), Dst: AddrFrom4([4]byte(b[16:])), Proto: Proto(b[9])}
	p.Flags |= ICMPError
	if hl := int(b[0]&0x0f) * 4; hl >= ipv4Header && hl <= len(b) {
		p.Quoted.ports(b[hl:])
	}
}

// ports takes the ports from the first bytes of a quoted transport header. A quoted ICMP message has its type and
// code in their place, as the flow table keys it.
func (q *Quoted) ports(b []byte) {
	switch {
	case len(b) < 8:
	case q.Proto == TCP, q.Proto == UDP, q.Proto == SCTP:
		q.SrcPort, q.DstPort = be.Uint16(b), be.Uint16(b[2:])
	case q.Proto == ICMP, q.Proto == ICMPv6:
		q.SrcPort, q.DstPort = uint16(b[0]), uint16(b[1])
	}
}

// Types of ICMPv6 messages (IANA "ICMPv6 parameters").
const (
	icmp6Unreachable  = 1
	icmp6TooBig       = 2
	icmp6Exceeded     = 3
	icmp6Parameter    = 4
	icmp6MLDQuery     = 130
	icmp6MLDReport    = 131
	icmp6MLDDone      = 132
	icmp6RouterNumber = 138
	icmp6NodeQuery    = 139
	icmp6NodeReply    = 140
)

// icmpv6 reads an ICMPv6 message (RFC 4443).
func (d *Decoder) icmpv6(p *Packet, b []byte) {
	d.counts[CntICMPv6]++
	if len(b) < icmpHeader {
		p.invalid(EvICMPv6PktTooSmall)
		return
	}
	p.ICMPType, p.ICMPCode = b[0], b[1]
	p.L4, p.Payload = b, b[icmpHeader:]
	p.Flags |= WantsFlow
	limit, e := icmpv6Codes(b[0])
	switch {
	case e != EvNone:
		p.AddEvent(e)
		return
	case int(b[1]) > limit && !(b[0] == icmp6RouterNumber && b[1] == 255):
		p.AddEvent(EvICMPv6UnknownCode)
		return
	}
	switch b[0] {
	case icmp6Unreachable, icmp6TooBig, icmp6Exceeded, icmp6Parameter:
		p.quote6(p.Payload)
	case icmp6MLDQuery, icmp6MLDReport, icmp6MLDDone: // RFC 2710: the hop limit is 1
		if p.TTL != 1 {
			p.AddEvent(EvICMPv6MLDInvalidHL)
		}
	}
}

// icmpv6Codes returns the largest code of a type that is checked for one, or the event for a type without meaning.
func icmpv6Codes(kind byte) (int, Event) {
	switch {
	case kind == icmp6Unreachable:
		return 7, EvNone
	case kind == icmp6Exceeded:
		return 1, EvNone
	case kind == icmp6Parameter, kind == icmp6RouterNumber, kind == icmp6NodeQuery, kind == icmp6NodeReply:
		return 2, EvNone
	case kind == icmp6TooBig, kind >= 128 && kind <= 137, kind >= 141 && kind <= 149, kind >= 151 && kind <= 153:
		return 0, EvNone
	case kind == 150, kind >= 154 && kind <= 159:
		return 255, EvNone
	case kind == 100, kind == 101, kind == 200, kind == 201:
		return 0, EvICMPv6ExperimentationType
	case kind > icmp6Parameter && kind < 127, kind >= 160:
		return 0, EvICMPv6UnassignedType
	}
	return 0, EvICMPv6UnknownType // 0, 127
}

// quote6 reads the IPv6 packet that an error message quotes. Extension headers in it are not followed.
func (p *Packet) quote6(b []byte) {
	switch {
	case len(b) < ipv6Header:
		p.invalid(EvICMPv6IPv6TruncPkt)
		return
	case b[0]>>4 != 6:
		p.invalid(EvICMPv6IPv6UnknownVersion)
		return
	}
	p.Quoted = Quoted{Src: Addr(b[8:24]), Dst: Addr(b[24:40]), Proto: Proto(b[6])}
	p.Flags |= ICMPError
	p.Quoted.ports(b[ipv6Header:])
}
