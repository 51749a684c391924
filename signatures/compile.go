package signatures

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"picket/signatures/dataset"
	"picket/signatures/language"
	"picket/signatures/pcre"
	"picket/signatures/reputation"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// Options say how rules are to be compiled. The zero value is good.
type Options struct {
	// Classes by name, from classification.config; nil: the classes that Suricata ships.
	Classes map[string]Class
	// Limits are the lines of a threshold.config.
	Limits []language.Filter
	// Inline: actions take packets out; replace is done.
	Inline bool
	// Order is the order in which rules are judged by their action (action-order); nil: pass, drop, reject, alert.
	// All kinds of reject are alike and named by Reject.
	Order []Action
	// GuessTx: alerts of packets are told with a transaction of their flow (detect.guess-applayer-tx).
	GuessTx bool
	// MaxAlerts bounds the alerts of one packet (packet-alert-max); 0: the default.
	MaxAlerts int
	// ReadFile reads a file that a rule names (datasets, reputation, file hash lists); nil: such rules are refused.
	ReadFile func(name string) ([]byte, error)
	// Steps names a protocol's progress values, for hooks in headers ("http1:request_headers"); nil: none are known.
	Steps func(p app.Proto, dir app.Direction) []string
	// Country finds the country of an address (two letters, "" for unknown) for geoip; nil: such rules are refused.
	Country func(netip.Addr) string
	// Reputation holds the scores that iprep asks for; nil: there are none.
	Reputation *reputation.Table
	// Datasets says what rules may do with files of sets.
	Datasets DatasetOptions
	// Previous is the engine that this one replaces: what traffic has added to its sets goes on; nil: none.
	Previous *Engine

	regexes map[regexKey]*pcre.Regexp
	sets    map[string]*dataset.Set
	bits    bitLedger
}

// Compile makes an engine of the rules. Rules with a hard fault are left out; all others are in force. The engine is
// immutable and may be shared. Compile takes the rules: what was read of one is forgotten once it is compiled, since all
// of it together is as large as the engine.
func Compile(rules []language.Rule, opt Options) (*Engine, []language.Fault) {
	opt.regexes, opt.sets = map[regexKey]*pcre.Regexp{}, map[string]*dataset.Set{}
	if opt.Classes == nil {
		opt.Classes = defaultClasses()
	}
	if opt.Order == nil {
		opt.Order = []Action{Pass, Drop, Reject, Alerting}
	}
	if opt.MaxAlerts <= 0 {
		opt.MaxAlerts = MaxAlerts
	}
	look := newLookup()
	e := newEngine(opt)
	var faults []language.Fault
	for i := range rules {
		s, f := compileRule(&rules[i], &opt, look, e)
		rules[i] = language.Rule{}
		faults = append(faults, f...)
		if s != nil {
			s.order.line = i
			e.tags = e.tags || len(s.tags) > 0
			e.Signatures = append(e.Signatures, s)
		}
	}
	faults = append(faults, opt.bits.unset()...)
	e.sort()
	e.limitsFrom(opt.Limits)
	e.sets = opt.sets
	e.group()
	return e, faults
}

// compileRule makes one signature; nil when the rule is refused or does not apply here (requires).
func compileRule(r *language.Rule, opt *Options, look *lookup, e *Engine) (*Signature, []language.Fault) {
	b := newBuilder(r, opt, look)
	fail := func(col int, err error) []language.Fault {
		pos := r.Pos
		if col > 0 {
			pos.Col = col
		}
		return []language.Fault{{Pos: pos, SID: r.SID, Cause: err.Error()}}
	}
	if r.Skip {
		return nil, nil
	}
	if err := b.readHeader(e); err != nil {
		return nil, fail(0, err)
	}
	for i := range r.Options {
		if err := b.option(&r.Options[i]); err != nil {
			return nil, fail(r.Options[i].Col, fmt.Errorf("%s: %w", r.Options[i].Name, err))
		}
	}
	if err := b.finish(); err != nil {
		return nil, fail(0, err)
	}
	opt.bits.add(b.Signature, &b.bits)
	var soft []language.Fault
	for _, w := range b.warn {
		soft = append(soft, language.Fault{Pos: r.Pos, SID: r.SID, Cause: w, Soft: true})
	}
	return b.Signature, soft
}

