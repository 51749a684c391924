package signatures

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/packet"
)

var (
	ipICMP = []packet.Proto{packet.ICMP, packet.ICMPv6}
)

// headerKeywords look at packet headers (docs.suricata.io, "IP Keywords", "TCP keywords", "ICMP keywords").
func headerKeywords() []Keyword {
	return []Keyword{
		{Name: "flags", Aliases: []string{"tcp.flags"}, Parse: parseFlags},
		headerNumber("seq", "tcp.seq", 32, func(p *packet.Packet) uint64 { return uint64(p.TCP.Seq) }, packet.TCP),
		headerNumber("ack", "tcp.ack", 32, func(p *packet.Packet) uint64 { return uint64(p.TCP.Ack) }, packet.TCP),
		{Name: "window", Aliases: []string{"tcp.window"}, Parse: parseWindow},
		{Name: "tcp.mss", Parse: headerIf("tcp.mss", 16, func(p *packet.Packet) (uint64, bool) { return uint64(p.TCP.MSS), p.TCP.MSS != 0 }, packet.TCP)},
		{Name: "tcp.wscale", Parse: headerIf("tcp.wscale", 8, func(p *packet.Packet) (uint64, bool) { return uint64(p.TCP.WScale), p.TCP.HasWScale }, packet.TCP)},
		headerNumber("ttl", "", 8, func(p *packet.Packet) uint64 { return uint64(p.TTL) }),
		{Name: "tos", Parse: parseTOS},
		{Name: "id", Parse: headerIf("id", 16, func(p *packet.Packet) (uint64, bool) { return uint64(p.IPID), p.Family == 4 })},
		{Name: "ipopts", Parse: parseIPOpts},
		{Name: "fragbits", Parse: parseFragbits},
		{Name: "fragoffset", Parse: headerIf("fragoffset", 16, fragOffset)},
		{Name: "ip_proto", Parse: parseIPProto},
		{Name: "sameip", Arg: None, Parse: func(b *builder, _ string) error {
			return b.testHeader("sameip", func(v *view) bool { return v.Packet.Src == v.Packet.Dst })
		}},
		{Name: "dsize", Parse: parseDsize},
		{Name: "itype", Parse: headerIf("itype", 8, func(p *packet.Packet) (uint64, bool) { return uint64(p.ICMPType), p.L4 != nil }, ipICMP...)},
		{Name: "icode", Parse: headerIf("icode", 8, func(p *packet.Packet) (uint64, bool) { return uint64(p.ICMPCode), p.L4 != nil }, ipICMP...)},
		{Name: "icmp_id", Parse: quoted(headerIf("icmp_id", 16, echo(4), ipICMP...))},
		{Name: "icmp_seq", Parse: quoted(headerIf("icmp_seq", 16, echo(6), ipICMP...))},
		{Name: "icmpv6.mtu", Parse: headerIf("icmpv6.mtu", 32, func(p *packet.Packet) (uint64, bool) {
			if p.ICMPType != 2 || len(p.L4) < 8 {
				return 0, false
			}
			return uint64(binary.BigEndian.Uint32(p.L4[4:])), true
		}, packet.ICMPv6)},
		{Name: "igmp.type", Parse: headerIf("igmp.type", 8, func(p *packet.Packet) (uint64, bool) {
			return firstByte(p.L4)
		}, packet.IGMP)},
		headerBuffer("tcp.hdr", transportHeader, packet.TCP),
		headerBuffer("udp.hdr", transportHeader, packet.UDP),
		headerBuffer("icmpv4.hdr", transportHeader, packet.ICMP),
		headerBuffer("icmpv6.hdr", transportHeader, packet.ICMPv6),
		headerBuffer("ipv4.hdr", ipHeader(4)),
		headerBuffer("ipv6.hdr", ipHeader(6)),
		headerBuffer("ip.src", func(v *view) []byte { return addressBytes(v, &v.Packet.Src) }),
		headerBuffer("ip.dst", func(v *view) []byte { return addressBytes(v, &v.Packet.Dst) }),
		{Name: "decode-event", Parse: parseDecodeEvent},
		{Name: "engine-event", Parse: parseDecodeEvent},
		{Name: "stream-event", Parse: parseStreamEvent},
		checksum("ipv4-csum"), checksum("tcpv4-csum"), checksum("tcpv6-csum"), checksum("udpv4-csum"),
		checksum("udpv6-csum"), checksum("icmpv4-csum"), checksum("icmpv6-csum"),
		{Name: "vlan.layers", Parse: headerIf("vlan.layers", 8, func(p *packet.Packet) (uint64, bool) { return uint64(p.VLANs), true })},
		{Name: "vlan.id", Parse: parseVLAN},
	}
}

func firstByte(b []byte) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	return uint64(b[0]), true
}

