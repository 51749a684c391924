package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"picket/actions/measure"
	"picket/capture/nstest"
	"picket/incidents"
	"picket/outputs/web"
)

// These tests look at effects: whom packets reach, on hosts where other programs have laid their own rules, and after those
// programs have taken picket's away.

// containerTables is what an engine of containers lays down, a firewall that accepts everything first, and one that keeps
// connections out of connection tracking.
const containerTables = nstest.EngineTable + nstest.FirstTable + `
table inet untracked {
	chain pre { type filter hook prerouting priority raw; iifname toa ip daddr ` + nstest.B4 + ` notrack; iifname toa ip6 daddr ` + nstest.B6 + ` notrack; }
}
`

// containerHost is the gateway as a host of containers.
func containerHost(t *testing.T) *nstest.Gateway {
	t.Helper()
	g := nstest.NewGateway(t)
	serve(t, g.Container(t), nstest.Container4, nstest.Container6)
	serve(t, g.B, nstest.B4, nstest.B6)
	return g
}

// road is a way on which host a reaches something.
type road struct{ from, addr string }

// roads are all ways past the gateway's own sockets: behind DNAT, and forwarded without connection tracking.
var roads = []road{
	{nstest.A4, net.JoinHostPort(nstest.Published4, nstest.PublishedPort)}, {nstest.A6, net.JoinHostPort(nstest.Published6, nstest.PublishedPort)},
	{nstest.A4, net.JoinHostPort(nstest.B4, "80")}, {nstest.A6, net.JoinHostPort(nstest.B6, "80")},
}

// take goes a road with a connection of its own, and keeps it open.
func (s *station) take(r road) (net.Conn, error) {
	s.t.Helper()
	c, err := s.net.A.Dial(s.t, "tcp", r.addr)
	if err == nil {
		_, err = ask(c, "/")
	}
	return c, err
}

// TestBanCoversTheForwardPath: who is banned, alone or as part of a prefix, reaches neither what is behind DNAT nor what is
// forwarded, on no connection, old or new, whatever other tables accept or leave untracked.
func TestBanCoversTheForwardPath(t *testing.T) {
	t.Parallel()
	s := prepare(t, containerHost(t), "capture: {passive: {interfaces: [toa]}}\n")
	s.write("foreign.nft", containerTables)
	s.kernel("-f", s.dir+"/foreign.nft")
	s.start()
	others := func() error {
		c, err := s.net.B.Dial(t, "tcp", roads[0].addr)
		if err == nil {
			_, err = ask(c, "/")
		}
		return err
	}
	for _, bans := range [][]string{{nstest.A4, nstest.A6}, {nstest.A4 + "/31", nstest.A6 + "/127"}} {
		open := make([]net.Conn, len(roads))
		s.eachRoad(func(i int, r road) {
			var err error
			if open[i], err = s.take(r); err != nil {
				t.Errorf("%v before the ban: %v", r, err)
			}
		})
		for _, who := range bans {
			if out := s.must("ban", who, "--for", "1h"); !strings.Contains(out, "the kernel holds it") {
				t.Error(out)
			}
		}
		s.eachRoad(func(i int, r road) {
			if page, err := ask(open[i], "/"); err == nil {
				t.Errorf("%v: an open connection of %v still answers: %q", bans, r, page)
			}
			if _, err := s.take(r); err == nil {
				t.Errorf("%v: %v is open", bans, r)
			}
		})
		if err := others(); err != nil {
			t.Errorf("%v: somebody else does not reach the container: %v", bans, err)
		}
		for _, who := range bans {
			s.must("unban", who)
		}
		s.eachRoad(func(_ int, r road) {
			if _, err := s.take(r); err != nil {
				t.Errorf("%v after unban of %v: %v", r, bans, err)
			}
		})
	}
	s.stop(syscall.SIGTERM)
}

