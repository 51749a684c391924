package shape

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/capture/nstest"
)

// These tests look at what the party sees: on the way through this host, behind DNAT to a container with another table
// that accepts everything first, and over a bridge, with its frames handed to the hooks of IP and without.

// site is a server that host a reaches over this host.
type site struct {
	t        *testing.T
	g        *nstest.Gateway
	party    string // host a, as it comes here
	host     string // the server's own address
	to       string // where host a reaches it
	unseen   bool   // by connection tracking
	listener net.Listener
}

var layouts = []struct {
	name   string
	lay    func(t *testing.T, g *nstest.Gateway) (server *nstest.Host, host4, host6, to4, to6 string)
	unseen bool
}{
	{"routed", func(_ *testing.T, g *nstest.Gateway) (*nstest.Host, string, string, string, string) {
		return g.B, nstest.B4, nstest.B6, nstest.B4 + ":80", "[" + nstest.B6 + "]:80"
	}, false},
	{"container", func(t *testing.T, g *nstest.Gateway) (*nstest.Host, string, string, string, string) {
		c := g.Container(t)
		nft(t, g, nstest.EngineTable+nstest.FirstTable)
		return c, nstest.Container4, nstest.Container6, net.JoinHostPort(nstest.Published4, nstest.PublishedPort), net.JoinHostPort(nstest.Published6, nstest.PublishedPort)
	}, false},
	{"bridge", bridged(false), true},
	{"filtered bridge", bridged(true), false},
}

func bridged(filtered bool) func(*testing.T, *nstest.Gateway) (*nstest.Host, string, string, string, string) {
	return func(t *testing.T, g *nstest.Gateway) (*nstest.Host, string, string, string, string) {
		g.Bridged(t, filtered)
		return g.B, nstest.Bridged4, nstest.Bridged6, nstest.Bridged4 + ":80", "[" + nstest.Bridged6 + "]:80"
	}
}

func nft(t *testing.T, g *nstest.Gateway, script string) {
	t.Helper()
	g.GW.Do(t, func() {
		c := exec.Command("nft", "-f", "-")
		c.Stdin = strings.NewReader(script)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	})
}

func TestEffects(t *testing.T) {
	for _, l := range layouts {
		for _, v6 := range []bool{false, true} {
			name := l.name + " IPv4"
			if v6 {
				name = l.name + " IPv6"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := nstest.NewGateway(t)
				server, host4, host6, to4, to6 := l.lay(t, g)
				s := &site{t: t, g: g, party: nstest.A4, host: host4, to: to4, unseen: l.unseen}
				if v6 {
					s.party, s.host, s.to = nstest.A6, host6, to6
				}
				s.listener = server.Listen(t, "tcp", net.JoinHostPort(s.host, "80"))
				s.rateLimit()
				s.tarpit()
				s.quarantine()
				s.cut()
			})
		}
	}
}

// patience is how long a packet may take in these networks.
const patience = 300 * time.Millisecond

// dial connects host a to the server.
func (s *site) dial() (c net.Conn, err error) {
	s.g.A.Do(s.t, func() { c, err = net.DialTimeout("tcp", s.to, patience) })
	return c, err
}

// connect makes a connection and returns both of its ends.
func (s *site) connect() (client, server net.Conn) {
	s.t.Helper()
	client, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { client.Close() })
	if server, err = s.listener.Accept(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { server.Close() })
	return client, server
}

// transfer has the client send for a time, and returns how many bytes come through.
func (s *site) transfer(within time.Duration) int64 {
	s.t.Helper()
	client, server := s.connect()
	defer client.Close()
	defer server.Close()
	end := time.Now().Add(within)
	client.SetWriteDeadline(end)
	go io.Copy(client, zeros{})
	server.SetReadDeadline(end)
	n, err := io.Copy(io.Discard, server)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("the connection was not held: %v", err)
	}
	return n
}

// zeros is read without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func (s *site) rateLimit() {
	const rate, within = 100 << 10, 300 * time.Millisecond
	begun := time.Now()
	lift := inForce(s.t, s.g, order(1, "ratelimit", "address", s.party, "rate", "100kbytes/second"))
	// The bucket is a second's worth and a burst of 64 KiB, and fills while the test runs; headers count.
	n, most := s.transfer(within), int64(rate+wholePacket+rate*time.Since(begun).Seconds()*1.2)
	if n < rate/4 || n > most {
		s.t.Errorf("rate limit: %d bytes came through, at most %d are right", n, most)
	}
	lift()
	if free := s.transfer(within); free < 5*most {
		s.t.Errorf("%d bytes came through after the limit was lifted, %d before", free, n)
	}
}

