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

// lay queues a shelf's sets, its chain and the jumps to it. Nothing of the shelf is in the table yet.
func (t *Table) layShelf(s *shelf) error {
	for i, k := range kinds {
		if err := t.conn.AddSet(s.sets[i], nil); err != nil {
			return fmt.Errorf("declare set %s: %w", s.setName(k), err)
		}
	}
	chain := t.conn.AddChain(t.chain(s.name))
	if s.scope.Answer == actions.Reset && !t.mute {
		t.layReset(s)
	}
	for i, k := range kinds {
		t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: append(k.match(s.sets[i]), t.answer(s)...)})
	}
	return t.layJumps(s)
}

// resetName is the chain that answers TCP with a reset and the rest with an ICMP error.
func (s *shelf) resetName() string { return s.name + "_answer" }

func (t *Table) layReset(s *shelf) {
	chain := t.conn.AddChain(t.chain(s.resetName()))
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: append(ofProtocol(unix.IPPROTO_TCP), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: []expr.Any{rejectWith(unix.NFT_REJECT_ICMPX_PORT_UNREACH)}})
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
func (t *Table) layJumps(s *shelf) error {
	terms := s.scope.Terms()
	if len(terms) == 0 {
		t.jump(s, nil)
		return nil
	}
	for n, term := range terms {
		ports, err := t.portSet(s, n, term)
		if err != nil {
			return err
		}
		numbers := withPorts
		if number, ok := term.Number(); ok {
			numbers = []uint8{number}
		}
		for _, number := range numbers {
			t.jump(s, append(ofProtocol(number), ports...))
		}
	}
	return nil
}

func (t *Table) jump(s *shelf, match []expr.Any) {
	exprs := append(append([]expr.Any(nil), match...), &expr.Verdict{Kind: expr.VerdictJump, Chain: s.name})
	for _, base := range t.chains() {
		t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: base, Exprs: exprs})
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
func (t *Table) portSet(s *shelf, n int, term actions.Term) ([]expr.Any, error) {
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
	if err := t.conn.AddSet(set, elements); err != nil {
		return nil, fmt.Errorf("declare set %s: %w", set.Name, err)
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}, nil
}

// clearShelves queues the removal of all shelves that the table holds, those of an earlier picket too.
func (t *Table) clearShelves() error {
	chains, err := t.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("list chains of table inet %s: %w", TableName, err)
	}
	var old []*nftables.Chain
	for _, c := range chains {
		if c.Table.Name == TableName && strings.HasPrefix(c.Name, shelfPrefix) {
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
		if strings.HasPrefix(s.Name, shelfPrefix) {
			t.conn.DelSet(&nftables.Set{Table: t.table, Name: s.Name})
		}
	}
	return nil
}
