package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
)

// bitKeywords note bits and numbers on flows, hosts and transactions, and ask for them (docs.suricata.io, "Flow
// Keywords" and "Xbits Keyword").
func bitKeywords() []Keyword {
	return []Keyword{
		{Name: "flowbits", Parse: parseFlowbits},
		{Name: "flowint", Parse: parseFlowint},
		{Name: "flowvar", Parse: parseVar(orderFlowvar, flowVars)},
		{Name: "pktvar", Parse: parseVar(orderPktvar, packetVars)},
		{Name: "xbits", Parse: parseXbits},
		{Name: "hostbits", Parse: parseHostbits},
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

// stateBits are what a rule does with bits of one kind: a command, and the names that it is about.
type stateBits struct {
	keyword string
	kind    int      // orderFlowbits, orderHost …
	names   []string // several only for isset and isnotset: one of them
	// noted tells whether there is something to note bits on; nil: always.
	noted func(v *view) bool
	has   func(v *view, name string) bool
	set   func(v *view, name string)
	unset func(v *view, name string)
}

// command adds what a command asks of bits, or does to them when the rule has matched. Of flowbits only set leaves a
// rule one of the header alone; of the others all do (Suricata's SIGMATCH_IPONLY_COMPAT).
func (k *stateBits) command(b *builder, cmd string) error {
	if k.kind == orderFlowbits && cmd != "set" {
		b.ipOnly = false
	}
	name := k.names[0]
	switch cmd {
	case "isset":
		for _, n := range k.names {
			b.bits.asks(k.kind, n)
		}
		return b.testPacket(k.keyword, func(v *view) bool { return k.anyIs(v, true) })
	case "isnotset":
		b.bits.reads[k.kind] = true
		return b.testPacket(k.keyword, func(v *view) bool { return (k.noted == nil || k.noted(v)) && k.anyIs(v, false) })
	case "set":
		b.bits.writes(k.kind, name)
		return b.after(func(v *view) { k.set(v, name) })
	case "unset":
		b.bits.sets[k.kind] = true
		return b.after(func(v *view) { k.unset(v, name) })
	case "toggle":
		b.bits.writes(k.kind, name)
		return b.after(func(v *view) { k.toggle(v, name) })
	}
	return fmt.Errorf("unknown command %q", cmd)
}

func (k *stateBits) anyIs(v *view, want bool) bool {
	for _, n := range k.names {
		if k.has(v, n) == want {
			return true
		}
	}
	return false
}

func (k *stateBits) toggle(v *view, name string) {
	if k.has(v, name) {
		k.unset(v, name)
	} else {
		k.set(v, name)
	}
}

// parseFlowbits reads "set,name", "isset,one|other", "noalert".
func parseFlowbits(b *builder, arg string) error {
	cmd, name, has := strings.Cut(arg, ",")
	cmd, name = strings.TrimSpace(cmd), strings.TrimSpace(name)
	switch {
	case cmd == "noalert" && has:
		return errors.New("noalert takes no name")
	case cmd == "noalert":
		b.NoAlert = true
		return nil
	case name == "":
		return fmt.Errorf("%s needs a name", cmd)
	case strings.ContainsAny(name, " \t") && !strings.Contains(name, "|"):
		return fmt.Errorf("name %q has a blank in it", name)
	}
	names := strings.Split(name, "|")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	if len(names) > 1 && cmd != "isset" && cmd != "isnotset" {
		return fmt.Errorf("%s takes one name", cmd)
	}
	k := &stateBits{
		keyword: "flowbits", kind: orderFlowbits, names: names,
		noted: func(v *view) bool { return v.Flow != nil },
		has:   func(v *view, n string) bool { return v.flowBits(false).has(n) },
		set:   func(v *view, n string) { v.flowBits(true).set(n) },
		unset: func(v *view, n string) { v.flowBits(false).unset(n) },
	}
	return k.command(b, cmd)
}

// parseFlowint reads "name,isset", "name,+,1", "name,>,other".
func parseFlowint(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) < 2 || len(args) > 3 {
		return errors.New("needs a name, an operator and a value")
	}
	b.ipOnly = false
	name, op := args[0], args[1]
	switch {
	case op == "isset" || op == "isnotset" || op == "notset":
		if len(args) != 2 {
			return fmt.Errorf("%s takes no value", op)
		}
		return b.asksFlowint(name, op == "isset")
	case len(args) != 3:
		return fmt.Errorf("%s needs a value", op)
	case op == "=" || op == "+" || op == "-":
		return b.changesFlowint(name, op, readFlowintValue(args[2]))
	}
	return b.comparesFlowint(name, op, readFlowintValue(args[2]))
}

// flowintValue is a number of a rule, or that of a variable, which a flow may not have.
type flowintValue func(v *view) (uint32, bool)

func readFlowintValue(text string) flowintValue {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return func(v *view) (uint32, bool) { return v.flowInt(text) }
	}
	return func(*view) (uint32, bool) { return uint32(n), true }
}