func newBuilder(r *language.Rule, opt *Options, look *lookup) *builder {
	s := &Signature{Pos: r.Pos, SID: r.SID, GID: r.GID, Rev: r.Rev, Msg: r.Msg, Raw: r.Raw, Priority: 3}
	b := &builder{Signature: s, opt: opt, look: look, rule: r, ipOnly: true}
	b.payload = b.newList(nil)
	b.cur = b.payload
	return b
}

// option finds a keyword and lets it read its value.
func (b *builder) option(o *language.Option) error {
	switch o.Name {
	case "sid", "gid", "rev", "msg": // language has read them
		return nil
	}
	if buf := b.look.modifiers[o.Name]; buf != nil && b.modifies(buf, o.Name) {
		if o.Has {
			return fmt.Errorf("takes no value")
		}
		return b.move(buf)
	}
	k := b.look.keywords[o.Name]
	value := o.Value
	if k != nil {
		var err error
		if value, err = b.readSide(k, value); err != nil {
			return err
		}
		defer func() { b.side = 0 }()
	}
	switch {
	case k == nil:
		return fmt.Errorf("unknown keyword")
	case k.Arg == Needed && k.Buffer == nil && o.Value == "":
		return fmt.Errorf("needs a value")
	case (k.Arg == None || k.Buffer != nil) && o.Has && value != "":
		return fmt.Errorf("takes no value")
	case k.Buffer != nil:
		return b.useBuffer(b.look.sidedBuffer(k.Buffer, b.side))
	}
	return k.Parse(b, value)
}

// readSide reads the direction that a "=>" rule gives where a buffer or a test is there in both: "to_client", and
// "to_client,<100" for keywords with a value.
func (b *builder) readSide(k *Keyword, value string) (rest string, err error) {
	word, rest, _ := strings.Cut(value, ",")
	switch strings.TrimSpace(word) {
	case "to_server":
		b.side = dirServer
	case "to_client":
		b.side = dirClient
	default:
		return value, nil
	}
	if k.Buffer == nil && !b.bothWays {
		b.side = 0
		return value, nil
	}
	if k.Buffer != nil && len(sided(k.Buffer.Points, b.side)) == 0 {
		return "", fmt.Errorf("is never seen %s", word)
	}
	return strings.TrimSpace(rest), nil
}

// modifies tells whether a name that is both modifier and older sticky name (http_header is the first, file_data the
// second) is meant as the modifier.
func (b *builder) modifies(buf *Buffer, name string) bool {
	return !slices.Contains(buf.Aliases, name) || b.last != nil && b.last.content != nil && !b.sticky
}

// readHeader reads action, protocol, addresses, ports and hook.
func (b *builder) readHeader(e *Engine) error {
	r := b.rule
	a, ok := actionNames[r.Action]
	if !ok {
		return fmt.Errorf("unknown action %q", r.Action)
	}
	b.Action, b.dirs, b.NoAlert = a, dirBoth, a == Pass
	if err := b.readProto(); err != nil {
		return err
	}
	if r.Arrow == "=>" {
		b.bothWays = true
	}
	h := &b.header
	h.bidir = r.Arrow == "<>"
	h.src, h.dst = e.addrSet(&r.Src), e.addrSet(&r.Dst)
	h.sport, h.dport = e.portSet(&r.Src), e.portSet(&r.Dst)
	return b.readHook()
}

// readProto turns the header's protocol into what packets are held against.
func (b *builder) readProto() error {
	h := &b.header
	name := b.rule.Proto
	one := func(ps ...packet.Proto) {
		for _, p := range ps {
			h.protos.add(p)
		}
	}
	switch name {
	case "ip":
		h.protos = allProtos()
	case "ip4", "ipv4":
		h.protos, h.family = allProtos(), 4
	case "ip6", "ipv6":
		h.protos, h.family = allProtos(), 6
	case "pkthdr":
		h.protos, h.anyPacket = allProtos(), true
	case "ether":
		h.protos, h.ether = allProtos(), true
	case "arp":
		h.arp = true
	case "tcp":
		one(packet.TCP)
	case "tcp-pkt":
		h.pktOnly = true
		one(packet.TCP)
	case "tcp-stream":
		h.streamOnly = true
		one(packet.TCP)
	case "udp":
		one(packet.UDP)
	case "sctp":
		one(packet.SCTP)
	case "icmp":
		one(packet.ICMP, packet.ICMPv6)
	case "icmpv4":
		one(packet.ICMP)
	case "icmpv6":
		one(packet.ICMPv6)
	case "igmp":
		one(packet.IGMP)
	case "esp":
		one(packet.ESP)
	default:
		return b.readAppProto(name)
	}
	return nil
}

