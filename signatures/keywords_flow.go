package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// flowKeywords look at flows and what is noted on them (docs.suricata.io, "Flow Keywords").
func flowKeywords() []Keyword {
	return []Keyword{
		{Name: "flow", Parse: parseFlow},
		{Name: "flowbits", Parse: parseFlowbits},
		{Name: "flowint", Parse: parseFlowint},
		{Name: "flowvar", Parse: parseVar(orderFlowvar, flowVars)},
		{Name: "pktvar", Parse: parseVar(orderPktvar, packetVars)},
		{Name: "xbits", Parse: parseXbits},
		{Name: "hostbits", Parse: parseHostbits},
		{Name: "stream_size", Parse: parseStreamSize},
		flowNumber("flow.age", 32, func(f *flow.Flow) uint64 { return uint64(max(f.Last-f.Start, 0) / 1e9) }),
		flowNumber("flow.pkts_toserver", 32, func(f *flow.Flow) uint64 { return f.Packets[app.ToServer] }),
		flowNumber("flow.pkts_toclient", 32, func(f *flow.Flow) uint64 { return f.Packets[app.ToClient] }),
		flowNumber("flow.bytes_toserver", 64, func(f *flow.Flow) uint64 { return f.Bytes[app.ToServer] }),
		flowNumber("flow.bytes_toclient", 64, func(f *flow.Flow) uint64 { return f.Bytes[app.ToClient] }),
		{Name: "flow.pkts", Parse: parseFlowSided(32, func(f *flow.Flow, d app.Direction) uint64 { return f.Packets[d] })},
		{Name: "flow.bytes", Parse: parseFlowSided(64, func(f *flow.Flow, d app.Direction) uint64 { return f.Bytes[d] })},
		{Name: "app-layer-protocol", Parse: parseAppProtocol},
		{Name: "app-layer-event", Parse: parseAppEvent},
	}
}

// flowOption is what flow said.
type flowOption struct {
	est, notEst, stateless bool
	noStream, onlyStream   bool
	noFrag, onlyFrag       bool
	dir                    bool
}

func parseFlow(b *builder, arg string) error {
	if b.hasFlow {
		return errors.New("flow is given twice")
	}
	o := &b.flow
	b.hasFlow, b.ipOnly = true, false
	for _, word := range language.SplitArgs(arg) {
		twice := false
		switch strings.ToLower(word) {
		case "to_server", "from_client":
			twice, o.dir = o.dir, true
			b.dirs &= dirServer
		case "to_client", "from_server":
			twice, o.dir = o.dir, true
			b.dirs &= dirClient
		case "established":
			twice = o.est || o.notEst || o.stateless
			o.est = true
		case "not_established":
			twice = o.est || o.notEst || o.stateless
			o.notEst = true
		case "stateless":
			twice = o.est || o.notEst || o.stateless
			o.stateless = true
		case "no_stream":
			twice = o.noStream || o.onlyStream
			o.noStream, b.needsPacket = true, true
		case "only_stream":
			twice = o.noStream || o.onlyStream
			o.onlyStream, b.needsStream, b.streamAlone = true, true, true
		case "no_frag":
			twice = o.noFrag || o.onlyFrag
			o.noFrag = true
		case "only_frag":
			twice = o.noFrag || o.onlyFrag
			o.onlyFrag = true
		default:
			return fmt.Errorf("unknown option %q", word)
		}
		if twice {
			return fmt.Errorf("%q contradicts or repeats another option", word)
		}
	}
	if arg == "" {
		return errors.New("needs a value")
	}
	if b.bothWays && o.dir {
		return errors.New(`"=>" rules judge both directions`)
	}
	if *o == (flowOption{dir: true}) {
		return nil // the direction is part of the header's check
	}
	return b.testPacket("flow", o.test)
}

func (o flowOption) test(v *view) bool {
	est := v.Flow != nil && v.Packet.Has(packet.Established)
	switch {
	case o.est && !est, o.notEst && (est || v.Flow == nil):
		return false
	case o.noFrag && v.Packet.Has(packet.Rebuilt), o.onlyFrag && !v.Packet.Has(packet.Rebuilt):
		return false
	case o.onlyStream && !v.insp.hasStream && !v.Packet.Has(packet.StreamAdded):
		return false
	}
	return true
}

func flowNumber(name string, bits int, get func(*flow.Flow) uint64) Keyword {
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, bits)
		if err != nil {
			return err
		}
		b.ipOnly = false
		return b.testPacket(name, func(v *view) bool { return v.Flow != nil && n.Match(get(v.Flow)) })
	}}
}

