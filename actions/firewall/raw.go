package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
)

// What google/nftables v0.3.0 can't say is said here in plain netlink: table flags, and reading one element.

const (
	tableOwner   = 2 // NFT_TABLE_F_OWNER, Linux 5.12
	tablePersist = 4 // NFT_TABLE_F_PERSIST, Linux 6.9
)

func messageType(t uint16) netlink.HeaderType {
	return netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | t)
}

// nfgen is struct nfgenmsg: family, version, resource id in network order.
func nfgen(family byte, res uint16) []byte { return []byte{family, 0, byte(res >> 8), byte(res)} }

func text(s string) []byte { return append([]byte(s), 0) }

// claim makes the table, or takes over the one that a dead picket left. Kernels that do not know the flags get
// a table without them.
func (t *Table) claim() error {
	flags := uint32(tableOwner | tablePersist)
	if !t.owned {
		flags = 0
	}
	err := t.transact(unix.NFT_MSG_NEWTABLE, netlink.Create, flags)
	if flags != 0 && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
		t.owned = false
		err = t.transact(unix.NFT_MSG_NEWTABLE, netlink.Create, 0)
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

// transact sends one table message as a transaction of its own and waits for the kernel's answer.
func (t *Table) transact(msg uint16, flag netlink.HeaderFlags, tableFlags uint32) error {
	attrs := []netlink.Attribute{{Type: unix.NFTA_TABLE_NAME, Data: text(TableName)}}
	if msg == unix.NFT_MSG_NEWTABLE {
		attrs = append(attrs, netlink.Attribute{Type: unix.NFTA_TABLE_FLAGS, Data: binary.BigEndian.AppendUint32(nil, tableFlags)})
	}
	body, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return err
	}
	messages := []netlink.Message{
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_BEGIN, Flags: netlink.Request}, Data: nfgen(0, unix.NFNL_SUBSYS_NFTABLES)},
		{Header: netlink.Header{Type: messageType(msg), Flags: netlink.Request | netlink.Acknowledge | flag}, Data: append(nfgen(unix.NFPROTO_INET, 0), body...)},
		{Header: netlink.Header{Type: unix.NFNL_MSG_BATCH_END, Flags: netlink.Request}, Data: nfgen(0, unix.NFNL_SUBSYS_NFTABLES)},
	}
	if _, err := t.sock.SendMessages(messages); err != nil {
		return err
	}
	_, err = t.sock.Receive()
	return err
}

// Lookup implements actions.Firewall: it reads one element back from the kernel. left is 0 for a ban without end.
func (t *Table) Lookup(target actions.Target) (left time.Duration, found bool, err error) {
	p := target.Prefix
	s := t.shelves[target.Scope]
	if s == nil {
		return 0, false, nil
	}
	set := s.setName(kinds[kindOf(p)])
	key, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_DATA_VALUE, Data: p.Addr().AsSlice()}})
	if err != nil {
		return 0, false, err
	}
	elem, err := nested(unix.NFTA_SET_ELEM_KEY, key)
	if err != nil {
		return 0, false, err
	}
	list, err := nested(unix.NFTA_LIST_ELEM, elem)
	if err != nil {
		return 0, false, err
	}
	body, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: text(TableName)},
		{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: text(set)},
		{Type: unix.NFTA_SET_ELEM_LIST_ELEMENTS | netlink.Nested, Data: list},
	})
	if err != nil {
		return 0, false, err
	}
	answers, err := t.ask.Execute(netlink.Message{
		Header: netlink.Header{Type: messageType(unix.NFT_MSG_GETSETELEM), Flags: netlink.Request},
		Data:   append(nfgen(unix.NFPROTO_INET, 0), body...),
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, false, nil
	}
	if err != nil || len(answers) == 0 {
		return 0, false, fmt.Errorf("read element %s of set %s: %w", p, set, err)
	}
	left, err = expiration(answers[0].Data)
	return left, err == nil, err
}

func nested(kind uint16, data []byte) ([]byte, error) {
	return netlink.MarshalAttributes([]netlink.Attribute{{Type: kind | netlink.Nested, Data: data}})
}

// expiration digs an element's remaining time out of a NEWSETELEM message; 0 when it has none.
func expiration(data []byte) (left time.Duration, err error) {
	if len(data) < 4 {
		return 0, fmt.Errorf("read element: an answer of %d bytes", len(data))
	}
	top, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return 0, err
	}
	top.ByteOrder = binary.BigEndian
	for top.Next() {
		if top.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		top.Nested(func(list *netlink.AttributeDecoder) error {
			for list.Next() {
				list.Nested(func(elem *netlink.AttributeDecoder) error {
					for elem.Next() {
						if elem.Type() == unix.NFTA_SET_ELEM_EXPIRATION {
							left = time.Duration(elem.Uint64()) * time.Millisecond
						}
					}
					return nil
				})
			}
			return nil
		})
	}
	return left, top.Err()
}