func (s *site) tarpit() {
	lift := inForce(s.t, s.g, order(2, "tarpit", "address", s.party))
	if n := s.transfer(150 * time.Millisecond); n > 100 {
		s.t.Errorf("%d bytes got through the tarpit", n)
	}
	lift()
	if n := s.transfer(150 * time.Millisecond); n < 1<<20 {
		s.t.Errorf("%d bytes got through after it was lifted", n)
	}
}

// quarantine is the server's: whom it lists is reached and nobody else, and the other way round.
func (s *site) quarantine() {
	reached := func() bool {
		c, err := s.dial()
		if err == nil {
			c.Close()
			c, err = s.listener.Accept()
		}
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	lift := inForce(s.t, s.g, order(3, "quarantine", "host", s.host))
	if reached() {
		s.t.Error("the host in quarantine is reached")
	}
	lift()
	lift = inForce(s.t, s.g, order(4, "quarantine", "host", s.host, "peers", s.party))
	if !reached() {
		s.t.Error("the host in quarantine is not reached by its peer")
	}
	lift()
	if !reached() {
		s.t.Error("the host is not reached after the quarantine was lifted")
	}
}

// cut ends a connection on both sides, and lets a new one be made.
func (s *site) cut() {
	client, server := s.connect()
	o := order(5, "cut", "address", s.party)
	if s.unseen {
		s.g.GW.Do(s.t, func() {
			if r, err := Doers(open{})["cut"].Do(context.Background(), o); err == nil || !strings.Contains(err.Error(), "bridge br0") {
				s.t.Errorf("what connection tracking does not see is said to be cut: %q %v", r.Output.Text, err)
			}
		})
		return
	}
	lift := inForce(s.t, s.g, o)
	client.Write([]byte("x"))
	for who, c := range map[string]net.Conn{"client": client, "server": server} {
		c.SetDeadline(time.Now().Add(patience))
		_, err := c.Write([]byte("x"))
		_, err2 := c.Read(make([]byte, 1))
		if err = errors.Join(err, err2); !errors.Is(err, syscall.ECONNRESET) {
			s.t.Errorf("the %s is not told that the connection is closed: %v", who, err)
		}
	}
	s.connect()
	lift()
	s.connect()
}

// TestDamage: whatever is taken from the tables of a measure, the proof does not hold any more.
func TestDamage(t *testing.T) {
	for name, o := range map[string]*measure.Order{
		"ratelimit": order(5, "ratelimit", "address", nstest.A4), "tarpit": order(6, "tarpit", "address", nstest.A4),
		"quarantine": order(7, "quarantine", "host", nstest.B6), "cut": order(8, "cut", "address", nstest.A6),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, d := nstest.NewGateway(t), Doers(open{})[name]
			chains, _, err := d.(*lasting).wanted(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, damage := range damages(o.Measure.ID, chains) {
				lift := inForce(t, g, o)
				g.GW.Run(t, "nft", strings.Fields(damage)...)
				g.GW.Do(t, func() {
					if proof, err := d.Prove(context.Background(), o); err == nil {
						t.Errorf("after %s: %s", damage, proof)
					}
				})
				lift()
			}
		})
	}
}

// damages are what another program may do to the tables of a measure, as nft is told.
func damages(id measure.ID, chains []chain) []string {
	list := []string{"flush ruleset"}
	for _, c := range chains {
		table := strings.TrimPrefix(names(id, []chain{c}), "table ")
		list = append(list, "delete table "+table, "flush chain "+table+" "+c.name, "insert rule "+table+" "+c.name+" accept")
	}
	return list
}

// TestWithoutBridges: a kernel that takes no rules for bridges is told of, in the plan and in what was done.
func TestWithoutBridges(t *testing.T) {
	g := nstest.NewGateway(t)
	k := kernel{install, func() error { return errors.New("the kernel takes no rules for bridges") }}
	d, o := doers(open{}, k, closeNow)["ratelimit"], order(9, "ratelimit", "address", nstest.A4)
	g.GW.Do(t, func() {
		p, err := d.Plan(context.Background(), o)
		r, err2 := d.Do(context.Background(), o)
		if err = errors.Join(err, err2); err != nil || len(p.Steps) != 2 || !strings.Contains(p.Steps[1], "only pass a bridge") || !strings.Contains(r.Output.Text, "only pass a bridge") {
			t.Errorf("%q %q %v", p.Steps, r.Output.Text, err)
		}
		if proof, err := d.Prove(context.Background(), o); err != nil || strings.Contains(proof, "bridge") {
			t.Errorf("%q %v", proof, err)
		}
	})
}
