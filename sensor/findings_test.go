package sensor

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket/incidents"
	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// drawer is a journal that only holds the last change of each case.
type drawer map[incidents.ID]incidents.Incident

func (d drawer) Keep(c *incidents.Change) error { d[c.Incident.ID] = c.Incident; return nil }
func (d drawer) Recent(int) ([]incidents.Incident, incidents.ID, error) {
	return nil, 0, nil
}
func (d drawer) Find(context.Context, incidents.ID) (incidents.Incident, error) {
	return incidents.Incident{}, incidents.ErrClosed
}

// office is a reporter and a casebook whose events are collected when finish is called.
type office struct {
	*reporter
	book   *incidents.Casebook
	events []incidents.Event
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{}
	var err error
	o.book, err = incidents.New(incidents.Options{Journal: drawer{}, Log: slog.New(slog.DiscardHandler), Tell: func(e incidents.Event) { o.events = append(o.events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	o.reporter = newReporter(&findingDesk{
		book: o.book, host: "gate", record: 10 * time.Second,
		local: func(a netip.Addr) bool { return a == netip.MustParseAddr("198.51.100.1") },
	}, false)
	return o
}

// finish lets the casebook work through its inbox.
func (o *office) finish(t *testing.T) []incidents.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.book.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return o.events
}

// moment is a TCP packet of a flow from client to server, or back, n milliseconds into the test.
func moment(client, server string, dir packet.Direction, ms int64) *eve.Moment {
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	f := &flow.Flow{
		ID: 42, Client: packet.AddrFrom(c.Addr()), CPort: c.Port(), Server: packet.AddrFrom(s.Addr()), SPort: s.Port(),
		Proto: packet.TCP, Family: 4, Flags: flow.Alerted,
	}
	p := &packet.Packet{
		Time: 1e18 + ms*1e6, Link: packet.LinkEthernet, Frame: []byte("frame"), IP: []byte("ip"), Family: 4, Proto: packet.TCP,
		Src: f.Client, SrcPort: f.CPort, Dst: f.Server, DstPort: f.SPort, Dir: dir, HasFlow: true,
	}
	if dir == packet.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	return &eve.Moment{Time: p.Time, Packet: p, Flow: f}
}

func alertOf(sid uint32, class string, target signatures.Target) *signatures.Alert {
	return &signatures.Alert{Signature: &signatures.Signature{
		SID: sid, GID: 1, Msg: "a rule", Class: signatures.Class{Name: class}, Priority: 1, Target: target,
		Metadata: []signatures.Pair{{Key: "mitre_technique_id", Value: "T1110"}, {Key: "confidence", Value: "High"}},
	}}
}

func TestWhoAttacksWhom(t *testing.T) {
	const out, in, host = "203.0.113.7:4000", "10.0.0.1:80", "198.51.100.1:80"
	for name, c := range map[string]struct {
		client, server   string
		dir              packet.Direction
		class            string
		target           signatures.Target
		attacker, victim string
	}{
		"the source attacks":                  {out, in, packet.ToServer, "web-application-attack", 0, out, in},
		"an answer may attack":                {in, out, packet.ToClient, "exploit-kit", 0, out, "10.0.0.1"},
		"the rule says that it is the source": {out, in, packet.ToServer, "web-application-attack", signatures.TargetSource, in, "203.0.113.7"},
		"the answer of who was broken into":   {out, in, packet.ToClient, "successful-admin", 0, out, in},
		"a beacon from inside":                {in, out, packet.ToServer, "trojan-activity", 0, out, "10.0.0.1"},
		"a command from outside":              {out, in, packet.ToServer, "trojan-activity", 0, out, in},
		"a beacon of this host":               {host, out, packet.ToServer, "domain-c2", 0, out, "198.51.100.1"},
		"a beacon between strangers":          {out, "192.0.2.1:80", packet.ToServer, "domain-c2", 0, "192.0.2.1:80", "203.0.113.7"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			f := o.finding(moment(c.client, c.server, c.dir, 0), alertOf(1, c.class, c.target))
			if f.Attacker.Address() != c.attacker || f.Victim.Address() != c.victim {
				t.Errorf("%s → %s, want %s → %s", f.Attacker.Address(), f.Victim.Address(), c.attacker, c.victim)
			}
		})
	}
}

func TestFindingOfAnAlert(t *testing.T) {
	o := newOffice(t)
	f := o.finding(moment("203.0.113.7:4000", "198.51.100.1:22", packet.ToServer, 0), alertOf(7, "attempted-admin", 0))
	want := &incidents.Finding{
		Time: time.Unix(1e9, 0).UTC(), Kind: incidents.Alert,
		Rule:     incidents.Rule{ID: "1:7", Name: "a rule", Class: "attempted-admin", Metadata: map[string]string{"mitre_technique_id": "T1110", "confidence": "High"}},
		Severity: incidents.High, Confidence: 90, Stage: incidents.Access, Proto: "tcp", Host: "gate", FlowID: 42, Tags: []string{"mitre:T1110"},
		Attacker: incidents.Endpoint{Addr: netip.MustParseAddr("203.0.113.7"), Port: 4000}, Victim: incidents.Endpoint{Addr: netip.MustParseAddr("198.51.100.1"), Port: 22},
		CommunityID: f.CommunityID,
	}
	if diff := cmp.Diff(want, f, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if len(f.CommunityID) != 30 || f.CommunityID[:2] != "1:" {
		t.Errorf("community id %q", f.CommunityID)
	}
}

// TestRepeatsAreCounted: a thousand alerts in three seconds are four findings, and none is lost.
func TestRepeatsAreCounted(t *testing.T) {
	o := newOffice(t)
	a := alertOf(1, "attempted-admin", 0)
	for i := range int64(1000) {
		at := moment("203.0.113.7:4000", "10.0.0.1:22", packet.ToServer, 3*i)
		o.alert(at, a)
		o.tick(at.Packet.Time)
	}
	o.tick(1e18 + 10e9)
	events := o.finish(t)
	c, _ := o.book.Snapshot(1)
	if c.Findings != 1000 || o.book.Stats().Findings != 1000 || len(events) == 0 || o.waiting != 0 || o.due != 0 && !o.tapes.running() {
		t.Errorf("%d findings in the case, %d slots wait, %d events", c.Findings, o.waiting, len(events))
	}
}

// TestEvidenceOfAnAlert: its packet, and the flow from there on until the time is over.
func TestEvidenceOfAnAlert(t *testing.T) {
	o := newOffice(t)
	first := moment("203.0.113.7:4000", "10.0.0.1:22", packet.ToServer, 0)
	o.packet(first.Packet, first.Flow)
	o.alert(first, alertOf(1, "attempted-admin", 0))
	for i := range int64(20) {
		next := moment("203.0.113.7:4000", "10.0.0.1:22", packet.ToClient, 1000*(i+1))
		o.packet(next.Packet, next.Flow)
		o.tick(next.Packet.Time)
	}
	if o.tapes.running() || o.due != 0 {
		t.Error("the recording goes on")
	}
	o.finish(t)
	c, _ := o.book.Snapshot(1)
	if c.Proofs != 2 || c.ProofBytes != 24+16+5+24+11*(16+5) {
		t.Errorf("%d pieces of %d bytes", c.Proofs, c.ProofBytes)
	}
}

func TestTapeIsBounded(t *testing.T) {
	p := moment("203.0.113.7:4000", "10.0.0.1:22", packet.ToServer, 0).Packet
	p.Frame = make([]byte, 60_000)
	var big, small tape
	for range 200 {
		big.packet(p)
	}
	if len(big.bytes) != maxTapeBytes || big.packets != 2 {
		t.Errorf("%d bytes of %d packets", len(big.bytes), big.packets)
	}
	p.Frame = p.Frame[:60]
	for range 200 {
		small.packet(p)
	}
	if small.packets != maxTapePackets {
		t.Errorf("%d packets", small.packets)
	}
	inner := *p
	inner.Outer = p
	before := len(small.bytes)
	small.packet(&inner)
	if len(small.bytes) != before {
		t.Error("a packet of another link type is in the file")
	}
}

// TestNothingFoundCostsNothing: packets pass without an allocation.
func TestNothingFoundCostsNothing(t *testing.T) {
	o := newOffice(t)
	at := moment("203.0.113.7:4000", "10.0.0.1:22", packet.ToServer, 0)
	if n := testing.AllocsPerRun(100, func() { o.packet(at.Packet, at.Flow); o.tick(at.Packet.Time) }); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	line := []byte("Nov 21 06:00:00 host cron[1]: nothing")
	if n := testing.AllocsPerRun(100, func() { sshLogin(line) }); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
	a := alertOf(1, "attempted-admin", 0)
	o.alert(at, a)
	if n := testing.AllocsPerRun(100, func() { o.alert(at, a) }); n != 0 {
		t.Errorf("%v allocations for a repeated alert", n)
	}
}

func TestBudget(t *testing.T) {
	var b budget
	taken := 0
	for i := range int64(100_000) { // in a second
		if b.take(1e18 + i*1e4) {
			taken++
		}
	}
	if taken < evidenceBurst || taken > evidenceBurst+evidenceRate {
		t.Errorf("%d pieces in the first second", taken)
	}
}

func TestSSHLogins(t *testing.T) {
	for line, want := range map[string]string{
		"Nov 21 06:00:00 gate sshd[123]: Accepted publickey for bob from 192.0.2.1 port 4711 ssh2: RSA SHA256:x":  "bob publickey 192.0.2.1:4711",
		"2026-11-21T06:00:00+00:00 gate sshd-session[9]: Accepted password for al from 2001:db8::1 port 5 ssh2":   "al password [2001:db8::1]:5",
		"Nov 21 06:00:00 gate sshd[1]: Accepted keyboard-interactive/pam for x from ::ffff:192.0.2.1 port 1 ssh2": "x keyboard-interactive/pam 192.0.2.1:1",
		"Nov 21 06:00:00 gate sshd[1]: Failed password for bob from 192.0.2.1 port 4711 ssh2":                     "",
		"Nov 21 06:00:00 gate sshd[1]: Invalid user sshd[2]: Accepted password for root from 10.0.0.1 port 1":     "",
		"Nov 21 06:00:00 gate evil[1]: sshd[2]: Accepted password for root from 10.0.0.1 port 1":                  "",
		"Nov 21 06:00:00 gate sshd[1]: Accepted password for root from nowhere port 1 ssh2":                       "",
		"Nov 21 06:00:00 gate sshd[1]: Accepted password for root from 10.0.0.1 port 99999 ssh2":                  "",
		"Nov 21 06:00:00 gate sshd[1]: Accepted":                                                                  "",
		"":                                                                                                        "",
	} {
		got := ""
		if l, ok := sshLogin([]byte(line)); ok {
			got = l.user + " " + l.method + " " + l.from.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func FuzzSSHLogin(f *testing.F) {
	f.Add([]byte("Nov 21 06:00:00 gate sshd[123]: Accepted publickey for bob from 192.0.2.1 port 4711 ssh2"))
	f.Add([]byte("]: Accepted  for  from "))
	f.Fuzz(func(t *testing.T, line []byte) {
		if l, ok := sshLogin(line); ok && (!l.from.IsValid() || !bytes.Contains(line, []byte(l.user))) {
			t.Errorf("%q: %+v", line, l)
		}
	})
}
