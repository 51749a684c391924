package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ti-mo/conntrack"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
)

// cutter closes what banned peers have open. Their packets are dropped already; this frees the state that is
// left, so that the other end learns of it. Finding a peer's flows means reading the whole conntrack table, so
// a burst of bans is gathered and served by one reading.
type cutter struct {
	log     *slog.Logger
	conn    *conntrack.Conn
	mu      sync.Mutex
	pending map[actions.Target]bool
	lost    uint64 // targets that found the list full
	wake    chan struct{}
}

const (
	gather     = 20 * time.Millisecond
	rest       = 20 // times as long as a reading took, the next one waits
	restMost   = time.Second / 2
	maxPending = 1 << 16
)

func newCutter(log *slog.Logger) (*cutter, error) {
	c, err := conntrack.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	return &cutter{log: log, conn: c, pending: map[actions.Target]bool{}, wake: make(chan struct{}, 1)}, nil
}

func (c *cutter) add(list []actions.Target) {
	c.mu.Lock()
	for _, p := range list {
		if len(c.pending) >= maxPending {
			c.lost++
			continue
		}
		c.pending[p] = true
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *cutter) run(stop <-chan struct{}) {
	var next time.Time // no sooner, so that a long burst is not slowed down by readings
	for {
		select {
		case <-stop:
			return
		case <-c.wake:
		}
		select {
		case <-stop:
			return
		case <-time.After(max(gather, time.Until(next))):
		}
		begin := time.Now()
		c.mu.Lock()
		banned := lengths(c.pending)
		c.pending = map[actions.Target]bool{}
		c.mu.Unlock()
		if err := errors.Join(c.flows(banned), sockets(banned)); err != nil {
			c.log.Warn("connections of banned peers not closed; their packets are dropped all the same", "error", err)
		}
		took := time.Since(begin)
		next = begin.Add(took + min(rest*took, restMost))
	}
}

func (c *cutter) close() error { return c.conn.Close() }

// prefixes is a set of prefixes with the scopes they are banned within, and the lengths that occur in it.
type prefixes struct {
	scopes map[netip.Prefix][]actions.Scope
	bits   map[int]bool
}

func lengths(set map[actions.Target]bool) prefixes {
	p := prefixes{map[netip.Prefix][]actions.Scope{}, map[int]bool{}}
	for t := range set {
		p.scopes[t.Prefix] = append(p.scopes[t.Prefix], t.Scope)
		p.bits[t.Prefix.Bits()] = true
	}
	return p
}

// covers tells whether a is banned from reaching a port of ours. Connections that we made to it are closed by bans of
// everything only; they are asked about with port 0.
func (p prefixes) covers(a netip.Addr, protocol uint8, port uint16) bool {
	a = a.Unmap()
	for bits := range p.bits {
		k, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		for _, scope := range p.scopes[k] {
			if scope.Covers(protocol, port) {
				return true
			}
		}
	}
	return false
}

// flows deletes the conntrack entries in which a banned address takes part.
func (c *cutter) flows(banned prefixes) error {
	list, err := c.conn.Dump(nil)
	if err != nil {
		return fmt.Errorf("read conntrack: %w", err)
	}
	var failed error
	for _, f := range list {
		orig := &f.TupleOrig
		protocol := orig.Proto.Protocol
		if !banned.covers(orig.IP.SourceAddress, protocol, orig.Proto.DestinationPort) &&
			!banned.covers(orig.IP.DestinationAddress, protocol, 0) && !banned.covers(f.TupleReply.IP.SourceAddress, protocol, 0) {
			continue
		}
		if err := c.conn.Delete(f); err != nil && !errors.Is(err, unix.ENOENT) {
			failed = fmt.Errorf("delete conntrack entry: %w", err)
		}
	}
	return failed
}

// sockets destroys this host's TCP connections with banned peers (SOCK_DESTROY); kernels without it leave them
// to time out.
func sockets(banned prefixes) error {
	var failed error
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := netlink.SocketDiagTCP(family)
		if err != nil {
			failed = fmt.Errorf("read sockets: %w", err)
			continue
		}
		for _, s := range list {
			peer, ok := netip.AddrFromSlice(s.ID.Destination)
			if !ok || s.ID.DestinationPort == 0 || !banned.covers(peer, unix.IPPROTO_TCP, s.ID.SourcePort) {
				continue
			}
			err := netlink.SocketDestroy(
				&net.TCPAddr{IP: s.ID.Source, Port: int(s.ID.SourcePort)},
				&net.TCPAddr{IP: s.ID.Destination, Port: int(s.ID.DestinationPort)})
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
				failed = fmt.Errorf("close socket: %w", err)
			}
		}
	}
	return failed
}
