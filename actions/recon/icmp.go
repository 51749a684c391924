package recon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"picket/actions/measure"
	"picket/incidents"
)

const (
	pingCount   = 4
	pingTimeout = time.Second
	maxHops     = 30
)

// icmpAble tells whether raw ICMP sockets can be had.
func icmpAble() error {
	c, err := icmp.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return fmt.Errorf("raw ICMP: %w (picket needs CAP_NET_RAW)", err)
	}
	return c.Close()
}

// prober sends echo requests and waits for what comes back.
type prober struct {
	conn *icmp.PacketConn
	to   netip.Addr
	id   int
}

// echo types by family.
func (p *prober) request() icmp.Type {
	if p.to.Is4() {
		return ipv4.ICMPTypeEcho
	}
	return ipv6.ICMPTypeEchoRequest
}

// newProber opens a socket for the host that an order means. Close its conn.
func newProber(o *measure.Order) (*prober, error) {
	to, err := peer(o)
	if err != nil {
		return nil, err
	}
	network, any := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		network, any = "ip6:ipv6-icmp", "::"
	}
	c, err := icmp.ListenPacket(network, any)
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	return &prober{c, to, rand.IntN(1 << 16)}, nil
}

func (p *prober) hops(n int) error {
	if p.to.Is4() {
		return p.conn.IPv4PacketConn().SetTTL(n)
	}
	return p.conn.IPv6PacketConn().SetHopLimit(n)
}

// answer is who answered an echo request; last: the host itself did.
type answer struct {
	from netip.Addr
	took time.Duration
	last bool
}

var errNoAnswer = errors.New("no answer")

// send sends echo request number seq and waits for its answer or the error of a router on the way.
func (p *prober) send(ctx context.Context, seq int) (answer, error) {
	m := icmp.Message{Type: p.request(), Body: &icmp.Echo{ID: p.id, Seq: seq, Data: []byte("picket looks for a way")}}
	b, err := m.Marshal(nil)
	if err != nil {
		return answer{}, err
	}
	start := time.Now()
	if _, err := p.conn.WriteTo(b, &net.IPAddr{IP: p.to.AsSlice(), Zone: p.to.Zone()}); err != nil {
		return answer{}, err
	}
	buf := make([]byte, 1500)
	for ctx.Err() == nil {
		if err := p.conn.SetReadDeadline(start.Add(pingTimeout)); err != nil {
			return answer{}, err
		}
		n, from, err := p.conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answer{}, errNoAnswer
		}
		if err != nil {
			return answer{}, err
		}
		ours, last := p.ours(buf[:n], seq)
		if !ours {
			continue
		}
		a, _ := netip.ParseAddr(from.String())
		return answer{a, time.Since(start), last}, nil
	}
	return answer{}, ctx.Err()
}

// ours tells whether a message answers request seq: the echo reply, or an error that quotes the request.
func (p *prober) ours(b []byte, seq int) (ours, last bool) {
	proto := 1
	if p.to.Is6() {
		proto = 58
	}
	m, err := icmp.ParseMessage(proto, b)
	if err != nil {
		return false, false
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		reply := m.Type == ipv4.ICMPTypeEchoReply || m.Type == ipv6.ICMPTypeEchoReply
		return reply && body.ID == p.id && body.Seq == seq, true
	case *icmp.TimeExceeded:
		return p.quoted(body.Data, seq), false
	case *icmp.DstUnreach:
		return p.quoted(body.Data, seq), true
	}
	return false, false
}

// quoted finds our request behind the IP header that an error quotes.
func (p *prober) quoted(b []byte, seq int) bool {
	skip := 40
	if p.to.Is4() {
		if len(b) == 0 {
			return false
		}
		skip = int(b[0]&15) * 4
	}
	if len(b) < skip+8 {
		return false
	}
	b = b[skip:]
	return int(b[4])<<8|int(b[5]) == p.id && int(b[6])<<8|int(b[7]) == seq&0xffff
}

func ping(ctx context.Context, o *measure.Order) (string, []incidents.Evidence, error) {
	count, err := number(o, "count", pingCount, 1, 100)
	if err != nil {
		return "", nil, err
	}
	p, err := newProber(o)
	if err != nil {
		return "", nil, err
	}
	defer p.conn.Close()
	var out strings.Builder
	answered := 0
	for seq := range count {
		a, err := p.send(ctx, seq)
		switch {
		case ctx.Err() != nil:
			return out.String(), nil, ctx.Err()
		case err != nil:
			fmt.Fprintf(&out, "seq %d: %v\n", seq, err)
		case !a.last || a.from != p.to:
			fmt.Fprintf(&out, "seq %d: unreachable, says %s\n", seq, a.from)
		default:
			answered++
			fmt.Fprintf(&out, "seq %d: answer from %s in %s\n", seq, a.from, a.took.Round(time.Microsecond))
		}
	}
	fmt.Fprintf(&out, "%d of %d answered\n", answered, count)
	return out.String(), nil, nil
}

func traceroute(ctx context.Context, o *measure.Order) (string, []incidents.Evidence, error) {
	p, err := newProber(o)
	if err != nil {
		return "", nil, err
	}
	defer p.conn.Close()
	var out strings.Builder
	for hop := 1; hop <= maxHops; hop++ {
		if err := p.hops(hop); err != nil {
			return out.String(), nil, err
		}
		a, err := p.send(ctx, hop)
		switch {
		case ctx.Err() != nil:
			return out.String(), nil, ctx.Err()
		case err != nil:
			fmt.Fprintf(&out, "%2d  * %v\n", hop, err)
			continue
		}
		fmt.Fprintf(&out, "%2d  %s  %s\n", hop, a.from, a.took.Round(time.Microsecond))
		if a.last {
			break
		}
	}
	return out.String(), nil, nil
}
