package signatures

import (
	"encoding/binary"
	"slices"

	"picket/signatures/search"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// ref is a rule's number in the order of judgement, and what is known of it before it is looked at: where it is looked
// for (in packets, in the stream, or both), and the set of ports that the server must have one of.
type ref struct {
	id    uint32
	ports uint16 // as portClasses number them; 0: any
	where payloadMode
}

// sought is what a rule is found by: a literal that is searched for, or a content that is looked up at the offsets from
// off to last.
type sought struct {
	ref
	content   *content
	literal   []byte
	off, last int // off is anyOffset for literals
}

const anyOffset = -1

// prefilter finds the rules whose literal occurs in a buffer.
type prefilter struct {
	set   *search.Set
	from  []uint32 // by literal: where its rules begin in refs; one more at the end
	refs  []ref
	most  int // length of the longest literal
	least int // length of the shortest
}

// rules returns the rules of a literal.
func (f *prefilter) rules(lit uint32) []ref { return f.refs[f.from[lit]:f.from[lit+1]] }

// maxLiteral is what is searched of a literal that occurs anywhere in a payload. So many bytes tell rules apart; more
// would only make the searches of packets that follow one another overlap more.
const maxLiteral = 48

// newPrefilter makes a search set of literals; equal ones are searched once. Nil: there are none.
func newPrefilter(list []sought) *prefilter {
	if len(list) == 0 {
		return nil
	}
	type key struct {
		text   string
		nocase bool
	}
	f := &prefilter{least: len(list[0].literal)}
	ids := make(map[key]uint32, len(list))
	lits := make([]search.Literal, 0, len(list))
	var rules [][]ref
	for _, s := range list {
		k := key{string(s.literal), s.content.nocase}
		id, ok := ids[k]
		if !ok {
			id = uint32(len(lits))
			ids[k] = id
			lits = append(lits, search.Literal{Bytes: s.literal, NoCase: k.nocase, ID: id})
			rules = append(rules, nil)
			f.most, f.least = max(f.most, len(s.literal)), min(f.least, len(s.literal))
		}
		rules[id] = append(rules[id], s.ref)
	}
	f.set = search.Build(lits)
	f.refs = make([]ref, 0, len(list))
	for _, r := range rules {
		f.from = append(f.from, uint32(len(f.refs)))
		f.refs = append(f.refs, r...)
	}
	f.from = append(f.from, uint32(len(f.refs)))
	return f
}

// shortLiteral is the length up to which literals are better not searched for: they are everywhere.
const shortLiteral = 3

// maxPlaces bounds the places at which a short literal is looked up instead of being searched for.
const maxPlaces = 32

// soughtBy decides what a rule on payloads is found by: its fast pattern, at its place if it can lie at one only. A fast
// pattern too short to be searched for well gives way to any content with a place.
func (s *Signature) soughtBy() sought {
	fast := s.fast.content
	r := sought{content: fast, literal: s.fast.literal()}
	short := len(r.literal) <= shortLiteral
	list := s.payload.anchored()
	slices.SortStableFunc(list, func(a, b anchored) int { return len(b.bytes) - len(a.bytes) })
	for _, a := range list {
		if a.content == fast || short && len(a.bytes) >= 2 {
			r.content, r.off, r.last = a.content, a.off, a.off
			return r
		}
	}
	if first, last, ok := fast.places(); short && ok && last-first < maxPlaces {
		r.off, r.last = first, last
		return r
	}
	r.literal, r.off = r.literal[:min(len(r.literal), maxLiteral)], anyOffset
	return r
}

// groupPackets divides the rules that look at packets and streams by protocol and direction.
func (e *Engine) groupPackets(sigs []*Signature) {
	for kind, proto := range kinds {
		for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
			var mine []*Signature
			for _, s := range sigs {
				if s.dirs&(1<<dir) != 0 && (kind == otherKind && notPorted(s) || kind != otherKind && s.header.protos.has(proto)) {
					mine = append(mine, s)
				}
			}
			e.packets[kind][dir] = e.newGroup(mine, proto, dir)
		}
	}
}

