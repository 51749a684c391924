package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
)

const inside = "PICKET_TEST_IN_NETNS"

// TestMain runs the whole test binary in a network namespace of its own: the tables here are never this host's.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" || os.Getuid() != 0 {
		os.Exit(m.Run())
	}
	cmd := exec.Command("unshare", append([]string{"-n", "--"}, os.Args...)...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "no network namespace for the test:", err)
		os.Exit(1)
	}
}

func open(t *testing.T, noOwner bool) *Table {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("needs root: nftables in a network namespace")
	}
	table, err := Open(Options{NoOwner: noOwner, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Remove(); err != nil {
			t.Error(err)
		}
	})
	return table
}

func nft(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("nft", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func prefix(s string) netip.Prefix {
	p, err := actions.ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

// whole is a target on all ports.
func whole(p netip.Prefix) actions.Target { return actions.Target{Prefix: p} }

func entry(p netip.Prefix, left time.Duration) actions.Entry {
	return actions.Entry{Target: whole(p), Left: left}
}

func TestApply(t *testing.T) {
	table := open(t, true)
	all := []string{"192.0.2.1", "198.51.100.0/24", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::1", "2001:db8:1::/64", "2001:db8:2::/56", "2001:db8:3::/48", "2001:db8::/32"}
	var add []actions.Entry
	for i, s := range all {
		add = append(add, entry(prefix(s), time.Duration(i)*time.Hour))
	}
	if err := table.Apply(add, nil); err != nil {
		t.Fatal(err)
	}
	list := nft(t, "list", "table", "inet", TableName)
	for _, want := range []string{"192.0.2.1", "198.51.100.0", "2001:db8::1", "2001:db8:1::", "2001:db8:2::", "2001:db8:3::", "@ban4", "@ban6_other"} {
		if !strings.Contains(list, want) {
			t.Errorf("nft does not list %s:\n%s", want, list)
		}
	}
	for i, s := range all {
		left, found, err := table.Lookup(whole(prefix(s)))
		if err != nil || !found {
			t.Errorf("Lookup(%s): found %v, %v", s, found, err)
		}
		want := time.Duration(i) * time.Hour
		if left > want || want-left > time.Minute {
			t.Errorf("Lookup(%s): %s left, want %s", s, left, want)
		}
	}
}

func TestRenewAndRemove(t *testing.T) {
	table := open(t, true)
	p := prefix("192.0.2.7")
	for _, span := range []time.Duration{time.Minute, 3 * time.Hour, time.Second * 40} {
		if err := table.Apply([]actions.Entry{entry(p, span)}, nil); err != nil {
			t.Fatal(err)
		}
		if left, _, err := table.Lookup(whole(p)); err != nil || left > span || left < span-10*time.Second {
			t.Errorf("after %s: %s left, %v", span, left, err)
		}
	}
	absent := prefix("192.0.2.99")
	if err := table.Apply(nil, []actions.Target{whole(p), whole(absent)}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := table.Lookup(whole(p)); found || err != nil {
		t.Errorf("removed element: found %v, %v", found, err)
	}
}

// TestHeld: many targets are read back at once, each answer belongs to its target, and what is not there is told wherever
// it stands among the others.
func TestHeld(t *testing.T) {
	table := open(t, true)
	absent := map[int]bool{0: true, 1: true, 77: true, askedAtOnce - 1: true, askedAtOnce: true, 399: true}
	var add []actions.Entry
	var targets []actions.Target
	for i := range 400 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 32)
		if i%3 == 0 {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i)}), 56)
		}
		targets = append(targets, whole(p))
		if !absent[i] {
			add = append(add, entry(p, time.Duration(i+1)*time.Hour))
		}
	}
	if err := table.Apply(add, nil); err != nil {
		t.Fatal(err)
	}
	held, err := table.Held(targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range held {
		want := time.Duration(i+1) * time.Hour
		if h.Found == absent[i] || h.Found && (h.Left > want || want-h.Left > time.Minute) {
			t.Errorf("%s: %+v", targets[i].Prefix, h)
		}
	}
}

func TestManyInOneTransaction(t *testing.T) {
	table := open(t, true)
	var all []actions.Entry
	for i := range 20000 {
		all = append(all, entry(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), time.Hour))
	}
	if err := table.Replace(all); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(nft(t, "list", "set", "inet", TableName, "ban4"), "expires"); got != len(all) {
		t.Errorf("the kernel holds %d elements, want %d", got, len(all))
	}
}

