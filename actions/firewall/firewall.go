package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
)

var _ actions.Firewall = (*Table)(nil)

// Table is picket's table in the kernel. All methods may be called by one goroutine at a time.
type Table struct {
	conn    *nftables.Conn
	sock    *netlink.Conn // conn's own socket: the table's owner
	ask     *netlink.Conn // a second one to read elements back
	table   *nftables.Table
	sets    []*nftables.Set // by index of kinds
	devices []string
	owned   bool
	port    uint32                     // conn's netlink port: notifications carry it
	others  map[netip.Prefix]time.Time // what stands in the interval sets, until when (zero: for good)
	damaged chan string
	cutter  *cutter
	stop    chan struct{}
	tasks   sync.WaitGroup
}

// Options of Open.
type Options struct {
	Devices []string // interfaces that get an ingress chain
	NoOwner bool     // leave the flags OWNER and PERSIST away (for tests, and tools that must see in)
	Log     *slog.Logger
}

// elementsPerCall keeps an element list under the 65,535 bytes that its attribute can hold: google/nftables
// v0.3.0 truncates longer ones without an error.
const elementsPerCall = 500

// Open makes the table or takes over the one that a dead picket left, elements and all.
func Open(o Options) (*Table, error) {
	t := &Table{
		table:   &nftables.Table{Family: nftables.TableFamilyINet, Name: TableName},
		sets:    make([]*nftables.Set, len(kinds)),
		devices: o.Devices, owned: !o.NoOwner, others: map[netip.Prefix]time.Time{},
		damaged: make(chan string, 1), stop: make(chan struct{}),
	}
	var err error
	if t.conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(t.bigBuffers)); err != nil {
		return nil, fmt.Errorf("open nftables: %w (picket needs CAP_NET_ADMIN)", err)
	}
	if t.ask, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("open nftables: %w", err), t.conn.CloseLasting())
	}
	if err := t.install(); err != nil {
		return nil, errors.Join(err, t.conn.CloseLasting(), t.ask.Close())
	}
	if t.cutter, err = newCutter(o.Log); err != nil {
		return nil, errors.Join(err, t.conn.CloseLasting(), t.ask.Close())
	}
	t.tasks.Go(func() { t.cutter.run(t.stop) })
	t.tasks.Go(func() { t.watch(o.Log) })
	return t, nil
}

// bigBuffers lets one transaction carry many elements, and remembers the socket, which will own the table.
func (t *Table) bigBuffers(c *netlink.Conn) error {
	t.sock = c
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		if a, err := unix.Getsockname(int(fd)); err == nil {
			t.port = a.(*unix.SockaddrNetlink).Pid
		}
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
}

// install claims the table and lays it out. A table of another layout (an older picket's) is made anew.
func (t *Table) install() error {
	if err := t.claim(); err != nil {
		return err
	}
	if err := t.lay(); err == nil {
		return nil
	}
	if err := t.drop(); err != nil {
		return err
	}
	if err := t.claim(); err != nil {
		return err
	}
	return t.lay()
}

func (t *Table) lay() error {
	if err := t.build(); err != nil {
		return err
	}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("lay out table inet %s: %w", TableName, err)
	}
	return nil
}

// Apply implements actions.Firewall.
func (t *Table) Apply(add []actions.Entry, remove []actions.Target) error {
	now := time.Now()
	batch := t.newBatch()
	for _, e := range add {
		batch.add(e, now)
	}
	for _, p := range remove {
		batch.remove(p.Prefix)
	}
	if err := batch.queue(now); err != nil {
		return err
	}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("change bans in the kernel: %w", explain(err))
	}
	t.others = batch.others
	return nil
}

// Replace implements actions.Firewall. A table that is gone is made anew first.
func (t *Table) Replace(all []actions.Entry) error {
	if err := t.install(); err != nil {
		return err
	}
	now := time.Now()
	t.others = map[netip.Prefix]time.Time{}
	batch := t.newBatch()
	batch.empty = true
	for _, s := range t.sets {
		t.conn.FlushSet(s)
	}
	for _, e := range all {
		batch.add(e, now)
	}
	if err := batch.queue(now); err != nil {
		return err
	}
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("put %d bans into the kernel: %w", len(all), explain(err))
	}
	t.others = batch.others
	return nil
}

// explain adds the remedy to the kernel's terse answers.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w (picket needs CAP_NET_ADMIN, and no other picket may own the table inet %s)", err, TableName)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w (another program has removed a part of table inet %s; it will be restored)", err, TableName)
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("%w (net.core.rmem_max and wmem_max limit the transaction)", err)
	}
	return err
}

// Cut implements actions.Firewall: it returns at once, the cutter closes what is open soon after.
func (t *Table) Cut(list []actions.Target) {
	for _, one := range list {
		t.cutter.add([]netip.Prefix{one.Prefix})
	}
}

// Damaged implements actions.Firewall.
func (t *Table) Damaged() <-chan string { return t.damaged }

// Close lets go of the table. With PERSIST it stays in force, with its elements and their times.
func (t *Table) Close() error {
	close(t.stop)
	t.tasks.Wait()
	return errors.Join(t.cutter.close(), t.ask.Close(), t.conn.CloseLasting())
}

// Remove deletes the table with all bans. For picket's own clean-up and tests.
func (t *Table) Remove() error { return errors.Join(t.drop(), t.Close()) }
