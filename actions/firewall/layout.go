package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"picket/actions/ruleset"
)

// TableName is picket's table of bans, family inet.
const TableName = "picket"

// hookIngress is NF_INET_INGRESS; nftables.ChainHookIngress is netdev's 0, which means prerouting here.
const hookIngress = 5

const (
	ingressPriority    = -500
	preroutingPriority = -310 // before defragmentation (-400 is), conntrack (-200) and raw (-300)
)

// kind is one set: a family and a prefix length, or all other lengths of that family.
type kind struct {
	name string
	bits int // 0: the interval set
	v6   bool
}

// kinds lists the sets (no name may be a word of nft's language, as ip6 is), most used first; an unlisted length goes to its family's last.
var kinds = []kind{
	{"ban4", 32, false}, {"ban4_24", 24, false}, {"ban4_other", 0, false},
	{"ban6", 128, true}, {"ban6_64", 64, true}, {"ban6_56", 56, true}, {"ban6_48", 48, true}, {"ban6_other", 0, true},
}

// kindOf says in which set a prefix is kept, as an index into kinds.
func kindOf(p netip.Prefix) int {
	v6 := p.Addr().Is6()
	for i, k := range kinds {
		if k.v6 == v6 && (k.bits == p.Bits() || k.bits == 0) {
			return i
		}
	}
	panic("unreachable: each family ends in an interval set")
}

func (k kind) size() uint32 {
	if k.v6 {
		return 16
	}
	return 4
}

func (k kind) set(t *nftables.Table, name string) *nftables.Set {
	s := &nftables.Set{Table: t, Name: name, KeyType: nftables.TypeIPAddr, HasTimeout: true, KeyByteOrder: binaryutil.BigEndian, Interval: k.bits == 0}
	if k.v6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	return s
}

// match is `ip saddr [& mask] @set`. meta protocol works in ingress and prerouting alike.
func (k kind) match(s *nftables.Set) []expr.Any {
	proto, offset := uint16(unix.ETH_P_IP), uint32(12)
	if k.v6 {
		proto, offset = unix.ETH_P_IPV6, 8
	}
	exprs := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(proto)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: k.size()},
	}
	if k.bits != 0 && k.bits != int(k.size())*8 {
		mask := net.CIDRMask(k.bits, int(k.size())*8)
		exprs = append(exprs, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: k.size(), Mask: mask, Xor: make([]byte, k.size())})
	}
	return append(exprs, &expr.Lookup{SourceRegister: 1, SetName: s.Name, SetID: s.ID})
}

// draft queues parts of the table, and notes them so that they can be looked for in what the kernel tells later.
type draft struct {
	conn   *nftables.Conn
	layout *ruleset.Layout
}

// set declares a set. One whose content is fixed holds these elements and no others; others keep theirs.
func (d *draft) set(s *nftables.Set, fixed []nftables.SetElement) error {
	d.layout.AddSet(s, fixed)
	err := d.conn.AddSet(s, nil)
	if fixed != nil {
		d.conn.FlushSet(s)
		err = errors.Join(err, d.conn.SetAddElements(s, fixed))
	}
	if err != nil {
		return fmt.Errorf("declare set %s: %w", s.Name, err)
	}
	return nil
}

// chain declares a chain, empty.
func (d *draft) chain(c *nftables.Chain) *nftables.Chain {
	d.layout.AddChain(c)
	d.conn.AddChain(c)
	d.conn.FlushChain(c)
	return c
}

func (d *draft) rule(c *nftables.Chain, exprs []expr.Any) {
	d.layout.AddRule(c.Name, exprs)
	d.conn.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: exprs})
}

// build queues the base: the sets of everything, and the base chains with their rules, which are made anew.
func (t *Table) build(d *draft, all *shelf) error {
	for _, s := range all.sets {
		if err := d.set(s, nil); err != nil {
			return err
		}
	}
	for _, chain := range t.chains() {
		d.chain(chain)
		for i, k := range kinds {
			d.rule(chain, append(k.match(all.sets[i]), &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}))
		}
	}
	return nil
}

// chains are the prerouting chain and an ingress chain for each device that was there when the table was laid.
func (t *Table) chains() []*nftables.Chain {
	accept := nftables.ChainPolicyAccept
	list := []*nftables.Chain{{
		Name: "prerouting", Table: t.table, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(preroutingPriority),
	}}
	for _, dev := range t.present {
		list = append(list, &nftables.Chain{
			Name: "ingress_" + dev, Table: t.table, Type: nftables.ChainTypeFilter, Policy: &accept,
			Hooknum: nftables.ChainHookRef(hookIngress), Priority: nftables.ChainPriorityRef(ingressPriority), Device: dev,
		})
	}
	return list
}

// presentDevices are those devices that are there now, and the ports of those that are bridges: frames that only pass a
// bridge see none of its own hooks. Behind the others stands the prerouting chain.
func (t *Table) presentDevices() (names []string) {
	if len(t.devices) == 0 {
		return nil
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.log.Warn("devices can't be listed: bans take effect at prerouting", "error", err)
		return nil
	}
	bridges := map[int]bool{}
	for _, l := range links {
		if slices.Contains(t.devices, l.Attrs().Name) {
			names = append(names, l.Attrs().Name)
			bridges[l.Attrs().Index] = l.Type() == "bridge"
		}
	}
	for _, l := range links {
		if bridges[l.Attrs().MasterIndex] && !slices.Contains(names, l.Attrs().Name) {
			names = append(names, l.Attrs().Name)
		}
	}
	slices.Sort(names)
	return names
}
