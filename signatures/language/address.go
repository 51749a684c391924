package language

import (
	"net/netip"
	"slices"
	"strings"
)

type resolvedAddrs struct {
	set AddrSet
	err error
}

// ParseAddrs resolves an address list as a rule header or a variable writes it: addresses, prefixes (also with a
// netmask), ranges "a-b", "any", "!", brackets, variables. What would match no address is refused, as Suricata
// refuses it (detect-engine-address.c). vars may be nil when there are no variables. The error is a *ListError.
func ParseAddrs(text string, vars *Vars) (AddrSet, error) {
	if strings.EqualFold(text, "any") {
		return AddrSet{Any: true}, nil
	}
	var set AddrSet
	every := false // "any" stands in the list
	w := walker{what: "address"}
	if vars != nil {
		w.vars = vars.Address
	}
	w.each = func(element string, negated bool) error {
		if strings.EqualFold(element, "any") {
			if negated {
				return listErr("", "the list negates all addresses and can never match")
			}
			every = true
			return nil
		}
		list, err := prefixes(element)
		if err != nil {
			return err
		}
		if negated {
			set.Not = append(set.Not, list...)
		} else {
			set.In = append(set.In, list...)
		}
		return nil
	}
	if err := w.walk(text, false, 0); err != nil {
		return AddrSet{}, err
	}
	if every {
		set.In = nil
		set.Any = len(set.Not) == 0
	} else {
		set.In = append(set.In, set.negatedFamilies()...)
	}
	if set.empty() {
		return AddrSet{}, listErr("", "address list %q leaves no address to match", clip(text))
	}
	return set, nil
}

// negatedFamilies returns all addresses of each family of which the list only says what is not in it: "!10.0.0.0/8" is
// the rest of IPv4, not IPv6 (DetectAddressMergeNot).
func (s AddrSet) negatedFamilies() (all []netip.Prefix) {
	for _, any := range [...]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		of := func(p netip.Prefix) bool { return p.Addr().Is4() == any.Is4() }
		if slices.ContainsFunc(s.Not, of) && !slices.ContainsFunc(s.In, of) {
			all = append(all, netip.PrefixFrom(any, 0))
		}
	}
	return all
}

// prefixes reads one element: an address, a prefix, or a range, which is cut into prefixes.
func prefixes(element string) ([]netip.Prefix, error) {
	if lo, hi, ok := strings.Cut(element, "-"); ok {
		return addrRange(element, strings.TrimSpace(lo), strings.TrimSpace(hi))
	}
	base, mask, hasMask := strings.Cut(element, "/")
	a, err := netip.ParseAddr(base)
	if err != nil || a.Zone() != "" {
		return nil, listErr("", "%q is not an address", clip(element))
	}
	bits := a.BitLen()
	if hasMask {
		if bits = maskBits(mask, a); bits < 0 {
			return nil, listErr("", "%q is not a prefix length or netmask", clip(mask))
		}
	}
	p, _ := a.Prefix(bits)
	return []netip.Prefix{p}, nil
}

// maskBits reads "24" or "255.255.255.0"; -1 when it is neither.
func maskBits(mask string, a netip.Addr) int {
	if n, ok := decimal(mask); ok && int(n) <= a.BitLen() {
		return int(n)
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() || !m.Is4() {
		return -1
	}
	b, bits := m.As4(), 0
	for bits < 32 && b[bits/8]&(0x80>>(bits%8)) != 0 {
		bits++
	}
	for i := bits; i < 32; i++ {
		if b[i/8]&(0x80>>(i%8)) != 0 {
			return -1
		}
	}
	return bits
}

func addrRange(element, first, last string) ([]netip.Prefix, error) {
	lo, err1 := netip.ParseAddr(first)
	hi, err2 := netip.ParseAddr(last)
	if err1 != nil || err2 != nil || lo.BitLen() != hi.BitLen() || lo.Zone()+hi.Zone() != "" {
		return nil, listErr("", "%q is not an address range", clip(element))
	}
	if hi.Less(lo) {
		return nil, listErr("write the lower address first", "range %q ends before it begins", element)
	}
	return cutRange(lo, hi), nil
}

// cutRange covers lo to hi with the fewest prefixes: at most 254 of them, for IPv6.
func cutRange(lo, hi netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for {
		bits := lo.BitLen()
		for bits > 0 { // widen while the prefix begins at lo and ends by hi
			p, _ := lo.Prefix(bits - 1)
			if p.Addr() != lo || hi.Less(lastOf(p)) {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(lo, bits)
		list = append(list, p)
		end := lastOf(p)
		if !end.Less(hi) {
			return list
		}
		lo = end.Next()
	}
}

// lastOf returns a prefix' highest address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Contains tells whether an address is in the set. IPv4 addresses must be unmapped.
func (s AddrSet) Contains(a netip.Addr) bool {
	if s.Any {
		return true
	}
	has := func(p netip.Prefix) bool { return p.Contains(a) }
	return (len(s.In) == 0 || slices.ContainsFunc(s.In, has)) && !slices.ContainsFunc(s.Not, has)
}

// empty tells whether the negations leave nothing. One whole negated family is enough for Suricata to refuse the
// list.
func (s AddrSet) empty() bool {
	not := spans(s.Not)
	for _, all := range [...]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if covered(netip.PrefixFrom(all, 0), not) {
			return true
		}
	}
	for _, p := range s.In {
		if !covered(p, not) {
			return false
		}
	}
	return len(s.In) > 0
}

// span is an inclusive range of addresses of one family.
type span struct{ lo, hi netip.Addr }

// spans returns prefixes as sorted ranges, those that overlap or touch joined.
func spans(list []netip.Prefix) []span {
	all := make([]span, len(list))
	for i, p := range list {
		all[i] = span{p.Addr(), lastOf(p)}
	}
	slices.SortFunc(all, func(a, b span) int { return a.lo.Compare(b.lo) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.lo.BitLen() == out[n-1].lo.BitLen() {
			if next := out[n-1].hi.Next(); !next.IsValid() || !next.Less(s.lo) {
				if out[n-1].hi.Less(s.hi) {
					out[n-1].hi = s.hi
				}
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// covered tells whether one of the joined ranges holds all of p.
func covered(p netip.Prefix, joined []span) bool {
	i, found := slices.BinarySearchFunc(joined, p.Addr(), func(s span, a netip.Addr) int { return s.lo.Compare(a) })
	if !found {
		i--
	}
	return i >= 0 && joined[i].lo.BitLen() == p.Addr().BitLen() && !joined[i].hi.Less(lastOf(p))
}
