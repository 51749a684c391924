package app

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// toy is a parser of lines: each line of the client is a transaction. "UPGRADE" ends the protocol, "BAD" breaks it.
type toy struct {
	txs Transactions
	got [2]strings.Builder
}

func (p *toy) Transactions() *Transactions { return &p.txs }
func (p *toy) Gap(Direction, uint32) bool  { return false }
func (p *toy) Parse(dir Direction, data []byte, _ bool) Result {
	i := slices.Index(data, '\n')
	if i < 0 {
		return Result{Need: len(data) + 1}
	}
	line := string(data[:i])
	p.got[dir].WriteString(line + ";")
	p.txs.Add(SMTP, line)
	switch line {
	case "UPGRADE":
		return Result{Consumed: i + 1, Upgrade: TLS}
	case "BAD":
		return Result{Err: errors.New("bad")}
	}
	return Result{Consumed: i + 1}
}

func toyTable() []Protocol {
	newToy := func(*Config) Parser { return &toy{} }
	return []Protocol{
		{Proto: SMTP, TCP: true, New: newToy, Patterns: []Pattern{
			{Dir: ToServer, Bytes: "EHLO", Depth: 4, NoCase: true}, {Dir: ToClient, Bytes: "220 ", Depth: 4}}},
		{Proto: TLS, TCP: true, New: newToy, ClientFirst: true, Patterns: []Pattern{
			{Dir: ToServer, Bytes: "\x16\x03", Depth: 2}, {Dir: ToClient, Bytes: "\x16\x03", Depth: 2}}},
		{Proto: DNS, UDP: true, New: newToy, Ports: "53", Probe: func(dir Direction, data []byte) Answer {
			switch {
			case data[0] != 'D':
				return No
			case (data[1] == 'Q') != (dir == ToServer):
				return Reversed
			}
			return Yes
		}},
	}
}

// step is one piece of a conversation.
type step struct {
	dir  Direction
	data string
}

// converse plays steps as a stream would: what is not consumed comes again with what follows.
func converse(l *Layer, c *Conn, ep Endpoint, steps []step) {
	var pending [2]string
	for _, s := range steps {
		pending[s.dir] += s.data
		n := l.Stream(c, ep, s.dir, []byte(pending[s.dir]), false)
		pending[s.dir] = pending[s.dir][n:]
	}
}

func TestStream(t *testing.T) {
	unknown := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name   string
		mid    bool
		steps  []step
		proto  Proto
		by     [2]Proto
		events []string
		got    [2]string
	}{
		{"client first", false, []step{{ToServer, "EHLO a\n"}, {ToClient, "220 b\n"}}, SMTP, [2]Proto{SMTP, SMTP}, nil, [2]string{"EHLO a;", "220 b;"}},
		{"in bytes", false, []step{{ToServer, "E"}, {ToServer, "H"}, {ToServer, "LO a"}, {ToServer, "\n"}}, SMTP, [2]Proto{SMTP}, nil, [2]string{"EHLO a;"}},
		{"server found, client held", false, []step{{ToServer, "xxxx\n"}, {ToClient, "220 b\n"}}, SMTP, [2]Proto{Failed, SMTP},
			[]string{EventOneDirection}, [2]string{"xxxx;", "220 b;"}},
		{"server unknown", false, []step{{ToServer, "EHLO a\n"}, {ToClient, unknown + "\n"}}, SMTP, [2]Proto{SMTP, Failed},
			[]string{EventOneDirection}, [2]string{"EHLO a;", unknown + ";"}},
		{"they differ", false, []step{{ToServer, "EHLO a\n"}, {ToClient, "\x16\x03\n"}}, SMTP, [2]Proto{SMTP, TLS},
			[]string{EventMismatch}, [2]string{"EHLO a;", "\x16\x03;"}},
		{"neither", false, []step{{ToServer, unknown}, {ToClient, unknown}}, Failed, [2]Proto{Failed, Failed}, nil, [2]string{}},
		{"server speaks first", false, []step{{ToClient, "\x16\x03\n"}}, Failed, [2]Proto{Failed, TLS}, []string{EventWrongFirst}, [2]string{}},
		{"lots of nothing", false, []step{{ToServer, strings.Repeat("x", 100_001)}}, Failed, [2]Proto{Failed, Failed}, []string{EventSkipped}, [2]string{}},
		{"midstream, client unknown", true, []step{{ToServer, unknown}}, Failed, [2]Proto{Failed, Failed}, nil, [2]string{}},
		{"midstream, turned round", true, []step{{ToServer, "220 b\n"}}, SMTP, [2]Proto{Unknown, SMTP}, nil, [2]string{"", "220 b;"}},
		{"upgrade", false, []step{{ToServer, "EHLO a\n"}, {ToServer, "UPGRADE\n"}, {ToServer, "\x16\x03\n"}}, TLS, [2]Proto{TLS}, nil, [2]string{"\x16\x03;"}},
		{"upgrade to nothing", false, []step{{ToServer, "EHLO a\n"}, {ToServer, "UPGRADE\n"}, {ToServer, unknown}}, Failed, [2]Proto{Failed, Failed}, nil, [2]string{}},
		{"upgrade to another", false, []step{{ToServer, "EHLO a\n"}, {ToServer, "UPGRADE\n"}, {ToServer, "EHLO b\n"}}, SMTP, [2]Proto{SMTP},
			[]string{EventUnexpected, EventNoTLS}, [2]string{"EHLO b;"}},
	} {
		var c Conn
		converse(NewLayer(Default(), toyTable()), &c, Endpoint{Client: 40000, Server: 25, Midstream: tc.mid, Time: 1}, tc.steps)
		if c.Proto != tc.proto || c.ProtoBy != tc.by || !slices.Equal(c.Events, tc.events) {
			t.Errorf("%s: %v %v %v, want %v %v %v", tc.name, c.Proto, c.ProtoBy, c.Events, tc.proto, tc.by, tc.events)
		}
		if p, ok := c.Parser.(*toy); ok {
			if got := [2]string{p.got[0].String(), p.got[1].String()}; got != tc.got {
				t.Errorf("%s: parser got %q, want %q", tc.name, got, tc.got)
			}
		}
	}
}

