package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
)

func scope(t testing.TB, text string) actions.Scope {
	t.Helper()
	s, err := actions.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// loopback is a table on lo, whose addresses play peers: the gate is not asked here.
func loopback(t testing.TB) *Table {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("needs root: nftables in a network namespace")
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	table, err := Open(Options{NoOwner: true, Devices: []string{"lo"}, Log: slog.New(slog.DiscardHandler)})
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

// serve accepts on a port of its own and returns it.
func serve(t *testing.T, address string) int {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// reach says how a connection attempt of peer to a port ends: "open", "reset", "unreachable" or "silence".
func reach(peer string, port int) string {
	d := net.Dialer{Timeout: 300 * time.Millisecond, LocalAddr: &net.TCPAddr{IP: net.ParseIP(peer)}}
	server := "127.0.0.1"
	if strings.Contains(peer, ":") {
		server = "::1"
	}
	c, err := d.Dial("tcp", net.JoinHostPort(server, fmt.Sprint(port)))
	switch {
	case err == nil:
		c.Close()
		return "open"
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	case errors.Is(err, unix.EHOSTUNREACH):
		return "unreachable"
	}
	return "silence"
}

// TestScopes bans peers within ports: just these are closed, in the way that the scope says, and both in ingress and
// prerouting.
func TestScopes(t *testing.T) {
	table := loopback(t)
	closed, open := serve(t, "127.0.0.1:0"), serve(t, "127.0.0.1:0")
	port := fmt.Sprintf("tcp/%d", closed)
	within := func(peer, text string) actions.Entry {
		return actions.Entry{Target: actions.Target{Prefix: prefix(peer), Scope: scope(t, text)}, Left: time.Hour}
	}
	bans := []actions.Entry{
		within("127.0.0.2", port),
		within("127.0.0.3", port+" reject=tcp-reset"),
		within("127.0.0.4", port+" reject=host-unreachable"),
		within("127.0.0.5", "udp/1-65535"),
		within("127.0.0.6", "tcp reject=tcp-reset"),
		within("127.0.0.7", fmt.Sprintf("any/1-20,%d", closed)),
		within("127.0.1.0/24", port),
		within("127.0.2.0/25", port+" udp/53 reject=tcp-reset"),
		within("127.0.0.8", "all reject=tcp-reset"),
	}
	if err := table.Apply(bans, nil); err != nil {
		t.Fatal(err)
	}
	if table.mute {
		t.Error("the kernel was found unable to reject")
	}
	for _, one := range []struct{ peer, closed, open string }{
		{"127.0.0.1", "open", "open"},
		{"127.0.0.2", "silence", "open"},
		{"127.0.0.3", "refused", "open"},
		{"127.0.0.4", "unreachable", "open"},
		{"127.0.0.5", "open", "open"},
		{"127.0.0.6", "refused", "refused"},
		{"127.0.0.7", "silence", "open"},
		{"127.0.0.8", "refused", "refused"},
		{"127.0.1.9", "silence", "open"},
		{"127.0.2.9", "refused", "open"},
		{"127.0.2.200", "open", "open"},
	} {
		if got := reach(one.peer, closed); got != one.closed {
			t.Errorf("%s to the port in scope: %s, want %s", one.peer, got, one.closed)
		}
		if got := reach(one.peer, open); got != one.open {
			t.Errorf("%s to another port: %s, want %s", one.peer, got, one.open)
		}
	}
	for _, b := range bans {
		if left, found, err := table.Lookup(b.Target); err != nil || !found && kinds[kindOf(b.Prefix)].bits != 0 || found && left < 59*time.Minute {
			t.Errorf("Lookup(%v): %v, %v, %v", b.Target, left, found, err)
		}
	}
	if _, found, _ := table.Lookup(whole(prefix("127.0.0.2"))); found {
		t.Error("a ban within ports is found as a ban of everything")
	}
	if err := table.Apply(nil, []actions.Target{bans[0].Target, {Prefix: prefix("127.0.0.9"), Scope: scope(t, "tcp/1")}}); err != nil {
		t.Fatal(err)
	}
	if got := reach("127.0.0.2", closed); got != "open" {
		t.Errorf("after the unban: %s", got)
	}
}

// TestScopesSurvive: what an earlier picket left is taken over, and Replace makes the table hold exactly what it is told,
// with no shelf left that nobody needs.
func TestScopesSurvive(t *testing.T) {
	table := loopback(t)
	keep := actions.Entry{Target: actions.Target{Prefix: prefix("2001:db8::1"), Scope: scope(t, "tcp/22,80-90 udp/53 reject=port-unreachable")}, Left: time.Hour}
	gone := actions.Entry{Target: actions.Target{Prefix: prefix("192.0.2.1"), Scope: scope(t, "tcp/25")}, Left: time.Hour}
	if err := table.Apply([]actions.Entry{keep, gone}, nil); err != nil {
		t.Fatal(err)
	}
	next, err := Open(Options{NoOwner: true, Devices: []string{"lo"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if list := nft(t, "list", "table", "inet", TableName); !strings.Contains(list, "jump only_tcp_25") {
		t.Errorf("taking the table over has lifted bans:\n%s", list)
	}
	for range 2 {
		if err := next.Replace([]actions.Entry{keep}); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, err := next.Lookup(keep.Target); err != nil || !found {
		t.Errorf("not kept: %v", err)
	}
	list := nft(t, "list", "table", "inet", TableName)
	if strings.Contains(list, "tcp_25") || !strings.Contains(list, "only_tcp_22_80to90__udp_53_reject_ban6") {
		t.Errorf("the table holds\n%s", list)
	}
}

// TestShelvesAreBounded: more port lists than shelves are refused, and what stands goes on working.
func TestShelvesAreBounded(t *testing.T) {
	table := loopback(t)
	var list []actions.Entry
	for port := range maxShelves + 1 {
		list = append(list, actions.Entry{Target: actions.Target{Prefix: prefix("192.0.2.1"), Scope: scope(t, fmt.Sprintf("tcp/%d", port+1))}})
	}
	if err := table.Apply(list, nil); err == nil {
		t.Error("no bound")
	}
	if err := table.Apply(list[:3], nil); err != nil {
		t.Error(err)
	}
}