// headerNumber makes a keyword that compares a header field.
func headerNumber(name, alias string, bits int, get func(*packet.Packet) uint64, protos ...packet.Proto) Keyword {
	k := Keyword{Name: name, Parse: headerIf(name, bits, func(p *packet.Packet) (uint64, bool) { return get(p), true }, protos...)}
	if alias != "" {
		k.Aliases = []string{alias}
	}
	return k
}

// headerIf is headerNumber for fields that may be absent.
func headerIf(name string, bits int, get func(*packet.Packet) (uint64, bool), protos ...packet.Proto) func(*builder, string) error {
	return func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, bits)
		if err != nil {
			return err
		}
		return b.testHeader(name, func(v *view) bool {
			p := v.Packet
			if p.Has(packet.NoIP) || p.Has(packet.Pseudo) {
				return false
			}
			have, ok := get(p)
			return ok && n.Match(have)
		}, protos...)
	}
}

// quoted lets a number stand in quotes.
func quoted(parse func(*builder, string) error) func(*builder, string) error {
	return func(b *builder, arg string) error { return parse(b, strings.Trim(arg, `" `)) }
}

func fragOffset(p *packet.Packet) (uint64, bool) {
	if !p.Has(packet.Fragment) {
		return 0, p.Family == 4
	}
	return uint64(p.FragOff) / 8, true
}

// echo reads a field of messages that have identifier and sequence.
func echo(at int) func(*packet.Packet) (uint64, bool) {
	return func(p *packet.Packet) (uint64, bool) {
		if len(p.L4) < 8 {
			return 0, false
		}
		if p.Proto == packet.ICMP && !slices.Contains([]uint8{0, 8, 13, 14, 15, 16, 17, 18}, p.ICMPType) ||
			p.Proto == packet.ICMPv6 && p.ICMPType != 128 && p.ICMPType != 129 {
			return 0, false
		}
		return uint64(binary.BigEndian.Uint16(p.L4[at:])), true
	}
}

func headerBuffer(name string, get func(v *view) []byte, protos ...packet.Proto) Keyword {
	return buffer(Buffer{Name: name, Packet: get, IPProtos: protos})
}

func transportHeader(v *view) []byte {
	p := v.Packet
	if p.Has(packet.Pseudo) || len(p.L4) < len(p.Payload) {
		return nil
	}
	return p.L4[:len(p.L4)-len(p.Payload)]
}

func ipHeader(family uint8) func(v *view) []byte {
	return func(v *view) []byte {
		p := v.Packet
		if p.Family != family || p.Has(packet.Pseudo) || int(p.IPHdrLen) > len(p.IP) {
			return nil
		}
		return p.IP[:p.IPHdrLen]
	}
}

func addressBytes(v *view, a *packet.Addr) []byte {
	switch {
	case v.Packet.Has(packet.NoIP):
		return nil
	case a.Is4():
		return a[12:]
	}
	return a[:]
}

func parseWindow(b *builder, arg string) error {
	return headerIf("window", 16, func(p *packet.Packet) (uint64, bool) { return uint64(p.TCP.Window), true }, packet.TCP)(b, arg)
}

func parseTOS(b *builder, arg string) error {
	text, negated := strings.CutPrefix(arg, "!")
	if h, ok := strings.CutPrefix(strings.ToLower(text), "x"); ok {
		text = "0x" + h
	}
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil {
		return fmt.Errorf("%q is not a number of one byte", arg)
	}
	return b.testHeader("tos", func(v *view) bool {
		return v.Packet.Family == 4 && (uint64(v.Packet.TOS) == n) != negated
	})
}

func parseDsize(b *builder, arg string) error {
	n, err := language.ParseNumber(arg, 16)
	if err != nil {
		return err
	}
	if b.dsize != nil {
		return errors.New("dsize is given twice")
	}
	b.dsize = &n
	return b.testHeader("dsize", func(v *view) bool {
		return !v.Packet.Has(packet.Pseudo) && n.Match(uint64(len(v.Packet.Payload)))
	})
}

// fragment bits as they stand in the IPv4 header.
const (
	fragReserved = 0x80
	fragDont     = 0x40
	fragMore     = 0x20
)

var ipProtoNames = map[string]uint64{
	"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "ipv6": 41, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58,
	"ipv6-icmp": 58, "eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132,
}

