package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
)

// Table flags, which google/nftables v0.3.0 can't say, and the reading of single elements.

const (
	tableOwner   = 2 // NFT_TABLE_F_OWNER, Linux 5.12
	tablePersist = 4 // NFT_TABLE_F_PERSIST, Linux 6.9
)

// nfgen is struct nfgenmsg: family, version, resource id in network order.
func nfgen(family byte, res uint16) []byte { return []byte{family, 0, byte(res >> 8), byte(res)} }

// claim makes the table, or takes over the one that a dead picket left. Kernels that do not know the flags get
// a table without them.
func (t *Table) claim() error {
	flags := uint32(tableOwner | tablePersist)
	if !t.owned {
		flags = 0
	}
	err := t.transact(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, flags)
	if flags != 0 && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
		t.owned = false
		err = t.transact(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, 0)
	}
	if err != nil {
		return fmt.Errorf("claim table inet %s: %w", TableName, explain(err))
	}
	return nil
}

// drop deletes the table with everything in it.
func (t *Table) drop() error {
	err := t.transact(unix.NFT_MSG_DELTABLE, 0, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete table inet %s: %w", TableName, explain(err))
	}
	return nil
}

// transact sends one table message as a transaction of its own.
func (t *Table) transact(msg, flags uint16, tableFlags uint32) error {
	t.wire.beginBatch()
	at := t.wire.message(unix.NFNL_SUBSYS_NFTABLES<<8|msg, flags, unix.NFPROTO_INET, 0)
	t.wire.text(unix.NFTA_TABLE_NAME, TableName)
	if msg == unix.NFT_MSG_NEWTABLE {
		t.wire.number(unix.NFTA_TABLE_FLAGS, tableFlags)
	}
	t.wire.close(at)
	return t.wire.commit()
}

// Lookup reads one target back from the kernel, as Held does.
func (t *Table) Lookup(target actions.Target) (left time.Duration, found bool, err error) {
	held, err := t.Held([]actions.Target{target})
	if err != nil {
		return 0, false, err
	}
	return held[0].Left, held[0].Found, nil
}

// covered walks over the intervals of a set that lie in a prefix.
func (t *Table) covered(set string, p netip.Prefix) (left time.Duration, found bool, err error) {
	last := lastOf(p)
	for at := p.Addr(); ; {
		part, found, err := t.element(set, element{key: at})
		if err != nil || !found || at.Less(part.key) {
			return 0, false, err
		}
		if left == 0 || part.left != 0 && part.left < left {
			left = part.left
		}
		if at == last {
			return left, true, nil
		}
		end, found, err := t.element(set, element{key: at.Next(), end: true}) // the first end there or later
		if err != nil {
			return 0, false, err
		}
		if !found || last.Less(end.key) { // the interval goes to the last address there is, or past the prefix
			return left, true, nil
		}
		at = end.key
	}
}

// element asks for the element of a set that holds an address: the first address of the interval, or of an end the first
// end of an interval at the address or behind it. Some kernels answer nothing but the acknowledgement where an interval has no end.
func (t *Table) element(set string, e element) (have element, found bool, err error) {
	t.wire.ask(set, []element{e})
	err = t.wire.exchange(func(b []byte) { have, found = parseElement(b) })
	if errors.Is(err, unix.ENOENT) {
		return element{}, false, nil
	}
	if err != nil {
		return element{}, false, fmt.Errorf("read element %s of set %s: %w", e.key, set, err)
	}
	return have, found, nil
}
