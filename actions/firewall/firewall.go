package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/ruleset"
)

var _ actions.Firewall = (*Table)(nil)

// Table is picket's table in the kernel. All methods may be called by one goroutine at a time.
type Table struct {
	conn    *nftables.Conn
	sock    *netlink.Conn // conn's own socket: the table's owner
	wire    *wire         // over the same socket, for elements
	read    *netlink.Conn // the watcher's, to read the layout back
	table   *nftables.Table
	shelves map[actions.Scope]*shelf
	plan    atomic.Pointer[plan] // what must be there, for the watcher; nil until it was laid
	devices []string
	present []string // of devices: those that were there when the table was laid
	owned   bool
	port    uint32 // conn's netlink port
	mute    bool   // the kernel can't reject here: every answer is a drop
	log     *slog.Logger
	damaged chan actions.Damage
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

// elementsPerCall keeps an element list under the 65,535 bytes that its attribute can hold.
const elementsPerCall = 500

// Open makes the table or takes over the one that a dead picket left, elements and all.
func Open(o Options) (*Table, error) {
	t := &Table{
		table:   &nftables.Table{Family: nftables.TableFamilyINet, Name: TableName},
		shelves: map[actions.Scope]*shelf{}, log: o.Log,
		devices: o.Devices, owned: !o.NoOwner,
		damaged: make(chan actions.Damage, 1), stop: make(chan struct{}),
	}
	var err error
	if t.conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(t.bigBuffers)); err != nil {
		return nil, fmt.Errorf("open nftables: %w (picket needs CAP_NET_ADMIN)", err)
	}
	if err := t.start(); err != nil {
		return nil, errors.Join(err, t.closeSockets())
	}
	return t, nil
}

// start opens the other sockets, claims the table and begins to watch it.
func (t *Table) start() (err error) {
	if t.wire, err = newWire(t.sock); err != nil {
		return err
	}
	if t.read, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	if err := t.install(); err != nil {
		return err
	}
	if t.cutter, err = newCutter(t.log); err != nil {
		return err
	}
	w, err := t.newWitness()
	if err != nil {
		return err
	}
	t.tasks.Go(func() { t.cutter.run(t.stop) })
	t.tasks.Go(func() { t.watch(w) })
	return nil
}

func (t *Table) closeSockets() (err error) {
	if t.read != nil {
		err = t.read.Close()
	}
	if t.cutter != nil {
		err = errors.Join(err, t.cutter.close())
	}
	return errors.Join(err, t.conn.CloseLasting())
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

// install claims the table. One that a dead picket left is kept as it is, elements and all, until Replace says what it
// must hold; a table of another layout (an older picket's) is made anew.
func (t *Table) install() error {
	if err := t.claim(); err != nil {
		return err
	}
	all := t.newShelf(actions.Scope{})
	t.shelves = map[actions.Scope]*shelf{all.scope: all}
	if t.holds(all) {
		return nil
	}
	if err := t.lay(nil); err == nil {
		return nil
	}
	return errors.Join(t.renew(), t.lay(nil))
}

// renew deletes the table and claims a new one.
func (t *Table) renew() error {
	if err := t.drop(); err != nil {
		return err
	}
	return t.claim()
}

// plan is what the table must hold, and the devices for which it was made.
type plan struct {
	layout  *ruleset.Layout
	devices []string
}

// lay makes the table hold exactly these: its layout in one transaction, which takes nothing out of the sets that are
// needed, and all elements in a second one. A ban that was in force is so at every moment.
func (t *Table) lay(list []actions.Entry) error {
	all := t.newShelf(actions.Scope{})
	shelves := map[actions.Scope]*shelf{all.scope: all}
	t.present = t.presentDevices()
	d := &draft{t.conn, ruleset.New()}
	if err := t.build(d, all); err != nil {
		return err
	}
	for _, e := range list {
		if err := t.needs(d, shelves, e.Scope); err != nil {
			return err
		}
	}
	if err := t.clear(d.layout); err != nil {
		return err
	}
	if err := t.commit(d); err != nil {
		return err
	}
	t.shelves = shelves
	return t.refill(list, time.Now())
}

// needs queues the shelf of a scope, unless it is among these.
func (t *Table) needs(d *draft, shelves map[actions.Scope]*shelf, scope actions.Scope) error {
	if shelves[scope] != nil {
		return nil
	}
	s := t.newShelf(scope)
	shelves[scope] = s
	return t.layShelf(d, s)
}

// drafted begins a draft of what is added to the table.
func (t *Table) drafted() *draft {
	if p := t.plan.Load(); p != nil {
		return &draft{t.conn, p.layout.Clone()}
	}
	return &draft{t.conn, ruleset.New()}
}

// commit hands a draft to the kernel.
func (t *Table) commit(d *draft) error {
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("lay table inet %s: %w", TableName, explain(err))
	}
	t.plan.Store(&plan{d.layout, t.present})
	return nil
}

