package incidents

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	intruder  = netip.MustParseAddr("203.0.113.7")
	bystander = netip.MustParseAddr("203.0.113.99")
	commander = netip.MustParseAddr("192.0.2.66")
	attacked  = netip.MustParseAddr("10.0.0.5")
)

// steps are the findings of one intrusion in the order in which it went.
func steps() []Finding {
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	left := &Process{PID: 4711, Start: 99, Name: "bash", User: "bob"}
	return []Finding{
		{Time: at(0), Kind: Alert, Rule: Rule{ID: "1:10", Name: "scan"}, Severity: Low, Stage: Recon, Attacker: Endpoint{Addr: intruder}, Victim: Endpoint{attacked, 22}, Host: "h"},
		{Time: at(1), Kind: Breach, Rule: Rule{ID: "sshd", Name: "jail sshd"}, Severity: Medium, Stage: Access, Attacker: Endpoint{Addr: intruder}, Host: "h"},
		{Time: at(2), Kind: Login, Rule: Rule{ID: "sshd:login", Name: "login"}, Severity: Info, Stage: Foothold, Attacker: Endpoint{Addr: intruder}, User: "bob", Host: "h"},
		{Time: at(3), Kind: Started, Rule: Rule{ID: "process", Name: "process"}, Severity: Medium, Stage: Execution, Attacker: Endpoint{Addr: intruder}, User: "bob", Host: "h", Process: left},
		{Time: at(4), Kind: Alert, Rule: Rule{ID: "1:11", Name: "beacon"}, Severity: High, Stage: Command, Attacker: Endpoint{commander, 4444}, Victim: Endpoint{Addr: attacked}, Host: "h", Process: left},
	}
}

// TestAnyOrder: a chain is one case in whatever order its findings arrive; who only guesses at the same time is another.
func TestAnyOrder(t *testing.T) {
	guess := Finding{Time: start.Add(90 * time.Second), Kind: Breach, Rule: Rule{ID: "sshd", Name: "jail sshd"}, Severity: Medium, Stage: Access, Attacker: Endpoint{Addr: bystander}, Host: "h"}
	permute(6, func(order []int) {
		d := newDesk(t, Options{}, newShelf())
		for _, i := range order {
			f := guess
			if i < 5 {
				f = steps()[i]
			}
			d.find(&f)
			d.after(time.Second)
		}
		var chain []*docket
		for _, c := range d.cases {
			if !slices.Equal(c.Attackers, []netip.Addr{bystander}) {
				chain = append(chain, c)
			}
		}
		if len(chain) != 1 || len(chain[0].Stages) != 5 || chain[0].Findings != 5 || slices.Contains(chain[0].Attackers, bystander) {
			for _, c := range d.cases {
				t.Logf("case %d: %v, %d findings, attackers %v", c.ID, c.Stages, c.Findings, c.Attackers)
			}
			t.Fatalf("order %v: %d cases", order, len(chain))
		}
	})
}

// permute calls f with every order of n things.
func permute(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(k int)
	swap = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// TestMerge: the older number stays and is led to by the other; what waits for the other goes on, and ends with it.
func TestMerge(t *testing.T) {
	s := newShelf()
	d := newDesk(t, Options{}, s)
	all := steps()
	scan, process, beacon := all[0], all[3], all[4]
	first, second := d.hears(beacon), d.hears(scan)
	if first == 0 || first == second {
		t.Fatal("two cases were expected", first, second)
	}
	if got := d.hears(process); got != first {
		t.Errorf("the finding that joins them is in %d, want %d", got, first)
	}
	c, _ := d.Snapshot(second)
	if c.ID != first || !slices.Equal(c.Absorbed, []ID{second}) || len(c.Attackers) != 2 || c.Findings != 3 || len(c.Rules) != 3 || c.Severity != Critical {
		t.Errorf("the case: %+v", c)
	}
	if old := s.cases[second]; old.State != Resolved || old.Merged != first {
		t.Errorf("the other: %+v", old)
	}
	if !slices.ContainsFunc(d.events, func(e Event) bool { return e.Kind == WasMerged && e.Incident.ID == second }) {
		t.Errorf("events: %v", d.events)
	}
	if slices.ContainsFunc(d.events, func(e Event) bool { return e.Kind == WasResolved }) {
		t.Error("a merged case was told as resolved: its measures would be skipped")
	}
	d.Moved(second, Entry{Time: d.clock, Kind: "measure", Text: "ban: active"}, nil)
	d.takeRecords()
	if list := s.entries[first]; list[len(list)-1].Text != "ban: active" {
		t.Errorf("what a measure of the other has brought is not here: %+v", list)
	}
	again := newDesk(t, Options{}, s) // the next run
	if c, _ := again.Snapshot(second); c.ID != first {
		t.Errorf("after a restart the other is case %d", c.ID)
	}
	if _, err := d.act(&Act{ID: second, Kind: Resolve, By: "test"}); err != nil {
		t.Fatal(err)
	}
	var ended []ID
	for _, e := range d.events {
		if e.Kind == WasResolved {
			ended = append(ended, e.Incident.ID)
		}
	}
	if !slices.Equal(ended, []ID{first, second}) {
		t.Errorf("resolved: %v", ended)
	}
	d.after(25 * time.Hour)
	d.tick()
	old := s.cases[second]
	if _, err := d.act(&Act{ID: second, Kind: Reopen, By: "test", archived: &old}); err == nil || !strings.Contains(err.Error(), fmt.Sprint("part of incident ", first)) {
		t.Errorf("reopen: %v", err)
	}
}

// TestByHand: what operators have opened is never merged.
func TestByHand(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	manual := Finding{Time: start, Kind: Manual, Rule: Rule{ID: "manual", Name: "look"}, Severity: Low, Attacker: Endpoint{Addr: intruder}}
	byHand, other := d.hears(manual), d.hears(steps()[4])
	d.hears(steps()[3])
	if a, _ := d.Snapshot(byHand); a.ID != byHand || a.Merged != 0 {
		t.Errorf("%+v", a)
	}
	if b, _ := d.Snapshot(other); b.ID != other {
		t.Errorf("%+v", b)
	}
}

// TestCause: deviations of one cause are one case, which ends when everything is repaired, and begins again.
func TestCause(t *testing.T) {
	d := newDesk(t, Options{}, newShelf())
	deviates := func(subject, cause string, repaired bool) ID {
		return d.hears(Finding{Time: d.clock, Kind: Deviation, Rule: Rule{ID: "measure:ban", Name: "lost"}, Severity: Medium, Host: "h", Drift: &Drift{subject, cause, repaired}})
	}
	state := func(id ID) State { c, _ := d.Snapshot(id); return c.State }
	one := deviates("bans", "changed by nft", true)
	if state(one) != Resolved {
		t.Errorf("repaired at once: %s", state(one))
	}
	d.after(time.Minute)
	if again := deviates("measure 1", "changed by nft", false); again != one || state(one) != Open {
		t.Errorf("again: case %d, %s", again, state(one))
	}
	if other := deviates("measure 2", "changed by firewalld", false); other == one {
		t.Error("another program's doing is in the same case")
	}
	deviates("measure 3", "changed by nft", false)
	deviates("measure 1", "changed by nft", true)
	if state(one) != Open {
		t.Errorf("one is not repaired: %s", state(one))
	}
	deviates("measure 3", "changed by nft", true)
	if state(one) != Resolved {
		t.Errorf("all are repaired: %s", state(one))
	}
}
