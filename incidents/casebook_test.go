package incidents

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// shelf is a journal in memory.
type shelf struct {
	cases    map[ID]Incident
	entries  map[ID][]Entry
	evidence map[ID][]Evidence
	kept     int
}

func newShelf() *shelf {
	return &shelf{cases: map[ID]Incident{}, entries: map[ID][]Entry{}, evidence: map[ID][]Evidence{}}
}

func (s *shelf) Keep(c *Change) error {
	s.kept++
	id := c.Incident.ID
	if !c.Incident.Opened.IsZero() {
		s.cases[id] = c.Incident
	}
	s.entries[id] = append(s.entries[id], c.Entries...)
	s.evidence[id] = append(s.evidence[id], c.Evidence...)
	return nil
}

func (s *shelf) Recent(int) (list []Incident, last ID, err error) {
	for id, c := range s.cases {
		list, last = append(list, c), max(last, id)
	}
	slices.SortFunc(list, func(a, b Incident) int { return b.Updated.Compare(a.Updated) })
	return list, last, nil
}

func (s *shelf) Find(_ context.Context, id ID) (Incident, error) {
	c, ok := s.cases[id]
	if !ok {
		return c, fmt.Errorf("no incident %d", id)
	}
	return c, nil
}

// desk is a casebook under test: its clock stands still unless a test moves it.
type desk struct {
	*Casebook
	shelf  *shelf
	clock  time.Time
	events []Event
}

var start = time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)

func newDesk(t testing.TB, o Options, s *shelf) *desk {
	t.Helper()
	d := &desk{shelf: s, clock: start}
	o.Journal, o.Log = s, slog.New(slog.DiscardHandler)
	o.Now = func() time.Time { return d.clock }
	o.Tell = func(e Event) { d.events = append(d.events, e) }
	var err error
	if d.Casebook, err = New(o); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) after(span time.Duration) { d.clock = d.clock.Add(span) }

// hears gives the casebook a finding and returns its case, 0 for none.
func (d *desk) hears(f Finding) ID {
	if f.Time.IsZero() {
		f.Time = d.clock
	}
	return d.find(&f).ID
}

func (d *desk) kinds() (kinds []string) {
	for _, e := range d.events {
		kinds = append(kinds, fmt.Sprintf("%s %d", e.Kind, e.Incident.ID))
	}
	return kinds
}

func end(text string) Endpoint {
	if text == "" {
		return Endpoint{}
	}
	if p, err := netip.ParseAddrPort(text); err == nil {
		return Endpoint{Addr: p.Addr(), Port: p.Port()}
	}
	return Endpoint{Addr: netip.MustParseAddr(text)}
}

// seen is a finding in short: rule, stage, attacker, victim.
func seen(rule string, stage Stage, attacker, victim string) Finding {
	return Finding{
		Kind: Alert, Rule: Rule{ID: rule, Name: "rule " + rule}, Stage: stage, Severity: Medium, Confidence: 50,
		Attacker: end(attacker), Victim: end(victim),
	}
}

func on(f Finding, change func(*Finding)) Finding {
	change(&f)
	return f
}

