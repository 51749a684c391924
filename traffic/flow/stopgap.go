package flow

import (
	"time"

	"picket/traffic/app"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

type Config struct{}

func Default() Config { return Config{} }

type Layer interface {
	Stream(c *app.Conn, ep app.Endpoint, dir app.Direction, data []byte, eof bool) int
	Gap(c *app.Conn, ep app.Endpoint, dir app.Direction, n uint32) bool
	Datagram(c *app.Conn, ep app.Endpoint, dir app.Direction, data []byte)
}

type key struct {
	a, b   packet.Addr
	ap, bp uint16
	proto  packet.Proto
	vlan   uint16
}

type entry struct {
	Flow
	st   State
	tcp  tcpState
	k    key
	seen bool
}

type tcpState struct {
	side    [2]side
	hasSyn  bool
	started bool
}

type side struct {
	next    uint32
	init    bool
	buf     []byte // acked or not, contiguous from base, not consumed by the app
	appOff  int    // given to app
	rawOff  int
	base    uint64
	ooo     map[uint32][]byte
	acked   uint32
	fin     bool
	dead    bool
	offered int
}

type Table struct {
	m     map[key]*entry
	by    map[*Flow]*entry
	layer Layer
	sink  Sink
	stat  Stats
	now   int64
	inl   bool
	cur   *entry
	last  int64
}

type Stats struct{ Created uint64 }

func (t *Table) Stats() Stats { return t.stat }

func NewTable(c Config, sc stream.Config, l Layer, s Sink) *Table {
	return &Table{m: map[key]*entry{}, by: map[*Flow]*entry{}, layer: l, sink: s, inl: sc.Inline}
}

func less(a, b packet.Addr) bool { return string(a[:]) < string(b[:]) }

func (t *Table) Track(p *packet.Packet) (*Flow, *State) {
	if p.Family == 0 || p.Has(packet.Fragment) || p.Has(packet.Invalid) && p.L4 == nil {
		return nil, nil
	}
	t.now = p.Time
	k := key{a: p.Src, b: p.Dst, ap: p.SrcPort, bp: p.DstPort, proto: p.Proto}
	if less(k.b, k.a) || k.a == k.b && k.bp < k.ap {
		k.a, k.b, k.ap, k.bp = k.b, k.a, k.bp, k.ap
	}
	e := t.m[k]
	if e != nil && p.Proto == packet.TCP && p.TCP.Flags&(packet.SYN|packet.ACK) == packet.SYN && e.State == Closed {
		t.end(e, TCPReuse)
		e = nil
	}
	if e != nil && p.Time-e.Last > int64(600*time.Second) {
		t.end(e, Timeout)
		e = nil
	}
	if e == nil {
		if p.Proto == packet.TCP && p.TCP.Flags&packet.RST != 0 {
			return nil, nil
		}
		e = &entry{k: k}
		t.stat.Created++
		e.Flow = Flow{ID: t.stat.Created, Client: p.Src, Server: p.Dst, CPort: p.SrcPort, SPort: p.DstPort, Proto: p.Proto, Family: p.Family, Start: p.Time}
		if p.Proto == packet.TCP && p.TCP.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK {
			e.Client, e.Server, e.CPort, e.SPort = e.Server, e.Client, e.SPort, e.CPort
		}
		t.m[k] = e
	}
	p.Dir = packet.ToServer
	if p.Src != e.Client || p.SrcPort != e.CPort {
		p.Dir = packet.ToClient
	}
	p.HasFlow = true
	e.Last = p.Time
	e.Packets[p.Dir]++
	e.Bytes[p.Dir] += uint64(p.WireLen)
	ep := app.Endpoint{UDP: p.Proto == packet.UDP, Client: e.CPort, Server: e.SPort, Time: p.Time}
	switch p.Proto {
	case packet.TCP:
		t.tcp(e, p, ep)
	default:
		if e.Packets[0] > 0 && e.Packets[1] > 0 {
			e.State = Established
		}
		if p.Proto == packet.UDP && len(p.Payload) > 0 {
			t.layer.Datagram(&e.st.App, ep, p.Dir, p.Payload)
		}
	}
	t.cur = e
	return &e.Flow, &e.st
}

func (t *Table) tcp(e *entry, p *packet.Packet, ep app.Endpoint) {
	e.st.tcp = &e.tcp
	h := &p.TCP
	e.TCPFlags[p.Dir] |= h.Flags
	s, o := &e.tcp.side[p.Dir], &e.tcp.side[p.Dir.Reverse()]
	if h.Flags&packet.SYN != 0 {
		s.next, s.init = h.Seq+1, true
	}
	if !s.init && len(p.Payload) > 0 {
		s.next, s.init = h.Seq, true
	}
	if h.Flags&packet.ACK != 0 && h.Flags&packet.SYN == 0 && e.State == New && e.TCPFlags[0]&packet.SYN != 0 && e.TCPFlags[1]&packet.SYN != 0 {
		e.State = Established
	}
	if h.Flags&packet.ACK != 0 && o.init {
		o.acked = h.Ack
		t.feed(e, ep, p.Dir.Reverse(), false)
	}
	if len(p.Payload) > 0 && s.init {
		s.add(h.Seq, p.Payload)
		p.Flags |= packet.StreamAdded
		if t.inl {
			t.feed(e, ep, p.Dir, false)
		}
	}
	if h.Flags&(packet.FIN|packet.RST) != 0 {
		if h.Flags&packet.RST != 0 || e.TCPFlags[p.Dir.Reverse()]&packet.FIN != 0 {
			e.State = Closed
			t.feed(e, ep, 0, true)
			t.feed(e, ep, 1, true)
		}
	}
}

func (s *side) add(seq uint32, data []byte) {
	if len(s.buf) > 1<<20 {
		return
	}
	d := int32(s.next - seq)
	if d >= int32(len(data)) {
		return
	}
	if d < 0 {
		if s.ooo == nil {
			s.ooo = map[uint32][]byte{}
		}
		if len(s.ooo) < 256 {
			s.ooo[seq] = append([]byte(nil), data...)
		}
		return
	}
	s.buf = append(s.buf, data[d:]...)
	s.next += uint32(len(data)) - uint32(d)
	for again := true; again; {
		again = false
		for q, b := range s.ooo {
			if d := int32(s.next - q); d >= 0 {
				delete(s.ooo, q)
				if d < int32(len(b)) {
					s.buf = append(s.buf, b[d:]...)
					s.next += uint32(len(b)) - uint32(d)
					again = true
				}
			}
		}
	}
}

func (t *Table) feed(e *entry, ep app.Endpoint, dir app.Direction, all bool) {
	s := &e.tcp.side[dir]
	n := len(s.buf)
	if !all && !t.inl {
		n -= int(int32(s.next - s.acked))
		n = min(max(n, 0), len(s.buf))
	}
	s.offered = max(s.offered, n)
	if s.dead || n <= s.appOff && !all {
		return
	}
	c := t.layer.Stream(&e.st.App, ep, dir, s.buf[s.appOff:n], all)
	s.appOff += c
}

func (s *State) Raw(dir app.Direction) stream.Window {
	if s.tcp == nil {
		return stream.Window{}
	}
	d := &s.tcp.side[dir]
	if d.offered <= d.rawOff {
		return stream.Window{}
	}
	return stream.Window{Data: d.buf[:d.offered], Offset: d.base, New: d.offered - d.rawOff}
}

func (t *Table) Settle(p *packet.Packet, f *Flow, s *State) {
	if s == nil {
		return
	}
	if s.App.Parser != nil {
		s.App.Parser.Transactions().Drop()
	}
	if s.tcp != nil {
		d := &s.tcp.side[p.Dir]
		d.rawOff = d.offered
		if cut := min(d.rawOff, d.appOff); cut > 1<<17 {
			n := copy(d.buf, d.buf[cut:])
			d.buf = d.buf[:n]
			d.base += uint64(cut)
			d.rawOff -= cut
			d.appOff -= cut
			d.offered -= cut
		}
	}
}

func (t *Table) end(e *entry, why EndReason) {
	delete(t.m, e.k)
	if e.st.tcp != nil {
		ep := app.Endpoint{Client: e.CPort, Server: e.SPort, Time: t.now}
		for dir := range 2 {
			t.feed(e, ep, app.Direction(dir), true)
		}
		for dir := range 2 {
			p := &packet.Packet{Time: t.now, Family: e.Family, Proto: e.Proto, Flags: packet.Pseudo | packet.StreamEOF, Dir: packet.Direction(dir), HasFlow: true,
				Src: e.Client, Dst: e.Server, SrcPort: e.CPort, DstPort: e.SPort}
			p.L4 = make([]byte, 20)
			p.TCP.Flags = packet.ACK
			if dir == 1 {
				p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			}
			t.sink.Judge(p, &e.Flow, &e.st)
			t.Settle(p, &e.Flow, &e.st)
		}
	}
	t.sink.Ended(&e.Flow, &e.st, why)
}

func (t *Table) Expire(now int64) {
	if now-t.last < int64(time.Second) {
		return
	}
	t.last = now
	for _, e := range t.m {
		if now-e.Last > int64(600*time.Second) {
			t.end(e, Timeout)
		}
	}
}

func (t *Table) Flush() {
	for _, e := range t.m {
		t.end(e, Shutdown)
	}
}
