package signatures

import "picket/traffic/packet"

// Bounds on tags (Suricata's detect-engine-tag.h).
const (
	maxTags       = 50        // of one flow or host
	maxTagMatches = 10        // matches of one rule that begin its tag anew
	tagIdle       = 600 * 1e9 // ns without a packet after which a host's tags may go
)

// tag is a rule's tag in force on a flow or a host.
type tag struct {
	sigKey
	tagRule
	begun   int64 // ns
	packets uint32
	bytes   uint64
	matches uint8
	marked  bool // the packet that the alert itself tells of has gone by
}

// hostTags are the tags of one address.
type hostTags struct {
	tags []tag
	last int64 // ns
}

// setTags begins what a matching rule asks for. The alert was not held back by a limit.
func (in *Inspector) setTags(s *Signature) {
	p := in.v.Packet
	for _, r := range s.tags {
		t := tag{sigKey: sigKey{s.GID, s.SID}, tagRule: r, begun: p.Time}
		switch {
		case r.host && r.source:
			in.mem.setTag(p.Src, t)
		case r.host:
			in.mem.setTag(p.Dst, t)
		default:
			if st := in.v.flowBits(true); st != nil {
				st.tags = addTag(st.tags, t)
			}
		}
	}
}

// addTag begins a tag, or begins it anew when its rule has matched before.
func addTag(tags []tag, t tag) []tag {
	for i := range tags {
		have := &tags[i]
		if have.sigKey != t.sigKey {
			continue
		}
		if have.matches++; have.matches < maxTagMatches {
			have.begun, have.packets, have.bytes = t.begun, 0, 0
		}
		return tags
	}
	if len(tags) >= maxTags {
		return tags
	}
	return append(tags, t)
}

// tagged counts the packet for the tags of its flow and its hosts and says whether one of them wants it written.
func (in *Inspector) tagged() bool {
	p := in.v.Packet
	if p.Has(packet.Pseudo) {
		return false
	}
	found := false
	if st := in.v.flowBits(false); st != nil && len(st.tags) > 0 {
		st.tags, found = countTags(st.tags, p)
	}
	source, destination := in.mem.tagged(p.Src, p), in.mem.tagged(p.Dst, p)
	return found || source || destination
}

// countTags counts a packet, removes the tags that are over, and says whether one is not.
func countTags(tags []tag, p *packet.Packet) (left []tag, found bool) {
	left = tags[:0]
	for _, t := range tags {
		over := t.passes(p)
		if over {
			continue
		}
		found = found || t.marked
		t.marked = true
		left = append(left, t)
	}
	return left, found
}

// passes counts a packet and says whether the tag ends before it.
func (t *tag) passes(p *packet.Packet) (over bool) {
	t.packets++
	t.bytes += uint64(len(p.Frame))
	if !t.marked {
		return false
	}
	switch t.metric {
	case tagSeconds:
		return p.Time/1e9-t.begun/1e9 > int64(t.count)
	case tagBytes:
		return t.bytes > uint64(t.count)
	}
	return t.packets > t.count
}

// setTag begins a host's tag.
func (m *Memory) setTag(a packet.Addr, t tag) {
	s := m.ofHost(a)
	defer s.mu.Unlock()
	h, before := s.tags[a], len(s.tags)
	if h == nil {
		if len(s.tags) >= maxHostEntries/shards {
			makeRoom(s.tags, func(h *hostTags) bool { return t.begun-h.last > tagIdle }, &s.evicted)
		}
		h = &hostTags{}
		s.tags[a] = h
	}
	h.tags, h.last = addTag(h.tags, t), t.begun
	m.taggedHosts.Add(int64(len(s.tags) - before))
}

// tagged counts a packet for the tags of a host.
func (m *Memory) tagged(a packet.Addr, p *packet.Packet) (found bool) {
	if m.taggedHosts.Load() == 0 {
		return false
	}
	s := m.ofHost(a)
	defer s.mu.Unlock()
	h := s.tags[a]
	if h == nil {
		return false
	}
	h.last = p.Time
	if h.tags, found = countTags(h.tags, p); len(h.tags) == 0 {
		delete(s.tags, a)
		m.taggedHosts.Add(-1)
	}
	return found
}
