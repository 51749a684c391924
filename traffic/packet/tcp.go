package packet

const (
	tcpHeader     = 20
	tcpMaxOptions = 40
)

// tcp reads a TCP header (RFC 9293).
func (d *Decoder) tcp(p *Packet, b []byte) {
	d.counts[CntTCP]++
	if len(b) < tcpHeader {
		p.invalid(EvTCPPktTooSmall)
		return
	}
	hl := int(b[12]>>4) * 4
	switch {
	case hl > len(b):
		p.invalid(EvTCPHlenTooSmall)
		return
	case hl < tcpHeader:
		p.invalid(EvTCPInvalidOptLen)
		return
	}
	t := &p.TCP
	t.Seq, t.Ack = be.Uint32(b[4:]), be.Uint32(b[8:])
	t.Flags, t.HdrLen = b[13], uint8(hl)
	t.Window, t.Urgent = be.Uint16(b[14:]), be.Uint16(b[18:])
	p.SrcPort, p.DstPort = be.Uint16(b), be.Uint16(b[2:])
	p.L4, p.Payload = b, b[hl:]
	p.Flags |= WantsFlow
	if hl > tcpHeader {
		t.Options = b[tcpHeader:hl]
		// The usual option of a segment within a connection: two NOPs and timestamps (RFC 7323, appendix A).
		if hl == tcpHeader+12 && be.Uint32(t.Options) == 0x0101080a {
			t.HasTS, t.TSVal, t.TSEcr = true, be.Uint32(t.Options[4:]), be.Uint32(t.Options[8:])
			return
		}
		p.tcpOptions(t.Options)
	}
}

// Kinds of TCP options (IANA "TCP option kind numbers").
const (
	tcpoptEOL  = 0
	tcpoptNOP  = 1
	tcpoptMSS  = 2
	tcpoptWS   = 3
	tcpoptSAOK = 4
	tcpoptSACK = 5
	tcpoptTS   = 8
	tcpoptMD5  = 19
	tcpoptAO   = 29
	tcpoptTFO  = 34
	tcpoptExp1 = 253
	tcpoptExp2 = 254
)

// tcpOptions reads the options one after the other. A length that does not fit ends the reading.
func (p *Packet) tcpOptions(o []byte) {
	for len(o) > 0 {
		switch {
		case o[0] == tcpoptEOL:
			return
		case o[0] == tcpoptNOP:
			o = o[1:]
			continue
		case len(o) < 2:
			return
		}
		n := int(o[1])
		if n < 2 || n > len(o) {
			p.invalid(EvTCPOptInvalidLen)
			return
		}
		if e := p.TCP.option(o[0], o[2:n]); e != EvNone {
			p.AddEvent(e)
		}
		o = o[n:]
	}
}

// option takes over one option from its data and names what is wrong with it.
func (t *TCPHeader) option(kind byte, data []byte) Event {
	switch kind {
	case tcpoptMSS:
		return tcpOnce(len(data) == 2, t.hasMSS, func() { t.MSS, t.hasMSS = be.Uint16(data), true })
	case tcpoptWS:
		return tcpOnce(len(data) == 1, t.HasWScale, func() { t.WScale, t.HasWScale = data[0], true })
	case tcpoptSAOK:
		return tcpOnce(len(data) == 0, t.HasSACKPerm, func() { t.HasSACKPerm = true })
	case tcpoptTS:
		return tcpOnce(len(data) == 8, t.HasTS, func() {
			t.TSVal, t.TSEcr, t.HasTS = be.Uint32(data), be.Uint32(data[4:]), true
		})
	case tcpoptSACK: // an empty one is odd, but seen
		return tcpOnce(len(data)%8 == 0 && len(data) <= 32, t.SACK != nil, func() {
			t.SACK, t.NSack = data, uint8(len(data)/8)
		})
	case tcpoptTFO: // RFC 7413: an empty request, or a cookie of 4 to 16 bytes
		return tcpOnce(len(data) == 0 || (len(data) >= 4 && len(data) <= 16 && len(data)%2 == 0), t.HasTFO, func() { t.HasTFO = true })
	case tcpoptExp1, tcpoptExp2:
		return t.experiment(data)
	case tcpoptMD5: // RFC 2385
		return tcpOnce(len(data) == 16, false, func() { t.HasMD5 = true })
	case tcpoptAO: // RFC 5925
		return tcpOnce(len(data) >= 2, false, func() { t.HasAO = true })
	}
	return EvNone
}

// experiment reads the shared experimental options (RFC 6994); the one that is known is Fast Open's first number.
func (t *TCPHeader) experiment(data []byte) Event {
	if len(data) != 2 && len(data) != 10 {
		return EvTCPOptInvalidLen
	}
	if be.Uint16(data) != 0xf989 {
		return EvNone
	}
	return tcpOnce(true, t.HasTFO, func() { t.HasTFO = true })
}

// tcpOnce takes an option over if its length is right and it is the first of its kind.
func tcpOnce(lengthOK, seen bool, take func()) Event {
	switch {
	case !lengthOK:
		return EvTCPOptInvalidLen
	case seen:
		return EvTCPOptDuplicate
	}
	take()
	return EvNone
}