// readAppProto reads a protocol such as http, which is http1 or http2.
func (b *builder) readAppProto(name string) error {
	protos := appProtos(name)
	if len(protos) == 0 {
		return fmt.Errorf("unknown protocol %q", name)
	}
	b.header.protos.add(packet.TCP)
	b.header.protos.add(packet.UDP)
	b.ipOnly = false
	return b.app("the rule's header", protos...)
}

// appProtos returns the protocols that a rule's name stands for.
func appProtos(name string) []app.Proto {
	switch name {
	case "http":
		return []app.Proto{app.HTTP1, app.HTTP2}
	case "http1":
		return []app.Proto{app.HTTP1}
	case "dns":
		return []app.Proto{app.DNS, app.DoH2}
	case "dcerpc":
		return []app.Proto{app.DCERPC, app.SMB}
	case "http2":
		return []app.Proto{app.HTTP2, app.DoH2}
	case "ikev2":
		return []app.Proto{app.IKE}
	}
	for p := app.Proto(2); int(p) < app.ProtoCount; p++ {
		if p.String() == name {
			return []app.Proto{p}
		}
	}
	return nil
}

// readHook ties the rule to a progress value.
func (b *builder) readHook() error {
	name := b.rule.Hook
	if name == "" {
		return nil
	}
	b.ipOnly = false
	switch {
	case name == "flow_start":
		b.needsPacket = true
		return b.testPacket("flow_start", func(v *view) bool {
			return v.Flow != nil && v.Flow.Packets[v.Dir] <= 1 // the first of each direction
		})
	case name == "all" && b.protos == 0:
		b.needsPacket = true
		return nil
	case b.protos == 0:
		return fmt.Errorf("unknown hook %q of protocol %s", name, b.rule.Proto)
	}
	h, ok := b.opt.findHook(b.protos, name)
	if !ok {
		return fmt.Errorf("unknown hook %q of protocol %s", name, b.rule.Proto)
	}
	b.hook = &h
	return b.testTx("hook "+name, []Point{{Proto: h.proto, Dir: h.dir, Progress: h.progress}}, func(*view) bool { return true })
}

// findHook looks a hook's name up among the steps of the protocols.
func (o *Options) findHook(protos uint64, name string) (hook, bool) {
	for p := app.Proto(2); int(p) < app.ProtoCount; p++ {
		if protos>>p&1 == 0 {
			continue
		}
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			side := [...]string{"request", "response"}[dir]
			switch name {
			case side + "_started":
				return hook{p, dir, 0}, true
			case side + "_complete":
				return hook{p, dir, app.Done}, true
			}
			if o.Steps == nil {
				continue
			}
			if i := slices.Index(o.Steps(p, dir), name); i >= 0 {
				return hook{p, dir, app.Progress(i)}, true
			}
		}
	}
	return hook{}, false
}

// maxConditions bounds the conditions of a rule on one transaction: what is met is a bit of txRule.done.
const maxConditions = 32

