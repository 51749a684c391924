package ruleset

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Layout is what a table holds, in a form that compares: chains, rules in their order, sets, and the elements of sets
// whose content is fixed. Counters and handles are left out.
type Layout struct {
	family nftables.TableFamily
	chains map[string]string   // "filter hook 0 priority -310 policy 1 devices eth0"; "" for a chain without a hook
	rules  map[string][]string // by chain
	sets   map[string]string   // "ipv4_addr flags interval,timeout"
	fixed  map[string][]string // elements by set, in order
}

// New is the layout of a table of family inet without anything.
func New() *Layout { return NewOf(nftables.TableFamilyINet) }

// NewOf is the layout of a table of another family without anything.
func NewOf(family nftables.TableFamily) *Layout {
	return &Layout{family: family, chains: map[string]string{}, rules: map[string][]string{}, sets: map[string]string{}, fixed: map[string][]string{}}
}

// Clone is a copy that may be added to; what was added before is shared and stays as it is.
func (l *Layout) Clone() *Layout {
	c := &Layout{family: l.family, chains: maps.Clone(l.chains), rules: maps.Clone(l.rules), sets: maps.Clone(l.sets), fixed: maps.Clone(l.fixed)}
	for name, list := range c.rules {
		c.rules[name] = slices.Clip(list)
	}
	return c
}

// AddChain notes a chain. A base chain without a policy accepts.
func (l *Layout) AddChain(c *nftables.Chain) {
	if c.Hooknum == nil {
		l.chains[c.Name] = ""
		return
	}
	policy := nftables.ChainPolicyAccept
	if c.Policy != nil {
		policy = *c.Policy
	}
	h := hook{kind: string(c.Type), number: uint32(*c.Hooknum), priority: int32(*c.Priority), policy: uint32(policy)}
	if c.Device != "" {
		h.devices = []string{c.Device}
	}
	l.chains[c.Name] = h.String()
}

// hook is where a base chain hangs.
type hook struct {
	kind     string
	number   uint32
	priority int32
	policy   uint32
	devices  []string
}

func (h hook) String() string {
	text := fmt.Sprintf("%s hook %d priority %d policy %d", h.kind, h.number, h.priority, h.policy)
	if len(h.devices) > 0 {
		text += " devices " + strings.Join(h.devices, ",")
	}
	return text
}

// HasChain tells whether a chain is in the layout.
func (l *Layout) HasChain(name string) bool {
	_, there := l.chains[name]
	return there
}

// HasSet tells whether a set is in the layout.
func (l *Layout) HasSet(name string) bool {
	_, there := l.sets[name]
	return there
}

// AddRule notes a rule at the end of a chain. One that can't be marshalled equals none: the kernel never gets it either.
func (l *Layout) AddRule(chain string, exprs []expr.Any) {
	list := make([]string, len(exprs))
	for i, e := range exprs {
		list[i] = unreadable
		if b, err := expr.Marshal(byte(l.family), e); err == nil {
			list[i] = canonical(b)
		}
	}
	l.rules[chain] = append(l.rules[chain], strings.Join(list, " "))
}

// AddSet notes a set; fixed are its elements where those must not change, nil where they may.
func (l *Layout) AddSet(s *nftables.Set, fixed []nftables.SetElement) {
	var flags uint32
	if s.Interval {
		flags |= unix.NFT_SET_INTERVAL
	}
	if s.HasTimeout {
		flags |= unix.NFT_SET_TIMEOUT
	}
	l.sets[s.Name] = setText(uint32(s.KeyType.Bytes), flags)
	if fixed == nil {
		return
	}
	list := make([]string, len(fixed))
	for i, e := range fixed {
		list[i] = elementText(e.Key, e.IntervalEnd)
	}
	slices.Sort(list)
	l.fixed[s.Name] = list
}

func setText(keyBytes, flags uint32) string {
	return fmt.Sprintf("keys of %d bytes, flags %#x", keyBytes, flags)
}

func elementText(key []byte, end bool) string {
	text := hex.EncodeToString(key)
	if end {
		text += " end"
	}
	return text
}

