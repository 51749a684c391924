package measure

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"picket/actions"
	"picket/incidents"
)

// next says which states may follow which; a state may always be kept again.
var next = map[State][]State{
	"":              {Pending, PendingApproval},
	Pending:         {PendingApproval, InProcess, Error, Skipped, Denied, Observed},
	PendingApproval: {Pending, Error, Skipped, Denied, Observed},
	InProcess:       {Active, Complete, Error, Denied, PendingApproval, Observed},
	Active:          {Lifted, Expired},
}

// strict is a house in which a measure may only go where the states allow it.
type strict struct{ *house }

func (s *strict) KeepMeasures(list ...*Measure) error {
	for _, m := range list {
		s.mu.Lock()
		was := s.disk[m.ID]
		if was.State != m.State && !slices.Contains(next[was.State], m.State) {
			s.faults = append(s.faults, fmt.Sprintf("measure %d goes from %q to %q", m.ID, was.State, m.State))
		}
		if was.Approved != "" && m.Approved == "" {
			s.faults = append(s.faults, fmt.Sprintf("measure %d loses its approval", m.ID))
		}
		s.mu.Unlock()
	}
	return s.house.KeepMeasures(list...)
}

// life of a desk in the hands of people, cases and time.
type machine struct {
	house *strict
	desk  *Desk
	tb    testing.TB
	t     *rapid.T
	ids   []ID
}

func (m *machine) start() {
	m.desk = m.house.desk(m.tb)
	m.desk.o.Store = m.house
}

func (m *machine) propose() {
	s := Spec{
		Name: rapid.SampledFrom([]string{"act", "hold", "bad"}).Draw(m.t, "name"), Approval: rapid.Bool().Draw(m.t, "approval"),
		Delay: incidents.Seconds(rapid.IntRange(0, 3).Draw(m.t, "delay")) * incidents.Seconds(time.Minute), For: incidents.Seconds(rapid.IntRange(0, 2).Draw(m.t, "for")) * incidents.Seconds(time.Hour),
		Observe: rapid.IntRange(0, 4).Draw(m.t, "observe") == 0,
	}
	l, err := m.desk.propose(s, incidents.ID(rapid.IntRange(0, 2).Draw(m.t, "case")), nil, "policy test", "")
	if err != nil {
		m.t.Fatal(err)
	}
	m.ids = append(m.ids, l.ID)
}

// act is what an operator says of some measure; it may be too late.
func (m *machine) act(f func(ctx context.Context, id ID) (Measure, error)) {
	if len(m.ids) > 0 {
		id := rapid.SampledFrom(m.ids).Draw(m.t, "id")
		_, _ = m.desk.say(func(ctx context.Context) (Measure, error) { return f(ctx, id) })
	}
}

func (m *machine) step() {
	d, h := m.desk, m.house
	switch rapid.IntRange(0, 11).Draw(m.t, "what") {
	case 0, 1, 2:
		m.propose()
	case 3, 4:
		m.act(func(ctx context.Context, id ID) (Measure, error) { return d.Approve(ctx, id, "cli root") })
	case 5:
		m.act(func(ctx context.Context, id ID) (Measure, error) { return d.Deny(ctx, id, "cli root", "") })
	case 6:
		m.act(func(ctx context.Context, id ID) (Measure, error) { return d.Lift(ctx, id, "cli root") })
	case 7:
		d.skip(incidents.ID(rapid.IntRange(1, 2).Draw(m.t, "resolved")))
	case 8:
		h.ruling = actions.Ruling(rapid.IntRange(0, 2).Draw(m.t, "ruling"))
	case 9:
		h.observe = rapid.IntRange(0, 3).Draw(m.t, "mode") == 0
	case 10:
		m.start()
	case 11:
		h.later(time.Duration(rapid.IntRange(1, 60).Draw(m.t, "pass")) * time.Minute)
	}
	m.desk.settle()
}

