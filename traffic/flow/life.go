package flow

import (
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// find returns the packet's flow and the packet's direction in it, making the flow when it is new. An error message belongs
// to the flow of the packet that it quotes; one of ICMPv4 about no flow that we know has none, as in Suricata.
func (t *Table) find(p *packet.Packet) (*record, packet.Direction) {
	if p.Has(packet.ICMPError) && p.Quoted.Proto != 0 {
		k := t.keyOf(p, true)
		if r, dir := t.lookup(&k, t.hash(&k)); r != nil {
			return r, dir
		}
	}
	if p.ICMPv4Error() {
		return nil, 0
	}
	k := t.keyOf(p, false)
	h := t.hash(&k)
	r, dir := t.lookup(&k, h)
	if r == nil {
		return t.create(p, &k, h)
	}
	switch {
	case p.Time > r.Last && p.Time-r.Last > int64(t.timeout(r)):
		t.end(r, Timeout)
	case p.Proto == packet.TCP && r.tcp.Reusable(t.engine.Config(), p, dir) && r.Packets != [2]uint64{}:
		t.stats.Reused++
		t.end(r, TCPReuse)
	default:
		return r, dir
	}
	return t.create(p, &k, h)
}

func (t *Table) lookup(k *key, h uint32) (*record, packet.Direction) {
	for i := t.buckets[h&uint32(len(t.buckets)-1)]; i != 0; {
		r := t.rec(i)
		if r.hash == h {
			if dir, ok := r.match(k); ok {
				return r, dir
			}
		}
		i = r.next
	}
	return nil, 0
}

// create makes a flow whose first packet is p; nil when there is no memory for it.
func (t *Table) create(p *packet.Packet, k *key, h uint32) (*record, packet.Direction) {
	if p.Proto == packet.TCP && t.sessions > 0 && t.sessionsFull() {
		t.evict(packet.TCP)
	}
	if t.free == 0 && !t.room() {
		t.stats.NoMemory++
		p.Except(t.cfg.MemcapPolicy, packet.DeniedFlowMemcap)
		return nil, 0
	}
	i := t.free
	r := t.rec(i)
	t.free = r.next
	t.nextID++
	t.count4(p.Proto)
	*r = record{used: true, Flow: Flow{ID: t.nextID, Client: k.src, Server: k.dst, CPort: k.sport, SPort: k.dport,
		Proto: k.proto, Family: p.Family, VLANs: p.VLANs, VLAN: p.VLAN, Start: p.Time, Last: p.Time, hash: h,
		depth: k.depth, self: i}}
	if len(p.Eth) >= 12 {
		r.ClientMAC, r.ServerMAC, r.HasMAC = [6]byte(p.Eth[6:12]), [6]byte(p.Eth[:6]), true
	}
	b := &t.buckets[h&uint32(len(t.buckets)-1)]
	r.next, *b = *b, i
	sc := t.engine.Config()
	if p.Proto == packet.TCP && (sc.Midstream || sc.AsyncOneside) &&
		p.TCP.Flags&(packet.SYN|packet.ACK|packet.RST|packet.FIN) == packet.SYN|packet.ACK {
		r.Client, r.Server, r.CPort, r.SPort = r.Server, r.Client, r.SPort, r.CPort
		r.ClientMAC, r.ServerMAC = r.ServerMAC, r.ClientMAC
		r.Flags |= Reversed
		return r, packet.ToClient
	}
	return r, packet.ToServer
}

func (t *Table) count4(proto packet.Proto) {
	t.stats.Created++
	t.stats.Active++
	switch proto {
	case packet.TCP:
		t.stats.TCP++
		t.sessions++
	case packet.UDP:
		t.stats.UDP++
	case packet.ICMP, packet.ICMPv6:
		t.stats.ICMP++
	default:
		t.stats.Others++
	}
}

// room makes room for one more flow: new records within memcap, else emergency mode and the oldest flow of a few.
func (t *Table) room() bool {
	if uint64(len(t.slabs)+1)*slabSize*recordSize <= t.cfg.Memcap || len(t.slabs) == 0 {
		t.slab()
		return true
	}
	if !t.stats.Emergency {
		t.stats.Emergency = true
		t.stats.Emergencies++
	}
	t.evict(anyProto)
	return t.free != 0
}

// anyProto is no protocol's number on the wire: zero is IPv6's hop-by-hop header.
const anyProto packet.Proto = 0

// sessionsFull tells whether the TCP sessions fill stream.memcap. Suricata then refuses new ones, so that a flood of SYNs
// blinds it to all connections that come after; here the oldest of a few gives way, as in a full flow table.
func (t *Table) sessionsFull() bool {
	limit := t.engine.Config().Memcap
	return limit > 0 && uint64(t.sessions+1)*stream.SessionSize > limit
}

// evict ends the oldest flow of a few, if there is one of the protocol among them.
func (t *Table) evict(proto packet.Proto) {
	var oldest *record
	steps := evictStep
	for n := 0; n < steps; n++ {
		r := t.turn()
		if !r.used {
			steps = min(steps+1, expireStep) // empty records cost little: a table with few flows has many
			continue
		}
		if (proto == anyProto || r.Proto == proto) && (oldest == nil || r.Last < oldest.Last) {
			oldest = r
		}
	}
	if oldest != nil {
		t.stats.Evicted++
		oldest.Flags |= Emergency
		t.end(oldest, Forced)
	}
}

// turn moves the hand to the next record.
func (t *Table) turn() *record {
	t.hand = t.hand%uint32(len(t.slabs)*slabSize) + 1
	return t.rec(t.hand)
}

// timeout is how long the flow may be silent.
func (t *Table) timeout(r *record) int64 {
	kind := Other
	switch r.Proto {
	case packet.TCP:
		kind = TCPKind
	case packet.UDP:
		kind = UDPKind
	case packet.ICMP, packet.ICMPv6:
		kind = ICMPKind
	}
	if t.stats.Emergency {
		return int64(t.cfg.Urgent[kind][r.State])
	}
	return int64(t.cfg.Timeouts[kind][r.State])
}

// Expire ends flows that were silent too long; now is the newest packet's time. One call looks at a bounded
// number of flows, so it may be called for every batch.
func (t *Table) Expire(now int64) {
	t.now = max(t.now, now)
	n := min(expireStep, len(t.slabs)*slabSize)
	for range n {
		if r := t.turn(); r.used && now-r.Last > t.timeout(r) {
			t.end(r, Timeout)
		}
	}
	if t.stats.Emergency && t.stats.Active*recordSize < t.cfg.Memcap*7/10 {
		t.stats.Emergency = false // flow.emergency-recovery: 30 %
	}
}

// Flush ends all flows: the capture is over.
func (t *Table) Flush() {
	for i := range t.slabs {
		for j := range t.slabs[i] {
			if r := &t.slabs[i][j]; r.used {
				t.end(r, Shutdown)
			}
		}
	}
}

// end judges what is left of a flow, tells the sink, and takes the memory back.
func (t *Table) end(r *record, why EndReason) {
	s := t.state(r)
	if s != nil && r.Proto == packet.TCP && r.tcp.State != stream.None && !(t.cfg.Enforce && r.Action >= Drop) {
		t.finish(r, s)
	}
	t.sink.Ended(&r.Flow, s, why)
	t.stats.Ended++
	t.stats.Active--
	if r.Proto == packet.TCP {
		t.sessions--
	}
	if s != nil {
		t.engine.Free(s.bytes)
		*s = State{}
		t.spare = append(t.spare, r.state)
	}
	t.unlink(r)
	self := r.self
	*r = record{}
	r.next, t.free = t.free, self
}

func (t *Table) unlink(r *record) {
	at := &t.buckets[r.hash&uint32(len(t.buckets)-1)]
	for *at != r.self {
		at = &t.rec(*at).next
	}
	*at = r.next
}

// finish is Suricata's forced reassembly: a pseudo packet for each direction that has something left.
func (t *Table) finish(r *record, s *State) {
	ep := endpoint(r, t.now)
	for dir := packet.ToServer; dir <= packet.ToClient; dir++ {
		open := s.App.Parser != nil && s.App.Parser.Transactions() != nil && len(s.App.Parser.Transactions().Open) > 0
		framed := s.App.Frames != nil && len(s.App.Frames.Open[dir]) > 0
		if !open && !framed && (s.bytes == nil || !s.bytes.Left(dir)) {
			continue
		}
		p := t.pseudoPacket(r, dir)
		p.Flags |= packet.StreamEOF
		t.feeder = feeder{t: t, r: r, s: s, ep: ep}
		t.engine.Finish(&r.tcp, &s.bytes, &t.feeder, p)
		for range maxRounds {
			s.cur, s.engine, s.tcp = p, t.engine, &r.tcp
			t.sink.Judge(p, &r.Flow, s)
			if !t.settle(p, s) {
				break
			}
		}
	}
}

// judgeChange has what was parsed so far judged in both directions before the connection goes on in another protocol
// (Suricata: StreamTcpDetectLogFlush).
func (t *Table) judgeChange(r *record, s *State, cause *packet.Packet) {
	dir := cause.Dir
	if !t.engine.Config().Inline {
		dir = dir.Reverse()
	}
	for range 2 {
		p := t.pseudoPacket(r, dir)
		p.Time = cause.Time
		s.cur, s.engine, s.tcp = p, t.engine, &r.tcp
		if s.bytes != nil {
			s.bytes.Trigger(dir)
		}
		t.sink.Judge(p, &r.Flow, s)
		t.settle(p, s)
		dir = dir.Reverse()
	}
}

// pseudoPacket makes the packet that carries a direction's rest to the judge.
func (t *Table) pseudoPacket(r *record, dir packet.Direction) *packet.Packet {
	p := &t.pseudo
	*p = packet.Packet{Time: t.now, Family: r.Family, Proto: r.Proto, Flags: packet.Pseudo | packet.Established,
		Dir: dir, HasFlow: true, Src: r.Client, Dst: r.Server, SrcPort: r.CPort, DstPort: r.SPort,
		VLANs: r.VLANs, VLAN: r.VLAN, TTL: 64, L4: t.l4[:]}
	p.TCP.Flags, p.TCP.HdrLen = packet.ACK, 20
	if dir == packet.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	return p
}