// Differs tells the first difference of what is there from what is wanted, "" for none.
func (l *Layout) Differs(have *Layout) string {
	for _, part := range []string{
		differs("chain", l.chains, have.chains, func(a, b string) bool { return a == b }),
		differs("set", l.sets, have.sets, func(a, b string) bool { return a == b }),
	} {
		if part != "" {
			return part
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.chains)) {
		if what := sameRules(name, l.rules[name], have.rules[name]); what != "" {
			return what
		}
	}
	return differs("the content of set", l.fixed, have.fixed, slices.Equal[[]string])
}

// differs compares two maps by name.
func differs[T any](what string, want, have map[string]T, same func(a, b T) bool) string {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, there := have[name]
		switch {
		case !there:
			return fmt.Sprintf("%s %s is gone", what, name)
		case !same(want[name], got):
			return fmt.Sprintf("%s %s is another (%v in place of %v)", what, name, got, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, wanted := want[name]; !wanted {
			return fmt.Sprintf("%s %s was added", what, name)
		}
	}
	return ""
}

func sameRules(chain string, want, have []string) string {
	if len(want) != len(have) {
		return fmt.Sprintf("chain %s has %d rules in place of %d", chain, len(have), len(want))
	}
	for i := range want {
		if want[i] != have[i] {
			return fmt.Sprintf("rule %d of chain %s is another", i+1, chain)
		}
	}
	return ""
}

// Rules counts the rules of all chains.
func (l *Layout) Rules() (n int) {
	for _, list := range l.rules {
		n += len(list)
	}
	return n
}

// unreadable is an expression that is not what we have sent, whatever it is.
const unreadable = "?"

// canonical is one expression (NFTA_EXPR_NAME and NFTA_EXPR_DATA) as text: its name and its attributes by number. An
// attribute that is zero counts as absent, since the kernel tells defaults that we do not send; what it counts and how it
// numbers sets within a transaction are left out.
func canonical(b []byte) string {
	list, err := netlink.UnmarshalAttributes(b)
	name := cString(get(list, unix.NFTA_EXPR_NAME))
	if name == "counter" {
		return name
	}
	list, err2 := netlink.UnmarshalAttributes(get(list, unix.NFTA_EXPR_DATA))
	if err != nil || err2 != nil {
		return unreadable
	}
	if name == "lookup" {
		list = slices.DeleteFunc(list, func(a netlink.Attribute) bool { return a.Type&^nestedBits == unix.NFTA_LOOKUP_SET_ID })
	}
	return name + "(" + words(list, nesting[name]) + ")"
}

const nestedBits = netlink.Nested | netlink.NetByteOrder

// nest says which attributes hold others, and which of those do again. The kernel does not mark them in what it tells.
type nest map[uint16]nest

var nesting = map[string]nest{
	"cmp":       {unix.NFTA_CMP_DATA: {}},
	"bitwise":   {unix.NFTA_BITWISE_MASK: {}, unix.NFTA_BITWISE_XOR: {}},
	"range":     {unix.NFTA_RANGE_FROM_DATA: {}, unix.NFTA_RANGE_TO_DATA: {}},
	"immediate": {unix.NFTA_IMMEDIATE_DATA: {unix.NFTA_DATA_VERDICT: {}}},
}

// words lists attributes by number.
func words(list []netlink.Attribute, n nest) string {
	slices.SortStableFunc(list, func(a, b netlink.Attribute) int { return cmp.Compare(a.Type&^nestedBits, b.Type&^nestedBits) })
	var out []string
	for _, a := range list {
		kind := a.Type &^ nestedBits
		value := hex.EncodeToString(a.Data)
		if deeper, holds := n[kind]; holds {
			in, err := netlink.UnmarshalAttributes(a.Data)
			if err != nil {
				value = unreadable
			} else {
				value = "{" + words(in, deeper) + "}"
			}
		} else if zero(a.Data) {
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s", kind, value))
	}
	return strings.Join(out, " ")
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

func cString(b []byte) string { return strings.TrimRight(string(b), "\x00") }

func be32(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}
