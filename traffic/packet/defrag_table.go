package packet

import (
	"math/bits"
	"net/netip"
	"unsafe"
)

// fragKey is what the fragments of one datagram have in common. Depth and tags keep datagrams of different tunnels
// and networks apart, as Suricata does.
type fragKey struct {
	src, dst Addr
	id       uint32
	proto    Proto // 0 for IPv6, where the identification is enough
	family   uint8
	depth    uint8
	vlans    uint8
	vlan     [MaxVLANs]uint16
}

func keyOf(p *Packet) fragKey {
	k := fragKey{
		src: p.Src, dst: p.Dst, id: p.IPID, family: p.Family, depth: p.Depth, vlans: p.VLANs, vlan: p.VLAN,
	}
	if p.Family == 4 {
		k.proto = p.Proto
	}
	return k
}

// blocks is a bit for each of the 8-byte blocks of a datagram.
type blocks [maxDatagram/8/64 + 1]uint64

// tracker is one datagram under way.
type tracker struct {
	key            fragKey
	deadline       int64 // capture time at which it is given up
	older, newer   int32 // list by last use; the head is tracker 0
	first, last    int32 // its pieces, in order of arrival
	held           int   // bytes of them
	end            int   // largest end of a piece
	nFull          int   // blocks of full
	full, touched  blocks
	policy         OverlapPolicy
	seenLast, used bool
}

const trackerSize = int(unsafe.Sizeof(tracker{}))

// whole tells whether all bytes up to the end are there. Pieces begin at multiples of 8, so a last block that is not
// full is covered by the piece that ends in it.
func (t *tracker) whole() bool { return t.seenLast && t.nFull == t.end/8 }

// cover notes the bytes from off to end and reports whether some were there before.
func (t *tracker) cover(off, end int) (overlap bool) {
	for b := off / 8; b < (end+7)/8; {
		word, from := b/64, b%64
		n := min(64-from, (end+7)/8-b)
		mask := (^uint64(0) >> (64 - n)) << from
		overlap = overlap || t.touched[word]&mask != 0
		t.touched[word] |= mask
		if b+n > end/8 { // the last block is not full
			mask &^= 1 << (end / 8 % 64)
		}
		t.nFull += bits.OnesCount64(mask &^ t.full[word])
		t.full[word] |= mask
		b += n
	}
	t.end = max(t.end, end)
	return overlap
}

// piece is one fragment that is held.
type piece struct {
	data     []byte // link header, IP header, extension headers and payload; belongs to the pool
	off, end uint16 // of its payload in the datagram
	link     uint16 // bytes of the link header
	fh       fragment
	next     int32
}

// trackerFor finds the datagram that p is a part of, or opens one.
func (d *Decoder) trackerFor(p *Packet) int32 {
	g := &d.defrag
	for t := g.trackers[0].newer; t != 0 && g.trackers[t].deadline < p.Time; t = g.trackers[0].newer {
		g.drop(t)
		d.counts[CntTrackersTimedOut]++
	}
	key := keyOf(p)
	if !g.cfg.VLANTracking {
		key.vlans, key.vlan = 0, [MaxVLANs]uint16{}
	}
	timeout := int64(g.cfg.timeoutFor(p.Dst))
	if t, ok := g.byKey[key]; ok {
		if g.trackers[t].deadline >= p.Time {
			g.trackers[t].deadline = p.Time + timeout
			g.unlink(t)
			g.link(t)
			return t
		}
		g.drop(t)
		d.counts[CntTrackersTimedOut]++
	}
	for len(g.byKey) >= g.cfg.Defrag.MaxTrackers || (g.bytes+trackerSize > g.cfg.Defrag.Memcap && g.trackers[0].newer != 0) {
		g.drop(g.trackers[0].newer)
		d.counts[CntTrackersEvicted]++
	}
	t := g.open(key)
	g.trackers[t].deadline = p.Time + timeout
	g.trackers[t].policy = g.cfg.policyFor(p.Dst)
	return t
}

// keep copies the fragment into its datagram. It makes room at the cost of other datagrams.
func (d *Decoder) keep(at int32, p *Packet, payload []byte) (overlap, kept bool) {
	g := &d.defrag
	t := &g.trackers[at]
	data, link := p.fromLink()
	if t.held+len(payload) > maxHeldPerDatagram {
		return false, false
	}
	for g.nPieces >= g.cfg.Defrag.MaxFragments || g.bytes+len(data) > g.cfg.Defrag.Memcap {
		oldest := g.trackers[0].newer
		if oldest == at { // the youngest is never given up for itself
			return false, false
		}
		g.drop(oldest)
		d.counts[CntTrackersEvicted]++
	}
	off, end := int(p.FragOff), int(p.FragOff)+len(payload)
	i := g.newPiece()
	g.pieces[i] = piece{
		data: g.pool.copy(data), off: uint16(off), end: uint16(end), link: uint16(link), fh: p.fh,
	}
	if t.first == 0 {
		t.first = i
	} else {
		g.pieces[t.last].next = i
	}
	t.last = i
	t.held += len(payload)
	g.bytes += len(data)
	t.seenLast = t.seenLast || !p.MoreFrag
	return t.cover(off, end), true
}

