package stream

import (
	"bytes"
	"testing"

	"picket/traffic/packet"
)

// FuzzStream plays segments made from bytes through a session, and compares what the application layer and the
// signatures are given with a model: an array of bytes for each direction, filled as the policy says.
func FuzzStream(f *testing.F) {
	for _, policy := range []byte{0, 1, 2, 3, 4, 5, 6, 7} {
		f.Add([]byte{policy, 0, 4, 'a', 1, 0, 8, 4, 'b', 0, 4, 6, 'c', 0, 12, 3, 'd', 2, 1, 15, 0, 3, 0, 0, 0, 0, 2, 9, 'e', 4, 0, 0, 0, 5, 0, 0, 0})
		f.Add(append([]byte{policy}, bytes.Repeat([]byte{0, 7, 200, 'x', 2, 0, 90, 0, 1, 5, 80, 'y', 3, 0, 40, 0}, 20)...))
	}
	f.Add([]byte("010\xfd000\xff90000")) // both close, and the client's bytes were never acknowledged
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		m := newModel(t, data[0])
		for data = data[1:]; len(data) >= 4 && m.steps < 300; data = data[4:] {
			m.step(data[0], data[1], data[2], data[3])
		}
		m.finish()
	})
}

// model is a session with what a receiver by its policy would have. It is the session's application layer.
type model struct {
	*play
	side    [2]modelSide
	first   bool // the policy is first
	known   bool // the policy is first or last: which byte wins is known
	deaf    bool // the application layer wants nothing behind a gap
	leaves  int  // bytes of a call that the application layer leaves for the next one
	steps   int
	offered []offer // what the application layer was given by the packet that is being walked
}

// modelSide is one direction of a model.
type modelSide struct {
	sent   [][]byte // by offset: all bytes that were sent there, the one that has won at the front
	app    int      // up to here the application layer has the stream
	raw    int      // up to here the signatures have judged it
	send   int      // where the next in-order segment goes
	gapped bool
	ended  bool
}

// offer is a call of the application layer: copied bytes and their offset.
type offer struct {
	dir  packet.Direction
	at   int
	data []byte
}

func newModel(t *testing.T, choice byte) *model {
	policy := []Policy{First, Last, Linux, Windows}[choice&3]
	inline := choice&4 != 0
	m := &model{deaf: choice&8 != 0, leaves: int(choice >> 5)}
	m.first = policy == First || inline // inline the first copy wins, whatever the host does
	m.known = m.first || policy == Last
	m.play = newPlay(t, func(c *Config) { c.Inline, c.Reassembly.Depth = inline, 0 })
	m.script(handshake)
	for d := range m.s.side {
		m.s.side[d].policy, m.s.side[d].hasPolicy = policy, true
	}
	return m
}

// step makes one segment of four bytes: what, where, how long, and the byte that it is made of.
func (m *model) step(what, where, size, fill byte) {
	m.steps++
	dir := packet.Direction(what & 1)
	own, other := &m.side[dir], &m.side[dir^1]
	q := m.segment([2]string{"> A 1 1", "< A 1 1"}[dir])
	at, n := own.send, int(size)
	switch what >> 1 % 4 {
	case 1: // anywhere near
		at = max(0, at-128+int(where))
	case 2: // behind a hole
		at += int(where)
	case 3: // an acknowledgment alone
		n = 0
	}
	q.Payload = make([]byte, n)
	for i := range q.Payload {
		q.Payload[i] = fill + byte(i)
	}
	q.TCP.Seq += uint32(at)
	q.TCP.Ack += uint32(max(0, other.send-int(fill&31)))
	if size > 250 {
		q.TCP.Flags |= [...]uint8{packet.FIN, packet.RST, packet.SYN, packet.PSH}[where&3]
	}
	own.send = max(own.send, at+n)
	m.walk(q, own, at)
}

// walk sends a packet, lets the model know of it, and judges the raw stream as signatures would.
func (m *model) walk(q *packet.Packet, own *modelSide, at int) {
	payload := bytes.Clone(q.Payload) // inline it may be rewritten
	base := 0
	if m.b != nil {
		base = int(m.b.half[q.Dir].base)
	}
	m.e.Packet(&m.s, &m.b, m, q)
	if q.Has(packet.StreamAdded | packet.StreamRefused) {
		m.t.Fatal("added and refused")
	}
	if q.Has(packet.StreamAdded) {
		own.take(at, base, payload, m.first)
	}
	for _, o := range m.offered {
		m.compare("application layer", &m.side[o.dir], o.at, o.data)
	}
	m.offered = m.offered[:0]
	m.judge(q)
	m.bounds()
}

