package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
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
		part, err := t.element(set, at, 0)
		if err != nil || !part.found || at.Less(part.key) {
			return 0, false, err
		}
		if left == 0 || part.left != 0 && part.left < left {
			left = part.left
		}
		if at == last {
			return left, true, nil
		}
		end, err := t.element(set, at.Next(), unix.NFT_SET_ELEM_INTERVAL_END) // the first end there or later
		if err != nil {
			return 0, false, err
		}
		if !end.found || last.Less(end.key) { // the interval goes to the last address there is, or past the prefix
			return left, true, nil
		}
		at = end.key
	}
}

// element is one element as the kernel tells it.
type element struct {
	found bool
	key   netip.Addr // of an interval: its first address, or the one behind its last
	left  time.Duration
}

// element asks for the element of a set that holds an address: the first address of the interval, or with
// NFT_SET_ELEM_INTERVAL_END the first end of an interval at the address or behind it.
func (t *Table) element(set string, a netip.Addr, flags uint32) (element, error) {
	body, err := elementRequest(set, flags, a)
	if err != nil {
		return element{}, err
	}
	answer, err := t.asked(unix.NFT_MSG_GETSETELEM, body)
	if errors.Is(err, unix.ENOENT) {
		return element{}, nil
	}
	if err != nil {
		return element{}, fmt.Errorf("read element %s of set %s: %w", a, set, err)
	}
	return parseElement(answer)
}

// asked puts one question to the kernel and returns the attributes of its answer, none when there was only an acknowledgement: some
// kernels say nothing else where an interval has no end, so that who does not ask for it waits for ever.
func (t *Table) asked(message uint16, body []byte) (answer []byte, err error) {
	_, err = t.ask.Send(netlink.Message{
		Header: netlink.Header{Type: messageType(message), Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(nfgen(unix.NFPROTO_INET, 0), body...),
	})
	for err == nil {
		var list []netlink.Message
		list, err = t.ask.Receive()
		for _, m := range list {
			if m.Header.Type == netlink.Error {
				return answer, nil // of code 0: the acknowledgement
			}
			if len(m.Data) > 4 {
				answer = m.Data[4:]
			}
		}
	}
	return nil, err
}

func elementRequest(set string, flags uint32, keys ...netip.Addr) ([]byte, error) {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.String(unix.NFTA_SET_ELEM_LIST_TABLE, TableName)
	e.String(unix.NFTA_SET_ELEM_LIST_SET, set)
	e.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(e *netlink.AttributeEncoder) error {
		for _, key := range keys {
			e.Nested(unix.NFTA_LIST_ELEM, func(e *netlink.AttributeEncoder) error {
				e.Nested(unix.NFTA_SET_ELEM_KEY, func(e *netlink.AttributeEncoder) error {
					e.Bytes(unix.NFTA_DATA_VALUE, key.AsSlice())
					return nil
				})
				if flags != 0 {
					e.Uint32(unix.NFTA_SET_ELEM_FLAGS, flags)
				}
				return nil
			})
		}
		return nil
	})
	return e.Encode()
}

// parseElement digs an element out of a NEWSETELEM message. What has no expiration stays for good.
func parseElement(data []byte) (out element, err error) {
	top, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return out, err
	}
	top.ByteOrder = binary.BigEndian
	key := func(d *netlink.AttributeDecoder) error {
		for d.Next() {
			if d.Type() == unix.NFTA_DATA_VALUE {
				out.key, out.found = netip.AddrFromSlice(d.Bytes())
			}
		}
		return nil
	}
	one := func(d *netlink.AttributeDecoder) error {
		for d.Next() {
			switch d.Type() {
			case unix.NFTA_SET_ELEM_KEY:
				d.Nested(key)
			case unix.NFTA_SET_ELEM_EXPIRATION:
				out.left = time.Duration(d.Uint64()) * time.Millisecond
			}
		}
		return nil
	}
	for top.Next() {
		if top.Type() == unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			top.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(one)
				}
				return nil
			})
		}
	}
	return out, top.Err()
}
