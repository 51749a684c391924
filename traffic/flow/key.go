package flow

import (
	"encoding/binary"
	"hash/maphash"

	"picket/traffic/packet"
)

// key is what packets of one conversation have in common, seen from the packet's sender.
type key struct {
	src, dst     packet.Addr
	sport, dport uint16
	proto        packet.Proto
	depth        uint8
	vlans        uint8
	vlan         [packet.MaxVLANs]uint16
	anyVLAN      bool   // VLANs tell no flows apart
	peer         uint16 // ICMP: the type that the other side sends in this conversation, noPeer when there is none
}

// noPeer stands for an ICMP type that does not exist.
const noPeer = 0xffff

// peers pairs the ICMP types of questions and answers (Suricata: ICMPv4GetCounterpart, ICMPv6GetCounterpart).
var peers = map[packet.Proto]map[uint8]uint8{
	packet.ICMP: {0: 8, 8: 0, 14: 13, 13: 14, 16: 15, 15: 16, 18: 17, 17: 18, 10: 9, 9: 10},
	packet.ICMPv6: {129: 128, 128: 129, 136: 135, 135: 136, 134: 133, 133: 134, 131: 130, 130: 131, 140: 139, 139: 140,
		144: 145, 145: 144, 146: 147, 147: 146, 148: 149, 149: 148, 151: 152, 152: 151, 157: 158, 158: 157},
}

// peerOf returns the ICMP type that answers the given one.
func peerOf(proto packet.Proto, icmpType uint16) uint16 {
	if other, ok := peers[proto][uint8(icmpType)]; ok {
		return uint16(other)
	}
	return noPeer
}

// keyOf makes a packet's key. An ICMP error gets that of the packet it quotes, as if its receiver had sent it.
func (t *Table) keyOf(p *packet.Packet, quoted bool) (k key) {
	k = key{src: p.Src, dst: p.Dst, sport: p.SrcPort, dport: p.DstPort, proto: p.Proto}
	switch {
	case quoted:
		q := &p.Quoted
		k = key{src: q.Dst, dst: q.Src, sport: q.DstPort, dport: q.SrcPort, proto: q.Proto}
		if k.icmp() {
			k.sport, k.dport, k.peer = peerOf(q.Proto, q.SrcPort), 0, q.SrcPort
		}
	case k.icmp():
		k.sport, k.dport, k.peer = uint16(p.ICMPType), uint16(p.ICMPCode), peerOf(p.Proto, uint16(p.ICMPType))
	case p.Proto == packet.ESP && len(p.IP) >= int(p.IPHdrLen)+4: // one flow for each SPI (RFC 4303)
		spi := p.IP[p.IPHdrLen:]
		k.sport, k.dport = binary.BigEndian.Uint16(spi), binary.BigEndian.Uint16(spi[2:])
	case p.Proto != packet.TCP && p.Proto != packet.UDP && p.Proto != packet.SCTP:
		k.sport, k.dport = 0, 0
	}
	if t.cfg.UseVLAN {
		k.vlans, k.vlan = p.VLANs, p.VLAN
	} else {
		k.anyVLAN = true
	}
	if t.cfg.UseDepth {
		k.depth = p.Depth
	}
	return k
}

func (k *key) icmp() bool { return k.proto == packet.ICMP || k.proto == packet.ICMPv6 }

// hash is the same for both directions.
func (t *Table) hash(k *key) uint32 {
	var b [24]byte
	side := func(a *packet.Addr, port uint16) uint64 {
		copy(b[:16], a[:])
		binary.LittleEndian.PutUint16(b[16:], port)
		b[18] = byte(k.proto)
		if k.icmp() {
			b[16], b[17] = 0, 0
		}
		return maphash.Bytes(t.seed, b[:19])
	}
	h := side(&k.src, k.sport) + side(&k.dst, k.dport) + uint64(k.vlan[0])*0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

// match tells whether a packet with this key belongs to the flow, and in which direction it goes. ICMP messages are told
// apart by their types; the code may change within a conversation (nmap's pings do).
func (f *Flow) match(k *key) (dir packet.Direction, ok bool) {
	if f.Proto != k.proto || f.depth != k.depth || !k.anyVLAN && (f.VLANs != k.vlans || f.VLAN != k.vlan) {
		return 0, false
	}
	icmp := k.icmp()
	switch {
	case f.Client == k.src && f.Server == k.dst && f.CPort == k.sport && (icmp || f.SPort == k.dport):
		return packet.ToServer, true
	case f.Client == k.dst && f.Server == k.src && (icmp && f.CPort == k.peer || !icmp && f.CPort == k.dport && f.SPort == k.sport):
		return packet.ToClient, true
	}
	return 0, false
}
