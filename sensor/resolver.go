package sensor

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// resolver looks host names up for jails (usedns, names in ignoreip), and remembers. Peers choose names: what is remembered is
// bounded, a look-up ends after a while, and when several have come to nothing in a row none is made for a minute, so that a
// slow name server can't hold up the judge. Any goroutine may ask.
type resolver struct {
	mu     sync.Mutex
	known  map[string]answered
	slow   int       // look-ups in a row that timed out
	resume time.Time // none is made before
}

type answered struct {
	list  []netip.Addr
	until time.Time
}

const (
	maxNames    = 4096
	lookUpTime  = 2 * time.Second
	nameKept    = 5 * time.Minute
	noNameKept  = time.Minute
	maxSlow     = 3
	slowPause   = time.Minute
	maxPerName  = 32 // addresses of one name
	selfRenewed = time.Minute
)

// resolve returns the addresses of a name.
func (n *resolver) resolve(name string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if a, ok := n.known[name]; ok && now.Before(a.until) {
		return a.list
	}
	if now.Before(n.resume) {
		return nil
	}
	if n.known == nil || len(n.known) >= maxNames {
		n.known = map[string]answered{}
	}
	ctx, stop := context.WithTimeout(context.Background(), lookUpTime)
	defer stop()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	kept := nameKept
	if err != nil {
		kept = noNameKept
	}
	if n.slow++; ctx.Err() == nil {
		n.slow = 0
	}
	if n.slow >= maxSlow {
		n.slow, n.resume = 0, now.Add(slowPause)
	}
	list = list[:min(len(list), maxPerName)]
	for i := range list {
		list[i] = list[i].Unmap()
	}
	n.known[name] = answered{list, time.Now().Add(kept)}
	return list
}

// selfAddresses returns this host's addresses, as they were a minute ago at most.
func selfAddresses() func() []netip.Addr {
	var list []netip.Addr
	var looked time.Time
	return func() []netip.Addr {
		if time.Since(looked) < selfRenewed {
			return list
		}
		looked = time.Now()
		all, err := net.InterfaceAddrs()
		if err != nil {
			return list // the gate refuses this host in any case
		}
		list = list[:0]
		for _, one := range all {
			if p, err := netip.ParsePrefix(one.String()); err == nil {
				list = append(list, p.Addr().Unmap())
			}
		}
		return list
	}
}
