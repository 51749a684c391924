package flow

import (
	"hash/maphash"

	"picket/traffic/app"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// Layer is what finds protocols and parses them: *app.Layer.
type Layer interface {
	Stream(c *app.Conn, ep app.Endpoint, dir app.Direction, data []byte, eof bool) int
	Gap(c *app.Conn, ep app.Endpoint, dir app.Direction, n uint32) bool
	Datagram(c *app.Conn, ep app.Endpoint, dir app.Direction, data []byte)
}

// Bounds of the table's work.
const (
	slabSize     = 1024    // records made at once
	expireStep   = 2048    // records looked at by one Expire
	evictStep    = 16      // records looked at to find room in a full table
	recordSize   = 512     // bytes accounted for each record
	maxFreeState = 1 << 12 // pooled States
	maxRounds    = 64      // pseudo packets of one direction at the end of a flow
)

// Stats count what the table did.
type Stats struct {
	Created, Ended, Active    uint64
	TCP, UDP, ICMP, Others    uint64
	Reused, Evicted, NoMemory uint64
	Emergencies               uint64
	Emergency                 bool
	Stream                    stream.Stats
}

// Each calls f with every counter by its path in EVE's stats record, those of the streams too.
func (s *Stats) Each(f func(name string, n uint64)) {
	f("flow.total", s.Created)
	f("flow.active", s.Active)
	f("flow.tcp", s.TCP)
	f("flow.udp", s.UDP)
	f("flow.icmp", s.ICMP)
	f("flow.other", s.Others)
	f("flow.tcp_reuse", s.Reused)
	f("flow.evicted", s.Evicted)
	f("flow.memcap", s.NoMemory)
	f("flow.emerg_mode_entered", s.Emergencies)
	s.Stream.Each(f)
}

// record is a flow's place in the arena. It has no pointers, so the garbage collector never looks into it.
type record struct {
	Flow
	tcp  stream.Session
	used bool
}

// Table keeps one worker's flows. It is not safe for concurrent use.
type Table struct {
	cfg     Config
	engine  *stream.Engine
	layer   Layer
	sink    Sink
	seed    maphash.Seed
	buckets []uint32 // index of the first record, 0: none
	slabs   []*[slabSize]record
	free    uint32
	states  []*State // by index; 0 unused
	spare   []uint32 // free indexes of states
	hand    uint32   // where Expire goes on
	nextID  uint64
	stats   Stats
	feeder  feeder
	pseudo  packet.Packet
	expect  *Expectations
	// sessions are the TCP flows of the table, which stream.memcap bounds.
	sessions int
	none     *stream.Bytes // stands for the bytes of a flow without State
	l4       [20]byte
	now      int64
}

// NewTable returns an empty table that hands bytes to layer and tells sink of ended flows.
func NewTable(cfg Config, sc stream.Config, layer Layer, sink Sink) *Table {
	size := uint32(1)
	for size < cfg.HashSize && size < 1<<24 {
		size <<= 1
	}
	t := &Table{cfg: cfg, engine: stream.NewEngine(sc), layer: layer, sink: sink, seed: maphash.MakeSeed(),
		buckets: make([]uint32, size), states: make([]*State, 1), nextID: cfg.FirstID}
	if t.expect = cfg.Expect; t.expect == nil {
		t.expect = new(Expectations)
	}
	for n := uint32(0); n < cfg.Prealloc; n += slabSize {
		t.slab()
	}
	return t
}

// Stats returns the counters.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Stream = t.engine.Stats
	return s
}

func (t *Table) rec(i uint32) *record { return &t.slabs[(i-1)/slabSize][(i-1)%slabSize] }

// slab makes more records.
func (t *Table) slab() {
	base := uint32(len(t.slabs)) * slabSize
	s := new([slabSize]record)
	t.slabs = append(t.slabs, s)
	for i := slabSize - 1; i >= 0; i-- {
		s[i].next, t.free = t.free, base+uint32(i)+1
	}
}