// eachRoad goes all roads at the same time: what is closed takes two seconds to tell.
func (s *station) eachRoad(do func(int, road)) {
	var all sync.WaitGroup
	for i, r := range roads {
		all.Go(func() { do(i, r) })
	}
	all.Wait()
}

// TestRejectCoversTheForwardPath: who is banned with an answer hears it, behind DNAT and where packets are forwarded, for
// what the ban's scope covers; everything else is open.
func TestRejectCoversTheForwardPath(t *testing.T) {
	t.Parallel()
	s := prepare(t, containerHost(t), "capture: {passive: {interfaces: [toa]}}\n")
	s.write("foreign.nft", nstest.EngineTable+nstest.FirstTable)
	s.kernel("-f", s.dir+"/foreign.nft")
	s.start()
	published := "tcp/" + nstest.PublishedPort
	for _, c := range []struct {
		scope  string
		hears  error // IPv4
		hears6 error
		all    bool // what is forwarded, too
	}{
		{published + " reject=tcp-reset", syscall.ECONNREFUSED, syscall.ECONNREFUSED, false},
		{published + " reject=port-unreachable", syscall.ECONNREFUSED, syscall.ECONNREFUSED, false},
		{"reject=host-unreachable", syscall.EHOSTUNREACH, syscall.EHOSTUNREACH, true},
		{"reject=admin-prohibited", syscall.EHOSTUNREACH, syscall.EACCES, true},
	} {
		for _, who := range []string{nstest.A4, nstest.A6} {
			s.must("measures", "run", "ban", "--arg", "who="+who, "--arg", "scope="+c.scope)
		}
		s.eachRoad(func(i int, r road) {
			want := c.hears
			if r.from == nstest.A6 {
				want = c.hears6
			}
			if !c.all && i >= 2 { // not to the published port
				want = nil
			}
			if _, err := s.take(r); !errors.Is(err, want) {
				t.Errorf("%s, %v: %v, want %v", c.scope, r, err, want)
			}
		})
		for _, who := range []string{nstest.A4, nstest.A6} {
			s.must("unban", who)
		}
		s.eachRoad(func(_ int, r road) {
			if _, err := s.take(r); err != nil {
				t.Errorf("%s, %v after unban: %v", c.scope, r, err)
			}
		})
	}
	s.stop(syscall.SIGTERM)
}

// TestBanCoversBridgedTraffic: what only passes a bridge sees no hook of IP; the chain on the device stops it.
func TestBanCoversBridgedTraffic(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	g.Bridged(t, false)
	serve(t, g.B, nstest.Bridged4, nstest.Bridged6)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nbans: {devices: [br0]}\n") // its ports come with it
	s.start()
	for who, addr := range map[string]string{nstest.A4: nstest.Bridged4, nstest.A6: nstest.Bridged6} {
		if _, err := get(t, g.A, addr, "/"); err != nil {
			t.Fatal("before the ban:", err)
		}
		s.must("ban", who, "--for", "1h")
		if page, err := get(t, g.A, addr, "/"); err == nil {
			t.Errorf("%s reaches %s over the bridge: %q", who, addr, page)
		}
	}
	s.stop(syscall.SIGTERM)
}