// refill makes the sets of all shelves hold exactly these, in one transaction.
func (t *Table) refill(list []actions.Entry, now time.Time) error {
	b := t.batched(list, nil, now)
	t.wire.beginBatch()
	for _, s := range t.shelves {
		b.at(s).refill(t.wire, s, now)
	}
	if err := t.wire.commit(); err != nil {
		return fmt.Errorf("put %d bans into table inet %s: %w", len(list), TableName, explain(err))
	}
	b.done()
	return nil
}

// Apply implements actions.Firewall.
func (t *Table) Apply(add []actions.Entry, remove []actions.Target) error {
	err := t.makeRoom(add)
	if t.mutes(err, add) {
		err = t.makeRoom(add)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	b := t.batched(add, remove, now)
	t.wire.beginBatch()
	if b.write(t.wire, now); t.wire.idle() {
		return nil
	}
	if err := t.wire.commit(); err != nil {
		return fmt.Errorf("change bans in the kernel: %w", explain(err))
	}
	b.done()
	return nil
}

// makeRoom lays the shelves of scopes that have none. They are empty at first: nothing was in force in them.
func (t *Table) makeRoom(add []actions.Entry) error {
	if !slices.ContainsFunc(add, func(e actions.Entry) bool { return t.shelves[e.Scope] == nil }) {
		return nil
	}
	shelves := maps.Clone(t.shelves)
	for _, e := range add {
		if shelves[e.Scope] = t.shelves[e.Scope]; len(shelves) > maxShelves {
			return fmt.Errorf("change bans in the kernel: bans within more than %d different port lists (use fewer lists, or all ports)", maxShelves)
		}
	}
	d := t.drafted()
	for _, e := range add {
		if err := t.needs(d, shelves, e.Scope); err != nil {
			return err
		}
	}
	if err := t.commit(d); err != nil {
		return err
	}
	t.shelves = shelves
	return nil
}

// mutes tells whether a transaction failed that rejects, and drops from now on: the kernel may not know how to reject
// in these hooks.
func (t *Table) mutes(err error, list []actions.Entry) bool {
	if t.mute || !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return false
	}
	if !slices.ContainsFunc(list, func(e actions.Entry) bool { return e.Scope.Answer != actions.Drop }) {
		return false
	}
	t.mute = true
	t.log.Warn("the kernel can't reject where picket's table stands: banned peers are dropped instead", "error", err)
	return true
}

// Replace implements actions.Firewall. A table that is gone, or is not laid out as it should be, is made anew.
func (t *Table) Replace(all []actions.Entry) error {
	if err := t.claim(); err != nil {
		return err
	}
	err := t.lay(all)
	if t.mutes(err, all) {
		err = t.lay(all)
	}
	if err == nil || errors.Is(err, unix.EPERM) {
		return err
	}
	return errors.Join(t.renew(), t.lay(all))
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
func (t *Table) Cut(list []actions.Target) { t.cutter.add(list) }

// Port is the netlink port of the socket that changes the table: notifications carry it.
func (t *Table) Port() uint32 { return t.port }

// Damaged implements actions.Firewall.
func (t *Table) Damaged() <-chan actions.Damage { return t.damaged }

// Close lets go of the table. With PERSIST it stays in force, with its elements and their times.
func (t *Table) Close() error {
	close(t.stop)
	t.tasks.Wait()
	return t.closeSockets()
}

// Remove deletes the table with all bans. For picket's own clean-up and tests.
func (t *Table) Remove() error { return errors.Join(t.drop(), t.Close()) }