func TestBroken(t *testing.T) {
	l := NewLayer(Default(), toyTable())
	var c Conn
	converse(l, &c, Endpoint{Server: 25}, []step{{ToServer, "EHLO a\n"}, {ToServer, "BAD\n"}, {ToClient, "220 b\n"}})
	if c.Broken != [2]bool{true, true} || l.Stats.Errors != 1 {
		t.Errorf("%+v %+v", c.Broken, l.Stats)
	}
	if n := l.Stream(&c, Endpoint{}, ToServer, []byte("more"), false); n != 4 {
		t.Errorf("a broken connection took %d of 4 bytes", n)
	}
}

func TestGapBeforeDetection(t *testing.T) {
	l := NewLayer(Default(), toyTable())
	var c Conn
	if l.Gap(&c, Endpoint{}, ToServer, 10) || c.Proto != Failed {
		t.Errorf("protocol %v after a gap at the start", c.Proto)
	}
}

func TestDatagram(t *testing.T) {
	for _, tc := range []struct {
		name     string
		steps    []step
		proto    Proto
		reversed bool
	}{
		{"query", []step{{ToServer, "DQ\n"}}, DNS, false},
		{"answer first", []step{{ToServer, "DA\n"}}, DNS, true},
		{"nothing", []step{{ToServer, "xx\n"}}, Failed, false},
		{"server tells", []step{{ToServer, "xx\n"}, {ToClient, "DA\n"}}, DNS, false},
	} {
		l := NewLayer(Default(), toyTable())
		var c Conn
		for _, s := range tc.steps {
			l.Datagram(&c, Endpoint{UDP: true, Server: 53}, s.dir, []byte(s.data))
		}
		if c.Proto != tc.proto || c.Reversed != tc.reversed {
			t.Errorf("%s: %v, reversed %v", tc.name, c.Proto, c.Reversed)
		}
	}
}

// TestMidstreamDatagram: what comes from a server's port is looked at by that port's probe only where flows are taken up
// in the middle.
func TestMidstreamDatagram(t *testing.T) {
	for midstream, want := range map[bool]Proto{false: Failed, true: DNS} {
		cfg := Default()
		cfg.Midstream = midstream
		var c Conn
		NewLayer(cfg, toyTable()).Datagram(&c, Endpoint{UDP: true, Client: 53, Server: 40000}, ToServer, []byte("DA\n"))
		if c.Proto != want || c.Reversed != midstream {
			t.Errorf("midstream %v: %v, reversed %v", midstream, c.Proto, c.Reversed)
		}
	}
}

func TestEnabled(t *testing.T) {
	for _, tc := range []struct {
		set    Enabled
		proto  Proto
		parser bool
	}{{On, SMTP, true}, {DetectionOnly, SMTP, false}, {Off, Unknown, false}} {
		cfg := Default()
		cfg.Enabled[SMTP] = tc.set
		var c Conn
		converse(NewLayer(cfg, toyTable()), &c, Endpoint{}, []step{{ToServer, "EHLO a\n"}})
		if c.Proto != tc.proto || (c.Parser != nil) != tc.parser {
			t.Errorf("%v: %v, parser %v", tc.set, c.Proto, c.Parser != nil)
		}
	}
}

func TestTransactionsAreBounded(t *testing.T) {
	cfg := Default()
	cfg.MaxTx[SMTP] = 10
	l := NewLayer(cfg, toyTable())
	var c Conn
	for range 100 {
		l.Stream(&c, Endpoint{Time: 1}, ToServer, []byte("EHLO a\n"), false)
	}
	if n := len(c.Parser.Transactions().Open); n > 20 || l.Stats.TxLimit == 0 {
		t.Errorf("%d open transactions, %d closed early", n, l.Stats.TxLimit)
	}
}

func TestPorts(t *testing.T) {
	cfg := Default()
	cfg.UDPPorts[DNS] = "[5300-5302, 99]"
	l := NewLayer(cfg, toyTable())
	for port, want := range map[uint16]Proto{53: Failed, 99: DNS, 5301: DNS, 5303: Failed} {
		var c Conn
		l.Datagram(&c, Endpoint{UDP: true, Server: port}, ToServer, []byte("DQ\n"))
		if c.Proto != want {
			t.Errorf("port %d: %v", port, c.Proto)
		}
	}
}

func TestDetectionAllocatesNothing(t *testing.T) {
	cfg := Default()
	cfg.Enabled[SMTP] = DetectionOnly
	l := NewLayer(cfg, toyTable())
	data := []byte("EHLO a\n")
	if n := testing.AllocsPerRun(100, func() {
		var c Conn
		l.Stream(&c, Endpoint{}, ToServer, data, false)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
