package hostile

import (
	"encoding/binary"
	"net/netip"
)

// Systems writes an MMDB database (MaxMind DB file format specification 2.0) that knows the autonomous systems of some
// networks. None of them may lie in another.
func Systems(of map[netip.Prefix]uint32) []byte {
	t := tree{nodes: make([][2]int32, 1)}
	var data []byte
	for p, number := range of {
		t.add(p, int32(-len(data)-1))
		data = append(data, mapOf(1)...)
		data = append(data, word("autonomous_system_number")...)
		data = append(data, 6<<5|4)
		data = binary.BigEndian.AppendUint32(data, number)
	}
	file := append(t.bytes(), make([]byte, separator)...)
	file = append(file, data...)
	return append(file, metadata(len(t.nodes))...)
}

// separator is how many zero bytes stand between tree and data.
const separator = 16

// tree is a binary tree over the bits of IPv6 addresses, IPv4 at ::/96. A record above 0 is another node, one below 0 is
// data at -record-1.
type tree struct{ nodes [][2]int32 }

func (t *tree) add(p netip.Prefix, record int32) {
	addr, bits := [16]byte{}, p.Bits()
	if p.Addr().Is4() {
		v4 := p.Addr().As4()
		copy(addr[12:], v4[:])
		bits += 96
	} else {
		addr = p.Addr().As16()
	}
	at := int32(0)
	for i := range bits - 1 {
		side := addr[i/8] >> (7 - i%8) & 1
		if t.nodes[at][side] == 0 {
			t.nodes = append(t.nodes, [2]int32{})
			t.nodes[at][side] = int32(len(t.nodes) - 1)
		}
		at = t.nodes[at][side]
	}
	t.nodes[at][addr[(bits-1)/8]>>(7-(bits-1)%8)&1] = record
}

// bytes writes records of 32 bits. A record of as many as there are nodes is nothing.
func (t *tree) bytes() (out []byte) {
	n := uint32(len(t.nodes))
	for _, node := range t.nodes {
		for _, r := range node {
			v := uint32(r)
			switch {
			case r == 0:
				v = n
			case r < 0:
				v = n + separator + uint32(-r-1)
			}
			out = binary.BigEndian.AppendUint32(out, v)
		}
	}
	return out
}

func mapOf(n byte) []byte                   { return []byte{7<<5 | n} }
func word(s string) []byte                  { return append([]byte{2<<5 | byte(len(s))}, s...) }
func small(n byte) []byte                   { return []byte{5<<5 | 1, n} }
func large(n uint32) []byte                 { return binary.BigEndian.AppendUint32([]byte{6<<5 | 4}, n) }
func field(key string, value []byte) []byte { return append(word(key), value...) }

func metadata(nodes int) []byte {
	out := append([]byte("\xab\xcd\xefMaxMind.com"), mapOf(6)...)
	for _, f := range [][]byte{
		field("node_count", large(uint32(nodes))), field("record_size", small(32)), field("ip_version", small(6)),
		field("database_type", word("hostile")), field("binary_format_major_version", small(2)), field("binary_format_minor_version", small(0)),
	} {
		out = append(out, f...)
	}
	return out
}