// parseFlowSided reads "toserver,>5"; the side may be both or either.
func parseFlowSided(bits int, get func(*flow.Flow, app.Direction) uint64) func(*builder, string) error {
	return func(b *builder, arg string) error {
		side, num, ok := strings.Cut(arg, ",")
		if !ok {
			return errors.New("needs a side and a number")
		}
		n, err := language.ParseNumber(num, bits)
		if err != nil {
			return err
		}
		b.ipOnly = false
		test := func(f *flow.Flow) bool { return false }
		switch strings.TrimSpace(side) {
		case "toserver":
			test = func(f *flow.Flow) bool { return n.Match(get(f, app.ToServer)) }
		case "toclient":
			test = func(f *flow.Flow) bool { return n.Match(get(f, app.ToClient)) }
		case "both":
			test = func(f *flow.Flow) bool { return n.Match(get(f, app.ToServer) + get(f, app.ToClient)) }
		case "either":
			test = func(f *flow.Flow) bool { return n.Match(get(f, app.ToServer)) || n.Match(get(f, app.ToClient)) }
		default:
			return fmt.Errorf("unknown side %q", side)
		}
		return b.testPacket("flow counter", func(v *view) bool { return v.Flow != nil && test(v.Flow) })
	}
}

// stateUse notes which kinds of state a rule sets and reads: it decides over the order of rules.
type stateUse struct {
	sets, reads [stateKinds]bool // as in orderKey
	setsBits    []bitName
	asksBits    []bitName // with isset
}

const (
	orderFlowbits = iota
	orderFlowint
	orderFlowvar
	orderPktvar
	orderHost
	orderPair
	orderTx
	stateKinds
)

func (u *stateUse) ranks() (r [stateKinds]uint8) {
	for i := range r {
		switch {
		case u.sets[i] && u.reads[i]:
			r[i] = 2
		case u.sets[i]:
			r[i] = 3
		case u.reads[i]:
			r[i] = 1
		}
	}
	return r
}

// asks and writes note that the rule needs a bit to be set, and that it sets one.
func (u *stateUse) asks(kind int, name string) {
	u.reads[kind] = true
	u.asksBits = append(u.asksBits, bitName{kind, name})
}

func (u *stateUse) writes(kind int, name string) {
	u.sets[kind] = true
	u.setsBits = append(u.setsBits, bitName{kind, name})
}

func parseFlowbits(b *builder, arg string) error {
	cmd, name, has := strings.Cut(arg, ",")
	cmd, name = strings.TrimSpace(cmd), strings.TrimSpace(name)
	if cmd == "noalert" {
		if has {
			return errors.New("noalert takes no name")
		}
		b.NoAlert = true
		return nil
	}
	b.ipOnly = false
	if name == "" {
		return fmt.Errorf("%s needs a name", cmd)
	}
	if strings.ContainsAny(name, " \t") && !strings.Contains(name, "|") {
		return fmt.Errorf("name %q has a blank in it", name)
	}
	var names []string
	for _, n := range strings.Split(name, "|") {
		names = append(names, strings.TrimSpace(n))
	}
	if len(names) > 1 && cmd != "isset" && cmd != "isnotset" {
		return fmt.Errorf("%s takes one name", cmd)
	}
	use := &b.bits
	switch cmd {
	case "isset":
		for _, n := range names {
			use.asks(orderFlowbits, n)
		}
		return b.testPacket("flowbits:isset", func(v *view) bool {
			st := v.flowBits(false)
			return slices.ContainsFunc(names, st.has)
		})
	case "isnotset":
		use.reads[orderFlowbits] = true
		return b.testPacket("flowbits:isnotset", func(v *view) bool {
			if v.Flow == nil {
				return false
			}
			st := v.flowBits(false)
			return slices.ContainsFunc(names, func(n string) bool { return !st.has(n) })
		})
	case "set":
		use.writes(orderFlowbits, name)
		return b.after(func(v *view) { v.flowBits(true).set(name) })
	case "unset":
		use.sets[orderFlowbits] = true
		return b.after(func(v *view) { v.flowBits(false).unset(name) })
	case "toggle":
		use.writes(orderFlowbits, name)
		return b.after(func(v *view) {
			if st := v.flowBits(true); st.has(name) {
				st.unset(name)
			} else {
				st.set(name)
			}
		})
	}
	return fmt.Errorf("unknown command %q", cmd)
}

