package actions

import (
	"errors"
	"fmt"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"picket/traffic/packet"
)

// Side is an end of the connection that a rejected packet belongs to.
type Side uint8

const (
	// ToSource answers the packet's sender, in the name of its receiver.
	ToSource Side = iota
	// ToDestination tells the packet's receiver, in the name of its sender.
	ToDestination
)

// ErrNoReject says that a packet must not be answered: an answer would be wrong by the protocol's own rules, or feed
// a loop of errors about errors.
var ErrNoReject = errors.New("reject: packet must not be answered")

const (
	rejectTTL = 64
	// quoteIPv4 is how much of the rejected packet an ICMP error quotes behind the IP header (RFC 792).
	quoteIPv4 = 8
	// quoteIPv6 bounds an ICMPv6 error to the least MTU (RFC 4443, section 2.4 c), 40 bytes of IPv6 and 8 of ICMPv6
	// included.
	quoteIPv6 = 1280 - 40 - 8
)

// BuildReject returns the IP packet that ends the connection or the exchange that p belongs to: a TCP RST, or an ICMP
// error "administratively prohibited". delivered says that p itself has gone on to its receiver (passive capture),
// so that the receiver's next expected sequence number lies behind it; inline it has not. The bytes are new. The error
// wraps ErrNoReject when p must not be answered.
func BuildReject(p *packet.Packet, to Side, delivered bool) ([]byte, error) {
	if err := answerable(p); err != nil {
		return nil, err
	}
	if p.Proto == packet.TCP {
		return buildReset(p, to, delivered)
	}
	if to == ToDestination {
		return nil, fmt.Errorf("%w: its receiver did not send it (only TCP is reset both ways)", ErrNoReject)
	}
	return buildUnreachable(p)
}

// answerable keeps to RFC 1122, section 3.2.2, and RFC 9293, section 3.5.2.
func answerable(p *packet.Packet) error {
	refuse := func(why string) error { return fmt.Errorf("%w: %s", ErrNoReject, why) }
	src, dst := p.Src.Netip(), p.Dst.Netip()
	switch {
	case p.Has(packet.NoIP), p.Has(packet.Pseudo):
		return refuse("it was not on the wire")
	case src.IsUnspecified(), src.IsMulticast(), dst.IsMulticast(), dst.IsUnspecified(), dst.As16() == broadcast, src.As16() == broadcast:
		return refuse("it is not from one host to another")
	case p.Has(packet.Fragment) && p.FragOff != 0:
		return refuse("it is a later fragment")
	case p.Proto == packet.TCP && p.L4 == nil:
		return refuse("its TCP header could not be read")
	case p.Proto == packet.TCP && p.TCP.Flags&packet.RST != 0:
		return refuse("it is a reset")
	case icmpErrorMessage(p):
		return refuse("it is an ICMP error")
	}
	return nil
}

// broadcast is 255.255.255.255 in its mapped form.
var broadcast = [16]byte{10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}

// icmpErrorMessage tells whether p is an ICMP message that is no query, readable or not.
func icmpErrorMessage(p *packet.Packet) bool {
	switch p.Proto {
	case packet.ICMP:
		switch p.ICMPType {
		case layers.ICMPv4TypeEchoRequest, layers.ICMPv4TypeEchoReply, layers.ICMPv4TypeTimestampRequest,
			layers.ICMPv4TypeTimestampReply, layers.ICMPv4TypeAddressMaskRequest, layers.ICMPv4TypeAddressMaskReply:
			return p.L4 == nil
		}
		return true
	case packet.ICMPv6:
		return p.L4 == nil || p.ICMPType < 128
	}
	return false
}