// TestCorrelation tells for rows of findings which case each belongs to; 0 is none.
func TestCorrelation(t *testing.T) {
	const a, b, c2, victim, other = "203.0.113.7", "203.0.113.8", "198.51.100.9", "192.0.2.1", "192.0.2.2"
	host := func(h string) func(*Finding) { return func(f *Finding) { f.Host = h } }
	login := func(f *Finding) { f.Kind, f.Host, f.User, f.Severity = Login, "gate", "bob", Info }
	process := func(pid int) func(*Finding) {
		return func(f *Finding) { f.Host, f.Process = "gate", &Process{PID: pid, Start: 77, Exe: "/tmp/x"} }
	}
	for name, c := range map[string]struct {
		findings []Finding
		want     []ID
	}{
		"one attacker, many victims": {
			[]Finding{seen("1", Recon, a, victim), seen("2", Recon, a, other), seen("3", NoStage, a, "192.0.2.3")}, []ID{1, 1, 1},
		},
		"two attackers of one victim": {[]Finding{seen("1", Recon, a, victim), seen("1", Recon, b, victim)}, []ID{1, 2}},
		"neighbours in a /64 are one": {[]Finding{seen("1", Recon, "2001:db8::1", victim), seen("1", Recon, "2001:db8::ffff", victim)}, []ID{1, 1}},
		"the victim's beacon belongs to the attack": {
			[]Finding{seen("1", Access, a, victim), seen("2", Command, c2, victim)}, []ID{1, 1},
		},
		"a scan is no attack that a beacon belongs to": {
			[]Finding{seen("1", Recon, a, victim), seen("2", Command, c2, victim)}, []ID{1, 2},
		},
		"the beacon goes to the case that came further": {
			[]Finding{seen("1", Access, a, victim), seen("2", Foothold, b, victim), seen("3", Command, c2, victim)}, []ID{1, 2, 2},
		},
		"the victim attacks others": {
			[]Finding{seen("1", Access, a, victim), seen("2", Recon, victim, other), seen("3", Access, victim, other)}, []ID{1, 1, 1},
		},
		"noise from a victim is no step": {[]Finding{seen("1", Access, a, victim), seen("2", NoStage, victim, other)}, []ID{1, 2}},
		"scan, failed logins, login, process, beacon": {
			[]Finding{
				seen("scan", Recon, a, victim), on(seen("sshd", Access, a, ""), host("gate")), on(seen("login", Foothold, a, ""), login),
				on(seen("process", Execution, "", ""), process(7)), on(seen("beacon", Command, c2, "192.0.2.77"), host("gate")),
			},
			[]ID{1, 1, 1, 1, 1},
		},
		"a login alone is no case":      {[]Finding{on(seen("login", Foothold, a, ""), login)}, []ID{0}},
		"a login goes before its case":  {[]Finding{on(seen("login", Foothold, a, ""), login), on(seen("1", Impact, a, victim), host("gate"))}, []ID{0, 1}},
		"the user of a login goes on":   {[]Finding{seen("1", Access, a, ""), on(seen("login", Foothold, a, ""), login), on(seen("2", Execution, "", ""), func(f *Finding) { f.Host, f.User = "gate", "bob" })}, []ID{1, 1, 1}},
		"a process is one":              {[]Finding{on(seen("1", NoStage, "", ""), process(7)), on(seen("2", NoStage, "", ""), process(7)), on(seen("2", NoStage, "", ""), process(8))}, []ID{1, 1, 2}},
		"a file on two hosts":           {[]Finding{on(seen("1", NoStage, "", ""), func(f *Finding) { f.Host, f.File = "x", "/etc/passwd" }), on(seen("1", NoStage, "", ""), func(f *Finding) { f.Host, f.File = "y", "/etc/passwd" }), on(seen("2", NoStage, "", ""), func(f *Finding) { f.Host, f.File = "x", "/etc/passwd" })}, []ID{1, 2, 1}},
		"a flow is one in both ways":    {[]Finding{on(seen("1", NoStage, a, victim), func(f *Finding) { f.FlowID = 9 }), on(seen("2", NoStage, victim, a), func(f *Finding) { f.FlowID = 9 })}, []ID{1, 1}},
		"the slight joins, opens none":  {[]Finding{on(seen("1", NoStage, a, ""), func(f *Finding) { f.Severity = Info }), seen("2", NoStage, a, ""), on(seen("1", NoStage, a, ""), func(f *Finding) { f.Severity = Info })}, []ID{0, 1, 1}},
		"an operator's is always a new": {[]Finding{seen("1", Recon, a, victim), on(seen("manual", NoStage, a, victim), func(f *Finding) { f.Kind = Manual })}, []ID{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, Options{Least: Low}, newShelf())
			var got []ID
			for _, f := range c.findings {
				d.after(10 * time.Second)
				got = append(got, d.hears(f))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("cases %v, want %v", got, c.want)
			}
		})
	}
}

