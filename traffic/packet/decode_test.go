package packet

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unhex reads hex digits; spaces and everything from "//" to the end of a line are comments.
func unhex(s string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "//")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

const (
	ethIPv4 = `020000000001 020000000002 0800 // to, from, IPv4
	`
	ethIPv6 = `020000000001 020000000002 86dd // to, from, IPv6
	`
	// udp53 is a UDP datagram of 12 bytes, 10.0.0.1:1024 → 10.0.0.2:53, payload "ping".
	udp53 = `45000020 00010000 4011 66ca 0a000001 0a000002 // IPv4, 32 bytes, UDP
		0400 0035 000c 0000 70696e67 // ports, length, no checksum, "ping"
	`
	// udp6 is the same over IPv6, fd00::1 → fd00::2.
	udp6 = `60000000 000c 11 40 // 12 bytes of UDP
		fd000000000000000000000000000001 fd000000000000000000000000000002
		0400 0035 000c 22cc 70696e67
	`
)

// seeds are frames by index of their link type in linkTypes; the tests below and the fuzz targets share them.
var seeds = []struct {
	name string
	link int
	hex  string
	want string // flags, addresses, ports and payload of the packets, then the events
}{
	{"udp over ethernet", 0, ethIPv4 + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"udp over ipv6", 0, ethIPv6 + udp6, "fd00::1:1024>fd00::2:53/17 ping"},
	{"vlan", 0, `020000000001 020000000002 8100 2005 0800` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 vlan 5 ping"},
	{"three tags", 0, `020000000001 020000000002 88a8 0001 8100 0002 9100 0003 0800` + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 vlan 1 2 3 ping"},
	{"four tags", 0, `020000000001 020000000002 8100 0001 8100 0002 8100 0003 8100 0004 0800` + udp53,
		"none vlan 1 2 3 [decoder.vlan.too_many_layers]"},
	{"vlan with unknown type", 0, `020000000001 020000000002 8100 0001 abcd 00`, "none vlan 1 [decoder.vlan.unknown_type]"},
	{"short ethernet", 0, `0200`, "none [decoder.ethernet.pkt_too_small]"},
	{"unknown ethertype", 0, `020000000001 020000000002 abcd 00`, "none [decoder.ethernet.unknown_ethertype]"},
	{"mpls, explicit null", 0, `020000000001 020000000002 8847 0001f0ff 000001ff` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"mpls, router alert at the bottom", 0, `020000000001 020000000002 8847 000011ff` + udp53,
		"none [decoder.mpls.bad_label_router_alert]"},
	{"pppoe session", 0, `020000000001 020000000002 8864 11 00 0001 0022 0021` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"pppoe, protocol of one byte", 0, `020000000001 020000000002 8864 11 00 0001 0021 21` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"pppoe, link control", 0, `020000000001 020000000002 8864 11 00 0001 0006 c021 01010004`, "none"},
	{"pppoe, DECnet", 0, `020000000001 020000000002 8864 11 00 0001 0006 0027 01010004`, "none [decoder.ppp.unsup_proto]"},
	{"pppoe discovery", 0, `020000000001 020000000002 8863 11 bb 0000 0000`, "none [decoder.pppoe.wrong_code]"},
	{"nsh", 0, `020000000001 020000000002 894f 0fc2 0201 00000000` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"vntag", 0, `020000000001 020000000002 8926 00000000 0800` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"802.1ah", 0, `020000000001 020000000002 88e7 00000001 020000000003 020000000004 0800` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"fabricpath", 0, `020000000001 020000000002 8903 0000` + ethIPv4 + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"null, little-endian", 1, `02000000` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"loop", 2, `00000002` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"null, unknown family", 1, `07000000` + udp53, "none [decoder.ltnull.unsupported_type]"},
	{"ppp", 3, `ff03 0021` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"raw", 4, udp6, "fd00::1:1024>fd00::2:53/17 ping"},
	{"hdlc", 7, `0f00 0800` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"sll", 8, `0000 0001 0006 0200000000010000 0800` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"sll2", 9, `0800 0000 00000001 0001 00 06 0200000000010000` + udp53, "10.0.0.1:1024>10.0.0.2:53/17 ping"},
	{"truncated ipv4", 4, `45000021 00010000 4011 66c9 0a000001 0a000002 0400 0035 000c 0000 70696e67`, "none [decoder.ipv4.trunc_pkt]"},
	{"header longer than the packet", 4, `46000014 00010000 4011 66c9 0a000001 0a000002`, "none [decoder.ipv4.iplen_smaller_than_hlen]"},
	{"udp length beyond the packet", 4, `45000020 00010000 4011 66ca 0a000001 0a000002 0400 0035 000d 0000 70696e67`,
		"10.0.0.1:0>10.0.0.2:0/17 [decoder.udp.pkt_too_small]"},
	{"record route with a bad pointer", 4, `47000024 00010000 40fd 0000 0a000001 0a000002 070702 00000000 00 70696e67 00000000`,
		"10.0.0.1:0>10.0.0.2:0/253 [decoder.ipv4.opt_malformed]"},
	{"tcp options", 4, `4500003c 00010000 4006 0000 0a000001 0a000002 // 40 bytes of TCP
		0400 0050 00000001 00000000 a002 ffff 0000 0000   // SYN
		020405b4 0402 080a 00000001 00000000 01 030307 `, "10.0.0.1:1024>10.0.0.2:80/6 mss 1460 ws 7 sack ts"},
	{"tcp, mss twice", 4, `45000030 00010000 4006 0000 0a000001 0a000002
		0400 0050 00000001 00000000 7002 ffff 0000 0000 020405b4 020405b4`, "10.0.0.1:1024>10.0.0.2:80/6 mss 1460 [decoder.tcp.opt_duplicate]"},
	{"tcp, header too long", 4, `45000028 00010000 4006 0000 0a000001 0a000002
		0400 0050 00000001 00000000 6002 ffff 0000 0000`, "10.0.0.1:0>10.0.0.2:0/6 [decoder.tcp.hlen_too_small]"},
	{"icmp error", 4, `45000038 00010000 4001 0000 0a000002 0a000001 // from the receiver
		0303 0000 00000000 45000020 00010000 4011 66ca 0a000001 0a000002 0400 0035 000c 0000`,
		"10.0.0.2:0>10.0.0.1:0/1 quotes 10.0.0.1:1024>10.0.0.2:53/17 "},
	{"icmp type without meaning", 4, `4500001c 00010000 4001 0000 0a000002 0a000001 2a00 0000 00000000`,
		"10.0.0.2:0>10.0.0.1:0/1 [decoder.icmpv4.unknown_type]"},
	{"hop-by-hop with padding only", 4, `60000000 0014 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002
		11 00 01 04 00000000 0400 0035 000c 22cc 70696e67`, "fd00::1:1024>fd00::2:53/17 ping [decoder.ipv6.hopopts_only_padding]"},
	{"atomic fragment", 4, `60000000 0014 2c 40 fd000000000000000000000000000001 fd000000000000000000000000000002
		11 00 0000 00000001 0400 0035 000c 22cc 70696e67`, "fd00::1:1024>fd00::2:53/17 ping [decoder.ipv6.exthdr_useless_fh]"},
	{"routing header of type 0, twice", 4, `60000000 001c 2b 40 fd000000000000000000000000000001 fd000000000000000000000000000002
		2b 00 00 00 00000000 11 00 00 00 00000000 0400 0035 000c 22cc 70696e67`,
		"fd00::1:1024>fd00::2:53/17 ping [decoder.ipv6.rh_type_0 decoder.ipv6.exthdr_dupl_rh]"},
	{"extension header beyond the packet", 4, `60000000 0008 3c 40 fd000000000000000000000000000001 fd000000000000000000000000000002
		11 01 0000 00000000`, "fd00::1:0>fd00::2:0/60 [decoder.ipv6.trunc_exthdr]"},
	{"ip in ip", 4, `45000034 00010000 4004 0000 0a010001 0a010002` + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 ping | 10.1.0.1:0>10.1.0.2:0/4 "},
	{"6in4", 4, `45000048 00010000 4029 0000 0a010001 0a010002` + udp6, "fd00::1:1024>fd00::2:53/17 ping | 10.1.0.1:0>10.1.0.2:0/41 "},
	{"4in6", 4, `60000000 0020 04 40 fd000000000000000000000000000001 fd000000000000000000000000000002` + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 ping | fd00::1:0>fd00::2:0/4 "},
	{"gre with key", 4, `4500003c 00010000 402f 0000 0a010001 0a010002 2000 0800 00000007` + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 ping | 10.1.0.1:0>10.1.0.2:0/47 "},
	{"gre version 1 without key", 4, `4500003c 00010000 402f 0000 0a010001 0a010002 0001 880b 00000007` + udp53,
		"10.1.0.1:0>10.1.0.2:0/47 [decoder.gre.version1_no_key]"},
	{"erspan II", 4, `45000036 00010000 402f 0000 0a010001 0a010002 1000 88be 00000001 1017 0000 00000000` + ethIPv4 + `45000010`,
		"none vlan 23 [decoder.ipv4.pkt_too_small] | 10.1.0.1:0>10.1.0.2:0/47"},
	{"vxlan", 4, `45000052 00010000 4011 0000 0a010001 0a010002 1000 12b5 003e 0000 08000000 00000700` + ethIPv4 + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 ping | 10.1.0.1:4096>10.1.0.2:4789/17 "},
	{"geneve", 4, `45000044 00010000 4011 0000 0a010001 0a010002 1000 17c1 0030 0000 00000800 00000700` + udp53,
		"10.0.0.1:1024>10.0.0.2:53/17 ping | 10.1.0.1:4096>10.1.0.2:6081/17 "},
	{"teredo", 4, `45000050 00010000 4011 0000 0a010001 0a010002 1000 0dd8 003c 0000` + udp6,
		"fd00::1:1024>fd00::2:53/17 ping | 10.1.0.1:4096>10.1.0.2:3544/17 "},
	{"arp", 0, `ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 0a000001 000000000000 0a000002`, "none arp 10.0.0.1"},
	{"arp with a foreign address size", 0, `ffffffffffff 020000000002 0806 0001 0800 08 04 0001 020000000002 0a000001 000000000000 0a000002`,
		"none [decoder.arp.invalid_hardware_size]"},
	{"sctp", 4, `45000020 00010000 4084 0000 0a000001 0a000002 0400 0050 00000000 00000000`, "10.0.0.1:1024>10.0.0.2:80/132 "},
	{"esp", 4, `4500001c 00010000 4032 0000 0a000001 0a000002 00000007 00000001`, "10.0.0.1:0>10.0.0.2:0/50 "},
	{"igmp report with too many records", 4, `4500001c 00010000 4002 0000 0a000001 e0000016 2200 0000 00000001`,
		"10.0.0.1:0>224.0.0.22:0/2 [decoder.igmp.malformed]"},
}

// sketch draws the packets as the table above writes them.
func sketch(out []*Packet) string {
	var s []string
	for i, p := range out {
		if i > 0 {
			s = append(s, "|")
		}
		s = append(s, sketchOne(p)...)
	}
	return strings.Join(s, " ")
}

func sketchOne(p *Packet) []string {
	s := []string{"none"}
	if !p.Has(NoIP) {
		s[0] = ends(p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto)
	}
	if p.VLANs > 0 {
		s = append(s, "vlan", strings.Trim(fmt.Sprint(p.VLAN[:p.VLANs]), "[]"))
	}
	if arp, ok := p.ReadARP(); ok {
		s = append(s, "arp", arp.SrcIP.String())
	}
	if p.Proto == TCP && p.L4 != nil {
		s = append(s, tcpWords(&p.TCP)...)
	}
	if p.Proto == UDP && p.L4 != nil && !p.Has(NoPayload) {
		s = append(s, string(p.Payload))
	}
	if q := p.Quoted; p.Has(ICMPError) {
		s = append(s, "quotes", ends(q.Src, q.Dst, q.SrcPort, q.DstPort, q.Proto))
	}
	if p.NEvents > 0 {
		s = append(s, fmt.Sprint(p.Events[:p.NEvents]))
	}
	return s
}

func ends(src, dst Addr, sport, dport uint16, proto Proto) string {
	return fmt.Sprintf("%v:%d>%v:%d/%d", src, sport, dst, dport, proto)
}

func tcpWords(h *TCPHeader) (s []string) {
	add := func(have bool, words ...any) {
		if have {
			s = append(s, strings.TrimSuffix(fmt.Sprintln(words...), "\n"))
		}
	}
	add(h.MSS > 0, "mss", h.MSS)
	add(h.HasWScale, "ws", h.WScale)
	add(h.HasSACKPerm, "sack")
	add(h.HasTS, "ts")
	return s
}

func TestDecode(t *testing.T) {
	for _, s := range seeds {
		d := NewDecoder(Default())
		in := Input{Data: unhex(s.hex), Link: linkTypes[s.link], Num: 1}
		out := d.Decode(in)
		checkPackets(t, in, out)
		if diff := cmp.Diff(strings.Join(strings.Fields(s.want), " "), sketch(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
	}
}

// TestTruncation cuts every seed at every length: no cut may panic or break what checkPackets asks for.
func TestTruncation(t *testing.T) {
	d := NewDecoder(everything())
	for _, s := range seeds {
		b := unhex(s.hex)
		for n := range b {
			in := Input{Data: b[:n:n], Link: linkTypes[s.link], Num: 1}
			checkPackets(t, in, d.Decode(in))
		}
	}
}

// TestOuterTag puts the tag that the kernel took out of the frame before those in it.
func TestOuterTag(t *testing.T) {
	b := unhex(`020000000001 020000000002 8100 0007 0800` + udp53)
	p := NewDecoder(Default()).Decode(Input{Data: b, Link: LinkEthernet, VLAN: 0x2005, HasVLAN: true})[0]
	if p.VLANs != 2 || p.VLAN[0] != 5 || p.VLAN[1] != 7 {
		t.Errorf("tags %v of %d, want 5 and 7", p.VLAN, p.VLANs)
	}
}

// TestLayers stops at the bound on headers and says so.
func TestLayers(t *testing.T) {
	b := unhex(udp53)
	for range 20 { // IPv4 in IPv4, twenty deep
		h := unhex(`45000000 00010000 4004 0000 0a010001 0a010002`)
		be.PutUint16(h[2:], uint16(len(h)+len(b)))
		b = append(h, b...)
	}
	out := NewDecoder(Default()).Decode(Input{Data: b, Link: LinkRaw})
	if len(out) == 0 || len(out) > 16 || !out[0].HasEvent(EvTooManyLayers) {
		t.Errorf("%d packets, the innermost with %v", len(out), out[0].Events[:out[0].NEvents])
	}
	for i, p := range out {
		if int(p.Depth) != len(out)-1-i {
			t.Errorf("packet %d has depth %d", i, p.Depth)
		}
	}
}

func TestChecksums(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		ip, l4    bool
	}{
		{"udp without checksum", udp53, true, true},
		{"udp over ipv6", udp6, true, true},
		{"damaged address", strings.Replace(udp53, "0a000002", "0a000003", 1), false, true},
		{"damaged payload", strings.Replace(udp6, "70696e67", "70696e68", 1), true, false},
		{"tcp", `45000028 00010000 4006 66cd 0a000001 0a000002 0400 0050 00000001 00000000 5002 ffff 978f 0000`, true, true},
		{"tcp, wrong", `45000028 00010000 4006 66cd 0a000001 0a000002 0400 0050 00000001 00000000 5002 ffff 0001 0000`, true, false},
		{"icmp", `4500001c 00010000 4001 66de 0a000001 0a000002 0800 f7fd 0001 0001`, true, true},
		{"icmp, wrong", `4500001c 00010000 4001 66de 0a000001 0a000002 0800 f7fe 0001 0001`, true, false},
	} {
		p := NewDecoder(Default()).Decode(Input{Data: unhex(c.hex), Link: LinkRaw})[0]
		if p.IPChecksumOK() != c.ip || p.TransportChecksumOK() != c.l4 || p.Has(ChecksumBad) != (!c.ip || (p.Proto == TCP && !c.l4)) {
			t.Errorf("%s: IP %v, transport %v, flag %v", c.name, p.IPChecksumOK(), p.TransportChecksumOK(), p.Has(ChecksumBad))
		}
	}
}

// TestSum compares the fast sum with the definition of RFC 1071.
func TestSum(t *testing.T) {
	b := make([]byte, 200)
	for i := range b {
		b[i] = byte(255 - i*i%7)
	}
	for n := range b {
		var want uint32
		for i, c := range b[:n] {
			want += uint32(c) << (8 * (1 - i%2))
		}
		for want>>16 != 0 {
			want = want>>16 + want&0xffff
		}
		if got := ^checksum(0, b[:n]); uint32(got) != want && !(n > 0 && got == 0xffff && want == 0) {
			t.Fatalf("%d bytes: %04x, want %04x", n, got, want)
		}
	}
}

func TestEventNames(t *testing.T) {
	seen := map[string]bool{}
	for e := EvNone + 1; e < numEvents; e++ {
		name := e.Name()
		if len(name) <= len(prefix) || seen[name] {
			t.Errorf("event %d is called %q", e, name)
		}
		seen[name] = true
		for _, spelled := range []string{name, strings.TrimPrefix(name, prefix)} {
			if got, ok := EventByName(spelled); !ok || got != e {
				t.Errorf("%q means %v, %v", spelled, got, ok)
			}
		}
	}
	for _, wrong := range []string{"", "decoder.", "ipv4.nothing"} {
		if _, ok := EventByName(wrong); ok {
			t.Errorf("%q is no event", wrong)
		}
	}
}

// TestDecodeAllocs decodes every seed and a fragmented datagram without garbage.
func TestDecodeAllocs(t *testing.T) {
	d := NewDecoder(Default())
	var in []Input
	for _, s := range seeds {
		in = append(in, Input{Data: unhex(s.hex), Link: linkTypes[s.link]})
	}
	payload := unhex(`0400 0035 0018 0000 6161616161616161 6262626262626262`)
	in = append(in, fragmentOf(1, 0, true, payload[:16]), fragmentOf(1, 2, false, payload[16:]))
	if n := testing.AllocsPerRun(100, func() {
		for i := range in {
			d.Decode(in[i])
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d frames", n, len(in))
	}
	if d.Count(CntReassembled4) < 100 {
		t.Errorf("%d datagrams rebuilt", d.Count(CntReassembled4))
	}
}
