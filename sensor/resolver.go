package sensor

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// resolver looks host names up for jails (usedns, names in ignoreip), and remembers. Peers choose names: what is remembered is
// bounded, a look-up ends after a while, and when several have come to nothing in a row none is made for a minute. The judge
// asks only what is known; whoever looks a name up waits (inquiry.go). Any goroutine may ask.
type resolver struct {
	lookUp func(ctx context.Context, network, name string) ([]netip.Addr, error) // nil: the host's resolver

	mu     sync.Mutex
	names  map[string]answered
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

// known returns the addresses of a name as they were when it was looked up the last time, without waiting. fresh tells that
// there is no need to look it up again now.
func (n *resolver) known(name string) (list []netip.Addr, fresh bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, now := n.names[name], time.Now()
	return a.list, now.Before(a.until) || now.Before(n.resume)
}

// addresses is known for those who don't care how old it is.
func (n *resolver) addresses(name string) []netip.Addr {
	list, _ := n.known(name)
	return list
}

// resolve looks a name up, unless that was done, and waits for it.
func (n *resolver) resolve(name string) []netip.Addr {
	if list, fresh := n.known(name); fresh {
		return list
	}
	ctx, stop := context.WithTimeout(context.Background(), lookUpTime)
	defer stop()
	lookUp := n.lookUp
	if lookUp == nil {
		lookUp = net.DefaultResolver.LookupNetIP
	}
	list, err := lookUp(ctx, "ip", name)
	list = list[:min(len(list), maxPerName)]
	for i := range list {
		list[i] = list[i].Unmap()
	}
	n.remember(name, list, err, ctx.Err() != nil)
	return list
}

// remember keeps what a look-up has brought; slow tells that it took too long.
func (n *resolver) remember(name string, list []netip.Addr, err error, slow bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, kept := time.Now(), nameKept
	if err != nil {
		kept = noNameKept
	}
	if n.slow++; !slow {
		n.slow = 0
	}
	if n.slow >= maxSlow {
		n.slow, n.resume = 0, now.Add(slowPause)
	}
	if n.names == nil || len(n.names) >= maxNames {
		n.names = map[string]answered{}
	}
	n.names[name] = answered{list, now.Add(kept)}
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
