package signatures

import (
	"slices"

	"picket/signatures/dataset"
	"picket/signatures/language"
	"picket/traffic/app"
)

// Engine is a compiled set of rules. It never changes; all workers share it.
type Engine struct {
	// Signatures in the order in which they are judged.
	Signatures []*Signature

	inline     bool
	addrs      []addrSet // 0 is any
	ports      []portSet // 0 is any
	addrByText map[string]uint32
	portByText map[string]uint32

	ipOnly    []uint32 // header alone, as far as not found by address
	ipOnlyBy  [2]*addrIndex
	users     []int                 // rules by address set
	noIP      []uint32              // rules that look at packets without IP too
	events    []uint32              // decoder and stream events
	packets   [len(kinds)][2]*group // by protocol and direction
	tx        [2][app.ProtoCount]txGroup
	frames    [2][app.ProtoCount]frameGroup
	bySID     map[sigKey]*Signature
	maxAlerts int
	guessTx   bool
	tags      bool // some rule has tag
	sets      map[string]*dataset.Set
}

// sigKey is what other rules and threshold files name a rule by.
type sigKey struct{ gid, sid uint32 }

func newEngine(opt Options) *Engine {
	return &Engine{
		inline: opt.Inline, maxAlerts: opt.MaxAlerts, guessTx: opt.GuessTx, addrs: make([]addrSet, 1), ports: make([]portSet, 1), addrByText: map[string]uint32{},
		portByText: map[string]uint32{}, bySID: map[sigKey]*Signature{},
	}
}

// Signature finds a rule; gid 0 stands for 1.
func (e *Engine) Signature(gid, sid uint32) *Signature {
	return e.bySID[sigKey{max(gid, 1), sid}]
}

// addrSet compiles a side's addresses once for all rules that write them alike.
func (e *Engine) addrSet(s *language.Side) uint32 {
	if s.Addrs.Any && len(s.Addrs.Not) == 0 {
		return 0
	}
	if i, ok := e.addrByText[s.AddrText]; ok {
		return i
	}
	e.addrs = append(e.addrs, compileAddrs(&s.Addrs))
	e.addrByText[s.AddrText] = uint32(len(e.addrs) - 1)
	return uint32(len(e.addrs) - 1)
}

func (e *Engine) portSet(s *language.Side) uint32 {
	if s.Ports.Any {
		return 0
	}
	if i, ok := e.portByText[s.PortText]; ok {
		return i
	}
	e.ports = append(e.ports, portSet(s.Ports.Ranges))
	e.portByText[s.PortText] = uint32(len(e.ports) - 1)
	return uint32(len(e.ports) - 1)
}

// orderKey sorts rules as Suricata does (detect-engine-sigorder.c): action; then, for each kind of state, rules that
// set it before rules that read it; then priority; then the order of the files.
type orderKey struct {
	action uint8
	state  [stateKinds]uint8 // what the rule sets and reads: the higher comes first
	prio   int
	line   int
}

func (k *orderKey) compare(o *orderKey) int {
	if k.action != o.action {
		return int(k.action) - int(o.action)
	}
	for i := range k.state {
		if k.state[i] != o.state[i] {
			return int(o.state[i]) - int(k.state[i])
		}
	}
	if k.prio != o.prio {
		return k.prio - o.prio
	}
	return k.line - o.line
}

func (b *builder) orderKey() orderKey {
	return orderKey{action: b.Action.rank(b.opt.Order), state: b.bits.ranks(), prio: b.Priority}
}

// sort puts the signatures in the order of judgement and numbers them.
func (e *Engine) sort() {
	slices.SortStableFunc(e.Signatures, func(a, b *Signature) int { return a.order.compare(&b.order) })
	for i, s := range e.Signatures {
		s.id = uint32(i)
		e.bySID[sigKey{s.GID, s.SID}] = s
	}
}