func (b *builder) asksFlowint(name string, want bool) error {
	b.bits.reads[orderFlowint] = true
	return b.testPacket("flowint", func(v *view) bool {
		_, ok := v.flowInt(name)
		return v.Flow != nil && ok == want
	})
}

// changesFlowint assigns, adds and subtracts; numbers wrap at 32 bits.
func (b *builder) changesFlowint(name, op string, value flowintValue) error {
	b.bits.sets[orderFlowint] = true
	return b.after(func(v *view) {
		x, ok := value(v)
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

// comparisons are the operators that ask for a variable's value.
var comparisons = map[string]language.Compare{
	"==": language.Equal, "!=": language.NotEqual, "<": language.Less, "<=": language.LessEqual, ">": language.Greater, ">=": language.GreaterEqual,
}

func (b *builder) comparesFlowint(name, op string, value flowintValue) error {
	compare, ok := comparisons[op]
	if !ok {
		return fmt.Errorf("unknown operator %q", op)
	}
	b.bits.reads[orderFlowint] = true
	return b.testPacket("flowint", func(v *view) bool {
		have, ok := v.flowInt(name)
		want, ok2 := value(v)
		return ok && ok2 && language.Number{Op: compare, A: uint64(want)}.Match(uint64(have))
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

// How long bits of hosts are kept, in seconds.
const (
	xbitExpiry    = 30 // unless the rule says otherwise
	hostbitExpiry = 300
)

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
	seconds := int64(xbitExpiry)
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

// parseHostbits reads "set,name[,src|dst]". Suricata names a side "both" that it refuses, and so does picket.
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
		case "src":
		case "dst":
			track = "ip_dst"
		default:
			return fmt.Errorf("unknown side %q", args[2])
		}
	}
	return b.hostBit(args[0], args[1], track, hostbitExpiry)
}

// hostBit adds a command about a bit of a host, or of two of them, that is kept for some seconds.
func (b *builder) hostBit(cmd, name, track string, seconds int64) error {
	key, ok := hostKeys[track]
	if !ok {
		return fmt.Errorf("unknown track %q", track)
	}
	k := &stateBits{
		keyword: "host bit", kind: orderHost, names: []string{name},
		has:   func(v *view, n string) bool { return v.insp.mem.hasBit(key(v, n), v.Packet.Time) },
		set:   func(v *view, n string) { v.insp.mem.setBit(key(v, n), v.Packet.Time, seconds) },
		unset: func(v *view, n string) { v.insp.mem.clearBit(key(v, n)) },
	}
	if track == "ip_pair" {
		k.kind = orderPair
	}
	return k.command(b, cmd)
}

// hostKeys say whose bit is meant, by what a rule tracks.
var hostKeys = map[string]func(v *view, name string) hostBit{
	"ip_src": func(v *view, name string) hostBit { return hostBit{name: name, a: v.Packet.Src} },
	"ip_dst": func(v *view, name string) hostBit { return hostBit{name: name, a: v.Packet.Dst} },
	"ip_pair": func(v *view, name string) hostBit {
		k := hostBit{name, v.Packet.Src, v.Packet.Dst}
		if less(&k.b, &k.a) {
			k.a, k.b = k.b, k.a
		}
		return k
	},
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
