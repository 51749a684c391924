package packet

// Next-header numbers that are IPv6 extension headers (IANA "IPv6 extension header types").
const (
	hopByHop       Proto = 0
	routing        Proto = 43
	fragmentHeader Proto = 44
	noNext         Proto = 59
	destination    Proto = 60
	mobility       Proto = 135
	hip            Proto = 139
	shim6          Proto = 140
)

// Bits of Packet.ExtHdrs for IPv6 extension headers. The IPv4 options use the bits from OptEOL on.
const (
	ExtHopByHop uint32 = 1 << iota
	ExtDestination
	ExtDestination2 // a second one is allowed, before the transport header
	ExtRouting
	ExtFragment
	ExtAH
	ExtESP
	ExtMobility
)

// chain is the walk along extension headers.
type chain struct {
	p    *Packet
	rest []byte // from the current header on
	at   int    // offset of rest in p.IP
	from int    // offset in p.IP of the byte that announced the current header
}

// extHeaders walks the extension headers from p.Proto on. It sets p.Proto to the last header read and p.IPHdrLen to
// where the transport begins. Every step consumes at least 8 bytes, so it ends.
func (d *Decoder) extHeaders(p *Packet, b []byte) {
	c := chain{p: p, rest: b, at: ipv6Header, from: 6}
	for {
		p.IPHdrLen = uint16(c.at)
		if p.Proto == noNext {
			if len(c.rest) > 0 {
				p.AddEvent(EvIPv6DataAfterNone)
			}
			return
		}
		if len(c.rest) < 2 {
			p.invalid(EvIPv6TruncExtHdr)
			return
		}
		if more := d.extHeader(&c); !more {
			return
		}
	}
}

// extHeader reads one header and reports whether another follows.
func (d *Decoder) extHeader(c *chain) bool {
	p := c.p
	switch p.Proto {
	case hopByHop, destination:
		return c.options()
	case routing:
		return c.routing()
	case AH:
		return c.auth()
	case mobility, hip, shim6:
		p.ExtHdrs |= ExtMobility
		return c.skip(8 + int(c.rest[1])*8)
	case fragmentHeader:
		if c.fragment() {
			return true
		}
		if p.Has(Fragment) {
			d.fragment6(p)
		}
		return false
	case ESP:
		p.ExtHdrs |= ExtESP
		d.esp(p, c.rest)
		return false
	}
	if !d.transport6(p, c.rest) {
		p.AddEvent(EvIPv6UnknownNextHeader)
	}
	return false
}

// fits checks a header's length against the packet.
func (c *chain) fits(n int) bool {
	if n > len(c.rest) {
		return c.p.fails(EvIPv6TruncExtHdr)
	}
	return true
}

// skip goes on to the header that the current one, n bytes long, announces.
func (c *chain) skip(n int) bool {
	if !c.fits(n) {
		return false
	}
	c.p.Proto, c.from = Proto(c.rest[0]), c.at
	c.rest, c.at = c.rest[n:], c.at+n
	return true
}

// once marks a header as seen; a second one raises the event.
func (c *chain) once(bit uint32, dup Event) (first bool) {
	if c.p.ExtHdrs&bit != 0 {
		c.p.AddEvent(dup)
		return false
	}
	c.p.ExtHdrs |= bit
	return true
}

func (c *chain) routing() bool {
	n := 8 + int(c.rest[1])*8
	if !c.fits(n) {
		return false
	}
	if c.once(ExtRouting, EvIPv6DuplRH) && c.rest[2] == 0 { // deprecated by RFC 5095
		c.p.AddEvent(EvIPv6RHType0)
	}
	return c.skip(n)
}

func (c *chain) auth() bool {
	n := 12 // RFC 4302: the length counts 4-byte units, less 2 for the fixed part's first
	if c.rest[1] > 0 {
		n += (int(c.rest[1]) - 1) * 4
	}
	if !c.fits(n) {
		return false
	}
	if be.Uint16(c.rest[2:]) != 0 {
		c.p.AddEvent(EvIPv6AHResNotNull)
	}
	c.once(ExtAH, EvIPv6DuplAH)
	return c.skip(n)
}

// options reads a hop-by-hop or destination options header. Destination options may come twice (RFC 8200, section
// 4.1).
func (c *chain) options() bool {
	n := (int(c.rest[1]) + 1) * 8
	if !c.fits(n) {
		return false
	}
	p := c.p
	switch {
	case p.Proto == hopByHop:
		if c.once(ExtHopByHop, EvIPv6DuplHH) {
			c.optionList(c.rest[2:n], EvIPv6HopOptsUnknownOpt, EvIPv6HopOptsOnlyPadding)
		}
	case p.ExtHdrs&ExtDestination == 0:
		p.ExtHdrs |= ExtDestination
		c.optionList(c.rest[2:n], EvIPv6DstOptsUnknownOpt, EvIPv6DstOptsOnlyPadding)
	case c.once(ExtDestination2, EvIPv6DuplDH):
		c.optionList(c.rest[2:n], EvIPv6DstOptsUnknownOpt, EvIPv6DstOptsOnlyPadding)
	}
	return c.skip(n)
}

// Options of IPv6 (IANA "destination options and hop-by-hop options") and the least length of their data.
const (
	optPad1        = 0x00
	optPadN        = 0x01
	optRouterAlert = 0x05
	optJumbo       = 0xc2
	optHomeAddress = 0xc9
)

// optionList checks the options of one header.
func (c *chain) optionList(o []byte, unknown, onlyPadding Event) {
	p := c.p
	padded, other := false, false
	for len(o) > 0 {
		kind := o[0]
		if kind == optPad1 {
			padded, o = true, o[1:]
			continue
		}
		if len(o) < 2 || int(o[1])+2 > len(o) {
			p.invalid(EvIPv6InvalidOptLen)
			break
		}
		length, least := int(o[1]), 0
		switch kind {
		case optPadN:
			padded = true
			if length == 0 {
				p.AddEvent(EvIPv6ZeroLenPadN)
			}
		case optRouterAlert:
			least, other = 2, true
		case optJumbo:
			least = 4
		case optHomeAddress:
			least, other = 16, true
		default:
			p.AddEvent(unknown)
			other = true
		}
		if length < least {
			p.invalid(EvIPv6InvalidOptLen)
			break
		}
		o = o[2+length:]
	}
	if padded && !other {
		p.AddEvent(onlyPadding)
	}
}

// fragment reads a fragment header. It returns true when the walk goes on behind it, for an "atomic" fragment (RFC
// 6946) or a second header, and sets Fragment for a real one.
func (c *chain) fragment() bool {
	const header = 8
	p := c.p
	if !c.fits(header) {
		return false
	}
	if c.rest[1] != 0 {
		p.AddEvent(EvIPv6FHNonZeroReserved)
	}
	if !c.once(ExtFragment, EvIPv6DuplFH) {
		return c.skip(header)
	}
	off := be.Uint16(c.rest[2:])
	p.IPID = be.Uint32(c.rest[4:])
	if off&0xfff9 == 0 {
		p.AddEvent(EvIPv6UselessFH)
		return c.skip(header)
	}
	p.FragOff, p.MoreFrag = off&0xfff8, off&1 != 0
	if p.MoreFrag && len(c.rest)%8 != 0 {
		p.AddEvent(EvIPv6FragInvalidLength)
	}
	p.fh = fragment{header: uint16(c.at), from: uint16(c.from), next: c.rest[0]}
	p.IPHdrLen = uint16(c.at + header)
	p.Flags |= Fragment
	return false
}