func TestChainIsWorseThanItsSteps(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	d.hears(seen("scan", Recon, "203.0.113.7", "192.0.2.1"))
	d.hears(seen("try", Access, "203.0.113.7", "192.0.2.1:22"))
	c, _ := d.Snapshot(1)
	if c.Severity != Medium || c.Confidence != 75 {
		t.Errorf("two steps: %s, %d %%", c.Severity, c.Confidence)
	}
	d.hears(seen("in", Foothold, "203.0.113.7", "192.0.2.1:22"))
	c, _ = d.Snapshot(1)
	if c.Severity != High || c.Confidence != 88 {
		t.Errorf("a chain: %s, %d %%", c.Severity, c.Confidence)
	}
	if want := "recon → access → foothold: rule scan, 203.0.113.7 → 192.0.2.1 and 1 more"; c.Title != want {
		t.Errorf("title %q, want %q", c.Title, want)
	}
}

func TestStates(t *testing.T) {
	s := newShelf()
	d := newDesk(t, Options{}, s)
	f := seen("1", Recon, "203.0.113.7", "192.0.2.1")
	d.hears(f)
	for range 50 { // within a second: counted
		d.hears(f)
	}
	d.after(2 * time.Second)
	d.hears(f)
	act := func(kind ActKind, text string) {
		t.Helper()
		if _, err := d.act(&Act{ID: 1, Kind: kind, By: "bob", Text: text}); err != nil {
			t.Error(err)
		}
	}
	act(Acknowledge, "")
	act(Note, "looks bad")
	d.after(2 * time.Hour)
	d.tick() // acknowledged: not resolved yet
	act(Resolve, "")
	d.after(time.Hour)
	d.hears(f)
	d.after(2 * time.Hour)
	d.tick()
	d.after(25 * time.Hour)
	d.tick()
	d.hears(f)
	want := []string{"opened 1", "grew 1", "acknowledged 1", "resolved 1", "reopened 1", "resolved 1", "opened 2"}
	if got := d.kinds(); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	first := s.cases[1]
	if first.State != Resolved || first.Findings != 53 || first.Reopened != 1 || first.Assignee != "bob" {
		t.Errorf("case %+v", first)
	}
	var lines []string
	for _, e := range s.entries[1] {
		lines = append(lines, e.Kind)
	}
	if want := "opened finding acknowledged note resolved reopened finding resolved"; strings.Join(lines, " ") != want {
		t.Errorf("timeline %v, want %s", lines, want)
	}
	if first.Entries != len(lines) {
		t.Errorf("%d entries are told, %d kept", first.Entries, len(lines))
	}
}

func TestActsThatMakeNoSense(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	d.hears(seen("1", Recon, "203.0.113.7", ""))
	for _, a := range []Act{{ID: 2, Kind: Resolve}, {ID: 1, Kind: Reopen}, {ID: 1, Kind: "burn"}, {ID: 1, Kind: Note}} {
		if c, err := d.act(&a); err == nil {
			t.Errorf("%+v made %+v", a, c)
		}
	}
}