// TestFlushedRuleset: another program flushes everything, and then deletes one table. Bans stay in force, the tables of
// measures are back at once, without any interval; who did it is told in status, log, why, and one incident, which is
// resolved since all is in force again.
func TestFlushedRuleset(t *testing.T) {
	t.Parallel()
	g := containerHost(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nmeasures: {prove-interval: 24h}\n")
	s.start()
	s.must("ban", nstest.A6, "--for", "1h")
	for _, args := range [][]string{
		{"ratelimit", "--arg", "address=198.51.100.9", "--arg", "rate=10/second"},
		{"tarpit", "--arg", "address=198.51.100.10"},
		{"quarantine", "--arg", "host=" + nstest.B4, "--arg", "peers=" + nstest.GatewayB4},
	} {
		s.must(append([]string{"measures", "run"}, args...)...)
	}
	for n := 2; n <= 4; n++ {
		s.wantTable(n)
	}
	for _, how := range []string{"flush ruleset", "delete table inet picket_m2", "flush chain inet picket_m3 forward", "insert rule inet picket_m4 forward accept"} {
		s.kernel(strings.Fields(how)...)
		for n := 2; n <= 4; n++ {
			s.wantTable(n)
		}
	}
	s.until("six deviations are counted", func() bool { return strings.Contains(s.must("status"), "6 deviations") })
	if _, err := get(t, g.A, nstest.B4, "/"); err == nil {
		t.Error("the host in quarantine is reached")
	}
	if c, err := g.A.Dial(t, "tcp", net.JoinHostPort(nstest.B6, "80")); err == nil {
		c.Close()
		t.Error("the banned host got through")
	}
	s.oneDeviation("changed by nft")
	if why := s.must("why", "198.51.100.9"); !strings.Contains(why, "by nft (process") {
		t.Errorf("why does not tell who did it:\n%s", why)
	}
	for n := 2; n <= 4; n++ {
		s.must("lift", fmt.Sprint(n))
	}
	if out := s.kernel("list", "ruleset"); strings.Contains(out, "picket_m") {
		t.Errorf("a table stands after lifting:\n%s", out)
	}
	s.stop(syscall.SIGTERM)
}

// wantTable waits until a measure's table is whole again.
func (s *station) wantTable(n int) {
	s.t.Helper()
	rules := map[int]int{2: 1, 3: 2, 4: 15}[n]
	s.until(fmt.Sprintf("the table of measure %d is whole", n), func() bool {
		var out []byte
		var err error
		s.net.GW.Do(s.t, func() {
			out, err = exec.Command("nft", "list", "table", "inet", fmt.Sprintf("picket_m%d", n)).CombinedOutput()
		})
		return err == nil && strings.Count(string(out), "counter packets") == rules && !strings.Contains(string(out), "\t\taccept")
	})
}

// oneDeviation wants one incident of deviations, told of its cause, and resolved.
func (s *station) oneDeviation(cause string) {
	s.t.Helper()
	var list web.IncidentList
	s.until("the deviations are one incident that is resolved", func() bool {
		if err := json.Unmarshal([]byte(s.must("incidents", "list", "--state", "all", "--json")), &list); err != nil {
			s.t.Fatal(err)
		}
		return len(list.Incidents) == 1 && list.Incidents[0].State == incidents.Resolved
	})
	file := s.must("incidents", "show", fmt.Sprint(list.Incidents[0].ID), "--json")
	for _, want := range []string{cause, "by nft (process", "everything is in force again"} {
		if !strings.Contains(file, want) {
			s.t.Errorf("the incident does not tell %q:\n%s", want, file)
		}
	}
}

// TestStandingMeasuresAreProvenAtTheStart: what was taken away while picket was gone is put back when it starts.
func TestStandingMeasuresAreProvenAtTheStart(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nmeasures: {prove-interval: 24h}\n")
	s.start()
	s.must("ban", nstest.A4, "--for", "1h")
	s.must("measures", "run", "ratelimit", "--arg", "address=198.51.100.9", "--arg", "rate=10/second")
	s.stop(syscall.SIGKILL)
	s.kernel("flush", "ruleset") // nobody owns the table of bans now
	s.start()
	s.wantTable(2)
	if !s.holds(nstest.A4) {
		t.Errorf("the ban is gone:\n%s", s.kernel("list", "ruleset"))
	}
	s.until("the deviation is counted", func() bool { return strings.Contains(s.must("status"), "1 deviation") })
	if m := s.measure("ratelimit", measure.Active); m.Proof == "" {
		t.Errorf("%+v", m)
	}
	s.stop(syscall.SIGTERM)
}
