package sensor

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"picket/capture"
	"picket/outputs/eve"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// counters are what a worker publishes after each batch, for other goroutines to read.
type counters struct {
	alerts, drops, flows, rejectErrors atomic.Uint64

	mu   sync.Mutex
	walk walk
}

// walk is what the stations of a packet's walk have counted at one moment.
type walk struct {
	decoder packet.Stats
	flows   flow.Stats
	apps    apps
}

// apps count the ended flows of each application protocol and their transactions, over TCP and over UDP.
type apps [app.Protocols][2]struct{ flows, txs uint64 }

// ended counts a flow that is over.
func (a *apps) ended(f *flow.Flow, s *flow.State) {
	if s == nil || s.App.Proto == app.Unknown {
		return
	}
	n := &a[s.App.Proto][over(f.Proto)]
	n.flows++
	if s.App.Parser != nil {
		n.txs += s.App.Parser.Transactions().Count()
	}
}

// over is 1 for UDP.
func over(p packet.Proto) int {
	if p == packet.UDP {
		return 1
	}
	return 0
}

// each calls f with the counters that are not 0, by their paths in EVE's stats record: Suricata names the transport where
// a protocol may have both (dns_tcp, dns_udp).
func (a *apps) each(f func(name string, n uint64)) {
	for proto := range a {
		both := a[proto][0].flows > 0 && a[proto][1].flows > 0
		for i, transport := range [2]string{"_tcp", "_udp"} {
			n := a[proto][i]
			if n.flows == 0 {
				continue
			}
			name := strings.ReplaceAll(app.Proto(proto).String(), "-", "_")
			if both || onBoth(app.Proto(proto)) {
				name += transport
			}
			f("app_layer.flow."+name, n.flows)
			if app.Proto(proto) != app.Failed {
				f("app_layer.tx."+name, n.txs)
			}
		}
	}
}

// onBoth tells whether a protocol is spoken over TCP and UDP.
func onBoth(p app.Proto) bool {
	switch p {
	case app.Failed, app.DNS, app.DCERPC, app.KRB5, app.NFS, app.SIP, app.ENIP:
		return true
	}
	return false
}

// publish copies what the worker's stations count.
func (c *counters) publish(w *worker) {
	stats := w.flows.Stats()
	c.flows.Store(stats.Created)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.walk.decoder, c.walk.flows, c.walk.apps = w.decoder.Stats(), stats, w.apps
}

// totals are sums over workers, by the names of EVE's stats record.
type totals map[string]uint64

// add adds what one worker has published.
func (t totals) add(c *counters) {
	t["detect.alert"] += c.alerts.Load()
	t["ips.blocked"] += c.drops.Load()
	t["ips.reject_errors"] += c.rejectErrors.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.walk.decoder.Each(t.count)
	c.walk.flows.Each(t.count)
	c.walk.apps.each(t.count)
}

// count adds a value to its sum; the largest packet is no sum.
func (t totals) count(name string, n uint64) {
	if name == packet.CntMaxSize.Name() {
		t[name] = max(t[name], n)
		return
	}
	t[name] += n
}

// capture adds the counters of a source.
func (t totals) capture(s capture.Stats) {
	t["capture.kernel_packets"] += s.Received + s.Dropped
	t["capture.kernel_drops"] += s.Dropped
}

// record lists the totals for a stats record.
func (t totals) record() []eve.Count {
	t["decoder.avg_pkt_size"] = t[packet.CntBytes.Name()] / max(t[packet.CntPkts.Name()], 1)
	out := make([]eve.Count, 0, len(t))
	for name, n := range t {
		out = append(out, eve.Count{Name: name, Value: n})
	}
	return out
}

// clock is the time by which flows expire: the packets' own for captures, and the wall's where no packet comes.
func (w *worker) clock() int64 {
	if w.live {
		return time.Now().UnixNano()
	}
	return w.now
}
