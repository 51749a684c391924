package ruleset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Read reads a table of want's family back over a netfilter socket (netlink.Dial of NETLINK_NETFILTER), with the elements
// of the sets whose content want fixes. A table that is not there is an empty layout.
func Read(c *netlink.Conn, table string, want *Layout) (*Layout, error) {
	l := NewOf(want.family)
	steps := []struct {
		message   uint16
		attribute uint16 // that names the table
		take      func([]netlink.Attribute)
	}{
		{unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_TABLE, func(list []netlink.Attribute) { l.chain(table, list) }},
		{unix.NFT_MSG_GETSET, unix.NFTA_SET_TABLE, func(list []netlink.Attribute) { l.set(table, list) }},
		{unix.NFT_MSG_GETRULE, unix.NFTA_RULE_TABLE, func(list []netlink.Attribute) { l.rule(table, list) }},
	}
	for _, s := range steps {
		if err := dump(c, l.family, s.message, s.take, netlink.Attribute{Type: s.attribute, Data: text(table)}); err != nil {
			return nil, fmt.Errorf("read table %s %s: %w", FamilyName(l.family), table, err)
		}
	}
	for name := range want.fixed {
		if _, there := l.sets[name]; !there {
			continue
		}
		err := dump(c, l.family, unix.NFT_MSG_GETSETELEM, func(list []netlink.Attribute) { l.elements(name, list) },
			netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: text(table)},
			netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: text(name)})
		if err != nil {
			return nil, fmt.Errorf("read set %s of table %s %s: %w", name, FamilyName(l.family), table, err)
		}
		slices.Sort(l.fixed[name])
	}
	return l, nil
}

func text(s string) []byte { return append([]byte(s), 0) }

// dump asks for all of a kind and hands over the attributes of each answer.
func dump(c *netlink.Conn, family nftables.TableFamily, message uint16, take func([]netlink.Attribute), of ...netlink.Attribute) error {
	body, err := netlink.MarshalAttributes(of)
	if err != nil {
		return err
	}
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: messageType(message), Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{byte(family), 0, 0, 0}, body...),
	})
	if errors.Is(err, unix.ENOENT) {
		return nil // no such table
	}
	if err != nil {
		return err
	}
	for _, m := range answers {
		if len(m.Data) < 4 {
			continue
		}
		list, err := netlink.UnmarshalAttributes(m.Data[4:])
		if err != nil {
			return err
		}
		take(list)
	}
	return nil
}

func messageType(t uint16) netlink.HeaderType {
	return netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | t)
}

// get is an attribute's data, nil when it is absent.
func get(list []netlink.Attribute, kind uint16) []byte {
	for _, a := range list {
		if a.Type&^nestedBits == kind {
			return a.Data
		}
	}
	return nil
}

// inner is the attributes within an attribute.
func inner(list []netlink.Attribute, kind uint16) []netlink.Attribute {
	in, err := netlink.UnmarshalAttributes(get(list, kind))
	if err != nil {
		return nil
	}
	return in
}

func (l *Layout) chain(table string, list []netlink.Attribute) {
	if cString(get(list, unix.NFTA_CHAIN_TABLE)) != table { // chains of all tables come
		return
	}
	name, at := cString(get(list, unix.NFTA_CHAIN_NAME)), inner(list, unix.NFTA_CHAIN_HOOK)
	if len(at) == 0 {
		l.chains[name] = ""
		return
	}
	h := hook{
		kind: cString(get(list, unix.NFTA_CHAIN_TYPE)), number: be32(get(at, unix.NFTA_HOOK_HOOKNUM)),
		priority: int32(be32(get(at, unix.NFTA_HOOK_PRIORITY))), policy: be32(get(list, unix.NFTA_CHAIN_POLICY)),
	}
	if dev := get(at, unix.NFTA_HOOK_DEV); dev != nil {
		h.devices = append(h.devices, cString(dev))
	}
	for _, dev := range inner(at, hookDevices) {
		if name := cString(dev.Data); !slices.Contains(h.devices, name) {
			h.devices = append(h.devices, name)
		}
	}
	l.chains[name] = h.String()
}

// hookDevices is NFTA_HOOK_DEVS (Linux 5.5), a list of NFTA_DEVICE_NAME.
const hookDevices = 4

func (l *Layout) set(table string, list []netlink.Attribute) {
	if cString(get(list, unix.NFTA_SET_TABLE)) == table {
		flags := be32(get(list, unix.NFTA_SET_FLAGS)) & (unix.NFT_SET_INTERVAL | unix.NFT_SET_TIMEOUT | unix.NFT_SET_MAP)
		l.sets[cString(get(list, unix.NFTA_SET_NAME))] = setText(be32(get(list, unix.NFTA_SET_KEY_LEN)), flags)
	}
}

func (l *Layout) rule(table string, list []netlink.Attribute) {
	if cString(get(list, unix.NFTA_RULE_TABLE)) != table {
		return
	}
	var line []string
	for _, e := range inner(list, unix.NFTA_RULE_EXPRESSIONS) {
		line = append(line, canonical(e.Data))
	}
	chain := cString(get(list, unix.NFTA_RULE_CHAIN))
	l.rules[chain] = append(l.rules[chain], strings.Join(line, " "))
}

func (l *Layout) elements(set string, list []netlink.Attribute) {
	for _, e := range inner(list, unix.NFTA_SET_ELEM_LIST_ELEMENTS) {
		parts, err := netlink.UnmarshalAttributes(e.Data)
		if err != nil {
			continue
		}
		key := get(inner(parts, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE)
		end := be32(get(parts, unix.NFTA_SET_ELEM_FLAGS))&unix.NFT_SET_ELEM_INTERVAL_END != 0
		l.fixed[set] = append(l.fixed[set], elementText(key, end))
	}
}
