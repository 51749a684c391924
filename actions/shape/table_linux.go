package shape

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions/measure"
	"picket/actions/ruleset"
)

// chain is one base chain of a measure's table and its rules.
type chain struct {
	name     string
	hook     *nftables.ChainHook
	priority nftables.ChainPriority
	kind     nftables.ChainType
	rules    [][]expr.Any
}

// The chains stand behind the ban table's (-310) and before connection tracking (-200).
const (
	priorityIn  nftables.ChainPriority = -305
	priorityOut nftables.ChainPriority = -305
)

func tableOf(id measure.ID) *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: fmt.Sprintf("%s%d", tablePrefix, id)}
}

// queue puts the chains and their rules into a transaction, and returns how they must be read back.
func queue(conn *nftables.Conn, t *nftables.Table, chains []chain) *ruleset.Layout {
	want := ruleset.New()
	for _, c := range chains {
		added := &nftables.Chain{Name: c.name, Table: t, Type: c.kind, Hooknum: c.hook, Priority: nftables.ChainPriorityRef(c.priority)}
		want.AddChain(added)
		conn.AddChain(added)
		for _, exprs := range c.rules {
			want.AddRule(c.name, exprs)
			conn.AddRule(&nftables.Rule{Table: t, Chain: added, Exprs: exprs})
		}
	}
	return want
}

// install makes the table of a measure hold exactly these chains, in one transaction; one that is there is replaced.
func install(id measure.ID, chains []chain) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w (picket needs CAP_NET_ADMIN)", err)
	}
	t := conn.AddTable(tableOf(id))
	conn.DelTable(t)
	t = conn.AddTable(tableOf(id))
	queue(conn, t, chains)
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("make table inet %s: %w", t.Name, err)
	}
	return nil
}

// remove deletes the table of a measure; one that is gone is no error.
func remove(id measure.ID) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	conn.DelTable(tableOf(id))
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove table inet %s: %w", tableOf(id).Name, err)
	}
	return nil
}

// verify reads the table back: its hooks with their priorities, and every rule as it was sent.
func verify(id measure.ID, chains []chain) (string, error) {
	draft, err := nftables.New() // never flushed
	if err != nil {
		return "", fmt.Errorf("open nftables: %w", err)
	}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return "", fmt.Errorf("open nftables: %w", err)
	}
	defer c.Close()
	t := tableOf(id)
	want := queue(draft, t, chains)
	have, err := ruleset.Read(c, t.Name, want)
	if err != nil {
		return "", err
	}
	if what := want.Differs(have); what != "" {
		return "", fmt.Errorf("table inet %s: %s", t.Name, what)
	}
	return fmt.Sprintf("table inet %s stands with %d rules, read back one by one", t.Name, want.Rules()), nil
}

// Direction of an address in a packet.
type side int

const (
	source side = iota
	destination
)

// in matches packets whose source or destination is in a prefix.
func in(s side, p netip.Prefix) []expr.Any {
	proto, offset, size := uint16(unix.ETH_P_IP), uint32(12), uint32(4)
	if p.Addr().Is6() {
		proto, offset, size = unix.ETH_P_IPV6, 8, 16
	}
	offset += uint32(s) * size
	e := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(proto)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
	}
	if !p.IsSingleIP() {
		mask := net.CIDRMask(p.Bits(), int(size)*8)
		e = append(e, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask, Xor: make([]byte, size)})
	}
	return append(e, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()})
}

// protocol matches packets of one transport protocol.
func protocol(number uint8) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

// counted ends a rule with a counter and a verdict.
func counted(v expr.VerdictKind, parts ...[]expr.Any) []expr.Any {
	var e []expr.Any
	for _, p := range parts {
		e = append(e, p...)
	}
	return append(e, &expr.Counter{}, &expr.Verdict{Kind: v})
}