func TestOwnBlocksFeedNoCase(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	f := seen("1", Access, "203.0.113.7", "192.0.2.1:22")
	d.hears(f)
	web := func(p string, n uint16) bool { return p == "tcp" && n == 80 }
	d.Blocked(Block{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Since: d.clock.Add(time.Second), Jail: "a", Covers: web})
	d.after(2 * time.Second)
	f.Proto = "tcp"
	if d.hears(f) != 1 {
		t.Error("a ban of port 80 owns what comes to port 22")
	}
	d.Blocked(Block{Prefix: netip.MustParsePrefix("203.0.113.7/32"), Since: d.clock.Add(time.Second)})
	if d.hears(f) != 1 {
		t.Error("what went before the ban is not its doing")
	}
	d.after(2 * time.Second)
	events := len(d.events)
	answer := on(f, func(f *Finding) { f.Attacker, f.Victim = f.Victim, f.Attacker })
	dropped := on(seen("9", NoStage, "198.51.100.1", "192.0.2.1"), func(f *Finding) { f.Own = true })
	for _, f := range []Finding{f, answer, dropped, on(f, func(f *Finding) { f.Kind = Breach })} {
		if id := d.hears(f); id != 0 {
			t.Errorf("%+v joined case %d", f, id)
		}
	}
	c, _ := d.Snapshot(1)
	if len(d.events) != events || c.Own != 3 || d.Stats().Own != 4 || c.Findings != 3 {
		t.Errorf("%d events more, %d own of the case, %d own in all, %d findings", len(d.events)-events, c.Own, d.Stats().Own, c.Findings)
	}
	if d.hears(on(f, func(f *Finding) { f.Kind, f.Stage = Login, Foothold })) != 1 {
		t.Error("a login just after the ban is no step")
	}
	d.after(time.Minute)
	if d.hears(on(f, func(f *Finding) { f.Kind, f.Jail = Breach, "sshd" })) != 1 || d.events[len(d.events)-1].Finding.Kind != Deviation {
		t.Error("that a banned peer gets through a minute later is not noticed")
	}
	d.Unblocked(netip.MustParsePrefix("203.0.113.7/32"), "")
	if d.hears(f) != 1 {
		t.Error("after the ban its peer is heard again")
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	s := newShelf()
	d := newDesk(t, Options{}, s)
	f := seen("1", Access, "203.0.113.7", "192.0.2.1:22")
	f.FlowID = 4
	f.Evidence = []Evidence{{Kind: "packet", Data: make([]byte, MaxEvidence+1)}}
	for range 100 {
		d.hears(f)
		d.after(time.Minute)
	}
	d.hears(f)
	d.hears(f) // a repeat: proves nothing new
	d.attach(4, Evidence{Kind: "pcap"})
	d.attach(5, Evidence{Kind: "pcap"})
	c, _ := d.Snapshot(1)
	if c.Proofs != maxProofs || len(s.evidence[1]) != maxProofs || c.ProofBytes != maxProof || d.Stats().Unproven != 39 {
		t.Errorf("%d pieces, %d kept, %d bytes, %d left out", c.Proofs, len(s.evidence[1]), c.ProofBytes, d.Stats().Unproven)
	}
}

// TestFlood: findings from random addresses against random victims. With a million of them memory is the same.
func TestFlood(t *testing.T) {
	const n = 30_000
	s := newShelf()
	d := newDesk(t, Options{Max: 500}, s)
	d.tellNobody()
	random := rand.New(rand.NewPCG(1, 2))
	addr := func() Endpoint {
		v := random.Uint32()
		return Endpoint{Addr: netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})}
	}
	for i := range n {
		f := Finding{Time: d.clock, Kind: Alert, Rule: Rule{ID: fmt.Sprint(i % 1000), Name: "x"}, Severity: Low, Attacker: addr(), Victim: addr()}
		if i%2 == 0 {
			f.Victim = end("192.0.2.1")
		}
		d.find(&f)
	}
	if most := 500 + spare + 1; len(d.cases) > most || len(d.index) > most*maxKeys {
		t.Errorf("%d cases and %d keys in memory", len(d.cases), len(d.index))
	}
	stats := d.Stats()
	if stats.Findings != uint64(n) || stats.Crowded == 0 || stats.Opened != uint64(len(s.cases)) {
		t.Errorf("%+v", stats)
	}
	var total uint64
	for _, c := range d.cases {
		total += c.Findings
		if len(c.Attackers) > maxParties || c.Entries > maxEntries+2 || len(c.seen) > maxSeen {
			t.Fatalf("case %d: %d attackers, %d lines, %d sights", c.ID, len(c.Attackers), c.Entries, len(c.seen))
		}
	}
	if total != uint64(n) {
		t.Errorf("cases count %d findings of %d", total, n)
	}
}

func (d *desk) tellNobody() { d.tell = func(Event) {} }