// TestStates: whatever people, cases, the gate and time do to measures, each goes only where its state allows, is done at
// most once, never before its time, without approval or in observe mode, and comes to an end.
func TestStates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{house: &strict{house: newHouse()}, tb: t, t: rt}
		m.start()
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			m.step()
		}
		h := m.house
		h.ruling, h.observe = actions.Allowed, false
		for _, id := range m.ids {
			_, _ = m.desk.say(func(ctx context.Context) (Measure, error) { return m.desk.Approve(ctx, id, "cli root") })
		}
		for range 3 {
			h.later(time.Hour)
			m.desk.settle()
		}
		for id, have := range h.disk {
			stands := have.State == Active && have.Until.IsZero()
			if !have.State.Over() && !stands {
				rt.Errorf("measure %d is %s at the end: %+v", id, have.State, have)
			}
			if h.effects[id] > 1 || h.stands[id] != stands {
				rt.Errorf("measure %d (%s): done %d times, stands %v", id, have.State, h.effects[id], h.stands[id])
			}
		}
		for _, f := range h.faults {
			rt.Error(f)
		}
		if len(m.desk.lives) != len(h.stands)-countFalse(h.stands) {
			rt.Errorf("%d measures in memory, %v stand", len(m.desk.lives), h.stands)
		}
	})
}

func countFalse(m map[ID]bool) (n int) {
	for _, v := range m {
		if !v {
			n++
		}
	}
	return n
}

// changeOf is what a responder tells of an order.
func changeOf(d *Desk, order uint64, ip string) actions.Change {
	p, _ := actions.ParsePrefix(ip)
	now := d.now()
	return actions.Change{Kind: actions.BanMade, Order: order, Ban: actions.Ban{Prefix: p, Since: now, Until: now.Add(time.Hour), By: "policy ssh", Reason: "test"}}
}

// TestBansAtOnce: what the responder and the casebook say of a ban becomes one measure, whoever speaks first; without a
// case it is one all the same.
func TestBansAtOnce(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	first, second, alone := d.NewOrder(), d.NewOrder(), d.NewOrder()
	told := func(of incidents.ID, order uint64) {
		d.event(&incidents.Event{Kind: incidents.Grew, Incident: incidents.Incident{ID: of}, Finding: &incidents.Finding{Orders: []uint64{order}}})
	}
	d.changed(changeOf(d, first, "203.0.113.1"))
	told(7, first)
	told(8, second)
	d.changed(changeOf(d, second, "203.0.113.2"))
	d.changed(changeOf(d, alone, "203.0.113.3"))
	d.settle()
	if len(h.disk) != 2 || h.disk[1].Incident != 7 || h.disk[2].Incident != 8 || h.state(1) != Active || h.disk[1].Policy != "ssh" {
		t.Errorf("measures: %+v", h.disk)
	}
	h.later(joinFor)
	d.settle()
	if h.disk[3].Incident != 0 || h.state(3) != Active {
		t.Errorf("without a case: %+v", h.disk[3])
	}
	lifted := changeOf(d, 0, "203.0.113.1")
	lifted.Kind = actions.BanLifted
	d.changed(lifted)
	d.settle()
	h.want(t, "lifted by picket unban", 1, Lifted)
}

// TestAskedOnce: a ban that the gate asks about waits for approval, and the same is not asked about twice.
func TestAskedOnce(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	for range 3 {
		c := changeOf(d, d.NewOrder(), "10.0.0.1")
		c.Kind, c.Err = actions.BanRefused, &actions.Refusal{Prefix: c.Ban.Prefix, Ask: true, Why: "it is private"}
		d.changed(c)
		h.later(joinFor)
		d.settle()
	}
	if len(h.disk) != 1 || h.state(1) != PendingApproval || h.disk[1].For.Duration() != time.Hour || h.disk[1].Ask == "" {
		t.Errorf("measures: %+v", h.disk)
	}
}

// TestAdopt: a ban that stands in the ledger without a measure, as a crash may leave it, gets one.
func TestAdopt(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	old, known := changeOf(d, 0, "203.0.113.1").Ban, changeOf(d, 0, "203.0.113.2")
	d.changed(known)
	d.settle()
	h.later(time.Second)
	d.adopt([]actions.Ban{old, known.Ban}, h.now())
	d.settle()
	if len(h.disk) != 2 || h.disk[2].Target != "203.0.113.1" {
		t.Errorf("measures: %+v", h.disk)
	}
}
