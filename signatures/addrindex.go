package signatures

import (
	"encoding/binary"
	"slices"

	"picket/traffic/packet"
)

// addrIndex finds the rules that name an address on one side of their header, among thousands of rules that
// consist of little else (lists of bad hosts).
type addrIndex struct {
	from []packet.Addr        // where an interval begins; the first is the lowest address
	ids  [][]uint32           // rules of the interval
	some [1 << 16 / 64]uint64 // bit of each first half of IPv4 addresses that rules name
}

// indexedSide says by which side a rule is found.
type indexedSide uint8

const (
	notIndexed indexedSide = iota
	bySource
	byDestination
)

// maxSharers: an address set that more rules use ($HOME_NET) tells them apart too little to be indexed.
const maxSharers = 16

// side chooses the side by which a rule is found.
func (e *Engine) side(s *Signature, users []int) indexedSide {
	h := &s.header
	switch {
	case h.bidir || s.bothWays || h.anyPacket || h.ether || h.arp:
		return notIndexed
	case h.src != 0 && users[h.src] <= maxSharers && e.addrs[h.src].narrow():
		return bySource
	case h.dst != 0 && users[h.dst] <= maxSharers && e.addrs[h.dst].narrow():
		return byDestination
	}
	return notIndexed
}

// narrow tells whether the set leaves out most of the IPv4 addresses.
func (s *addrSet) narrow() bool {
	var n uint64
	for i := range s.ranges {
		r := &s.ranges[i]
		if !r.lo.Is4() || !r.hi.Is4() {
			if !r.lo.Is4() && !r.hi.Is4() && r.lo[0] == r.hi[0] && r.lo[1] == r.hi[1] && r.lo != (packet.Addr{}) {
				continue
			}
			return false
		}
		n += uint64(v4(&r.hi)-v4(&r.lo)) + 1
	}
	return n < 1<<28
}

func v4(a *packet.Addr) uint32 { return binary.BigEndian.Uint32(a[12:]) }

// countUsers counts the rules that use each address set.
func (e *Engine) countUsers() []int {
	n := make([]int, len(e.addrs))
	for _, s := range e.Signatures {
		n[s.header.src]++
		n[s.header.dst]++
	}
	return n
}

// indexRules divides rules into those found by source, by destination, and the rest.
func (e *Engine) indexRules(ids []uint32, users []int) (src, dst *addrIndex, rest []uint32) {
	var bySrc, byDst []uint32
	for _, id := range ids {
		switch e.side(e.Signatures[id], users) {
		case bySource:
			bySrc = append(bySrc, id)
		case byDestination:
			byDst = append(byDst, id)
		default:
			rest = append(rest, id)
		}
	}
	src = e.newAddrIndex(bySrc, func(h *header) uint32 { return h.src })
	dst = e.newAddrIndex(byDst, func(h *header) uint32 { return h.dst })
	return src, dst, rest
}

// newAddrIndex sweeps over the ranges of the rules' sets; nil when there are no rules.
func (e *Engine) newAddrIndex(ids []uint32, set func(*header) uint32) *addrIndex {
	if len(ids) == 0 {
		return nil
	}
	type edge struct {
		at packet.Addr
		id uint32
		on bool
	}
	var edges []edge
	for _, id := range ids {
		for _, r := range e.addrs[set(&e.Signatures[id].header)].ranges {
			edges = append(edges, edge{r.lo, id, true})
			if end := step(r.hi, 1); end != (packet.Addr{}) {
				edges = append(edges, edge{end, id, false})
			}
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return compareAddr(&a.at, &b.at) })
	x := &addrIndex{from: []packet.Addr{{}}, ids: [][]uint32{nil}}
	active := map[uint32]int{}
	for i := 0; i < len(edges); {
		at := edges[i].at
		for ; i < len(edges) && edges[i].at == at; i++ {
			if edges[i].on {
				active[edges[i].id]++
			} else if active[edges[i].id]--; active[edges[i].id] == 0 {
				delete(active, edges[i].id)
			}
		}
		now := make([]uint32, 0, len(active))
		for id := range active {
			now = append(now, id)
		}
		slices.Sort(now)
		x.from, x.ids = append(x.from, at), append(x.ids, now)
	}
	x.mark()
	return x
}

// mark notes which IPv4 addresses are worth a search.
func (x *addrIndex) mark() {
	for i, ids := range x.ids {
		if len(ids) == 0 {
			continue
		}
		last := everything().hi
		if i+1 < len(x.from) {
			last = step(x.from[i+1], -1)
		}
		v := everyIPv4()
		if less(&v.hi, &x.from[i]) || less(&last, &v.lo) {
			continue
		}
		lo, hi := uint32(0), uint32(1<<32-1)
		if less(&v.lo, &x.from[i]) {
			lo = v4(&x.from[i])
		}
		if less(&last, &v.hi) {
			hi = v4(&last)
		}
		for k := lo >> 16; k <= hi>>16; k++ {
			x.some[k>>6] |= 1 << (k & 63)
		}
	}
}

// spares tells whether no rule can name an address, without a search.
func (x *addrIndex) spares(a *packet.Addr) bool {
	return a.Is4() && x.some[int(a[12])<<2|int(a[13]>>6)]>>(a[13]&63)&1 == 0
}

// addrCache keeps what addresses were found to be named by: the packets of a flow ask the same again and again.
type addrCache [128]struct {
	index *addrIndex
	addr  packet.Addr
	ids   []uint32
}

// find is addrIndex.find.
func (c *addrCache) find(x *addrIndex, a *packet.Addr) []uint32 {
	if x == nil || x.spares(a) {
		return nil
	}
	k := &c[v4(a)*0x9E3779B1>>25]
	if k.index != x || k.addr != *a {
		k.index, k.addr, k.ids = x, *a, x.find(a)
	}
	return k.ids
}

// find returns the rules that name an address.
func (x *addrIndex) find(a *packet.Addr) []uint32 {
	if x == nil || x.spares(a) {
		return nil
	}
	lo, hi := 0, len(x.from)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if less(a, &x.from[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return x.ids[lo-1]
}