// take puts a segment's bytes into the model; those before base are gone already.
func (s *modelSide) take(at, base int, payload []byte, first bool) {
	if n := at + len(payload); n > len(s.sent) {
		s.sent = append(s.sent, make([][]byte, n-len(s.sent))...)
	}
	for i, c := range payload {
		list := &s.sent[at+i]
		*list = append(*list, c)
		if last := len(*list) - 1; at+i >= base && !first {
			(*list)[0], (*list)[last] = (*list)[last], (*list)[0]
		}
	}
}

// has tells whether the model has a byte at an offset.
func (s *modelSide) has(at int) bool { return at < len(s.sent) && len(s.sent[at]) > 0 }

// compare checks bytes of the stream: they were sent there, and they are those that the policy prefers.
func (m *model) compare(who string, s *modelSide, at int, data []byte) {
	for i, c := range data {
		if !s.has(at+i) || bytes.IndexByte(s.sent[at+i], c) < 0 {
			m.t.Fatalf("%s: byte %d is %q, which nobody has sent there", who, at+i, c)
		}
		if m.known && s.sent[at+i][0] != c {
			m.t.Fatalf("%s: byte %d is %q, the receiver has %q", who, at+i, c, s.sent[at+i][0])
		}
	}
}

// Stream implements Consumer.
func (m *model) Stream(dir packet.Direction, data []byte, eof bool) int {
	s := &m.side[dir]
	if s.ended {
		m.t.Fatal("bytes after the end")
	}
	s.ended = eof
	m.offered = append(m.offered, offer{dir, s.app, bytes.Clone(data)})
	n := len(data)
	if !eof {
		n = max(0, n-m.leaves)
	}
	s.app += n
	return n
}

// Gap implements Consumer.
func (m *model) Gap(dir packet.Direction, n uint32) bool {
	s := &m.side[dir]
	for i := range int(n) {
		if s.has(s.app + i) {
			m.t.Fatalf("byte %d is in a gap, but was taken", s.app+i)
		}
	}
	s.gapped = true
	s.app += int(n)
	return !m.deaf
}

// Reversed implements Consumer.
func (m *model) Reversed() bool { return false }

// judge looks at the raw stream as it is given to signatures, passively each byte once.
func (m *model) judge(q *packet.Packet) {
	if m.b == nil {
		return
	}
	s, h := &m.side[q.Dir], &m.b.half[q.Dir]
	for range 64 {
		w := m.e.Raw(&m.s, m.b, q)
		if h.window != (span{}) {
			m.compare("raw stream", s, int(w.Offset), w.Data)
			fresh := int(w.Offset) + len(w.Data) - w.New
			if !m.e.cfg.Inline && fresh < s.raw {
				m.t.Fatalf("byte %d is judged twice", fresh)
			}
			s.raw = int(w.Offset) + len(w.Data)
		}
		if more := m.e.Settle(m.b, q.Dir); !more || !q.Has(packet.Pseudo) {
			return
		}
	}
}

// bounds checks what must hold of the memory after every packet.
func (m *model) bounds() {
	if m.b == nil {
		return
	}
	if m.e.Stats.Memuse != m.b.used {
		m.t.Fatalf("%d bytes are accounted for, of %d", m.e.Stats.Memuse, m.b.used)
	}
	for d := range m.b.half {
		h := &m.b.half[d]
		if len(h.segs) > maxSegments || len(h.buf) > maxSpan+maxPayload || len(h.sacks) > maxSacks {
			m.t.Fatalf("%d segments, %d bytes, %d sacks", len(h.segs), len(h.buf), len(h.sacks))
		}
		for i := 1; i < len(h.blocks); i++ {
			if h.blocks[i-1].end >= h.blocks[i].start {
				m.t.Fatalf("blocks touch: %v", h.blocks)
			}
		}
	}
}

// finish ends the flow: everything up to the first hole must have been given away, once.
func (m *model) finish() {
	for dir := range packet.Direction(2) {
		q := m.segment([2]string{"> A 1 1", "< A 1 1"}[dir])
		q.Flags |= packet.Pseudo | packet.StreamEOF
		m.e.Finish(&m.s, &m.b, m, q)
		for _, o := range m.offered {
			m.compare("application layer", &m.side[o.dir], o.at, o.data)
		}
		m.offered = m.offered[:0]
		m.judge(q)
	}
	for d := range m.side {
		s, hole := &m.side[d], 0
		for s.has(hole) {
			hole++
		}
		if !s.gapped && (s.app > hole || s.app < hole-m.leaves) {
			m.t.Fatalf("the application layer has %d bytes, the receiver %d", s.app, hole)
		}
	}
	if m.b != nil {
		m.e.Free(m.b)
	}
	if m.e.Stats.Memuse != 0 {
		m.t.Fatalf("%d bytes are left", m.e.Stats.Memuse)
	}
}