// Track finds or makes the packet's flow, sets the packet's Dir and HasFlow, and gives its bytes to stream and
// app. Both results are nil for a packet without a flow; the State is nil while only a SYN was seen.
func (t *Table) Track(p *packet.Packet) (*Flow, *State) {
	t.now = max(t.now, p.Time)
	if !p.Has(packet.WantsFlow) {
		return nil, nil
	}
	r, dir := t.find(p)
	if r == nil {
		return nil, nil
	}
	p.Dir, p.HasFlow = dir, true
	t.count(r, p)
	s := t.state(r)
	if t.cfg.Enforce && r.Action >= Drop {
		return &r.Flow, t.abandon(s)
	}
	if s == nil && !(p.Proto == packet.TCP && p.TCP.Flags&packet.ACK == 0 && len(p.Payload) == 0) {
		s = t.StateOf(&r.Flow)
	}
	if r.established() {
		p.Flags |= packet.Established
	}
	s.announce(p)
	if r.Proto == p.Proto {
		s = t.bytes(r, s, p)
	}
	if p.Asked != packet.NotDenied {
		t.except(r, p.Asked, p.Exception)
	}
	if s != nil {
		s.notice(p, t.engine.Config().Inline)
		s.cur, s.engine, s.tcp = p, t.engine, &r.tcp
	}
	return &r.Flow, s
}

// count adds the packet to its flow's figures.
func (t *Table) count(r *record, p *packet.Packet) {
	r.Last = max(r.Last, p.Time)
	if r.Packets[p.Dir] == 0 || p.TTL < r.MinTTL[p.Dir] {
		r.MinTTL[p.Dir] = p.TTL
	}
	r.MaxTTL[p.Dir] = max(r.MaxTTL[p.Dir], p.TTL)
	r.Packets[p.Dir]++
	r.Bytes[p.Dir] += uint64(p.WireLen)
	if p.Proto == packet.TCP {
		r.TCPFlags[p.Dir] |= p.TCP.Flags
		if r.Packets[0] > 0 && r.Packets[1] > 0 {
			r.tcp.Flags &^= stream.Async
		}
	} else if r.Proto == packet.TCP {
		return // an ICMP error on a connection
	} else if r.Packets[0] > 0 && r.Packets[1] > 0 && r.State == New {
		r.State = Established
	}
}

// bytes hands the packet's payload on, by protocol.
func (t *Table) bytes(r *record, s *State, p *packet.Packet) *State {
	ep := endpoint(r, p.Time)
	switch {
	case p.Proto == packet.TCP:
		return t.segment(r, s, p, ep)
	case p.Proto == packet.UDP && len(p.Payload) > 0:
		was, errors := s.App.Reversed, s.App.Errors
		t.layer.Datagram(&s.App, ep, p.Dir, p.Payload)
		if s.App.Errors != errors {
			p.Except(t.cfg.AppError, packet.DeniedApp)
		}
		if s.App.Reversed != was {
			t.reverse(r)
			p.Dir = p.Dir.Reverse()
		}
	}
	return s
}

// endpoint says which flow the application layer is given bytes of.
func endpoint(r *record, now int64) app.Endpoint {
	return app.Endpoint{UDP: r.Proto == packet.UDP, Midstream: r.tcp.Flags&stream.Midstream != 0,
		Client: r.CPort, Server: r.SPort, Time: now}
}

// segment walks a TCP packet through its session.
func (t *Table) segment(r *record, s *State, p *packet.Packet, ep app.Endpoint) *State {
	t.none = nil
	held := &t.none
	t.feeder = feeder{t: t, r: r, ep: ep}
	if s != nil {
		held, t.feeder.s = &s.bytes, s
	}
	t.engine.Packet(&r.tcp, held, &t.feeder, p)
	if t.feeder.broken {
		p.Except(t.cfg.AppError, packet.DeniedApp)
	}
	switch {
	case r.State == Bypassed || r.tcp.State < stream.Established:
	case r.tcp.State == stream.LastAck || r.tcp.State == stream.TimeWait || r.tcp.State == stream.Closed:
		r.State = Closed
	default:
		r.State = Established
	}
	if s != nil && s.bytes != nil && t.engine.Bypassed(s.bytes) {
		r.Flags |= Offload
	}
	if s != nil && s.App.Upgrading() != s.changing {
		if s.changing = !s.changing; s.changing {
			t.judgeChange(r, s, p)
		}
	}
	return s
}

