package packet

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IPv4 (in its v4-mapped form) or IPv6 address as 16 plain bytes: comparable, hashable, without
// pointers, so that records which hold it stay invisible to the garbage collector.
type Addr [16]byte

// AddrFrom4 maps four bytes of an IPv4 address.
func AddrFrom4(b [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}
}

// AddrFrom maps any netip address; the zero Addr stands for an invalid one.
func AddrFrom(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	return a.As16()
}

// Is4 tells whether the address is IPv4.
func (a Addr) Is4() bool {
	return binary.BigEndian.Uint64(a[:8]) == 0 && binary.BigEndian.Uint32(a[8:12]) == 0xffff
}

// Netip returns the address in the standard library's form, IPv4 unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// String prints the address in its usual form.
func (a Addr) String() string { return a.Netip().String() }

// LinkType is a capture's data link type as libpcap numbers them (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that Decode understands.
const (
	LinkNull     LinkType = 0
	LinkEthernet LinkType = 1
	LinkPPP      LinkType = 9
	LinkRawBSD   LinkType = 12 // DLT_RAW on most systems
	LinkRawOBSD  LinkType = 14 // DLT_RAW on OpenBSD
	LinkCiscoHDL LinkType = 104
	LinkRaw      LinkType = 101
	LinkLoop     LinkType = 108
	LinkSLL      LinkType = 113
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276
)

// Proto is an IP protocol number (IANA).
type Proto uint8

// Protocol numbers that the walk treats specially.
const (
	ICMP   Proto = 1
	IGMP   Proto = 2
	IPIP   Proto = 4
	TCP    Proto = 6
	UDP    Proto = 17
	IPv6   Proto = 41
	GRE    Proto = 47
	ESP    Proto = 50
	AH     Proto = 51
	ICMPv6 Proto = 58
	SCTP   Proto = 132
)

// TCP flag bits as they stand in byte 13 of the header.
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Direction is the side a packet or byte came from, seen from the flow.
type Direction uint8

// The two directions of a flow.
const (
	ToServer Direction = iota
	ToClient
)

// Reverse returns the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

func (d Direction) String() string {
	if d == ToServer {
		return "to_server"
	}
	return "to_client"
}

// Flags say how a packet came to be and what must not be concluded from it.
type Flags uint32

const (
	// ChecksumUnknown: the capture says that checksums are not final (offload); they are not judged.
	ChecksumUnknown Flags = 1 << iota
	// ChecksumBad: the checksum of the IPv4 header or of a TCP segment was verified (Config.Checksums) and is wrong.
	ChecksumBad
	// Fragment: the IP packet is one fragment; it has no transport header of its own.
	Fragment
	// Rebuilt: the packet is a datagram put together from fragments.
	Rebuilt
	// Tunnelled: the packet was found inside another one.
	Tunnelled
	// Pseudo: no bytes were on the wire; the packet only carries a flow's remaining data to the judge.
	Pseudo
	// Invalid: decoding failed somewhere; only the fields up to that layer are valid.
	Invalid
	// NoIP: no valid IP header was found; Src, Dst and Proto are not valid.
	NoIP
	// StreamAdded: the segment's payload went into the stream; the judge sees it there.
	StreamAdded
	// StreamRefused: stream tracking refused the segment (bad checksum, out of window ...).
	StreamRefused
	// StreamEOF: the stream ends with this packet; all that is left is to be judged now.
	StreamEOF
	// ICMPError: the packet reports an error and quotes another packet's header.
	ICMPError
	// NoPayload: the payload is looked at as a packet of its own (tunnel, rebuilt datagram), or is ciphertext, so
	// signatures that look into the payload of this one are not tried.
	NoPayload
	// WantsFlow: the packet is whole down to its transport header and belongs to a flow.
	WantsFlow
	// Established: the flow was established before this packet came, as flow:established means it.
	Established
	// Detected: detection of the application protocol is over in the packet's direction since the last packet of it.
	Detected
	// Rewritten: bytes of the payload were replaced in place by those the stream holds (inline: the first copy of a
	// byte wins); its checksum is to be made anew before the frame goes on.
	Rewritten
	// NoInspection: the packet is not judged, neither as a packet nor by what it brings (an exception policy).
	NoInspection
)

// MaxEvents bounds the events that one packet can carry (Suricata's bound too); later ones are lost.
const MaxEvents = 15

// MaxVLANs is the number of VLAN tags that are kept (Suricata keeps three).
const MaxVLANs = 3