// maxLinkHeader bounds what is kept of the headers before IP: Ethernet with three tags and some labels fit.
const maxLinkHeader = 64

// fromLink returns the packet from its link header to the end of IP, and the length of the link header, 0 when it
// is too long to be kept. IP is a part of Frame, so the capacities tell how far apart they begin.
func (p *Packet) fromLink() ([]byte, int) {
	link := cap(p.Frame) - cap(p.IP)
	if link < 0 || link > maxLinkHeader {
		return p.IP, 0
	}
	return p.Frame[:link+len(p.IP)], link
}

// open takes a clean tracker into the table and the end of the list.
func (g *defragger) open(key fragKey) int32 {
	t := g.freeT
	if t != 0 {
		g.freeT = g.trackers[t].newer
	} else {
		g.trackers = append(g.trackers, tracker{})
		t = int32(len(g.trackers) - 1)
	}
	g.trackers[t] = tracker{key: key, used: true}
	g.bytes += trackerSize
	g.byKey[key] = t
	g.link(t)
	return t
}

// drop gives a datagram and its pieces up.
func (g *defragger) drop(t int32) {
	tr := &g.trackers[t]
	for i := tr.first; i != 0; {
		next := g.pieces[i].next
		g.bytes -= len(g.pieces[i].data)
		g.pool.free(g.pieces[i].data)
		g.pieces[i] = piece{next: g.freeP}
		g.freeP = i
		g.nPieces--
		i = next
	}
	g.unlink(t)
	delete(g.byKey, tr.key)
	tr.used, tr.newer = false, g.freeT
	g.freeT = t
	g.bytes -= trackerSize
}

func (g *defragger) newPiece() int32 {
	g.nPieces++
	if i := g.freeP; i != 0 {
		g.freeP = g.pieces[i].next
		return i
	}
	g.pieces = append(g.pieces, piece{})
	return int32(len(g.pieces) - 1)
}

// link puts a tracker at the young end of the list: tracker 0's newer is the oldest, its older the youngest.
func (g *defragger) link(t int32) {
	young := g.trackers[0].older
	g.trackers[t].older, g.trackers[t].newer = young, 0
	g.trackers[young].newer = t
	g.trackers[0].older = t
}

func (g *defragger) unlink(t int32) {
	older, newer := g.trackers[t].older, g.trackers[t].newer
	g.trackers[older].newer = newer
	g.trackers[newer].older = older
}

// bytePool lends byte slices out of free lists by size: powers of two from 128 bytes on.
type bytePool struct {
	lists [10][][]byte
}

const smallestClass = 7 // 128 bytes

func poolClass(n int) int { return max(bits.Len(uint(n-1))-smallestClass, 0) }

// copy lends a copy of b, which is not empty.
func (p *bytePool) copy(b []byte) []byte {
	c := poolClass(len(b))
	if list := p.lists[c]; len(list) > 0 {
		have := list[len(list)-1]
		p.lists[c] = list[:len(list)-1]
		return append(have[:0], b...)
	}
	return append(make([]byte, 0, 1<<(c+smallestClass)), b...)
}

func (p *bytePool) free(b []byte) {
	c := poolClass(cap(b))
	p.lists[c] = append(p.lists[c], b)
}

// policyFor returns how the host dst puts overlapping fragments together.
func (c *Config) policyFor(dst Addr) OverlapPolicy {
	best, policy := -1, PolicyBSD
	if len(c.HostPolicies) == 0 {
		return policy
	}
	a := dst.Netip()
	for i := range c.HostPolicies {
		if h := &c.HostPolicies[i]; h.Prefix.Bits() > best && covers(h.Prefix, a) {
			best, policy = h.Prefix.Bits(), h.Policy
		}
	}
	return policy
}

// timeoutFor returns how long a datagram to dst may take, in nanoseconds.
func (c *Config) timeoutFor(dst Addr) int64 {
	best, timeout := -1, c.Defrag.Timeout
	if len(c.Defrag.HostTimeouts) == 0 {
		return int64(timeout)
	}
	a := dst.Netip()
	for i := range c.Defrag.HostTimeouts {
		if h := &c.Defrag.HostTimeouts[i]; h.Prefix.Bits() > best && covers(h.Prefix, a) {
			best, timeout = h.Prefix.Bits(), h.Timeout
		}
	}
	return int64(timeout)
}

func covers(p netip.Prefix, a netip.Addr) bool { return p.Contains(a) }
