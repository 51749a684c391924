package app

import (
	"strconv"
	"strings"
)

// transport is what the layer knows of the protocols over TCP or over UDP. It is not changed after it was made.
type transport struct {
	parsers [ProtoCount]*Protocol
	dirs    [2]patternSet
	// probes lists the probing parsers, at most 64; byPort their bits by server port, any those for all ports.
	probes []*Protocol
	byPort map[uint16]uint64
	any    uint64
	// turned: who is the server may be mistaken, so the client's port counts, too.
	turned bool
}

// maxProbes is the width of probeState.refused.
const maxProbes = 64

// patternSet holds one direction's patterns. Nearly all stand at the very beginning and are found by their first
// byte; the few others are tried one after the other.
type patternSet struct {
	first  [256][]pattern
	others []pattern
	depth  int // no pattern reaches beyond
}

type pattern struct {
	Pattern
	proto Proto
}

func newTransport(cfg *Config, table []Protocol, udp bool) *transport {
	t := &transport{byPort: map[uint16]uint64{}, turned: cfg.Midstream}
	for i := range table {
		e := &table[i]
		if cfg.Enabled[e.Proto] == Off || (udp && !e.UDP) || (!udp && !e.TCP) {
			continue
		}
		if t.parsers[e.Proto] == nil {
			t.parsers[e.Proto] = e
		}
		for _, p := range e.Patterns {
			t.dirs[p.Dir].add(pattern{p, e.Proto})
		}
		ports := cfg.TCPPorts[e.Proto]
		if udp {
			ports = cfg.UDPPorts[e.Proto]
		}
		if ports == "" {
			ports = e.Ports
		}
		t.addProbe(e, ports)
	}
	return t
}

// blind tells whether a protocol can't be recognised by its bytes and is only entered by an upgrade.
func (e *Protocol) blind() bool { return len(e.Patterns) == 0 && e.Probe == nil }

func (s *patternSet) add(p pattern) {
	s.depth = max(s.depth, p.Depth)
	if p.Offset != 0 || p.Depth != len(p.Bytes) {
		s.others = append(s.others, p)
		return
	}
	b := p.Bytes[0]
	s.first[b] = append(s.first[b], p)
	if p.NoCase && swapCase(b) != b {
		s.first[swapCase(b)] = append(s.first[swapCase(b)], p)
	}
}

// addProbe registers a probing parser at "53", "80,8080", "137-139" or "any".
func (t *transport) addProbe(e *Protocol, ports string) {
	if e.Probe == nil || len(t.probes) == maxProbes {
		return
	}
	bit := uint64(1) << len(t.probes)
	t.probes = append(t.probes, e)
	if ports == "any" || ports == "0" {
		t.any |= bit
		return
	}
	for _, part := range strings.FieldsFunc(ports, func(r rune) bool { return strings.ContainsRune(" ,[]", r) }) {
		lo, hi, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(strings.TrimSpace(lo), 10, 16)
		if err != nil {
			continue
		}
		b := a
		if isRange {
			if b, err = strconv.ParseUint(strings.TrimSpace(hi), 10, 16); err != nil {
				continue
			}
		}
		for ; a <= b; a++ {
			t.byPort[uint16(a)] |= bit
		}
	}
}

// find asks patterns, probes and expectation, in this order, what the first bytes of a direction are.
func (t *transport) find(c *Conn, ep Endpoint, dir Direction, data []byte, last bool) (found Proto, reversed bool) {
	p := &c.probe[dir]
	if len(data) == 0 {
		return Unknown, false
	}
	if !p.patterns {
		if found, reversed = t.byPattern(p, ep, dir, data, last); found != Unknown {
			other := &c.probe[dir.Reverse()]
			if c.ProtoBy[dir.Reverse()] == Unknown {
				other.probes, other.refused = false, 0
			}
			return found, reversed
		}
	}
	if !p.probes {
		if found, reversed = t.byProbe(c, ep, dir, data); found != Unknown {
			return found, reversed
		}
	}
	return c.Expected, false
}

