package signatures

import (
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
