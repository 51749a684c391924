package packet

// Decoder turns frames into packets. One worker owns it: it holds the packets it hands out, the fragments it
// waits for and its counters. It is not safe for concurrent use.
//
// The walk of a frame: Decode → link → etherType → ipv4 or ipv6 → transport. Whatever is found inside a transport
// (tunnels) or completed by a fragment (defrag) is decoded the same way before its carrier is finished.
type Decoder struct {
	cfg    Config
	slots  [maxPackets]Packet
	used   int
	out    []*Packet // the packets of the running Decode, in the order of processing
	defrag defragger
	counts [numCounters]uint64
	events [numEvents]uint64
}

// maxPackets bounds the packets that one frame can yield. Each needs at least one layer of its own, and a frame
// has 16 by default; the rest is for tunnels that turn out to be none.
const maxPackets = 40

// NewDecoder makes a decoder. Settings that Validate would refuse are replaced by the defaults.
func NewDecoder(cfg Config) *Decoder {
	if len(cfg.Validate()) > 0 {
		def := Default()
		cfg.MaxLayers, cfg.Defrag, cfg.HostPolicies = def.MaxLayers, def.Defrag, nil
	}
	d := &Decoder{cfg: cfg, out: make([]*Packet, 0, maxPackets)}
	d.defrag.start(&d.cfg)
	return d
}

// Decode decodes one frame. It returns the packets found in it in the order in which they are to be processed:
// the innermost first, the one that was on the wire last. They and the slice belong to the Decoder and are valid
// until its next Decode; their bytes are those of in.Data (or the Decoder's, for rebuilt datagrams). It does not
// allocate on the path of a packet that is no fragment.
func (d *Decoder) Decode(in Input) []*Packet {
	d.used, d.out = 0, d.out[:0]
	d.defrag.release()
	p := d.slot()
	p.Time, p.Num, p.Iface, p.Flags = in.Time, in.Num, in.Iface, in.Flags&ChecksumUnknown|NoIP
	p.Link, p.Frame, p.WireLen = in.Link, in.Data, max(in.WireLen, uint32(len(in.Data)))
	if in.HasVLAN {
		p.VLAN[0], p.VLANs = in.VLAN&0xfff, 1
	}
	d.counts[CntPkts]++
	d.counts[CntBytes] += uint64(len(in.Data))
	d.counts[CntMaxSize] = max(d.counts[CntMaxSize], uint64(len(in.Data)))
	d.link(p, in.Data)
	d.finish(p)
	return d.out
}

// slot hands out a clean packet, or nil when the frame has used all of them.
func (d *Decoder) slot() *Packet {
	if d.used == maxPackets {
		return nil
	}
	p := &d.slots[d.used]
	d.used++
	*p = Packet{}
	return p
}

// finish puts a decoded packet in the list, after those found inside it.
func (d *Decoder) finish(p *Packet) {
	if d.cfg.Checksums {
		d.verify(p)
	}
	for _, e := range p.Events[:p.NEvents] {
		d.events[e]++
	}
	if p.Has(Invalid) {
		d.counts[CntInvalid]++
	}
	d.out = append(d.out, p)
}

// verify sets ChecksumBad. TCP segments are verified whole, as a receiver throws away those with a wrong checksum and a
// stream must not contain them; of other packets only the IP header, and the rest when somebody asks.
func (d *Decoder) verify(p *Packet) {
	if p.Flags&(ChecksumUnknown|NoIP) != 0 {
		return
	}
	if !p.IPChecksumOK() || (p.Proto == TCP && !p.TransportChecksumOK()) {
		p.Flags |= ChecksumBad
		d.counts[CntChecksumBad]++
	}
}

// layer counts one more header; a packet with too many of them is not followed any further.
func (d *Decoder) layer(p *Packet) bool {
	p.layers++
	if int(p.layers) < d.cfg.MaxLayers {
		return true
	}
	p.invalid(EvTooManyLayers)
	return false
}

// invalid records an event after which the rest of the packet cannot be read.
func (p *Packet) invalid(e Event) {
	p.Flags |= Invalid
	p.AddEvent(e)
}

// fails is invalid for the end of a decoding step: it returns false.
func (p *Packet) fails(e Event) bool {
	p.invalid(e)
	return false
}

// content is the kind of bytes that a tunnel carries.
type content uint8

const (
	isEthernet content = iota
	isIPv4
	isIPv6
	isPPP
	isVLAN
	isARP
	isERSPAN2
)

// tunnel decodes b as a packet of its own inside p. It reports whether one was found: bytes that do not decode
// leave no trace but p itself, as their reading as a tunnel was a guess.
func (d *Decoder) tunnel(p *Packet, kind TunnelKind, what content, b []byte) bool {
	return d.tunnelVNI(p, kind, what, b, 0)
}

func (d *Decoder) tunnelVNI(p *Packet, kind TunnelKind, what content, b []byte, vni uint32) bool {
	if int(p.layers)+1 >= d.cfg.MaxLayers {
		return p.fails(EvTooManyLayers)
	}
	q := d.child(p, kind, b)
	if q == nil {
		return p.fails(EvTooManyLayers)
	}
	q.VNI, q.Depth = vni, p.Depth+1
	if !d.content(q, what, b) || (kind == TunnelTeredo && q.Has(Invalid)) {
		return false
	}
	p.Flags |= NoPayload
	d.finish(q)
	return true
}

// child opens a packet that inherits from p what the wire told of it.
func (d *Decoder) child(p *Packet, kind TunnelKind, b []byte) *Packet {
	q := d.slot()
	if q == nil {
		return nil
	}
	q.Time, q.Num, q.Iface, q.Link = p.Time, p.Num, p.Iface, LinkRawBSD
	q.Flags = p.Flags&ChecksumUnknown | Tunnelled | NoIP
	q.Frame, q.WireLen = b, uint32(len(b))
	q.VLANs, q.VLAN = p.VLANs, p.VLAN
	q.Tunnel, q.Depth, q.Outer, q.layers = kind, p.Depth, p, p.layers
	return q
}

func (d *Decoder) content(q *Packet, what content, b []byte) bool {
	switch what {
	case isEthernet:
		return d.ethernet(q, b)
	case isIPv4:
		return d.ipv4(q, b)
	case isIPv6:
		return d.ipv6(q, b)
	case isPPP:
		return d.ppp(q, b)
	case isVLAN:
		return d.vlan(q, b)
	case isARP:
		return d.arp(q, b)
	default:
		return d.erspan2(q, b)
	}
}