func TestCrowdSharesACase(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	for i := range 3 * crowdSize {
		d.hears(seen("1", Access, netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}).String(), "192.0.2.1:22"))
	}
	if len(d.cases) != crowdSize+1 {
		t.Errorf("%d cases", len(d.cases))
	}
	last := d.events[len(d.events)-1]
	if len(d.events) != 3*crowdSize || last.Incident.Title != "rule 1, 203.0.0.100 and many more → 192.0.2.1:22" {
		t.Errorf("%d events, the last of %q", len(d.events), last.Incident.Title)
	}
}

// TestSnapshotsStay: what was handed out never changes.
func TestSnapshotsStay(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	d.hears(seen("1", Recon, "203.0.113.7", "192.0.2.1"))
	before, _ := d.Snapshot(1)
	text := fmt.Sprintf("%+v", before)
	for i := range 20 {
		d.hears(seen(fmt.Sprint(i%3), Access, "203.0.113.7", fmt.Sprintf("192.0.2.%d", i)))
	}
	if now := fmt.Sprintf("%+v", before); now != text {
		t.Errorf("was %s\nis  %s", text, now)
	}
}

// TestNextRunGoesOn: a casebook that is made anew knows the open cases.
func TestNextRunGoesOn(t *testing.T) {
	s := newShelf()
	d := newDesk(t, Options{}, s)
	d.hears(seen("scan", Recon, "203.0.113.7", "192.0.2.1"))
	d.hears(on(seen("try", Access, "203.0.113.7", "192.0.2.1:22"), func(f *Finding) { f.Severity = Low }))
	d.hears(seen("other", Recon, "203.0.113.9", ""))
	d.finish()
	next := newDesk(t, Options{}, s)
	if got := next.hears(seen("beacon", Command, "198.51.100.9", "192.0.2.1")); got != 1 {
		t.Errorf("the beacon belongs to case %d", got)
	}
	if got := next.hears(seen("new", Recon, "203.0.113.10", "")); got != 3 {
		t.Errorf("the next case has number %d", got)
	}
	if c, _ := next.Snapshot(1); c.Severity != High || !strings.Contains(c.Title, "recon → access → command: rule scan") {
		t.Errorf("%s: %s", c.Severity, c.Title)
	}
}

func TestInboxNeverMakesWorkersWait(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	sent := 0
	for range inboxSize + 10 {
		f := seen("1", Recon, "203.0.113.7", "")
		f.Evidence = []Evidence{{Data: make([]byte, MaxEvidence)}}
		if d.Offer(&f) {
			sent++
		}
	}
	stats := d.Stats()
	if sent != inboxSize || stats.Dropped != 10 || stats.Stripped == 0 || d.queued.Load() > maxQueued {
		t.Errorf("%d sent, %+v, %d bytes wait", sent, stats, d.queued.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if d.queued.Load() != 0 || d.Stats().Findings != inboxSize {
		t.Errorf("%d bytes wait, %+v", d.queued.Load(), d.Stats())
	}
}

func TestSubmitAnswersAfterTheEvent(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	f := seen("1", Recon, "203.0.113.7", "")
	f.Time = start
	c, err := d.Submit(ctx, &f)
	if err != nil || c.ID != 1 {
		t.Errorf("case %d, %v", c.ID, err)
	}
	if got, err := d.Do(ctx, Act{ID: 1, Kind: Acknowledge, By: "bob"}); err != nil || got.State != Acknowledged {
		t.Errorf("%+v, %v", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := d.Submit(t.Context(), &f); err == nil {
		t.Error("a casebook that has ended takes findings")
	}
	if len(d.events) != 2 || len(d.shelf.entries[1]) != 3 {
		t.Errorf("%d events, timeline %v", len(d.events), d.shelf.entries[1])
	}
}

func BenchmarkFinding(b *testing.B) {
	s := newShelf()
	d := newDesk(b, Options{}, s)
	d.tellNobody()
	f := seen("1", Recon, "203.0.113.7", "192.0.2.1")
	f.Time = start
	b.ReportAllocs()
	for b.Loop() {
		d.find(&f)
	}
}
