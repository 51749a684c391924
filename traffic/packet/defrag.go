package packet

// Defragmentation (RFC 791, section 3.2; RFC 8200, section 4.5). The walk of a fragment: fragment4 or fragment6 →
// defragment → find or open its tracker → keep a copy → when the datagram is whole, rebuild → decode the datagram
// like any packet found inside another.
//
// What an attacker can choose is bounded: datagrams under way, fragments and bytes held (DefragConfig), bytes of one
// datagram (maxHeldPerDatagram), time. The datagram that has waited longest since its last fragment gives way.

// maxHeldPerDatagram bounds the payload bytes, overlaps included, that are held for one datagram: rebuilding takes
// time in proportion to them. An honest datagram needs 65,535.
const maxHeldPerDatagram = 8 << 16

// maxRebuilt bounds the datagrams that one frame can complete: one per level of fragments within fragments.
const maxRebuilt = 4

// fragment is where an IPv6 packet's fragment header stands; empty for IPv4.
type fragment struct {
	header uint16 // offset of the fragment header in Packet.IP
	from   uint16 // offset of the byte that announces it
	next   uint8  // protocol behind it
}

// defragger holds the datagrams under way.
type defragger struct {
	cfg      *Config
	byKey    map[fragKey]int32
	trackers []tracker // 0 is the head of the list of last use
	pieces   []piece   // 0 is unused, so that 0 can mean none
	freeT    int32
	freeP    int32
	nPieces  int
	bytes    int // payload and tracker memory in use
	pool     bytePool
	owner    []int32              // rebuild's scratch: which piece a byte is taken from
	buffers  [maxRebuilt]([]byte) // of the datagrams that the running Decode rebuilt
	rebuilt  int
}

// start prepares an empty table. Its memory grows with use.
func (g *defragger) start(cfg *Config) {
	g.cfg = cfg
	g.byKey = make(map[fragKey]int32)
	g.trackers = make([]tracker, 1)
	g.pieces = make([]piece, 1)
}

// release takes back the datagrams handed out by the Decode before.
func (g *defragger) release() { g.rebuilt = 0 }

func (d *Decoder) fragment4(p *Packet) {
	d.counts[CntFragments4]++
	d.defragment(p, EvIPv4FragPktTooLarge, EvIPv4FragOverlap, EvIPv4FragIgnored)
}

func (d *Decoder) fragment6(p *Packet) {
	d.counts[CntFragments6]++
	d.defragment(p, EvIPv6FragPktTooLarge, EvIPv6FragOverlap, EvIPv6FragIgnored)
}

// defragment takes in the fragment that p is and, when its datagram is whole, decodes that.
func (d *Decoder) defragment(p *Packet, tooLarge, overlap, ignored Event) {
	payload := p.IP[p.IPHdrLen:]
	switch {
	case len(payload) == 0:
		return
	case int(p.FragOff)+len(payload) > maxDatagram:
		p.AddEvent(tooLarge)
		return
	}
	g := &d.defrag
	t := d.trackerFor(p)
	overlaps, kept := d.keep(t, p, payload)
	if overlaps {
		p.AddEvent(overlap)
	}
	if !kept {
		d.counts[CntFragmentsRefused]++
		p.AddEvent(ignored)
		return
	}
	if !g.trackers[t].whole() {
		return
	}
	b, link, ok := g.rebuild(t)
	g.drop(t)
	if !ok {
		p.AddEvent(tooLarge)
		return
	}
	d.decodeRebuilt(p, b, link)
}

// decodeRebuilt decodes the datagram that fragment p completed. It stands in b after link bytes of link header.
func (d *Decoder) decodeRebuilt(p *Packet, b []byte, link int) {
	q := d.child(p, TunnelFragment, b)
	if q == nil {
		p.invalid(EvTooManyLayers)
		return
	}
	q.Flags |= Rebuilt
	q.Link, q.EtherType = p.Link, p.EtherType
	if p.Eth != nil && link >= ethernetHeader {
		q.Eth = b[:ethernetHeader]
	}
	counter, decode := CntReassembled4, isIPv4
	if p.Family == 6 {
		counter, decode = CntReassembled6, isIPv6
	}
	d.counts[counter]++
	if !d.content(q, decode, b[link:]) {
		return
	}
	p.Flags |= NoPayload
	d.finish(q)
}
