package filter

import (
	"encoding/binary"
	"net/netip"

	"picket/traffic/packet"
)

// Protocol numbers, and where the ports stand.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	etherARP = 0x0806
)

// view is what filters look at: the outermost headers of a frame.
type view struct {
	frame      []byte
	length     int // on the wire
	etherType  uint16
	vlans      [packet.MaxVLANs]uint16
	nvlans     int
	family     uint8 // 4, 6 or 0
	proto      uint8
	src, dst   netip.Addr
	sport, dpt uint16
	ports      bool
}

// look reads the headers of a frame.
func look(link packet.LinkType, frame []byte, length int) view {
	v := view{frame: frame, length: length}
	if link == packet.LinkEthernet {
		v.ethernet()
	}
	switch ip := packet.Network(link, frame); {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		v.ipv4(ip)
	case len(ip) >= 40 && ip[0]>>4 == 6:
		v.ipv6(ip)
	}
	return v
}

func (v *view) ethernet() {
	for at := 12; at+2 <= len(v.frame); at += 4 {
		v.etherType = binary.BigEndian.Uint16(v.frame[at:])
		if v.etherType != 0x8100 && v.etherType != 0x88a8 && v.etherType != 0x9100 || v.nvlans == len(v.vlans) || at+4 > len(v.frame) {
			return
		}
		v.vlans[v.nvlans] = binary.BigEndian.Uint16(v.frame[at+2:]) & 0xfff
		v.nvlans++
	}
}

func (v *view) ipv4(ip []byte) {
	v.family, v.proto = 4, ip[9]
	v.src, v.dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	if head := int(ip[0]&15) * 4; binary.BigEndian.Uint16(ip[6:])&0x1fff == 0 && head >= 20 && head <= len(ip) {
		v.transport(ip[head:])
	}
}

// ipv6 steps over the extension headers in front of the transport header (RFC 8200 §4).
func (v *view) ipv6(ip []byte) {
	v.family, v.proto = 6, ip[6]
	v.src, v.dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
	b := ip[40:]
	for range 8 {
		switch {
		case len(b) < 8:
			return
		case v.proto == 44: // fragment
			if binary.BigEndian.Uint16(b[2:])&^7 != 0 {
				return
			}
			v.proto, b = b[0], b[8:]
		case v.proto == 0 || v.proto == 43 || v.proto == 60:
			size := 8 + 8*int(b[1])
			v.proto, b = b[0], b[min(size, len(b)):]
		default:
			v.transport(b)
			return
		}
	}
}

func (v *view) transport(b []byte) {
	if (v.proto == protoTCP || v.proto == protoUDP || v.proto == protoSCTP) && len(b) >= 4 {
		v.sport, v.dpt, v.ports = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), true
	}
}
