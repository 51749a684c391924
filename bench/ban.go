package main

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/nftables"

	"picket/actions/firewall"
	"picket/capture/nstest"
)

const banRule = `alert http any any -> any any (msg:"ban me"; flow:established,to_server; http.uri; content:"/ban-me"; startswith; sid:2;)`

const banRounds = 15

// matchToBan sends a request that a ban rule names and waits until the kernel holds its source, and until no packet
// of it passes any more; inline and passive, each fifteen times. The first is the longer: a reader of the set waits
// for the end of the whole transaction, packets are cut off in its middle.
func matchToBan(t *trial) {
	g := nstest.NewGateway(t)
	pages := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "welcome") })}
	go pages.Serve(g.B.Listen(t, "tcp", nstest.B4+":80"))
	t.Cleanup(func() { pages.Close() })
	for _, way := range []struct{ name, capture string }{
		{"inline", "inline: {enabled: yes, hooks: [forward], queues: 1}"},
		{"passive", "passive: {interfaces: [" + nstest.GatewayIfaceA + "]}"},
	} {
		dir := t.folder()
		t.must(os.WriteFile(filepath.Join(dir, "ban.rules"), []byte(banRule+"\n"), 0o600))
		s := t.station(g.GW, dir, fmt.Sprintf("signatures: {files: [%s/ban.rules], library: no}\ncapture: {%s}\n"+
			"bans: {policies: [{sid: [2], for: 1h}]}\n", dir, way.capture))
		var held, last []time.Duration
		for range banRounds {
			h, l := t.banOnce(g, s)
			held, last = append(held, h), append(last, l)
		}
		s.stop()
		t.row(way.name+": request sent until the kernel holds the ban", "p50 %s, worst %s", middle(held), slices.Max(held).Round(time.Microsecond))
		t.row(way.name+": request sent until the last packet passed", "p50 %s, worst %s", middle(last), slices.Max(last).Round(time.Microsecond))
	}
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2].Round(time.Microsecond)
}

// banOnce gets host a banned once and lifts the ban.
func (t *trial) banOnce(g *nstest.Gateway, s *station) (held, last time.Duration) {
	stop, newest := t.stream(g)
	defer stop()
	c, err := g.A.Dial(t, "tcp", nstest.B4+":80")
	t.must(err)
	defer c.Close()
	t.rest(5 * time.Millisecond)
	start := time.Now()
	_, err = io.WriteString(c, "GET /ban-me HTTP/1.1\r\nHost: test\r\n\r\n")
	t.must(err)
	for t.kernelBans(g.GW) == 0 {
		if time.Since(start) > 5*time.Second {
			t.Fatalf("no ban after %s\n%s", time.Since(start), s.said())
		}
	}
	held = time.Since(start)
	t.rest(20 * time.Millisecond)
	last = max(time.Unix(0, newest.Load()).Sub(start), 0)
	t.must(s.client.Unban(t.ctx, netip.MustParsePrefix(nstest.A4+"/32")))
	t.rest(1100 * time.Millisecond) // the same alert again within a second would be told later, with a count
	return held, last
}

// stream sends a small packet from a to b every 50 µs or so and keeps the time at which the newest came through.
func (t *trial) stream(g *nstest.Gateway) (stop func(), newest *atomic.Int64) {
	newest = &atomic.Int64{}
	sink := g.B.ListenPacket(t, "udp", nstest.B4+":5004")
	go func() {
		buf := make([]byte, smallBytes)
		for {
			if _, _, err := sink.ReadFrom(buf); err != nil {
				return
			}
			newest.Store(time.Now().UnixNano())
		}
	}()
	c, err := g.A.Dial(t, "udp", nstest.B4+":5004")
	t.must(err)
	go func() {
		for {
			if _, err := c.Write(make([]byte, smallBytes)); err != nil {
				return
			}
			time.Sleep(50 * time.Microsecond)
		}
	}()
	return func() { c.Close(); sink.Close() }, newest
}

// kernelBans counts the single IPv4 addresses that the kernel bans on a host.
func (t *trial) kernelBans(h *nstest.Host) (n int) {
	h.Do(t, func() {
		conn, err := nftables.New()
		t.must(err)
		table := &nftables.Table{Name: firewall.TableName, Family: nftables.TableFamilyINet}
		list, err := conn.GetSetElements(&nftables.Set{Table: table, Name: "ban4"})
		t.must(err)
		n = len(list)
	})
	return n
}