// byPattern looks for patterns of the direction and, for a flow picked up in the middle, of the other one.
func (t *transport) byPattern(p *probeState, ep Endpoint, dir Direction, data []byte, last bool) (Proto, bool) {
	found, wait := t.dirs[dir].match(dir, data)
	if found != Unknown {
		return found, false
	}
	if ep.UDP || ep.Midstream {
		back, _ := t.dirs[dir.Reverse()].match(dir.Reverse(), data)
		if back != Unknown && !ep.UDP {
			return back, true
		}
	}
	p.patterns = len(data) >= t.dirs[dir].depth || (last && !wait && ep.UDP)
	return Unknown, false
}

// match returns the first protocol one of whose patterns stands in data; wait: a check wants more bytes.
func (s *patternSet) match(dir Direction, data []byte) (found Proto, wait bool) {
	for i := range s.first[data[0]] {
		p := &s.first[data[0]][i]
		if equalAt(data, p) {
			switch p.confirm(dir, data) {
			case Yes:
				return p.proto, false
			case More:
				wait = true
			}
		}
	}
	for i := range s.others {
		p := &s.others[i]
		if p.within(data) {
			switch p.confirm(dir, data) {
			case Yes:
				return p.proto, false
			case More:
				wait = true
			}
		}
	}
	return Unknown, wait
}

func (p *pattern) confirm(dir Direction, data []byte) Answer {
	if p.Check == nil {
		return Yes
	}
	return p.Check(dir, data)
}

// equalAt tells whether the pattern stands at the beginning of data.
func equalAt(data []byte, p *pattern) bool {
	if len(data) < len(p.Bytes) {
		return false
	}
	if !p.NoCase {
		return string(data[:len(p.Bytes)]) == p.Bytes
	}
	return foldEqual(data[:len(p.Bytes)], p.Bytes)
}

// within tells whether the pattern stands between its offset and its depth.
func (p *pattern) within(data []byte) bool {
	end := min(p.Depth, len(data)) - len(p.Bytes)
	for i := p.Offset; i <= end; i++ {
		if d := data[i : i+len(p.Bytes)]; string(d) == p.Bytes || (p.NoCase && foldEqual(d, p.Bytes)) {
			return true
		}
	}
	return false
}

func foldEqual(a []byte, b string) bool {
	for i := range a {
		if a[i] != b[i] && (swapCase(a[i]) != b[i]) {
			return false
		}
	}
	return true
}

// swapCase exchanges upper and lower case of an ASCII letter.
func swapCase(b byte) byte {
	if ('a' <= b && b <= 'z') || ('A' <= b && b <= 'Z') {
		return b ^ 0x20
	}
	return b
}

// byProbe asks the probing parsers of the server's port, then (with stream.midstream, as Suricata) those of the client's,
// those of every port, and at last that of the protocol which the other direction speaks, whatever its ports.
func (t *transport) byProbe(c *Conn, ep Endpoint, dir Direction, data []byte) (Proto, bool) {
	p := &c.probe[dir]
	server := ep.Server
	if c.port != 0 {
		server = c.port
	}
	sets := [4]uint64{t.byPort[server], 0, t.any, t.probesOf(c.ProtoBy[dir.Reverse()])}
	if t.turned {
		sets[1] = t.byPort[ep.Client]
	}
	for _, set := range sets {
		for i := 0; set>>i != 0 && i < len(t.probes); i++ {
			bit := uint64(1) << i
			if set&bit == 0 || p.refused&bit != 0 {
				continue
			}
			switch t.probes[i].Probe(dir, data) {
			case Yes:
				return t.probes[i].Proto, false
			case Reversed:
				return t.probes[i].Proto, true
			case No:
				p.refused |= bit
			}
		}
	}
	all := sets[0] | sets[1] | sets[2] | sets[3]
	p.probes = p.refused&all == all
	return Unknown, false
}

// probesOf returns the probing parsers of a protocol as a bit set.
func (t *transport) probesOf(p Proto) (set uint64) {
	if p == Unknown || p == Failed {
		return 0
	}
	for i := range t.probes {
		if t.probes[i].Proto == p {
			set |= 1 << i
		}
	}
	return set
}