func parseIPProto(b *builder, arg string) error {
	if p := b.rule.Proto; !slices.Contains([]string{"ip", "ip4", "ip6", "ipv4", "ipv6", "pkthdr"}, p) {
		return fmt.Errorf("ip_proto is for rules of \"ip\", not of %q", p)
	}
	op, rest := "", strings.TrimSpace(arg)
	if rest != "" && strings.ContainsRune("<>!=", rune(rest[0])) {
		op, rest = rest[:1], strings.TrimSpace(rest[1:])
	}
	n, err := strconv.ParseUint(rest, 10, 8)
	if err != nil {
		var ok bool
		if n, ok = ipProtoNames[strings.ToLower(rest)]; !ok {
			return fmt.Errorf("unknown protocol %q", rest)
		}
	}
	var set protoSet
	for p := range 256 {
		in := uint64(p) == n
		switch op {
		case "!":
			in = !in
		case "<":
			in = uint64(p) < n
		case ">":
			in = uint64(p) > n
		}
		if in {
			set.add(packet.Proto(p))
		}
	}
	if b.ipProtoSet && op == "" {
		return errors.New("ip_proto is given twice")
	}
	b.ipProtoSet = b.ipProtoSet || op == ""
	set.and(&b.header.protos)
	b.header.protos = set
	if set == (protoSet{}) {
		return errors.New("no protocol is left")
	}
	return nil
}

func parseDecodeEvent(b *builder, arg string) error {
	e, ok := packet.EventByName(arg)
	if !ok {
		return fmt.Errorf("unknown event %q", arg)
	}
	b.ipOnly, b.decode = false, true
	return b.testPacket("decode-event", func(v *view) bool {
		return slices.Contains(v.Packet.Events[:v.Packet.NEvents], e)
	})
}

func parseStreamEvent(b *builder, arg string) error {
	e, ok := streamEvent(arg)
	if !ok {
		return fmt.Errorf("unknown event %q", arg)
	}
	b.ipOnly, b.decode = false, true
	return b.testPacket("stream-event", func(v *view) bool {
		return slices.Contains(v.Packet.Events[:v.Packet.NEvents], e)
	})
}

// checksum makes a keyword on a checksum being valid or not.
func checksum(name string) Keyword {
	kind, family := strings.TrimSuffix(name, "-csum"), uint8(4)
	var proto packet.Proto
	switch {
	case strings.HasPrefix(kind, "tcp"):
		proto = packet.TCP
	case strings.HasPrefix(kind, "udp"):
		proto = packet.UDP
	case kind == "icmpv4":
		proto = packet.ICMP
	case kind == "icmpv6":
		proto = packet.ICMPv6
	}
	if strings.HasSuffix(kind, "v6") {
		family = 6
	}
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		want := strings.ToLower(strings.Trim(arg, `" `))
		if want != "valid" && want != "invalid" {
			return fmt.Errorf("is valid or invalid, not %q", arg)
		}
		return b.testHeader(name, func(v *view) bool {
			p := v.Packet
			if p.Family != family || proto != 0 && p.Proto != proto || p.Has(packet.Pseudo) || p.Has(packet.Fragment) {
				return false
			}
			return packetSum(p, proto) == (want == "valid")
		})
	}}
}

// packetSum verifies the checksum of the IPv4 header (proto 0) or of the transport (RFC 1071).
func packetSum(p *packet.Packet, proto packet.Proto) bool {
	if proto == 0 {
		return int(p.IPHdrLen) <= len(p.IP) && sum(0, p.IP[:p.IPHdrLen]) == 0xffff
	}
	if proto == packet.UDP && len(p.L4) >= 8 && p.L4[6] == 0 && p.L4[7] == 0 && p.Family == 4 {
		return true
	}
	var acc uint64
	if proto != packet.ICMP {
		from := 0
		if p.Family == 4 {
			from = 12
		}
		acc = uint64(sum(0, p.Src[from:])) + uint64(sum(0, p.Dst[from:])) + uint64(proto) + uint64(len(p.L4))
	}
	return sum(acc, p.L4) == 0xffff
}

func sum(acc uint64, b []byte) uint16 {
	for len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	for acc>>16 != 0 {
		acc = acc&0xffff + acc>>16
	}
	return uint16(acc)
}

// parseVLAN reads "N[,layer|any|all|-1]".
func parseVLAN(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) == 0 || len(args) > 2 {
		return errors.New("needs a number")
	}
	n, err := language.ParseNumber(args[0], 16)
	if err != nil {
		return err
	}
	layer := "any"
	if len(args) == 2 {
		layer = args[1]
	}
	i, err := strconv.Atoi(layer)
	if layer != "any" && layer != "all" && (err != nil || bits.Len(uint(max(i, -i))) > 2 || i > 2 || i < -3) {
		return fmt.Errorf("unknown layer %q", layer)
	}
	return b.testHeader("vlan.id", func(v *view) bool {
		have := v.Packet.VLAN[:v.Packet.VLANs]
		match := func(id uint16) bool { return n.Match(uint64(id)) }
		switch layer {
		case "any":
			return slices.ContainsFunc(have, match)
		case "all":
			return len(have) > 0 && !slices.ContainsFunc(have, func(id uint16) bool { return !match(id) })
		}
		at := i
		if at < 0 {
			at += len(have)
		}
		return at >= 0 && at < len(have) && match(have[at])
	})
}
