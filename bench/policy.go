package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/measure"
	"picket/actions/policy"
	"picket/capture/nstest"
	"picket/incidents"
	"picket/outputs/store"
)

const (
	policyCount = 100    // policies in force, of which one bans
	policyBans  = 50_000 // at full speed
	policyOnes  = 2_000  // one at a time, for the latency
	policySlack = 2_000  // findings ahead of the kernel, as packet workers would be: the responder's inbox holds twice that
)

// policyTrial is the way from a finding to a ban in the kernel: policies, responder, gate, nftables, journal, and the
// record of the measure in the store.
type policyTrial struct {
	desk  *measure.Desk
	made  chan time.Time
	next  uint32
	floor []time.Duration // of bans in the kernel, without anything above it
}

// policiesToBans measures how long a match takes until its ban is committed and proven, and how many a second go through
// policies and gate to the kernel, with their measures in the database.
func policiesToBans(t *trial) {
	h := nstest.NewHost(t, "policies")
	p := &policyTrial{made: make(chan time.Time, policyBans)}
	stop := p.open(t, h)
	latency := make([]time.Duration, policyOnes)
	for i := range latency {
		start := time.Now()
		p.match()
		latency[i] = (<-p.made).Sub(start)
	}
	const spread = "p50 %s, p99 %s, worst %s"
	p50, p99, worst := quantiles(latency)
	t.row("match until the ban is committed and read back, one at a time", spread, p50, p99, worst)
	p50, p99, worst = quantiles(p.floor)
	t.row("of that the kernel: a transaction and the reading back of its element", spread, p50, p99, worst)
	start := time.Now()
	for i, got := 0, 0; got < policyBans; got++ {
		for i < policyBans && i-got < policySlack {
			p.match()
			i++
		}
		<-p.made
	}
	took := time.Since(start)
	t.row(fmt.Sprintf("%d bans through %d policies and the gate", policyBans, policyCount), "%.0f bans/s (%s)", policyBans/took.Seconds(), took.Round(time.Millisecond))
	t.row("elements in the kernel", "%d", t.kernelBans(h))
	stop()
}

func quantiles(list []time.Duration) (p50, p99, worst time.Duration) {
	slices.Sort(list)
	return list[len(list)/2].Round(time.Microsecond), list[len(list)*99/100].Round(time.Microsecond), list[len(list)-1].Round(time.Microsecond)
}

// kernelAlone bans one address after the other without gate, journal and policies: what is left is the kernel's part.
func (p *policyTrial) kernelAlone(t *trial, kernel *firewall.Table) {
	for i := range policyOnes {
		target := actions.Target{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{30, 0, byte(i >> 8), byte(i)}), 32)}
		start := time.Now()
		t.must(kernel.Apply([]actions.Entry{{Target: target, Left: time.Hour}}, nil))
		held, err := kernel.Held([]actions.Target{target})
		p.floor = append(p.floor, time.Since(start))
		if t.must(err); !held[0].Found {
			t.Fatalf("the kernel does not hold %s", target.Prefix)
		}
	}
}

// open starts a responder on the host's kernel and a desk behind it.
func (p *policyTrial) open(t *trial, h *nstest.Host) (stop func()) {
	log, dir := slog.New(slog.DiscardHandler), t.folder()
	var kernel *firewall.Table
	var err error
	h.Do(t, func() { kernel, err = firewall.Open(firewall.Options{Log: log}) })
	t.must(err)
	p.kernelAlone(t, kernel)
	gate := actions.NewGate(false, actions.Rules{}, actions.ThisHost(), func(error) {})
	responder, err := actions.NewResponder(actions.Options{StateDir: dir, Gate: gate, Firewall: kernel, Max: 1 << 20, Log: log, Changed: p.changed})
	t.must(err)
	archive, err := store.Open(store.Options{Dir: dir, Log: log})
	t.must(err)
	doers := measure.Doers{"ban": measure.Ban{Responder: responder}}
	set, faults := policy.Compile([]policy.Source{{Config: &policy.Config{List: benchPolicies()}}},
		policy.Options{Doers: doers, Memory: policy.NewMemory(), World: policy.ThisHost{}})
	if len(faults) > 0 {
		t.Fatalf("policies: %+v", faults)
	}
	p.desk, err = measure.NewDesk(measure.Options{Doers: doers, Gate: &measure.HostGate{Responder: responder, Gate: gate}, Store: archive, Order: responder.Offer, Log: log})
	t.must(err)
	p.desk.SetPolicies(set)
	ctx, cancel := context.WithCancel(t.ctx)
	ended := make(chan error, 2)
	go func() { ended <- responder.Run(ctx) }()
	go func() { ended <- p.desk.Run(ctx) }()
	go gate.Run(ctx)
	return func() {
		cancel()
		t.must(<-ended)
		t.must(<-ended)
		t.must(archive.Close())
	}
}

// changed is called by the responder when a ban is made, read back and in the journal.
func (p *policyTrial) changed(c actions.Change) {
	p.desk.Changed(c)
	if c.Kind == actions.BanMade {
		p.made <- time.Now()
	}
}

// benchPolicies are many that look at a finding and one, the last, that bans.
func benchPolicies() (list []policy.Policy) {
	ban := []policy.Measure{{Do: "ban", Ladder: []policy.Span{policy.Span(10 * time.Minute), policy.Span(time.Hour)}}}
	for i := range policyCount - 1 {
		list = append(list, policy.Policy{Name: fmt.Sprintf("other %d", i), Match: policy.Match{Classtype: []string{fmt.Sprintf("class-%d", i)}, Source: []string{"!198.51.100.0/24"}}, Default: ban})
	}
	return append(list, policy.Policy{Name: "bans", Match: policy.Match{SID: []string{"2000000-2999999"}}, Default: ban})
}

// match is an alert about somebody new.
func (p *policyTrial) match() {
	p.next++
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 20<<24+p.next)
	p.desk.BanAtOnce(&incidents.Finding{
		Time: time.Now(), Kind: incidents.Alert, Severity: incidents.High, Rule: incidents.Rule{ID: "1:2019401", Name: "bench", Class: "attempted-recon"},
		Attacker: incidents.Endpoint{Addr: netip.AddrFrom4(b)},
	})
}
