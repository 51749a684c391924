package signatures

import (
	"cmp"
	"encoding/binary"
	"slices"

	"picket/signatures/search"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// maxGroups bounds the port groups of one protocol and direction; ports beyond share one group that holds all
// their rules (Suricata: detect.custom-values.toserver-groups).
const maxGroups = 24

// ref is a rule's number in the order of judgement, and where the rule is looked for: in packets, in the stream, or both.
type ref uint32

func newRef(id uint32, where payloadMode) ref { return ref(id)<<2 | ref(where) }

func (r ref) id() uint32            { return uint32(r >> 2) }
func (r ref) in(m payloadMode) bool { return payloadMode(r)&m != 0 }

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
func (s *Signature) soughtBy(where payloadMode) sought {
	fast := s.fast.content
	r := sought{ref: newRef(s.id, where), content: fast, literal: s.fast.literal()}
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

// groupPackets divides the rules that look at packets and streams by protocol, direction and server port.
func (e *Engine) groupPackets(sigs []*Signature) {
	const other = packet.Proto(255)
	for _, proto := range [...]packet.Proto{packet.TCP, packet.UDP, packet.SCTP, other} {
		for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
			var mine []*Signature
			for _, s := range sigs {
				if s.dirs&(1<<dir) != 0 && (proto == other && notPorted(s) || proto != other && s.header.protos.has(proto)) {
					mine = append(mine, s)
				}
			}
			key := groupKey{proto, dir}
			var by [2]*addrIndex
			by[0], by[1], mine = e.byAddress(mine)
			g := &portGroups{proto: proto, groups: []*group{newGroup(mine, proto)}, byPort: make([]uint16, 1)}
			if proto != other {
				g = e.byPort(mine, proto, dir)
			}
			g.by = by
			e.packets[key] = g
		}
	}
}

// byAddress takes the rules without fast pattern that are found by address out of a list.
func (e *Engine) byAddress(sigs []*Signature) (src, dst *addrIndex, rest []*Signature) {
	var ids []uint32
	for _, s := range sigs {
		if s.fast.content == nil {
			ids = append(ids, s.id)
		} else {
			rest = append(rest, s)
		}
	}
	src, dst, ids = e.indexRules(ids, e.users)
	for _, id := range ids {
		rest = append(rest, e.Signatures[id])
	}
	return src, dst, rest
}

// notPorted tells whether a rule can match protocols other than TCP, UDP and SCTP.
func notPorted(s *Signature) bool {
	p := s.header.protos
	p.remove(packet.TCP)
	p.remove(packet.UDP)
	p.remove(packet.SCTP)
	return p != protoSet{} || s.header.arp
}

// groupOf returns the key of a packet's group.
func groupOf(p *packet.Packet, dir app.Direction) groupKey {
	switch p.Proto {
	case packet.TCP, packet.UDP, packet.SCTP:
		return groupKey{p.Proto, dir}
	}
	return groupKey{255, dir}
}

// interval is a range of ports with the rules that can match there.
type interval struct {
	lo, hi int
	sigs   []int32
}

// byPort cuts the ports into intervals with the same rules and makes a group of each set of rules.
func (e *Engine) byPort(sigs []*Signature, proto packet.Proto, dir app.Direction) *portGroups {
	g := &portGroups{proto: proto, byPort: make([]uint16, 1<<16)}
	byKey := map[string][]interval{}
	var keys []string
	for _, iv := range e.intervals(sigs, dir) {
		k := setKey(iv.sigs)
		if _, ok := byKey[k]; !ok {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], iv)
	}
	slices.SortStableFunc(keys, func(a, b string) int { return weigh(byKey[b]) - weigh(byKey[a]) })
	for i, k := range keys {
		if i >= maxGroups {
			g.merge(sigs, keys[i:], byKey)
			break
		}
		g.add(sigs, byKey[k][0].sigs, byKey[k])
	}
	return g
}

// weigh says how much a set of rules deserves a group of its own: the widest first, as it is most of the ports,
// then those with many rules.
func weigh(ivs []interval) int {
	width := 0
	for _, iv := range ivs {
		width += iv.hi - iv.lo + 1
	}
	w := len(ivs[0].sigs)
	if width > 1024 {
		w += 1 << 24
	}
	return w
}

func (g *portGroups) add(sigs []*Signature, members []int32, ivs []interval) {
	mine := make([]*Signature, len(members))
	for i, m := range members {
		mine[i] = sigs[m]
	}
	g.groups = append(g.groups, newGroup(mine, g.proto))
	for _, iv := range ivs {
		for p := iv.lo; p <= iv.hi; p++ {
			g.byPort[p] = uint16(len(g.groups) - 1)
		}
	}
}

// merge makes one group of several sets of rules.
func (g *portGroups) merge(sigs []*Signature, keys []string, byKey map[string][]interval) {
	var ivs []interval
	var members []int32
	for _, k := range keys {
		ivs = append(ivs, byKey[k]...)
		members = append(members, byKey[k][0].sigs...)
	}
	slices.Sort(members)
	g.add(sigs, slices.Compact(members), ivs)
}

// intervals sweeps over the ports. Rules for any port are in each interval.
func (e *Engine) intervals(sigs []*Signature, dir app.Direction) []interval {
	type edge struct {
		port int
		sig  int32
		on   bool
	}
	edges := []edge{{0, -1, true}, {1 << 16, -1, false}}
	active := make([]bool, len(sigs))
	for i, s := range sigs {
		ranges := e.serverPorts(s, dir)
		if ranges == nil {
			active[i] = true
		}
		for _, r := range ranges {
			edges = append(edges, edge{int(r.Lo), int32(i), true}, edge{int(r.Hi) + 1, int32(i), false})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.port, b.port) })
	var out []interval
	for i := 0; i < len(edges); {
		port := edges[i].port
		for ; i < len(edges) && edges[i].port == port; i++ {
			if ed := edges[i]; ed.sig >= 0 && !ed.on {
				active[ed.sig] = false
			}
		}
		for j := i - 1; j >= 0 && edges[j].port == port; j-- {
			if ed := edges[j]; ed.sig >= 0 && ed.on {
				active[ed.sig] = true
			}
		}
		if port > 0xffff {
			break
		}
		out = append(out, interval{port, edges[i].port - 1, members(active)})
	}
	return out
}

func members(active []bool) []int32 {
	var m []int32
	for i, on := range active {
		if on {
			m = append(m, int32(i))
		}
	}
	return m
}

// serverPorts returns the ports that the server's side must have; nil: any.
func (e *Engine) serverPorts(s *Signature, dir app.Direction) portSet {
	if s.header.bidir || s.bothWays && dir == app.ToClient {
		return nil
	}
	if dir == app.ToServer {
		return e.ports[s.header.dport]
	}
	return e.ports[s.header.sport]
}

func setKey(members []int32) string {
	b := make([]byte, 0, 4*len(members))
	for _, m := range members {
		b = binary.LittleEndian.AppendUint32(b, uint32(m))
	}
	return string(b)
}

func newGroup(sigs []*Signature, proto packet.Proto) *group {
	g := &group{}
	var anchors, whole []sought
	guarded := map[string][]sought{}
	for _, s := range sigs {
		if s.fast.content == nil || s.fast.buffer != nil {
			g.always = append(g.always, s.gate())
			continue
		}
		where := s.inspect
		if proto != packet.TCP {
			where = anyPlace
		}
		r := s.soughtBy(where)
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
	g.anchors, g.whole = newAnchors(anchors), newPrefilter(whole)
	for i := range g.guarded {
		g.guarded[i].filter = newPrefilter(guarded[g.guarded[i].text])
	}
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
