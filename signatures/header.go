package signatures

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"picket/signatures/language"
	"picket/traffic/packet"
)

// protoSet is a set of IP protocol numbers.
type protoSet [4]uint64

func (s *protoSet) add(p packet.Proto)      { s[p>>6] |= 1 << (p & 63) }
func (s *protoSet) remove(p packet.Proto)   { s[p>>6] &^= 1 << (p & 63) }
func (s *protoSet) has(p packet.Proto) bool { return s[p>>6]>>(p&63)&1 != 0 }

func (s *protoSet) and(o *protoSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func allProtos() (s protoSet) {
	for i := range s {
		s[i] = ^uint64(0)
	}
	return s
}

// header is a rule's header as packets are held against it.
type header struct {
	protos       protoSet
	family       uint8 // 4, 6, 0: either
	anyPacket    bool  // pkthdr: even without IP
	ether, arp   bool
	src, dst     uint32 // numbers of address sets; 0: any
	sport, dport uint32 // numbers of port sets; 0: any
	bidir        bool
	pktOnly      bool // tcp-pkt
	streamOnly   bool // tcp-stream
}

// addrSet is a compiled address list: sorted ranges without overlap.
type addrSet struct{ ranges []addrRange }

type addrRange struct{ lo, hi packet.Addr }

// compileAddrs turns the lists into ranges: In, or everything, less Not.
func compileAddrs(a *language.AddrSet) addrSet { return compilePrefixes(a.In, a.Not) }

// everything is the range of all addresses.
func everything() addrRange {
	return addrRange{hi: packet.Addr(slices.Repeat([]byte{0xff}, 16))}
}

// everyIPv4 is the range of all IPv4 addresses.
func everyIPv4() addrRange { return prefixRange(netip.PrefixFrom(netip.IPv4Unspecified(), 0)) }

func toRanges(prefixes []netip.Prefix) []addrRange {
	ranges := make([]addrRange, 0, len(prefixes))
	for _, p := range prefixes {
		ranges = append(ranges, prefixRange(p))
	}
	slices.SortFunc(ranges, func(a, b addrRange) int { return compareAddr(&a.lo, &b.lo) })
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && compareAddr(&r.lo, &merged[n-1].hi) <= 0 {
			if compareAddr(&r.hi, &merged[n-1].hi) > 0 {
				merged[n-1].hi = r.hi
			}
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

func prefixRange(p netip.Prefix) addrRange {
	a, n := packet.AddrFrom(p.Addr()), p.Bits()
	if p.Addr().Is4() {
		n += 96
	}
	r := addrRange{a, a}
	for i := range a {
		host := min(max(n-8*i, 0), 8) // network bits of this byte
		mask := byte(0xff >> host)
		r.lo[i] &^= mask
		r.hi[i] |= mask
	}
	return r
}

// subtract cuts one range out of sorted ranges.
func subtract(in []addrRange, not addrRange) []addrRange {
	var out []addrRange
	for _, r := range in {
		if compareAddr(&r.hi, &not.lo) < 0 || compareAddr(&r.lo, &not.hi) > 0 {
			out = append(out, r)
			continue
		}
		if compareAddr(&r.lo, &not.lo) < 0 {
			out = append(out, addrRange{r.lo, step(not.lo, -1)})
		}
		if compareAddr(&r.hi, &not.hi) > 0 {
			out = append(out, addrRange{step(not.hi, 1), r.hi})
		}
	}
	return out
}

// step adds 1 or -1 to an address.
func step(a packet.Addr, by int) packet.Addr {
	for i := 15; i >= 0; i-- {
		v := int(a[i]) + by
		a[i] = byte(v)
		if v >= 0 && v <= 255 {
			break
		}
	}
	return a
}

func compareAddr(a, b *packet.Addr) int {
	if x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8]); x != y {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:]))
}

// has looks an address up.
func (s *addrSet) has(a *packet.Addr) bool {
	lo, hi := 0, len(s.ranges)
	for lo < hi {
		mid := (lo + hi) / 2
		if less(a, &s.ranges[mid].lo) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo > 0 && !less(&s.ranges[lo-1].hi, a)
}

func less(a, b *packet.Addr) bool {
	if x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8]); x != y {
		return x < y
	}
	return binary.BigEndian.Uint64(a[8:]) < binary.BigEndian.Uint64(b[8:])
}

// portSet is a compiled port list: sorted ranges without overlap.
type portSet []language.PortRange

func (s portSet) has(p uint16) bool {
	if len(s) <= 8 {
		for i := range s {
			if s[i].Lo <= p && p <= s[i].Hi {
				return true
			}
		}
		return false
	}
	_, ok := slices.BinarySearchFunc(s, p, func(r language.PortRange, p uint16) int {
		switch {
		case r.Hi < p:
			return -1
		case r.Lo > p:
			return 1
		}
		return 0
	})
	return ok
}
