package shape

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions/measure"
	"picket/actions/ruleset"
)

// chain is one base chain of a measure's tables and its rules.
type chain struct {
	family   nftables.TableFamily
	name     string
	hook     *nftables.ChainHook
	priority nftables.ChainPriority
	rules    [][]expr.Any
}

const (
	// priorityEarly is behind the ban table's (-310) and before connection tracking (-200).
	priorityEarly nftables.ChainPriority = -305
	// priorityTracked is behind connection tracking and before the translation of addresses (-100).
	priorityTracked nftables.ChainPriority = -195
)

func atPrerouting(rules [][]expr.Any) chain {
	return chain{nftables.TableFamilyINet, "prerouting", nftables.ChainHookPrerouting, priorityEarly, rules}
}

func atForward(rules [][]expr.Any) chain {
	return chain{nftables.TableFamilyINet, "forward", nftables.ChainHookForward, priorityEarly, rules}
}

func atOutput(rules [][]expr.Any) chain {
	return chain{nftables.TableFamilyINet, "output", nftables.ChainHookOutput, priorityEarly, rules}
}

// atBridge is for frames that only pass a bridge: they meet no hook of IP.
func atBridge(rules [][]expr.Any) chain {
	return chain{nftables.TableFamilyBridge, "forward", nftables.ChainHookForward, priorityEarly, rules}
}

func tableOf(family nftables.TableFamily, id measure.ID) *nftables.Table {
	return &nftables.Table{Family: family, Name: fmt.Sprintf("%s%d", tablePrefix, id)}
}

// families are those in which a measure may have a table.
var families = []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyBridge}

func ofFamily(chains []chain, f nftables.TableFamily) (list []chain) {
	for _, c := range chains {
		if c.family == f {
			list = append(list, c)
		}
	}
	return list
}

// names are a measure's tables in words.
func names(id measure.ID, chains []chain) string {
	var list []string
	for _, f := range families {
		if len(ofFamily(chains, f)) > 0 {
			list = append(list, fmt.Sprintf("table %s %s", ruleset.FamilyName(f), tableOf(f, id).Name))
		}
	}
	return strings.Join(list, ", ")
}

// queue puts the chains and their rules into a transaction, and returns how they must be read back.
func queue(conn *nftables.Conn, t *nftables.Table, chains []chain) *ruleset.Layout {
	want := ruleset.NewOf(t.Family)
	for _, c := range chains {
		added := &nftables.Chain{Name: c.name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: c.hook, Priority: nftables.ChainPriorityRef(c.priority)}
		want.AddChain(added)
		conn.AddChain(added)
		for _, exprs := range c.rules {
			want.AddRule(c.name, exprs)
			conn.AddRule(&nftables.Rule{Table: t, Chain: added, Exprs: exprs})
		}
	}
	return want
}

// install makes the tables of a measure hold exactly these chains, in one transaction; what is there is replaced.
func install(id measure.ID, chains []chain) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w (picket needs CAP_NET_ADMIN)", err)
	}
	for _, f := range families {
		list := ofFamily(chains, f)
		if len(list) == 0 {
			continue
		}
		t := conn.AddTable(tableOf(f, id))
		conn.DelTable(t)
		queue(conn, conn.AddTable(tableOf(f, id)), list)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("make %s: %w", names(id, chains), err)
	}
	return nil
}

// remove deletes the tables of a measure; what is gone is no error.
func remove(id measure.ID) error {
	var failed error
	for _, f := range families {
		conn, err := nftables.New()
		if err != nil {
			return fmt.Errorf("open nftables: %w", err)
		}
		conn.DelTable(tableOf(f, id))
		if err := conn.Flush(); err != nil && !absent(err) {
			failed = errors.Join(failed, fmt.Errorf("remove table %s %s: %w", ruleset.FamilyName(f), tableOf(f, id).Name, err))
		}
	}
	return failed
}

// absent tells whether the kernel has no such table, or nothing of its family.
func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)
}

// bridges tells why this kernel takes no rules of family bridge, or nil. It makes and removes a table in one transaction.
func bridges() error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	conn.DelTable(conn.AddTable(tableOf(nftables.TableFamilyBridge, 0)))
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("the kernel takes no rules for bridges: %w", err)
	}
	return nil
}

// verify reads the tables back: their hooks with their priorities, and every rule as it was sent.
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
	rules := 0
	for _, f := range families {
		list, t := ofFamily(chains, f), tableOf(f, id)
		if len(list) == 0 {
			continue
		}
		want := queue(draft, t, list)
		have, err := ruleset.Read(c, t.Name, want)
		if err != nil {
			return "", err
		}
		if what := want.Differs(have); what != "" {
			return "", fmt.Errorf("table %s %s: %s", ruleset.FamilyName(f), t.Name, what)
		}
		rules += want.Rules()
	}
	return fmt.Sprintf("%s: %d rules stand, read back one by one", names(id, chains), rules), nil
}
