package packet

// rebuild puts a whole datagram together, behind the link header of its first fragment, and returns it with the
// length of that. False: it would be larger than IP allows, or the frame has completed too many. The bytes are valid
// until the next Decode.
func (g *defragger) rebuild(at int32) (b []byte, link int, ok bool) {
	t := &g.trackers[at]
	if g.rebuilt == maxRebuilt {
		return nil, 0, false
	}
	head := g.assign(t)
	link = int(head.link)
	hdr := len(head.data) - link - int(head.end-head.off)
	if head.fh.header != 0 { // the fragment header goes
		hdr = int(head.fh.header)
	}
	if !fitsIP(t.key.family, hdr, t.end) {
		return nil, 0, false
	}
	b = g.buffer()[:link+hdr+t.end]
	copy(b, head.data[:link+hdr])
	ip := b[link:]
	g.compose(t, ip[hdr:])
	if t.key.family == 4 {
		finish4(ip)
	} else {
		finish6(ip, head.fh)
	}
	return b, link, true
}

// fitsIP checks a datagram's size against its length field, which counts the header in IPv4 but not in IPv6.
func fitsIP(family uint8, hdr, payload int) bool {
	if family == 6 {
		hdr -= ipv6Header
	}
	return hdr+payload <= maxDatagram
}

// buffer lends room for one datagram.
func (g *defragger) buffer() []byte {
	b := &g.buffers[g.rebuilt]
	if *b == nil {
		*b = make([]byte, maxLinkHeader+ipv6Header+maxDatagram)
	}
	g.rebuilt++
	return *b
}

// assign decides which piece each byte comes from, into g.owner, and returns the piece of the first byte, whose
// headers become the datagram's. Pieces are taken in order of arrival; each byte is looked at as often as it came.
func (g *defragger) assign(t *tracker) *piece {
	if g.owner == nil {
		g.owner = make([]int32, maxDatagram)
	}
	owner := g.owner[:t.end]
	clear(owner)
	for i := t.first; i != 0; i = g.pieces[i].next {
		young := &g.pieces[i]
		for at, end := int(young.off), int(young.end); at < end; {
			was, from := owner[at], at
			for at < end && owner[at] == was {
				at++
			}
			if was == 0 || t.policy.prefers(young, &g.pieces[was]) {
				for k := from; k < at; k++ {
					owner[k] = i
				}
			}
		}
	}
	return &g.pieces[owner[0]]
}

// compose copies the payload according to g.owner, which covers all of it.
func (g *defragger) compose(t *tracker, b []byte) {
	owner := g.owner[:t.end]
	for at := 0; at < len(owner); {
		from := at
		for at < len(owner) && owner[at] == owner[from] {
			at++
		}
		p := &g.pieces[owner[from]]
		payload := p.data[len(p.data)-int(p.end-p.off):]
		copy(b[from:at], payload[from-int(p.off):])
	}
}

// finish4 makes the header of a rebuilt IPv4 datagram say so. The checksum is carried forward (RFC 1624), so that a
// wrong one stays wrong.
func finish4(b []byte) {
	const noFragment = 0xc000 // what stays of the fragment word: the reserved bit and "don't fragment"
	total, frag := be.Uint16(b[2:]), be.Uint16(b[6:])
	be.PutUint16(b[2:], uint16(len(b)))
	be.PutUint16(b[6:], frag&noFragment)
	s := uint32(^be.Uint16(b[10:])) + uint32(^total) + uint32(len(b)) + uint32(^frag) + uint32(frag&noFragment)
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	be.PutUint16(b[10:], ^uint16(s))
}

// finish6 sets the length of a rebuilt IPv6 datagram and links the headers around the fragment header that is gone.
func finish6(b []byte, fh fragment) {
	be.PutUint16(b[4:], uint16(len(b)-ipv6Header))
	b[fh.from] = fh.next
}
