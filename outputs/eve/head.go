package eve

import (
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// Orientation says which side a record names as its source.
type Orientation uint8

// A record names the packet's own sides, or the side that sends in one direction of the flow.
const (
	AsPacket   Orientation = iota // src is who sent the packet
	FromClient                    // src is the client, whoever sent the packet
	FromServer                    // src is the server
)

// head begins a record with what all records have, in Suricata's order (output-json.c, CreateEveHeader). p may be
// nil; then the flow tells the addresses. f may be nil.
func (l *Logger) head(event string, p *packet.Packet, f *flow.Flow, o Orientation, now int64) {
	j := &l.json
	j.Reset()
	j.Object("")
	j.Time("timestamp", now)
	if f != nil {
		j.Uint("flow_id", f.ID)
		if f.Parent != 0 {
			j.Uint("parent_id", f.Parent)
		}
	}
	l.origin(p)
	j.Str("event_type", event)
	vlans(j, p, f)
	endpoints(j, p, f, o)
	if p != nil {
		icmp(j, p)
		j.Str("pkt_src", packetSource(p))
	} else if f.Proto == packet.ICMP || f.Proto == packet.ICMPv6 {
		flowICMP(j, f, event == "netflow", o)
	}
	l.common(event, p, f, o)
	if l.Vars != nil {
		l.vars(l.Vars())
	}
}

// origin writes where the packet came from.
func (l *Logger) origin(p *packet.Packet) {
	j, c := &l.json, l.cfg
	if c.SensorID >= 0 {
		j.Int("sensor_id", int64(c.SensorID))
	}
	if p == nil {
		return
	}
	if p.Iface >= 0 && int(p.Iface) < len(c.Interfaces) {
		j.Str("in_iface", c.Interfaces[p.Iface])
	}
	if c.Offline && p.Num != 0 {
		j.Uint("pcap_cnt", p.Num)
	}
}

func vlans(j *JSON, p *packet.Packet, f *flow.Flow) {
	var ids []uint16
	switch {
	case p != nil:
		ids = p.VLAN[:p.VLANs]
	case f != nil:
		ids = f.VLAN[:f.VLANs]
	}
	if len(ids) == 0 {
		return
	}
	j.Array("vlan")
	for _, id := range ids {
		j.Uint("", uint64(id))
	}
	j.EndArray()
}

// Ends are the two sides of a record.
type Ends struct {
	Src, Dst         packet.Addr
	SrcPort, DstPort uint16
	Proto            packet.Proto
	Family           uint8 // 0: there are no addresses
}

// ends chooses the sides: the packet's own, turned round where the record is about the flow.
func ends(p *packet.Packet, f *flow.Flow, o Orientation) Ends {
	var e Ends
	if p != nil {
		e = Ends{p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto, p.Family}
		if !turned(p, o) {
			return e
		}
	} else if f != nil {
		e = Ends{f.Client, f.Server, f.CPort, f.SPort, f.Proto, f.Family}
		if o != FromServer {
			return e
		}
	}
	e.Src, e.Dst = e.Dst, e.Src
	e.SrcPort, e.DstPort = e.DstPort, e.SrcPort
	return e
}

func endpoints(j *JSON, p *packet.Packet, f *flow.Flow, o Orientation) {
	e := ends(p, f, o)
	if e.Family == 0 {
		return
	}
	e.write(j)
	j.Uint("ip_v", uint64(e.Family))
}

// flowICMP writes the request's type and code in the place of ports, and those of its answer when there was one. A
// record of one direction has that direction's.
func flowICMP(j *JSON, f *flow.Flow, oneWay bool, o Orientation) {
	answer, ok := icmpAnswer(f.Proto, uint8(f.CPort))
	kind := uint64(f.CPort)
	if oneWay && ok && o == FromServer {
		kind = uint64(answer)
	}
	j.Uint("icmp_type", kind)
	j.Uint("icmp_code", uint64(f.SPort))
	if ok && !oneWay && f.Packets[packet.ToClient] > 0 {
		j.Uint("response_icmp_type", uint64(answer))
		j.Uint("response_icmp_code", uint64(f.SPort))
	}
}

// write appends addresses, ports and protocol.
func (e *Ends) write(j *JSON) {
	ports := e.Proto == packet.TCP || e.Proto == packet.UDP || e.Proto == packet.SCTP
	j.Addr("src_ip", e.Src, e.Family)
	if ports {
		j.Uint("src_port", uint64(e.SrcPort))
	}
	j.Addr("dest_ip", e.Dst, e.Family)
	if ports {
		j.Uint("dest_port", uint64(e.DstPort))
	}
	protocol(j, e.Proto)
}

func icmp(j *JSON, p *packet.Packet) {
	if (p.Proto == packet.ICMP || p.Proto == packet.ICMPv6) && p.L4 != nil {
		j.Uint("icmp_type", uint64(p.ICMPType))
		j.Uint("icmp_code", uint64(p.ICMPCode))
	}
}

// packetSource says how a packet came to be (decode.c, PktSrcToString).
func packetSource(p *packet.Packet) string {
	switch {
	case p.Has(packet.Pseudo):
		return "stream (flow timeout)"
	case p.Tunnel == packet.TunnelFragment:
		return "defrag"
	}
	switch p.Tunnel {
	case packet.TunnelGRE, packet.TunnelERSPAN:
		return "gre tunnel"
	case packet.TunnelVXLAN:
		return "vxlan encapsulation"
	case packet.TunnelGENEVE:
		return "geneve encapsulation"
	case packet.TunnelTeredo:
		return "teredo tunnel"
	case packet.TunnelIPinIP:
		if p.Outer != nil && p.Outer.Family == 6 {
			return "ipv6 tunnel"
		}
		return "ipv4 tunnel"
	}
	return "wire/pcap"
}

// common writes the members that the configuration adds to every record.
func (l *Logger) common(event string, p *packet.Packet, f *flow.Flow, o Orientation) {
	switch {
	case !l.cfg.Ethernet:
	case p != nil && len(p.Eth) >= 14:
		ethernet(&l.json, p, o)
	case f != nil && f.HasMAC && event == "flow":
		l.json.Object("ether")
		macs(&l.json, "dest_macs", f.ServerMAC)
		macs(&l.json, "src_macs", f.ClientMAC)
		l.json.EndObject()
	case f != nil && f.HasMAC && event != "netflow":
		flowEthernet(&l.json, f, o)
	}
	if l.cfg.CommunityID && f != nil {
		l.communityID(f)
	}
	if l.cfg.Version != "" {
		l.json.Str("suricata_version", l.cfg.Version)
	}
}

// macs writes a list of one address, as flow records have it.
func macs(j *JSON, key string, mac [6]byte) {
	j.Array(key)
	j.MAC("", mac[:])
	j.EndArray()
}

// flowEthernet writes the addresses of the flow's first packet, where there is no packet at hand.
func flowEthernet(j *JSON, f *flow.Flow, o Orientation) {
	src, dst := f.ClientMAC, f.ServerMAC
	if o == FromServer {
		src, dst = dst, src
	}
	j.Object("ether")
	j.MAC("src_mac", src[:])
	j.MAC("dest_mac", dst[:])
	j.EndObject()
}

// ethernet writes the frame's addresses, turned round with the sides.
func ethernet(j *JSON, p *packet.Packet, o Orientation) {
	dst, src := p.Eth[:6], p.Eth[6:12]
	if turned(p, o) {
		dst, src = src, dst
	}
	j.Object("ether")
	j.Uint("ether_type", uint64(p.Eth[12])<<8|uint64(p.Eth[13]))
	j.MAC("src_mac", src)
	j.MAC("dest_mac", dst)
	j.EndObject()
}

// turned tells whether a record names the packet's receiver as its source.
func turned(p *packet.Packet, o Orientation) bool {
	return o != AsPacket && p.HasFlow && (p.Dir == packet.ToServer) != (o == FromClient)
}
