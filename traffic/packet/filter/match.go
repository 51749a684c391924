package filter

import (
	"net/netip"
	"strconv"
)

func (v *view) addr(src bool) netip.Addr {
	if src {
		return v.src
	}
	return v.dst
}

func (v *view) port(src bool) uint16 {
	if src {
		return v.sport
	}
	return v.dpt
}

// sides asks the sides that a direction names.
func sides(dir string, of func(v *view, src bool) bool) test {
	switch dir {
	case "src":
		return func(v *view) bool { return of(v, true) }
	case "dst":
		return func(v *view) bool { return of(v, false) }
	case "both":
		return func(v *view) bool { return of(v, true) && of(v, false) }
	}
	return func(v *view) bool { return of(v, true) || of(v, false) }
}

// ofProtocol is the condition that a protocol's name is by itself.
func ofProtocol(name string) test {
	switch name {
	case "ip":
		return func(v *view) bool { return v.family == 4 }
	case "ip6":
		return func(v *view) bool { return v.family == 6 }
	case "arp":
		return func(v *view) bool { return v.etherType == etherARP }
	case "icmp":
		return func(v *view) bool { return v.family == 4 && v.proto == protoICMP }
	case "icmp6":
		return func(v *view) bool { return v.family == 6 && v.proto == protoICMPv6 }
	}
	return protoNumber(name)
}

// protoNumber compares the IP protocol, by number or by the name of a transport; nil: neither.
func protoNumber(text string) test {
	n, err := strconv.ParseUint(text, 10, 8)
	switch text {
	case "tcp":
		n = protoTCP
	case "udp":
		n = protoUDP
	case "sctp":
		n = protoSCTP
	case "icmp":
		n = protoICMP
	case "icmp6":
		n = protoICMPv6
	default:
		if err != nil {
			return nil
		}
	}
	return func(v *view) bool { return v.family != 0 && uint64(v.proto) == n }
}
