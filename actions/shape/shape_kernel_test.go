package shape

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/capture/nstest"
)

// open lets everybody be touched but one.
type open struct{ protected netip.Prefix }

func (g open) Check(p netip.Prefix, _ time.Time) *actions.Refusal {
	if g.protected.IsValid() && g.protected.Overlaps(p) {
		return &actions.Refusal{Prefix: p, Why: "protected"}
	}
	return nil
}

func (open) Observing() bool { return false }

func order(id measure.ID, name string, args ...string) *measure.Order {
	m := &measure.Measure{ID: id, Spec: measure.Spec{Name: name, Args: map[string]string{}}}
	for i := 0; i < len(args); i += 2 {
		m.Args[args[i]] = args[i+1]
	}
	return &measure.Order{Measure: m}
}

// inForce does a measure in the gateway, proves it, and returns how to lift it.
func inForce(t *testing.T, g *nstest.Gateway, o *measure.Order) (lift func()) {
	t.Helper()
	ctx, d := context.Background(), Doers(open{})[o.Measure.Name]
	g.GW.Do(t, func() {
		p, err := d.Plan(ctx, o)
		if err != nil || len(p.Peers) != 1 {
			t.Fatalf("plan %+v %v", p, err)
		}
		o.Measure.Args = p.Args
		for range 2 { // again, as after a crash
			if _, err := d.Do(ctx, o); err != nil {
				t.Fatal(err)
			}
		}
		if proof, err := d.Prove(ctx, o); err != nil {
			t.Fatalf("%s %v", proof, err)
		}
	})
	return func() {
		t.Helper()
		g.GW.Do(t, func() {
			for range 2 {
				if err := d.Undo(ctx, o); err != nil {
					t.Error(err)
				}
			}
			if _, err := d.Prove(ctx, o); err == nil {
				t.Error("it is proven after it was lifted")
			}
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	lift := inForce(t, g, order(1, "ratelimit", "address", nstest.A4, "rate", "10/minute", "burst", "5"))
	count := func(packets int) (got int) {
		in := g.B.ListenPacket(t, "udp", nstest.B4+":9")
		defer in.Close()
		out, err := g.A.Dial(t, "udp", nstest.B4+":9")
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		for range packets {
			out.Write([]byte("x"))
		}
		buf := make([]byte, 10)
		for {
			in.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if _, _, err := in.ReadFrom(buf); err != nil {
				return got
			}
			got++
		}
	}
	if n := count(50); n == 0 || n > 6 {
		t.Errorf("%d of 50 packets passed a limit with a burst of 5", n)
	}
	lift()
	if n := count(50); n != 50 {
		t.Errorf("%d of 50 packets passed after the limit was lifted", n)
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	reaches := func(addr string) (yes bool) {
		g.A.Do(t, func() { yes = exec.Command("ping", "-c1", "-W1", addr).Run() == nil })
		return yes
	}
	// The bystander's table accepts first; that must not help the host.
	nft(t, g, nstest.FirstTable)
	lift := inForce(t, g, order(3, "quarantine", "host", nstest.A4, "peers", nstest.GatewayA4))
	if reaches(nstest.B4) || !reaches(nstest.GatewayA4) || !reaches(nstest.B6) {
		t.Error("quarantine: the wrong peers are reached")
	}
	lift()
	lift6 := inForce(t, g, order(4, "quarantine", "host", nstest.A6))
	if reaches(nstest.B6) || !reaches(nstest.B4) {
		t.Error("quarantine over IPv6: the wrong peers are reached")
	}
	lift6()
	if !reaches(nstest.B4) || !reaches(nstest.B6) {
		t.Error("the host is not free after it was lifted")
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	l := g.GW.Listen(t, "tcp", nstest.GatewayA4+":80")
	defer l.Close()
	c, err := g.A.Dial(t, "tcp", nstest.GatewayA4+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inForce(t, g, order(6, "cut", "address", nstest.A4))
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection was not reset: %v", err)
	}
}

func TestGateAndArguments(t *testing.T) {
	ctx := context.Background()
	all := Doers(open{netip.MustParsePrefix("192.0.2.0/24")})
	for name, d := range all {
		if _, err := d.Do(ctx, order(7, name, "address", "192.0.2.1")); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s of somebody protected: %v", name, err)
		}
	}
	for _, o := range []*measure.Order{
		order(8, "ratelimit"), order(8, "ratelimit", "address", "x"), order(8, "ratelimit", "address", "198.51.100.1", "rate", "0/second"),
		order(8, "ratelimit", "address", "198.51.100.1", "rate", "5/week"), order(8, "quarantine", "host", "198.51.100.1", "peers", "me"),
		order(8, "quarantine", "host", "198.51.100.1", "peers", fmt.Sprint(strings.Repeat("192.0.2.1,", 300))),
	} {
		if _, err := all[o.Measure.Name].Plan(ctx, o); err == nil {
			t.Errorf("%s %v is taken", o.Measure.Name, o.Measure.Args)
		}
	}
}
