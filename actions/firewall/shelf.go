package firewall

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/ruleset"
)

// shelf is the sets of one scope: one for each kind. The shelf of everything is looked at by the base chains; each other
// one has a chain of its own, which packets to its ports jump to. Bans of jails with the same ports share a shelf, so the
// cost for a packet grows with the number of different port lists, not with bans or jails.
type shelf struct {
	scope  actions.Scope
	name   string                     // of its chain, and what its sets' names begin with; "" for everything
	sets   []*nftables.Set            // by index of kinds
	others map[netip.Prefix]time.Time // what stands in the interval sets, until when (zero: for good)
}

// maxShelves bounds the different scopes. Who configures jails chooses them, no peer does.
const maxShelves = 256

// shelfPrefix begins the names of what belongs to a shelf.
const shelfPrefix = "only_"

func (t *Table) newShelf(scope actions.Scope) *shelf {
	s := &shelf{scope: scope, name: shelfName(scope), sets: make([]*nftables.Set, len(kinds)), others: map[netip.Prefix]time.Time{}}
	for i, k := range kinds {
		s.sets[i] = k.set(t.table, s.setName(k))
	}
	return s
}

func (s *shelf) setName(k kind) string {
	if s.name == "" {
		return k.name
	}
	return s.name + "_" + k.name
}

// maxNameText keeps names readable, and inside the 31 bytes and more that kernels allow.
const maxNameText = 40

var answerSuffix = map[actions.Answer]string{
	actions.Drop: "", actions.PortUnreachable: "_reject", actions.HostUnreachable: "_nohost", actions.NetUnreachable: "_nonet",
	actions.Prohibited: "_prohibit", actions.Reset: "_reset",
}

// shelfName makes a name that nft can read out of a scope: tcp/22,80-90 is only_tcp_22_80to90. Long ones become a hash.
func shelfName(scope actions.Scope) string {
	if scope.IsZero() {
		return ""
	}
	text := strings.NewReplacer("/", "_", ",", "_", "-", "to", " ", "__").Replace(scope.Ports)
	if scope.All() {
		text = "all"
	}
	if len(text) > maxNameText {
		h := fnv.New64a()
		h.Write([]byte(scope.Ports))
		text = fmt.Sprintf("h%016x", h.Sum64())
	}
	return shelfPrefix + text + answerSuffix[scope.Answer]
}

func (t *Table) chain(name string) *nftables.Chain {
	return &nftables.Chain{Name: name, Table: t.table}
}

// layShelf queues a shelf's sets, its chain and the jumps to it. What its sets hold stays in them.
func (t *Table) layShelf(d *draft, s *shelf) error {
	for _, set := range s.sets {
		if err := d.set(set, nil); err != nil {
			return err
		}
	}
	chain := d.chain(t.chain(s.name))
	if s.scope.Answer == actions.Reset && !t.mute {
		t.layReset(d, s)
	}
	for i, k := range kinds {
		d.rule(chain, append(k.match(s.sets[i]), t.answer(s)...))
	}
	return t.layJumps(d, s)
}

// resetName is the chain that answers TCP with a reset and the rest with an ICMP error.
func (s *shelf) resetName() string { return s.name + "_answer" }

func (t *Table) layReset(d *draft, s *shelf) {
	chain := d.chain(t.chain(s.resetName()))
	d.rule(chain, append(ofProtocol(unix.IPPROTO_TCP), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}))
	d.rule(chain, []expr.Any{rejectWith(unix.NFT_REJECT_ICMPX_PORT_UNREACH)})
}

func rejectWith(code uint8) *expr.Reject {
	return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: code}
}