// Packet is one decoded packet. All slices view the frame or the Decoder's memory.
type Packet struct {
	Time  int64  // capture time, nanoseconds since 1970 UTC
	Num   uint64 // number of the frame in its source, from 1; 0 for a pseudo packet
	Iface int32  // index of the receiving interface, 0 when unknown
	Flags Flags
	Link  LinkType

	// Frame is the whole frame (or rebuilt datagram) this packet views, Eth the Ethernet header, or nil.
	Frame, Eth []byte
	WireLen    uint32 // length on the wire, at least len(Frame)
	EtherType  uint16 // the last one read, 0 when unknown
	VLANs      uint8  // number of valid entries of VLAN
	VLAN       [MaxVLANs]uint16

	// IP is the IP packet from its header to the end its length field gives; nil without IP.
	IP       []byte
	Src, Dst Addr
	Family   uint8 // 4, 6 or 0
	Proto    Proto // the transport's number, after IPv6 extension headers
	TTL      uint8 // TTL or hop limit
	TOS      uint8
	IPHdrLen uint16 // header with options or extension headers: IP[IPHdrLen:] is the transport
	IPID     uint32
	FragOff  uint16 // bytes; valid iff Fragment
	MoreFrag bool   // valid iff Fragment
	ExtHdrs  uint32 // bit set of the IPv6 extension headers and IPv4 options seen (see the Ext… and Opt… bits)

	// L4 is the transport header and its payload; nil when it could not be decoded.
	L4               []byte
	Payload          []byte
	SrcPort, DstPort uint16 // valid iff Proto is TCP, UDP or SCTP
	TCP              TCPHeader
	ICMPType         uint8 // valid iff Proto is ICMP or ICMPv6
	ICMPCode         uint8
	Quoted           Quoted // valid iff ICMPError

	// Tunnel says what the packet was found in; Depth how many layers of tunnels lie above it.
	Tunnel TunnelKind
	Depth  uint8
	Outer  *Packet // the carrier; nil for a packet that was on the wire itself
	VNI    uint32  // VXLAN or GENEVE network, GRE key; valid iff Tunnel says so

	// ARP is the ARP message from its first byte (28 bytes); nil unless a valid one was decoded. See ReadARP.
	ARP []byte

	NEvents uint8
	Events  [MaxEvents]Event

	// Set by the flow table, not by Decode.
	Dir       Direction
	HasFlow   bool
	Exception Exception // what a policy asks for; the flow table does it to the flow too
	Asked     Denial    // which policy Exception comes from, NotDenied when none was asked
	Denied    Denial    // why tracking wants the packet dropped, NotDenied when it doesn't

	layers uint8    // headers read so far, the carriers' included
	fh     fragment // valid iff Fragment
	sums   sumState
}

// TCPHeader holds the fields of a TCP header; valid iff Packet.Proto is TCP and L4 is not nil.
type TCPHeader struct {
	Seq, Ack     uint32
	Flags        uint8
	HdrLen       uint8
	Window       uint16
	Urgent       uint16
	MSS          uint16 // 0: option absent
	WScale       uint8  // valid iff HasWScale
	NSack        uint8
	HasWScale    bool
	HasSACKPerm  bool
	HasTS        bool
	HasMD5       bool
	HasAO        bool
	HasTFO       bool
	hasMSS       bool
	TSVal, TSEcr uint32 // valid iff HasTS
	Options      []byte // raw options
	SACK         []byte // the option's blocks, 8 bytes each
}

// Quoted is the packet that an ICMP error speaks of, as far as it could be read.
type Quoted struct {
	Src, Dst         Addr
	Proto            Proto
	SrcPort, DstPort uint16
}

// TunnelKind names the carrier of an inner packet.
type TunnelKind uint8

// The tunnels that are looked into.
const (
	TunnelNone TunnelKind = iota
	TunnelIPinIP
	TunnelGRE
	TunnelERSPAN
	TunnelVXLAN
	TunnelGENEVE
	TunnelTeredo
	TunnelPPPoE
	TunnelFragment // a rebuilt datagram
)

// AddEvent records an event. One that happens twice in a packet is recorded twice, as Suricata does.
func (p *Packet) AddEvent(e Event) {
	if p.NEvents < MaxEvents {
		p.Events[p.NEvents] = e
		p.NEvents++
	}
}

// HasEvent tells whether the event was recorded.
func (p *Packet) HasEvent(e Event) bool {
	for _, have := range p.Events[:p.NEvents] {
		if have == e {
			return true
		}
	}
	return false
}

// Has tells whether all of the flags are set.
func (p *Packet) Has(f Flags) bool { return p.Flags&f == f }

// Input is one frame as a capture source hands it over.
type Input struct {
	Data    []byte
	Time    int64 // nanoseconds since 1970 UTC
	Num     uint64
	WireLen uint32
	Iface   int32
	Link    LinkType
	VLAN    uint16 // tag taken out of the frame by the kernel; valid iff HasVLAN
	HasVLAN bool
	Flags   Flags // ChecksumUnknown or 0
}
