package packet

// Reseal makes the checksums of a packet anew whose payload was rewritten in place: those of the IPv4 header and of
// TCP or UDP. The bytes are the frame's own, so the frame may go on as it is. A UDP datagram without checksum keeps
// none.
func (p *Packet) Reseal() {
	if p.Has(Pseudo) || p.IP == nil || p.L4 == nil {
		return
	}
	if p.Family == 4 {
		h := p.IP[:int(p.IP[0]&0x0f)*4]
		h[10], h[11] = 0, 0
		be.PutUint16(h[10:], ^headerSum(h))
	}
	switch {
	case p.Proto == TCP && len(p.L4) >= 20:
		p.seal(p.L4[16:18])
	case p.Proto == UDP && len(p.L4) >= 8 && be.Uint16(p.L4[6:]) != 0:
		p.seal(p.L4[6:8])
		if be.Uint16(p.L4[6:]) == 0 {
			be.PutUint16(p.L4[6:], 0xffff) // zero would mean that there is none (RFC 768)
		}
	}
	p.sums = 0
	p.Flags &^= ChecksumBad
}

// seal writes the transport checksum into its field.
func (p *Packet) seal(field []byte) {
	field[0], field[1] = 0, 0
	be.PutUint16(field, checksum(p.pseudoHeader(), p.L4))
}
