package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"picket/capture/nstest"
	"picket/incidents"
	"picket/outputs/web"
)

const (
	banCount = 100_000
	askers   = 32 // who ask for bans at the same time
)

// manyBans asks a running picket for 100,000 bans through its control socket, each answered only when the kernel was
// seen to hold it; then restarts picket, and lifts some.
func manyBans(t *trial) {
	h := nstest.NewHost(t, "alone")
	dir := t.folder()
	const config = "signatures: {library: no}\ncapture: {passive: {interfaces: [lo]}}\nworkers: 1\n"
	s := t.station(h, dir, config)
	before, cpu, start := s.resident(), s.cpu(), time.Now()
	t.ask(dir, banCount, func(c *web.Client, p netip.Prefix) error {
		_, err := c.Ban(t.ctx, web.BanRequest{Prefix: p.String(), For: incidents.Seconds(time.Hour), Reason: "bench"})
		return err
	})
	took := time.Since(start)
	t.ratio("100,000 bans through the control socket", fmt.Sprintf("%.0f bans/s (%s, picket %.1f CPU s)", banCount/took.Seconds(), took.Round(time.Millisecond), (s.cpu()-cpu).Seconds()),
		fmt.Sprintf("fail2ban: %d bans/s", fail2banBans), banCount/took.Seconds()/fail2banBans)
	t.row("elements in the kernel", "%d", t.kernelBans(h))
	t.row("memory of picket before and with them", "%s, %s", size(before), size(s.resident()))
	s.stop()

	start = time.Now()
	s = t.station(h, dir, config)
	t.row("restart with 100,000 bans until at work", "%s", time.Since(start).Round(time.Millisecond))
	const lifted = 1000
	start = time.Now()
	t.ask(dir, lifted, func(c *web.Client, p netip.Prefix) error { return c.Unban(t.ctx, p) })
	t.row("lifting 1,000 of them", "%.0f a second", lifted/time.Since(start).Seconds())
	s.stop()
}

// ask puts n questions, one for each of the first n addresses of 198.18.0.0/15, from several clients at once.
func (t *trial) ask(dir string, n int, question func(*web.Client, netip.Prefix) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, askers)
	for range askers {
		all.Go(func() {
			client := web.NewClient(filepath.Join(dir, "control.sock"))
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				addr := netip.AddrFrom4([4]byte{198, byte(18 + i>>16), byte(i >> 8), byte(i)})
				if err := question(client, netip.PrefixFrom(addr, 32)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
}
