package actions

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// NamedParty is somebody who is protected by name.
type NamedParty struct {
	Name string
	Why  string // "on the allow list (vpn.example.net)", "a proxy of this host"
}

// names keeps the addresses of protected DNS names fresh. A name that cannot be resolved keeps the addresses that it
// had: protection does not end with the resolver.
type names struct {
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	warn   func(error)
	moved  func() // hears that somebody else is protected than before
	mu     sync.Mutex
	wanted []NamedParty
	have   map[string][]netip.Addr
	wake   chan struct{}
	list   atomic.Pointer[[]Protected]
}

const (
	nameRefresh = 5 * time.Minute
	nameTimeout = 5 * time.Second
	maxNames    = 1024
	maxPerName  = 64
)

func newNames(warn func(error), moved func()) *names {
	n := &names{warn: warn, moved: moved, have: map[string][]netip.Addr{}, wake: make(chan struct{}, 1), lookup: func(ctx context.Context, name string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	}}
	n.list.Store(&[]Protected{})
	return n
}

func (n *names) addresses() []Protected { return *n.list.Load() }

// set replaces the names; run looks them up.
func (n *names) set(wanted []NamedParty) {
	n.mu.Lock()
	n.wanted = wanted[:min(len(wanted), maxNames)]
	n.mu.Unlock()
	n.publish()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run looks all names up, at once and every few minutes, until ctx ends.
func (n *names) run(ctx context.Context) {
	ticks := time.NewTicker(nameRefresh)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case <-n.wake:
		}
		n.refresh(ctx)
	}
}

func (n *names) refresh(ctx context.Context) {
	n.mu.Lock()
	wanted := n.wanted
	n.mu.Unlock()
	for _, w := range wanted {
		within, cancel := context.WithTimeout(ctx, nameTimeout)
		found, err := n.lookup(within, w.Name)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil || len(found) == 0 {
			n.warn(fmt.Errorf("look up %s, which must not be banned: %w (the addresses known before stay protected)", w.Name, err))
			continue
		}
		n.mu.Lock()
		n.have[w.Name] = found[:min(len(found), maxPerName)]
		n.mu.Unlock()
		n.publish()
	}
}

// publish makes the list of what is known for the names that are wanted.
func (n *names) publish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []Protected
	keep := map[string][]netip.Addr{}
	for _, w := range n.wanted {
		keep[w.Name] = n.have[w.Name]
		for _, a := range n.have[w.Name] {
			list = append(list, Protected{Prefix: single(a), Why: w.Why})
		}
	}
	n.have = keep
	if old := n.list.Swap(&list); !slices.Equal(*old, list) {
		n.moved()
	}
}
