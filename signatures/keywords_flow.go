package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// flowKeywords look at flows (docs.suricata.io, "Flow Keywords").
func flowKeywords() []Keyword {
	return []Keyword{
		{Name: "flow", Parse: parseFlow},
		{Name: "stream_size", Parse: parseStreamSize},
		flowNumber("flow.age", 32, func(f *flow.Flow) uint64 { return uint64(max(f.Last/1e9-f.Start/1e9, 0)) }),
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

// flowGroup is a question that the words of flow answer; a rule may answer each once.
type flowGroup int

const (
	flowSide flowGroup = iota
	flowEstablished
	flowStream
	flowFragments
	flowGroups
)

// flowWord is a word of flow, and what it makes of a rule.
type flowWord struct {
	group flowGroup
	say   func(b *builder)
}

var flowWords = map[string]flowWord{
	"to_server":       {flowSide, func(b *builder) { b.sayFlowSide(dirServer) }},
	"from_client":     {flowSide, func(b *builder) { b.sayFlowSide(dirServer) }},
	"to_client":       {flowSide, func(b *builder) { b.sayFlowSide(dirClient) }},
	"from_server":     {flowSide, func(b *builder) { b.sayFlowSide(dirClient) }},
	"established":     {flowEstablished, func(b *builder) { b.flow.est = true }},
	"not_established": {flowEstablished, func(b *builder) { b.flow.notEst = true }},
	"stateless":       {flowEstablished, func(b *builder) { b.flow.stateless = true }},
	"no_stream":       {flowStream, func(b *builder) { b.flow.noStream, b.needsPacket = true, true }},
	"only_stream":     {flowStream, func(b *builder) { b.flow.onlyStream, b.needsStream, b.streamAlone = true, true, true }},
	"no_frag":         {flowFragments, func(b *builder) { b.flow.noFrag = true }},
	"only_frag":       {flowFragments, func(b *builder) { b.flow.onlyFrag = true }},
}

func (b *builder) sayFlowSide(side dirMask) {
	b.flow.dir = true
	b.dirs &= side
}

// parseFlow reads "established,to_server".
func parseFlow(b *builder, arg string) error {
	if b.hasFlow {
		return errors.New("flow is given twice")
	}
	b.hasFlow, b.ipOnly = true, false
	var said [flowGroups]bool
	for _, word := range language.SplitArgs(arg) {
		w, known := flowWords[strings.ToLower(word)]
		switch {
		case !known:
			return fmt.Errorf("unknown option %q", word)
		case said[w.group]:
			return fmt.Errorf("%q contradicts or repeats another option", word)
		}
		said[w.group] = true
		w.say(b)
	}
	switch {
	case arg == "":
		return errors.New("needs a value")
	case b.bothWays && b.flow.dir:
		return errors.New(`"=>" rules judge both directions`)
	case b.flow == flowOption{dir: true}:
		return nil // the direction is part of the header's check
	}
	return b.testPacket("flow", b.flow.test)
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
	b.ipOnly, b.packetsToo = false, true
	if !slices.Contains([]string{"server", "client", "both", "either"}, args[0]) {
		return fmt.Errorf("unknown side %q", args[0])
	}
	if err := b.restrictIP("stream_size", packet.TCP); err != nil {
		return err
	}
	side := args[0]
	err = b.testPacket("stream_size", func(v *view) bool {
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
	})
	b.tests[len(b.tests)-1].text = "stream_size:" + side + n.String()
	return err
}

// protocolModes say which of a connection's protocols app-layer-protocol looks at.
var protocolModes = map[string]func(c *app.Conn, dir app.Direction) app.Proto{
	"":          func(c *app.Conn, _ app.Direction) app.Proto { return c.Proto },
	"final":     func(c *app.Conn, _ app.Direction) app.Proto { return c.Proto },
	"either":    func(c *app.Conn, _ app.Direction) app.Proto { return c.Proto },
	"original":  func(c *app.Conn, _ app.Direction) app.Proto { return c.Before },
	"to_server": func(c *app.Conn, _ app.Direction) app.Proto { return c.ProtoBy[app.ToServer] },
	"toserver":  func(c *app.Conn, _ app.Direction) app.Proto { return c.ProtoBy[app.ToServer] },
	"to_client": func(c *app.Conn, _ app.Direction) app.Proto { return c.ProtoBy[app.ToClient] },
	"toclient":  func(c *app.Conn, _ app.Direction) app.Proto { return c.ProtoBy[app.ToClient] },
	"direction": func(c *app.Conn, dir app.Direction) app.Proto { return c.ProtoBy[dir] },
}

// parseAppProtocol reads "http[,to_server]", "!tls", "failed".
func parseAppProtocol(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) == 0 || len(args) > 2 {
		return errors.New("needs a protocol")
	}
	name, negated := strings.CutPrefix(args[0], "!")
	set := protocolSet(name)
	if set == 0 {
		return fmt.Errorf("unknown protocol %q", name)
	}
	if b.rule.Proto != "tcp" && b.protos != 0 {
		return errors.New("the rule's header names a protocol already")
	}
	mode := ""
	if len(args) == 2 {
		mode = args[1]
	}
	which, known := protocolModes[mode]
	if !known || len(args) == 2 && mode == "" {
		return fmt.Errorf("unknown mode %q", mode)
	}
	b.ipOnly, b.protoOnly = false, true
	return b.testPacket("app-layer-protocol", func(v *view) bool {
		if v.State == nil {
			return false
		}
		p := which(&v.State.App, v.Dir)
		if p == app.Unknown && set != 1<<app.Unknown {
			return false
		}
		return (set>>p&1 != 0) != negated
	})
}

// protocolSet holds a bit for each protocol of a name; 0: there is none.
func protocolSet(name string) (set uint64) {
	switch name {
	case "failed":
		set = 1 << app.Failed
	case "unknown":
		set = 1 << app.Unknown
	}
	for _, p := range appProtos(name) {
		set |= 1 << p
	}
	return set
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