// TestDamageIsRepaired: whatever another program does to the table is noticed at once, told with the program's name, and
// undone by Replace, to the last rule.
func TestDamageIsRepaired(t *testing.T) {
	ban := []actions.Entry{
		entry(prefix("192.0.2.1"), time.Hour), entry(prefix("10.0.0.0/12"), time.Hour), entry(prefix("2001:db8::1"), time.Hour),
		{Target: actions.Target{Prefix: prefix("192.0.2.2"), Scope: scope(t, "tcp/22,80-90")}, Left: time.Hour},
	}
	table := open(t, true)
	for _, how := range []string{
		"flush ruleset", "delete table inet picket", "flush table inet picket", "flush set inet picket ban4", "flush chain inet picket prerouting",
		"delete element inet picket ban4 { 192.0.2.1 }", "delete element inet picket ban4_other { 10.0.0.0/12 }", "add element inet picket ban4 { 192.0.2.9 }",
		"insert rule inet picket prerouting accept", "add rule inet picket prerouting counter", "add chain inet picket other",
		"flush chain inet picket only_tcp_22_80to90", "delete element inet picket only_tcp_22_80to90_ports0 { 22 }",
		"chain inet picket prerouting { policy drop; }",
	} {
		if err := table.Replace(ban); err != nil {
			t.Fatal(err)
		}
		nft(t, strings.Fields(how)...)
		select {
		case d := <-table.Damaged():
			if d.By != "nft" || !strings.Contains(d.What, " by nft (process ") {
				t.Errorf("%s: it does not say who: %+v", how, d)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no damage reported", how)
		}
		if err := table.Replace(ban); err != nil {
			t.Fatal(err)
		}
		if what := table.differs(table.plan.Load()); what != "" {
			t.Errorf("%s: not restored: %s", how, what)
		}
		for _, e := range ban {
			if _, found, err := table.Lookup(e.Target); !found || err != nil {
				t.Errorf("%s: %v is not restored: %v", how, e.Target, err)
			}
		}
		if _, found, _ := table.Lookup(whole(prefix("192.0.2.9"))); found {
			t.Errorf("%s: what another program has banned stays", how)
		}
	}
}

// TestReadBack: each part of the layout is held against what was wanted, without a notification.
func TestReadBack(t *testing.T) {
	table := open(t, true)
	add := []actions.Entry{{Target: actions.Target{Prefix: prefix("192.0.2.2"), Scope: scope(t, "tcp/22 udp/53 reject=tcp-reset")}, Left: time.Hour}}
	handle := func(chain string, n int) string {
		lines := strings.Split(nft(t, "-a", "list", "chain", "inet", TableName, chain), "\n")
		_, h, _ := strings.Cut(lines[2+n], "# handle ")
		return h
	}
	for _, c := range []struct{ what, want string }{
		{"", ""},
		{"insert rule inet picket prerouting accept", "chain prerouting has 11 rules in place of 10"},
		{"delete rule inet picket prerouting handle H", "chain prerouting has 9 rules in place of 10"},
		{"replace rule inet picket prerouting handle H ip saddr @ban4 counter accept", "chain prerouting is another"},
		{"replace rule inet picket prerouting handle H meta mark 7 ip saddr @ban4 counter drop", "chain prerouting is another"},
		{"chain inet picket prerouting { policy drop; }", "chain prerouting is another"},
		{"add set inet picket more { type ipv4_addr; }", "set more was added"},
		{"delete element inet picket only_tcp_22__udp_53_reset_ports0 { 22 }", "the content of set only_tcp_22__udp_53_reset_ports0"},
		{"flush chain inet picket only_tcp_22__udp_53_reset_answer", "has 0 rules in place of 2"},
		{"delete table inet picket", "is gone"},
	} {
		if err := table.Replace(add); err != nil {
			t.Fatal(err)
		}
		if c.what != "" {
			nft(t, strings.Fields(strings.ReplaceAll(c.what, "handle H", "handle "+handle("prerouting", 1)))...)
		}
		if got := table.differs(table.plan.Load()); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		select {
		case <-table.Damaged():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestCovered: a prefix is held only when all of it is.
func TestCovered(t *testing.T) {
	table := open(t, true)
	add := []actions.Entry{entry(prefix("10.0.0.0/8"), time.Hour), entry(prefix("10.64.0.0/10"), 0), entry(prefix("240.0.0.0/4"), 0), entry(prefix("2001:db8::/33"), time.Minute)}
	if err := table.Apply(add, nil); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Duration{
		"10.0.0.0/8": time.Hour, "10.0.0.0/9": time.Hour, "10.64.0.0/10": 0, "240.0.0.0/4": 0, "2001:db8::/33": time.Minute,
		"10.0.0.0/7": -1, "8.0.0.0/6": -1, "11.0.0.0/9": -1, "2001:db8::/31": -1, "2001:db8:8000::/33": -1,
	} {
		left, found, err := table.Lookup(whole(prefix(text)))
		if err != nil || found != (want >= 0) || found && (left > want || left < want-time.Minute) {
			t.Errorf("%s: found %v for %s, %v; want %s", text, found, left, err, want)
		}
	}
}

func TestOwnerKeepsOthersOut(t *testing.T) {
	table := open(t, false)
	if !table.owned {
		t.Skip("this kernel does not know the table flags OWNER and PERSIST")
	}
	if err := table.Apply([]actions.Entry{entry(prefix("192.0.2.1"), time.Hour)}, nil); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("nft", "delete", "table", "inet", TableName).CombinedOutput(); err == nil {
		t.Errorf("another program could delete the table: %s", out)
	}
	nft(t, "flush", "ruleset")
	if _, found, err := table.Lookup(whole(prefix("192.0.2.1"))); !found {
		t.Errorf("the ban is gone after flush ruleset: %v", err)
	}
}

// TestTakeOver: a table outlives the picket that owned it, however that ended; the kernel sees closed sockets either
// way. The next one takes it over with its elements.
func TestTakeOver(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("needs root: nftables in a network namespace")
	}
	options := Options{Log: slog.New(slog.DiscardHandler)}
	dead, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	p := prefix("192.0.2.1")
	if err := errors.Join(dead.Apply([]actions.Entry{entry(p, time.Hour)}, nil), dead.Close()); err != nil {
		t.Fatal(err)
	}
	next, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	_, found, err := next.Lookup(whole(p))
	if err != nil || found != next.owned {
		t.Errorf("the ban survived: %v, %v; the kernel knows PERSIST: %v", found, err, next.owned)
	}
	if err := next.Remove(); err != nil {
		t.Error(err)
	}
}

func TestDisjoint(t *testing.T) {
	now := time.Unix(1000, 0)
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	got := disjoint(map[netip.Prefix]time.Time{
		prefix("10.0.0.0/8"):   at(10),
		prefix("10.0.0.0/9"):   at(5),
		prefix("10.1.0.0/16"):  at(20),
		prefix("10.1.2.0/23"):  {},
		prefix("10.1.4.0/22"):  at(15),
		prefix("11.0.0.0/16"):  at(-1),
		prefix("192.0.2.0/25"): at(1),
	}, false, now)
	var text []string
	for _, s := range got {
		text = append(text, fmt.Sprintf("%s-%s %d", s.first, s.last, s.until.Unix()-1000))
	}
	want := []string{
		"10.0.0.0-10.0.255.255 10", "10.1.0.0-10.1.1.255 20", "10.1.2.0-10.1.3.255 -62135597800",
		"10.1.4.0-10.1.255.255 20", "10.2.0.0-10.255.255.255 10", "192.0.2.0-192.0.2.127 1",
	}
	if strings.Join(text, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}

// TestReplaceLeavesNoGap: what was banned and stays so is in its set at every moment, while the table is laid anew over and
// over.
func TestReplaceLeavesNoGap(t *testing.T) {
	table := open(t, true)
	stays := []actions.Entry{
		entry(prefix("192.0.2.1"), time.Hour), entry(prefix("10.0.0.0/12"), time.Hour),
		{Target: actions.Target{Prefix: prefix("192.0.2.2"), Scope: scope(t, "tcp/22 reject=tcp-reset")}, Left: time.Hour},
	}
	if err := table.Replace(stays); err != nil {
		t.Fatal(err)
	}
	looker := &Table{shelves: table.shelves}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if looker.wire, err = newWire(c); err != nil {
		t.Fatal(err)
	}
	stop, looked := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				looked <- n
				return
			default:
			}
			for _, e := range stays {
				if _, found, err := looker.Lookup(e.Target); !found || err != nil {
					t.Errorf("after %d looks: %v is not held: %v", n, e.Target, err)
				}
			}
		}
	}()
	for i := range 30 {
		more := entry(netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 32), time.Hour)
		if err := table.Replace(append(slices.Clone(stays), more)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if n := <-looked; n == 0 {
		t.Error("nobody looked")
	}
}