func parseFlowint(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) < 2 || len(args) > 3 {
		return errors.New("needs a name, an operator and a value")
	}
	b.ipOnly = false
	name, op := args[0], args[1]
	use := &b.bits
	switch op {
	case "isset", "isnotset", "notset":
		if len(args) != 2 {
			return fmt.Errorf("%s takes no value", op)
		}
		use.reads[orderFlowint] = true
		want := op == "isset"
		return b.testPacket("flowint", func(v *view) bool {
			_, ok := v.flowInt(name)
			return v.Flow != nil && ok == want
		})
	}
	if len(args) != 3 {
		return fmt.Errorf("%s needs a value", op)
	}
	n, err := strconv.ParseUint(args[2], 10, 32)
	isVar := err != nil
	get := func(v *view) (uint32, bool) {
		if isVar {
			return v.flowInt(args[2])
		}
		return uint32(n), true
	}
	switch op {
	case "=", "+", "-":
		use.sets[orderFlowint] = true
		return b.after(func(v *view) {
			x, ok := get(v)
			if !ok {
				return
			}
			have, _ := v.flowInt(name)
			switch op {
			case "+":
				x += have
			case "-":
				x = have - x
			}
			v.flowBits(true).setInt(name, x)
		})
	}
	i := slices.Index([]string{"==", "!=", "<", "<=", ">", ">="}, op)
	if i < 0 {
		return fmt.Errorf("unknown operator %q", op)
	}
	use.reads[orderFlowint] = true
	cmp := [...]language.Compare{language.Equal, language.NotEqual, language.Less, language.LessEqual, language.Greater, language.GreaterEqual}[i]
	return b.testPacket("flowint", func(v *view) bool {
		have, ok := v.flowInt(name)
		want, ok2 := get(v)
		return ok && ok2 && language.Number{Op: cmp, A: uint64(want)}.Match(uint64(have))
	})
}

func (v *view) flowInt(name string) (uint32, bool) {
	st := v.flowBits(false)
	if st == nil {
		return 0, false
	}
	n, ok := st.ints[name]
	return n, ok
}

// parseXbits reads "set,name,track ip_src,expire 60".
func parseXbits(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) == 1 && args[0] == "noalert" {
		b.NoAlert = true
		return nil
	}
	if len(args) < 3 {
		return errors.New("needs a command, a name and what to track")
	}
	word, track := language.SplitWord(args[2])
	if word != "track" {
		return fmt.Errorf("unknown option %q", word)
	}
	if track == "tx" {
		return b.txBit(args[0], args[1], args[3:])
	}
	seconds := int64(30)
	for _, a := range args[3:] {
		word, rest := language.SplitWord(a)
		n, err := strconv.ParseInt(rest, 10, 32)
		if word != "expire" || err != nil || n <= 0 {
			return fmt.Errorf("unknown option %q", a)
		}
		seconds = n
	}
	return b.hostBit(args[0], args[1], track, seconds)
}

// parseHostbits reads "set,name[,src|dst|both]".
func parseHostbits(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) == 1 && args[0] == "noalert" {
		b.NoAlert = true
		return nil
	}
	if len(args) < 2 || len(args) > 3 {
		return errors.New("needs a command and a name")
	}
	track := "ip_src"
	if len(args) == 3 {
		switch args[2] {
		case "src", "both":
		case "dst":
			track = "ip_dst"
		default:
			return fmt.Errorf("unknown side %q", args[2])
		}
	}
	return b.hostBit(args[0], args[1], track, 300)
}

func (b *builder) hostBit(cmd, name, track string, seconds int64) error {
	b.ipOnly = false
	order := orderHost
	var key func(v *view) hostBit
	switch track {
	case "ip_src":
		key = func(v *view) hostBit { return hostBit{name: name, a: v.Packet.Src} }
	case "ip_dst":
		key = func(v *view) hostBit { return hostBit{name: name, a: v.Packet.Dst} }
	case "ip_pair":
		order = orderPair
		key = func(v *view) hostBit {
			k := hostBit{name, v.Packet.Src, v.Packet.Dst}
			if less(&k.b, &k.a) {
				k.a, k.b = k.b, k.a
			}
			return k
		}
	default:
		return fmt.Errorf("unknown track %q", track)
	}
	has := func(v *view) bool { return v.insp.mem.hasBit(key(v), v.Packet.Time) }
	set := func(v *view) { v.insp.mem.setBit(key(v), v.Packet.Time, seconds) }
	switch cmd {
	case "isset":
		b.bits.asks(order, name)
		return b.testPacket("host bit", has)
	case "isnotset":
		b.bits.reads[order] = true
		return b.testPacket("host bit", func(v *view) bool { return !has(v) })
	case "set":
		b.bits.writes(order, name)
		return b.after(set)
	case "unset":
		b.bits.sets[order] = true
		return b.after(func(v *view) { v.insp.mem.clearBit(key(v)) })
	case "toggle":
		b.bits.writes(order, name)
		return b.after(func(v *view) {
			if has(v) {
				v.insp.mem.clearBit(key(v))
			} else {
				set(v)
			}
		})
	}
	return fmt.Errorf("unknown command %q", cmd)
}

// maxTxBits bounds the bits of one transaction.
const maxTxBits = 64