// group divides the signatures by what they have to see.
func (e *Engine) group() {
	var packets []*Signature
	for _, s := range e.Signatures {
		switch {
		case s.Type == TypeIPOnly && !s.header.anyPacket && !s.header.ether && !s.header.arp:
			e.ipOnly = append(e.ipOnly, s.id)
		case s.Type == TypeDecode:
			e.events = append(e.events, s.id)
		case len(s.frames) > 0:
		case s.anyApp && (s.fast.content == nil || s.fast.buffer != nil):
		default:
			packets = append(packets, s)
		}
		if s.header.anyPacket || s.header.ether || s.header.arp {
			e.noIP = append(e.noIP, s.id)
		}
	}
	e.users = e.countUsers()
	e.ipOnlyBy[0], e.ipOnlyBy[1], e.ipOnly = e.indexRules(e.ipOnly, e.users)
	e.groupTx()
	e.groupFrames()
	e.groupPackets(packets)
}

// txGroup holds the rules that look into transactions of one protocol in one direction.
type txGroup struct {
	filters []txFilter
	always  []uint32 // rules without a fast pattern in an application buffer or the payload
}

// txFilter finds the rules whose fast pattern occurs in a buffer.
type txFilter struct {
	point  *Point
	xform  pipeline
	filter *prefilter
}

func (e *Engine) groupTx() {
	sets := map[filterKey][]*Signature{}
	for _, s := range e.Signatures {
		if !s.anyApp {
			continue
		}
		for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
			if s.dirs&(1<<dir) == 0 {
				continue
			}
			switch {
			case s.fast.content == nil:
				e.addAlways(s, dir)
			case s.fast.buffer != nil && s.bothWays && !hasDir(s.fast.buffer, dir):
				e.addAlways(s, dir)
			case s.fast.buffer != nil:
				s.addTo(sets, dir)
			}
		}
	}
	e.addFilters(sets)
}

// filterKey tells prefilters of application buffers apart: a place, the buffer or what several buffers show there, and
// its transforms.
type filterKey struct {
	buffer *Buffer // nil when source counts
	source string
	xform  string
	proto  app.Proto
	dir    app.Direction
	step   app.Progress
}

// addTo enters a rule for each place of its fast pattern's buffer.
func (s *Signature) addTo(sets map[filterKey][]*Signature, dir app.Direction) {
	for i := range s.fast.buffer.Points {
		p := &s.fast.buffer.Points[i]
		if p.Dir != dir || s.protos>>p.Proto&1 == 0 {
			continue
		}
		k := filterKey{s.fast.buffer, p.Source, s.fast.xform.String(), p.Proto, dir, p.Progress}
		if p.Source != "" {
			k.buffer = nil
		}
		s.grows = s.grows || p.Grows
		sets[k] = append(sets[k], s)
	}
}

// addFilters makes the prefilters; places with the same rules share one.
func (e *Engine) addFilters(sets map[filterKey][]*Signature) {
	made := map[string]*prefilter{}
	for k, sigs := range sets {
		ids := make([]int32, len(sigs))
		for i, s := range sigs {
			ids[i] = int32(s.id)
		}
		key := setKey(ids)
		f := made[key]
		if f == nil {
			f = newPrefilter(soughtIn(sigs))
			made[key] = f
		}
		g := &e.tx[k.dir][k.proto]
		pt := point(sigs[0].fast.buffer.Points, k.proto, k.dir)
		g.filters = append(g.filters, txFilter{pt, sigs[0].fast.xform, f})
	}
	for d := range e.tx {
		for p := range e.tx[d] {
			slices.SortStableFunc(e.tx[d][p].filters, func(a, b txFilter) int {
				return int(a.point.Progress) - int(b.point.Progress)
			})
		}
	}
}

// soughtIn returns the fast patterns of rules on application buffers.
func soughtIn(sigs []*Signature) []sought {
	list := make([]sought, len(sigs))
	for i, s := range sigs {
		list[i] = sought{ref: ref{s.id, 0, anyPlace}, content: s.fast.content, literal: s.fast.literal()}
	}
	return list
}

func hasDir(b *Buffer, dir app.Direction) bool {
	return slices.ContainsFunc(b.Points, func(p Point) bool { return p.Dir == dir })
}

// addAlways puts a rule among those that are judged on every transaction of its protocols.
func (e *Engine) addAlways(s *Signature, dir app.Direction) {
	for p := range e.tx[dir] {
		if s.protos>>p&1 != 0 {
			g := &e.tx[dir][p]
			g.always = append(g.always, s.id)
		}
	}
}