// answer is the end of a shelf's rules. Kernels that can't reject in these hooks (before 5.11) drop.
func (t *Table) answer(s *shelf) []expr.Any {
	end := []expr.Any{&expr.Counter{}}
	if t.mute {
		return append(end, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	switch s.scope.Answer {
	case actions.PortUnreachable:
		return append(end, rejectWith(unix.NFT_REJECT_ICMPX_PORT_UNREACH))
	case actions.HostUnreachable:
		return append(end, rejectWith(unix.NFT_REJECT_ICMPX_HOST_UNREACH))
	case actions.NetUnreachable:
		return append(end, rejectWith(unix.NFT_REJECT_ICMPX_NO_ROUTE))
	case actions.Prohibited:
		return append(end, rejectWith(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED))
	case actions.Reset:
		return append(end, &expr.Verdict{Kind: expr.VerdictGoto, Chain: s.resetName()})
	}
	return append(end, &expr.Verdict{Kind: expr.VerdictDrop})
}

// withPorts are the protocols that the term "any" stands for.
var withPorts = []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE}

// layJumps queues the base chains' rules that send packets within a scope to its chain.
func (t *Table) layJumps(d *draft, s *shelf) error {
	terms := s.scope.Terms()
	if len(terms) == 0 {
		t.jump(d, s, nil)
		return nil
	}
	for n, term := range terms {
		ports, err := t.portSet(d, s, n, term)
		if err != nil {
			return err
		}
		numbers := withPorts
		if number, ok := term.Number(); ok {
			numbers = []uint8{number}
		}
		for _, number := range numbers {
			t.jump(d, s, append(ofProtocol(number), ports...))
		}
	}
	return nil
}

func (t *Table) jump(d *draft, s *shelf, match []expr.Any) {
	exprs := append(append([]expr.Any(nil), match...), &expr.Verdict{Kind: expr.VerdictJump, Chain: s.name})
	for _, base := range t.chains() {
		d.rule(base, exprs)
	}
}

// ofProtocol is `meta l4proto N`.
func ofProtocol(number uint8) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

// portSet declares the ports of a term and returns `th dport @ports`; nothing for all of a protocol. A later fragment
// has no ports and passes: without its first one it is worth nothing.
func (t *Table) portSet(d *draft, s *shelf, n int, term actions.Term) ([]expr.Any, error) {
	if len(term.Ports) == 0 {
		return nil, nil
	}
	set := &nftables.Set{
		Table: t.table, Name: fmt.Sprintf("%s_ports%d", s.name, n), KeyType: nftables.TypeInetService, Interval: true,
		KeyByteOrder: binaryutil.BigEndian,
	}
	var elements []nftables.SetElement
	for _, r := range term.Ports {
		elements = append(elements, nftables.SetElement{Key: binaryutil.BigEndian.PutUint16(r.First)})
		if r.Last < 65535 {
			elements = append(elements, nftables.SetElement{Key: binaryutil.BigEndian.PutUint16(r.Last + 1), IntervalEnd: true})
		}
	}
	if err := d.set(set, elements); err != nil {
		return nil, err
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}, nil
}

// clear queues the removal of everything that is not of the base: shelves, those of an earlier picket too, and what other
// programs have put in. The base chains are flushed already.
func (t *Table) clear(base *ruleset.Layout) error {
	chains, err := t.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("list chains of table inet %s: %w", TableName, err)
	}
	var old []*nftables.Chain
	for _, c := range chains {
		if c.Table.Name == TableName && !base.HasChain(c.Name) {
			t.conn.FlushChain(t.chain(c.Name))
			old = append(old, t.chain(c.Name))
		}
	}
	for _, c := range old { // only when none refers to another any more
		t.conn.DelChain(c)
	}
	sets, err := t.conn.GetSets(t.table)
	if err != nil {
		return fmt.Errorf("list sets of table inet %s: %w", TableName, err)
	}
	for _, s := range sets {
		if !s.Anonymous && !base.HasSet(s.Name) { // an anonymous one goes with its rule
			t.conn.DelSet(&nftables.Set{Table: t.table, Name: s.Name})
		}
	}
	return nil
}
