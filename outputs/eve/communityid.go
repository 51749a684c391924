package eve

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"

	"picket/traffic/flow"
	"picket/traffic/packet"
)

// communityID writes the flow's Community ID, version 1 (https://github.com/corelight/community-id-spec). The sum
// is kept in the flow.
func (l *Logger) communityID(f *flow.Flow) {
	if !f.HasCommunityID {
		f.CommunityID, f.HasCommunityID = CommunityID(f, l.cfg.CommunityIDSeed), true
	}
	j := &l.json
	j.Base64("community_id", f.CommunityID[:])
	// "1:" goes between the opening quote and the 28 characters of the sum.
	at := len(j.buf) - 29
	j.buf = append(j.buf, 0, 0)
	copy(j.buf[at+2:], j.buf[at:len(j.buf)-2])
	j.buf[at], j.buf[at+1] = '1', ':'
}

// CommunityID returns the hash of a flow's addresses, protocol and ports: the same for both directions, and in
// every program that uses the same seed.
func CommunityID(f *flow.Flow, seed uint16) [20]byte {
	src, dst := f.Client[:], f.Server[:]
	if f.Family == 4 {
		src, dst = src[12:], dst[12:]
	}
	sp, dp, ports, oneWay := idPorts(f)
	if c := bytes.Compare(src, dst); !oneWay && (c > 0 || c == 0 && sp > dp) {
		src, dst, sp, dp = dst, src, dp, sp
	}
	var b [40]byte
	in := binary.BigEndian.AppendUint16(b[:0], seed)
	in = append(in, src...)
	in = append(in, dst...)
	in = append(in, byte(f.Proto), 0)
	if ports {
		in = binary.BigEndian.AppendUint16(in, sp)
		in = binary.BigEndian.AppendUint16(in, dp)
	}
	return sha1.Sum(in)
}

// idPorts returns what stands in the place of ports, whether anything does, and whether the flow has one
// direction only, which keeps its order. ICMP answers count as the other side of their request.
func idPorts(f *flow.Flow) (sp, dp uint16, ports, oneWay bool) {
	switch f.Proto {
	case packet.TCP, packet.UDP, packet.SCTP:
		return f.CPort, f.SPort, true, false
	case packet.ICMP, packet.ICMPv6:
		if other, ok := icmpAnswer(f.Proto, uint8(f.CPort)); ok {
			return f.CPort, uint16(other), true, false
		}
		return f.CPort, f.SPort, true, true
	}
	return 0, 0, false, false
}

// icmpAnswer returns the type that answers a type, or the one it answers.
func icmpAnswer(p packet.Proto, t uint8) (uint8, bool) {
	pairs := [...][2]uint8{{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}}
	if p == packet.ICMPv6 {
		pairs = [...][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}}
	}
	for _, pair := range pairs {
		if t == pair[0] {
			return pair[1], true
		}
		if t == pair[1] {
			return pair[0], true
		}
	}
	return 0, false
}