// reverse exchanges client and server.
func (t *Table) reverse(r *record) {
	r.Client, r.Server, r.CPort, r.SPort = r.Server, r.Client, r.SPort, r.CPort
	r.Packets[0], r.Packets[1] = r.Packets[1], r.Packets[0]
	r.Bytes[0], r.Bytes[1] = r.Bytes[1], r.Bytes[0]
	r.TCPFlags[0], r.TCPFlags[1] = r.TCPFlags[1], r.TCPFlags[0]
	r.MinTTL[0], r.MinTTL[1] = r.MinTTL[1], r.MinTTL[0]
	r.MaxTTL[0], r.MaxTTL[1] = r.MaxTTL[1], r.MaxTTL[0]
	r.ClientMAC, r.ServerMAC = r.ServerMAC, r.ClientMAC
	r.Flags ^= Reversed
}

// feeder gives a session's bytes to the application layer. One per table, so that nothing is allocated.
type feeder struct {
	t        *Table
	r        *record
	s        *State
	ep       app.Endpoint
	reversed bool
	broken   bool // the parser has failed
}

// Stream implements stream.Consumer.
func (f *feeder) Stream(dir packet.Direction, data []byte, eof bool) int {
	if f.s == nil || f.s.App.Idle(dir) {
		return len(data)
	}
	if f.t.expect.waiting.Load() > 0 && f.s.App.Proto == app.Unknown {
		f.t.expect.settle(f.r, dir, &f.s.App)
	}
	was, errors := f.s.App.Reversed, f.s.App.Errors
	f.ep.Midstream = f.r.tcp.Flags&stream.Midstream != 0
	if b := f.s.bytes; b != nil {
		f.ep.End = [2]uint64{b.Parsed(0), b.Parsed(1)}
		f.ep.End[dir] += uint64(len(data))
	}
	n := f.t.layer.Stream(&f.s.App, f.ep, dir, data, eof)
	f.broken = f.broken || f.s.App.Errors != errors
	if f.reversed = f.s.App.Reversed != was; f.reversed {
		f.t.reverse(f.r)
		f.ep.Client, f.ep.Server = f.ep.Server, f.ep.Client
	}
	if len(f.s.App.Announced) > 0 {
		f.t.expect.add(f.r, &f.s.App)
	}
	if f.complete(dir) {
		f.s.bytes.Trigger(dir)
	}
	return n
}

// complete tells whether the newest transaction is complete in a direction, or a step further in a TLS handshake, so that
// the raw stream is to be judged without waiting for more. Suricata's SMB parser does not ask for that (OISF/suricata#16020 would change it): chunks of SMB are
// cut by their size alone, and depth counts from where they begin.
func (f *feeder) complete(dir packet.Direction) bool {
	p := f.s.App.Parser
	if p == nil || f.s.bytes == nil || f.s.App.Proto == app.SMB {
		return false
	}
	if f.s.App.Proto == app.TLS {
		return !f.s.App.Encrypted
	}
	txs := p.Transactions()
	return txs != nil && len(txs.Open) > 0 && txs.Open[len(txs.Open)-1].Complete(dir)
}

// Gap implements stream.Consumer.
func (f *feeder) Gap(dir packet.Direction, n uint32) bool {
	if f.s != nil && f.s.bytes != nil {
		f.ep.End[dir] = f.s.bytes.Parsed(dir)
	}
	return f.s != nil && f.t.layer.Gap(&f.s.App, f.ep, dir, n)
}

// Reversed implements stream.Consumer.
func (f *feeder) Reversed() bool { r := f.reversed; f.reversed = false; return r }

// Settle is to be called when a packet was judged and told: what nobody needs any more is forgotten.
func (t *Table) Settle(p *packet.Packet, f *Flow, s *State) { t.settle(p, s) }

func (t *Table) settle(p *packet.Packet, s *State) (more bool) {
	if s == nil {
		return false
	}
	for _, parser := range [...]app.Parser{s.App.Parser, s.App.Previous} {
		if parser != nil {
			if txs := parser.Transactions(); txs != nil && len(txs.Open) > 0 {
				txs.Drop()
			}
		}
	}
	if s.App.Frames != nil {
		t.settleFrames(p, s)
	}
	if s.bytes != nil {
		more = t.engine.Settle(s.bytes, p.Dir)
	}
	s.cur = nil
	return more
}