// txBit reads xbits that are kept on transactions: they can be set and asked for, and go with their transaction.
func (b *builder) txBit(cmd, name string, rest []string) error {
	if len(rest) > 0 {
		return errors.New("track tx takes no expire: the bits end with the transaction")
	}
	switch cmd {
	case "set":
		b.bits.writes(orderTx, name)
		return b.after(func(v *view) {
			if v.Tx != nil && len(v.Tx.Bits) < maxTxBits && !slices.Contains(v.Tx.Bits, name) {
				v.Tx.Bits = append(v.Tx.Bits, name)
			}
		})
	case "isset":
		b.bits.asks(orderTx, name)
		return b.testTx("xbits", late(anywhere()), func(v *view) bool { return slices.Contains(v.Tx.Bits, name) })
	}
	return fmt.Errorf("track tx knows set and isset, not %q", cmd)
}

// anywhere are the points of a test that goes with every protocol, in both directions.
func anywhere() []Point {
	var protos []app.Proto
	for p := app.Proto(2); int(p) < app.ProtoCount; p++ {
		protos = append(protos, p)
	}
	return append(when(app.ToServer, 0, protos...), when(app.ToClient, 0, protos...)...)
}

// parseStreamSize reads "server,>,100".
func parseStreamSize(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) != 3 {
		return errors.New("needs a side, an operator and a number")
	}
	op := args[1]
	if op == "=" || op == "==" {
		op = ""
	}
	n, err := language.ParseNumber(op+args[2], 32)
	if err != nil {
		return err
	}
	b.ipOnly = false
	if !slices.Contains([]string{"server", "client", "both", "either"}, args[0]) {
		return fmt.Errorf("unknown side %q", args[0])
	}
	side := args[0]
	err = b.testHeader("stream_size", func(v *view) bool {
		toServer, toClient, ok := v.streamSize()
		if !ok {
			return false
		}
		switch side {
		case "server":
			return n.Match(toClient)
		case "client":
			return n.Match(toServer)
		case "both":
			return n.Match(toServer) && n.Match(toClient)
		}
		return n.Match(toServer) || n.Match(toClient)
	}, packet.TCP)
	if err == nil {
		b.tests[len(b.tests)-1].text = "stream_size:" + side + n.String()
	}
	return err
}

// parseAppProtocol reads "http[,to_server]", "!tls", "failed".
func parseAppProtocol(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) == 0 || len(args) > 2 {
		return errors.New("needs a protocol")
	}
	name, negated := strings.CutPrefix(args[0], "!")
	var set uint64
	if name == "failed" {
		set = 1 << app.Failed
	} else if name == "unknown" {
		set = 1 << app.Unknown
	}
	for _, p := range appProtos(name) {
		set |= 1 << p
	}
	if set == 0 {
		return fmt.Errorf("unknown protocol %q", name)
	}
	if b.rule.Proto != "tcp" && b.protos != 0 {
		return errors.New("the rule's header names a protocol already")
	}
	mode := ""
	if len(args) == 2 {
		if mode = args[1]; !slices.Contains([]string{"final", "original", "either", "to_server", "to_client", "direction", "toserver", "toclient"}, mode) {
			return fmt.Errorf("unknown mode %q", mode)
		}
	}
	b.ipOnly, b.protoOnly = false, true
	return b.testPacket("app-layer-protocol", func(v *view) bool {
		if v.State == nil {
			return false
		}
		c := &v.State.App
		p := c.Proto
		switch mode {
		case "original":
			p = c.Before
		case "to_server", "toserver":
			p = c.ProtoBy[app.ToServer]
		case "to_client", "toclient":
			p = c.ProtoBy[app.ToClient]
		case "direction":
			p = c.ProtoBy[v.Dir]
		}
		if p == app.Unknown && set != 1<<app.Unknown {
			return false
		}
		return (set>>p&1 != 0) != negated
	})
}

// parseAppEvent reads "http.invalid_request_field_folding" or "applayer_mismatch_protocol_both_directions".
func parseAppEvent(b *builder, arg string) error {
	proto, event, ok := strings.Cut(arg, ".")
	if !ok {
		name := strings.ToUpper(arg)
		if !strings.HasPrefix(name, "APPLAYER_") {
			return fmt.Errorf("unknown event %q", arg)
		}
		b.ipOnly = false
		return b.testPacket("app-layer-event", func(v *view) bool {
			return v.State != nil && slices.Contains(v.State.App.Events, name)
		})
	}
	protos := appProtos(proto)
	if len(protos) == 0 {
		return fmt.Errorf("unknown protocol %q", proto)
	}
	points := late(append(when(app.ToServer, 0, protos...), when(app.ToClient, 0, protos...)...)) // events come at any time
	return b.testTx("app-layer-event", points, func(v *view) bool { return slices.Contains(v.Tx.Events, event) })
}