// kinds are the protocols whose packets have rules of their own; those of all others share one group.
var kinds = [...]packet.Proto{packet.TCP, packet.UDP, packet.SCTP, 0}

const otherKind = len(kinds) - 1

// kindOf returns the place of a protocol in kinds.
func kindOf(p packet.Proto) int {
	switch p {
	case packet.TCP:
		return 0
	case packet.UDP:
		return 1
	case packet.SCTP:
		return 2
	}
	return otherKind
}

// notPorted tells whether a rule can match protocols other than TCP, UDP and SCTP.
func notPorted(s *Signature) bool {
	p := s.header.protos
	p.remove(packet.TCP)
	p.remove(packet.UDP)
	p.remove(packet.SCTP)
	return p != protoSet{} || s.header.arp
}

// serverPorts returns the number of the set of ports that the server's side must have one of; 0: any.
func serverPorts(s *Signature, proto packet.Proto, dir app.Direction) uint32 {
	if proto == 0 || s.header.bidir || s.bothWays && dir == app.ToClient {
		return 0
	}
	if dir == app.ToServer {
		return s.header.dport
	}
	return s.header.sport
}

func setKey(members []int32) string {
	b := make([]byte, 0, 4*len(members))
	for _, m := range members {
		b = binary.LittleEndian.AppendUint32(b, uint32(m))
	}
	return string(b)
}

// group holds the rules that can match packets of one protocol in one direction, by what they are found by: an address, a
// literal at a place, or a literal anywhere in a payload or a chunk of the stream.
type group struct {
	ports   *portClasses
	by      [2]*addrIndex // rules without fast pattern, by source and by destination
	anchors anchors
	whole   *prefilter // nil: none
	guarded []guardedFilter
	always  []gate // rules without fast pattern, as far as not found by address
}

// newGroup makes the group of some rules.
func (e *Engine) newGroup(sigs []*Signature, proto packet.Proto, dir app.Direction) *group {
	g := &group{ports: newPortClasses()}
	var bare []uint32
	var anchors, whole []sought
	guarded := map[string][]sought{}
	for _, s := range sigs {
		if s.fast.content == nil || s.fast.buffer != nil {
			bare = append(bare, s.id)
			continue
		}
		where := s.inspect
		if proto != packet.TCP {
			where = anyPlace
		}
		r := s.soughtBy()
		r.ref = ref{s.id, g.ports.number(serverPorts(s, proto, dir)), where}
		guard := s.guard()
		switch {
		case r.off != anyOffset:
			anchors = append(anchors, r)
		case guard != nil && len(r.literal) <= shortLiteral && where == inPacket:
			if guarded[guard.text] == nil {
				g.guarded = append(g.guarded, guardedFilter{text: guard.text, test: guard.test})
			}
			guarded[guard.text] = append(guarded[guard.text], r)
		default:
			whole = append(whole, r)
		}
	}
	g.by[0], g.by[1], bare = e.indexRules(bare, e.users)
	for _, id := range bare {
		s := e.Signatures[id]
		g.always = append(g.always, s.gate(g.ports.number(serverPorts(s, proto, dir))))
	}
	g.anchors, g.whole = newAnchors(anchors), newPrefilter(whole)
	for i := range g.guarded {
		g.guarded[i].filter = newPrefilter(guarded[g.guarded[i].text])
	}
	g.ports.classify(e.ports)
	return g
}

// guardedFilter holds short literals of rules that share a test: without it they are not searched for. ET Open has a
// hundred rules for two bytes anywhere in a packet as long as the server has sent nothing.
type guardedFilter struct {
	text   string
	test   func(v *view) bool
	filter *prefilter
}

// guard returns a test that many rules share, or nil.
func (s *Signature) guard() *packetTest {
	for i := range s.tests {
		if s.tests[i].text != "" {
			return &s.tests[i]
		}
	}
	return nil
}