// finish checks the rule as a whole and lays its conditions out for inspection.
func (b *builder) finish() error {
	for _, step := range []func() error{
		b.checkLists, b.placeLists, b.checkDirections, b.choosePayload, b.chooseFast, b.chooseType,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(b.tx) > maxConditions {
		return fmt.Errorf("%d conditions on a transaction, at most %d are kept apart (join contents of one buffer)", len(b.tx), maxConditions)
	}
	b.names = uint8(len(b.vars))
	b.setNeeds()
	b.order = b.orderKey()
	return nil
}

// checkLists holds contents against sizes, and finds buffers that nothing is asked of.
func (b *builder) checkLists() error {
	for _, l := range b.lists {
		if l == b.payload {
			if err := b.checkDsize(l); err != nil {
				return err
			}
			continue
		}
		if len(l.items) == 0 && l.absent == mustBeThere {
			if l.base64 {
				return fmt.Errorf("base64_data has nothing to look for")
			}
			return fmt.Errorf("%s has nothing to look for", l.buffer.Name)
		}
		if l.absent == absentOrElse && len(l.items) == 0 {
			return fmt.Errorf("absent:or_else needs a content in %s", l.buffer.Name)
		}
		if l.absent == mustBeAbsent && len(l.items) > 0 {
			return fmt.Errorf("absent does not go with contents in %s", l.buffer.Name)
		}
		if err := checkContents(l); err != nil {
			return err
		}
	}
	return nil
}

// checkContents lets the buffer look at its contents, and bsize.
func checkContents(l *list) error {
	for _, p := range l.items {
		c := p.content
		if c == nil {
			continue
		}
		if l.buffer != nil && l.buffer.Content != nil && len(l.xform) == 0 {
			if err := l.buffer.Content(c); err != nil {
				return err
			}
		}
		if err := l.xform.check(c); err != nil {
			return err
		}
		if l.bsize == nil || c.negated {
			continue
		}
		if most, ok := upper(l.bsize); ok && (len(c.bytes) > most || c.offset.value+len(c.bytes) > most) {
			return fmt.Errorf("content %.40q can't fit in bsize %s", c.bytes, l.bsize)
		}
	}
	return nil
}

// upper returns the largest number that a comparison lets through, if there is one.
func upper(n *language.Number) (int, bool) {
	switch n.Op {
	case language.Equal, language.LessEqual:
		return int(min(n.A, 1<<31)), true
	case language.Less:
		return int(min(n.A, 1<<31)) - 1, true
	case language.Between:
		return int(min(n.B, 1<<31)) - 1, true
	}
	return 0, false
}

// boundsOf returns the sizes that dsize lets through, as far as they are one range.
func boundsOf(n *language.Number) sizes {
	all := sizes{0, 0xffff}
	if n == nil {
		return all
	}
	if most, ok := upper(n); ok {
		all.most = uint16(min(max(most, 0), 0xffff))
	}
	switch n.Op {
	case language.Equal, language.GreaterEqual:
		all.least = uint16(min(n.A, 0xffff))
	case language.Greater, language.Between:
		all.least = uint16(min(n.A+1, 0xffff))
	}
	return all
}

// checkDsize holds the payload's contents against dsize.
func (b *builder) checkDsize(l *list) error {
	if b.dsize == nil {
		return nil
	}
	most, ok := upper(b.dsize)
	total := 0
	for _, p := range l.items {
		c := p.content
		if c == nil || c.negated {
			continue
		}
		switch {
		case c.distance.set && c.distance.slot == 0:
			total += len(c.bytes) + c.distance.value
		case c.relative():
			total += len(c.bytes)
		default:
			total = max(total, c.offset.value+len(c.bytes))
		}
		if ok && total > most {
			return fmt.Errorf("contents need %d bytes, dsize %s leaves %d", total, b.dsize, most)
		}
	}
	return nil
}

// placeLists turns lists into inspections.
func (b *builder) placeLists() error {
	for _, l := range b.lists {
		c := make(chain, len(l.items))
		for i, p := range l.items {
			c[i] = p.item
		}
		switch {
		case l == b.payload:
			b.Signature.payload = c
		case l.base64:
			b.base64.chain = c
		case l.buffer.Frame != "":
			b.frames = append(b.frames, frameInspection{l.buffer.Frame, l.xform, c})
		case l.buffer.Packet != nil:
			b.buffers = append(b.buffers, packetBuffer{l.buffer, l.xform, c})
		default:
			b.tx = append(b.tx, txInspection{
				name: l.buffer.Name, points: l.buffer.Points, xform: l.xform, chain: c, absent: l.absent,
			})
		}
	}
	for i := range b.tx {
		if t := &b.tx[i]; t.file != nil || slices.ContainsFunc(t.points, func(p Point) bool { return p.File != nil }) {
			b.ofFiles++
		}
	}
	b.anyApp = len(b.tx) > 0
	if len(b.frames) > 0 && (b.anyApp || len(b.buffers) > 0 || len(b.Signature.payload) > 0) {
		return fmt.Errorf("frames don't go with contents or buffers of packets and transactions")
	}
	if b.anyApp && len(b.Signature.payload) > 0 {
		b.tx = append(b.tx, txInspection{name: "payload", chain: b.Signature.payload, stream: true})
	}
	return nil
}

// checkDirections finds the directions in which the rule can be judged.
func (b *builder) checkDirections() error {
	only := dirMask(0) // directions that some condition insists on
	for i := range b.tx {
		t := &b.tx[i]
		if t.stream {
			continue
		}
		var can dirMask
		for _, p := range t.points {
			if b.protos>>p.Proto&1 != 0 {
				can |= 1 << p.Dir
			}
		}
		if can != dirBoth {
			only |= can
		}
		if !b.bothWays && b.dirs&can == 0 {
			return fmt.Errorf("%s is never seen in the direction that flow asks for", t.name)
		}
	}
	switch {
	case b.bothWays:
		if !b.anyApp {
			return fmt.Errorf(`"=>" needs conditions on transactions`)
		}
		return nil
	case only == dirBoth:
		return fmt.Errorf("conditions speak of both directions (only \"=>\" rules can)")
	case only != 0:
		b.dirs &= only
	}
	if b.dirs == 0 {
		return fmt.Errorf("conditions speak of a direction that flow excludes")
	}
	return nil
}

// choosePayload decides whether payload contents are looked for in packets, the stream, or both (Suricata's
// SIG_FLAG_REQUIRE_PACKET and _STREAM, detect-parse.c).
func (b *builder) choosePayload() error {
	h := &b.header
	for _, p := range b.payload.items {
		if c := p.content; c != nil && (c.depth.set || c.offset.set) && !c.startsWith || c != nil && c.startsWith {
			b.packetsToo = true
		}
	}
	if h.pktOnly {
		b.needsPacket = true
	}
	if h.streamOnly {
		b.needsStream = true
	}
	if b.needsPacket && b.needsStream {
		return errors.New("keywords about packets do not go with tcp-stream or flow:only_stream")
	}
	if len(b.Signature.payload) == 0 {
		b.needsPacket = b.needsPacket || b.packetsToo
		return nil
	}
	switch {
	case !h.protos.has(packet.TCP):
		b.Signature.inspect = inPacket
	case b.needsPacket:
		b.Signature.inspect = inPacket
	case b.needsStream:
		b.Signature.inspect = inStream
	default:
		b.Signature.inspect = inStream
		if b.packetsToo && !b.anyApp {
			b.Signature.inspect |= inPacket
		}
	}
	return nil
}

// chooseType says what kind of rule it is (Suricata's SignatureSetType).
func (b *builder) chooseType() error {
	s := b.Signature
	switch {
	case b.decode:
		s.Type = TypeDecode
	case s.anyApp || len(s.frames) > 0:
		s.Type = TypeTx
	case s.protos != 0 && len(s.payload) == 0 && !b.needsPacket:
		s.Type = TypeApp
	case b.ipOnly && b.onlyTests("host bit", "iprep") && !b.hasFlow:
		s.Type = TypeIPOnly
		if len(b.rule.Src.Addrs.Not)+len(b.rule.Dst.Addrs.Not) > 0 {
			s.Type = TypeLikeIPOnly
		}
	case b.protoOnly && b.onlyTests("app-layer-protocol"):
		s.Type = TypeProtoOnly
		s.tests = append(s.tests, packetTest{name: "detection", test: func(v *view) bool { return v.Packet.Has(packet.Detected) }})
	case len(s.payload) > 0 && s.inspect == inStream:
		s.Type = TypeStream
	case len(s.payload) > 0 && s.inspect&inStream != 0:
		s.Type = TypePacketStream
	default:
		s.Type = TypePacket
	}
	return nil
}

// onlyTests tells whether all tests are of the keywords named, and the rule looks into no bytes.
func (b *builder) onlyTests(names ...string) bool {
	s := b.Signature
	other := func(t packetTest) bool { return !slices.Contains(names, t.name) }
	return len(s.payload) == 0 && len(s.buffers) == 0 && !slices.ContainsFunc(s.tests, other)
}

// setNeeds fills in what a packet must have for the rule to be tried.
func (b *builder) setNeeds() {
	s := b.Signature
	s.sizes, s.flags = boundsOf(b.dsize), b.flagsSet
	switch {
	case len(s.payload) > 0 && !s.anyApp || b.dsize != nil && !b.dsize.Match(0):
		s.need |= needPayload
	case s.sizes.most == 0:
		s.need |= needNoPayload
	}
	if s.protos != 0 || b.hasFlow {
		s.need |= needFlow
	}
	if b.decode {
		s.need |= needEvent
	}
	if s.Type == TypePacket || s.Type == TypeIPOnly || s.Type == TypeLikeIPOnly {
		s.need |= needReal // what they look at was on the wire
	}
}