// buildReset makes a RST that the receiving side must accept (RFC 5961, section 3.2: exactly at the next expected
// number). Towards the source that number is what the packet acknowledges, and the RST acknowledges all of the packet.
func buildReset(p *packet.Packet, to Side, delivered bool) ([]byte, error) {
	next := p.TCP.Seq + uint32(len(p.Payload))
	for _, f := range [...]uint8{packet.SYN, packet.FIN} { // each takes a number
		if p.TCP.Flags&f != 0 {
			next++
		}
	}
	t := layers.TCP{RST: true, ACK: true, Window: p.TCP.Window}
	src, dst := p.Src, p.Dst
	if to == ToSource {
		src, dst = dst, src
		t.SrcPort, t.DstPort = layers.TCPPort(p.DstPort), layers.TCPPort(p.SrcPort)
		t.Seq, t.Ack = p.TCP.Ack, next
	} else {
		t.SrcPort, t.DstPort = layers.TCPPort(p.SrcPort), layers.TCPPort(p.DstPort)
		t.Seq, t.Ack = p.TCP.Seq, p.TCP.Ack
		if delivered {
			t.Seq = next
		}
		t.ACK = p.TCP.Flags&packet.ACK != 0
	}
	network := networkLayer(src, dst, layers.IPProtocolTCP)
	if err := t.SetNetworkLayerForChecksum(network); err != nil {
		return nil, fmt.Errorf("reject: TCP checksum: %w", err)
	}
	return serialize(network, &t)
}

// buildUnreachable makes the ICMP error for p's sender, in the name of p's receiver.
func buildUnreachable(p *packet.Packet) ([]byte, error) {
	if p.Family == 4 {
		quote := min(int(p.IPHdrLen)+quoteIPv4, len(p.IP))
		return serialize(
			networkLayer(p.Dst, p.Src, layers.IPProtocolICMPv4),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeHostAdminProhibited)},
			gopacket.Payload(p.IP[:quote]),
		)
	}
	network := networkLayer(p.Dst, p.Src, layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeDestinationUnreachable, layers.ICMPv6CodeAdminProhibited)}
	if err := icmp.SetNetworkLayerForChecksum(network); err != nil {
		return nil, fmt.Errorf("reject: ICMPv6 checksum: %w", err)
	}
	unused := gopacket.Payload(make([]byte, 4)) // the message's second word
	return serialize(network, icmp, unused, gopacket.Payload(p.IP[:min(len(p.IP), quoteIPv6)]))
}

// ipLayer is what serialize and the checksums need of an IP layer.
type ipLayer interface {
	gopacket.SerializableLayer
	gopacket.NetworkLayer
}

// networkLayer makes the IP header, of the family of its addresses.
func networkLayer(src, dst packet.Addr, proto layers.IPProtocol) ipLayer {
	s, d := net.IP(src[:]), net.IP(dst[:])
	if src.Is4() {
		return &layers.IPv4{
			Version: 4, TTL: rejectTTL, Protocol: proto, Flags: layers.IPv4DontFragment, SrcIP: s.To4(), DstIP: d.To4(),
		}
	}
	return &layers.IPv6{Version: 6, HopLimit: rejectTTL, NextHeader: proto, SrcIP: s, DstIP: d}
}

func serialize(l ...gopacket.SerializableLayer) ([]byte, error) {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, l...); err != nil {
		return nil, fmt.Errorf("reject: build packet: %w", err)
	}
	return buf.Bytes(), nil
}

// FrameReject puts an Ethernet header, with p's VLAN tags, around a packet that BuildReject made of p. It returns nil if
// p had no Ethernet header.
func FrameReject(p *packet.Packet, to Side, ip []byte) []byte {
	const macs = 12
	if len(p.Eth) < macs {
		return nil
	}
	frame := make([]byte, 0, macs+4*int(p.VLANs)+2+len(ip))
	if to == ToSource {
		frame = append(append(frame, p.Eth[6:12]...), p.Eth[:6]...)
	} else {
		frame = append(frame, p.Eth[:macs]...)
	}
	for i, tag := range p.VLAN[:p.VLANs] {
		kind := layers.EthernetTypeDot1Q
		if i < int(p.VLANs)-1 {
			kind = layers.EthernetTypeQinQ
		}
		frame = append(frame, byte(kind>>8), byte(kind&0xff), byte(tag>>8), byte(tag))
	}
	kind := layers.EthernetTypeIPv4
	if p.Family == 6 {
		kind = layers.EthernetTypeIPv6
	}
	return append(append(frame, byte(kind>>8), byte(kind&0xff)), ip...)
}
