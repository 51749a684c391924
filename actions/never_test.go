package actions

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func decide(g *Gate, text, approved string, now time.Time) Decision {
	return g.Decide(&Request{Prefix: mustPrefix(text), Approved: approved}, now)
}

func TestPrivateRangesAreAskedAbout(t *testing.T) {
	g := NewGate(false, Rules{Private: AskFirst}, host, func(error) {})
	now := time.Now()
	for text, want := range map[string]Ruling{
		"10.1.2.3": AskFirst, "10.0.0.0/7": AskFirst, "172.31.255.255": AskFirst, "172.32.0.1": Allowed,
		"192.168.7.0/24": AskFirst, "100.64.0.1": AskFirst, "169.254.1.1": AskFirst, "fd00::1": AskFirst,
		"::ffff:10.1.2.3": AskFirst, "8.8.8.8": Allowed, "192.0.2.1": Refused, "192.0.0.0/16": Refused,
	} {
		if d := decide(g, text, "", now); d.Ruling != want {
			t.Errorf("%s: %s (%s), want %s", text, d.Ruling, d.Why, want)
		}
		if d := decide(g, text, "cli", now); want == AskFirst && d.Ruling != Allowed || want == Refused && d.Ruling != Refused {
			t.Errorf("%s, approved: %s", text, d.Ruling)
		}
	}
}

// TestALoginThatALogTells: the line comes before the session can be found.
func TestALoginThatALogTells(t *testing.T) {
	g := NewGate(false, Rules{}, host, func(error) {})
	now := time.Now()
	operator, intruder := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	g.History().Breach(intruder, now.Add(-time.Minute).UnixNano())
	g.LoggedIn(operator, now)
	g.LoggedIn(intruder, now)
	for after, want := range map[time.Duration][2]Ruling{0: {Refused, AskFirst}, time.Second: {Refused, AskFirst}} {
		g.look(now.Add(after))
		for i, who := range []netip.Addr{operator, intruder} {
			if d := decide(g, who.String(), "", now.Add(after)); d.Ruling != want[i] {
				t.Errorf("%s after %s: %s (%s), want %s", who, after, d.Ruling, d.Why, want[i])
			}
		}
	}
	g.look(now.Add(loginFresh))
	if d := decide(g, operator.String(), "", now.Add(loginFresh)); d.Ruling != Allowed {
		t.Errorf("without a session: %s (%s)", d.Ruling, d.Why)
	}
}

func TestHeavyPartiesAreAskedAbout(t *testing.T) {
	g := NewGate(false, Rules{FlowShare: 0.25}, host, func(error) {})
	now := time.Now()
	for i := range 2000 {
		a := netip.MustParseAddr("198.51.100.1")
		if i%2 == 0 {
			a = netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i%40)})
		}
		g.History().Flow(a, now.UnixNano())
		g.History().Ended(a, now.UnixNano(), 1000, false)
	}
	if d := decide(g, "198.51.100.1", "", now); d.Ruling != AskFirst || d.Blast == nil || d.Blast.Flows != 1000 || d.Blast.Bytes != 1000000 {
		t.Errorf("half of all flows: %+v %+v", d, d.Blast)
	}
	if d := decide(g, "203.0.113.12", "", now); d.Ruling != Allowed {
		t.Errorf("a light party: %+v", d)
	}
	if d := decide(g, "203.0.113.0/24", "", now); d.Ruling != Refused { // an SSH session's peer is in it
		t.Errorf("all light parties: %+v", d)
	}
	if d := decide(g, "203.0.113.32/27", "", now); d.Ruling != Allowed || d.Blast.Parties == 0 {
		t.Errorf("some light parties: %+v %v", d, d.Blast)
	}
}

// TestAttacksAreNoLoss: flows with an alert don't protect the one who made them.
func TestAttacksAreNoLoss(t *testing.T) {
	h := NewHistory()
	a := netip.MustParseAddr("198.51.100.1")
	for range 100 {
		h.Flow(a, 1)
		h.Ended(a, 2, 1000, true)
	}
	if b := h.Blast(mustPrefix("198.51.100.1")); !b.Empty() {
		t.Errorf("%+v", b)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := NewHistory()
	h.max = 1000
	friend := netip.MustParseAddr("2001:db8:1::5")
	for range 50 {
		h.Flow(friend, 1)
	}
	h.Login(friend, 2, "anna")
	for i := range 50000 {
		h.Flow(netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)}), int64(i))
	}
	if n, _ := h.Known(); n != 1000 || h.Evicted() != 49001 {
		t.Errorf("%d parties, %d evicted", n, h.Evicted())
	}
	if b := h.Blast(mustPrefix("2001:db8:1::77")); b.Logins != 1 || b.Flows != 50 || b.Users[0] != "anna" {
		t.Errorf("who has most to lose was forgotten: %+v", b)
	}
}

func TestBudget(t *testing.T) {
	g := NewGate(false, Rules{PerMinute: 3}, host, func(error) {})
	now := time.Unix(1_700_000_000, 0)
	for i := range 4 {
		d := decide(g, fmt.Sprintf("198.51.100.%d", i), "", now)
		if want := map[bool]Ruling{true: Allowed, false: AskFirst}[i < 3]; d.Ruling != want {
			t.Fatalf("ban %d: %s %s, want %s", i, d.Ruling, d.Why, want)
		}
		if d.Ruling == Allowed {
			g.made(&d)
		}
	}
	if d := decide(g, "198.51.100.9", "anna", now); d.Ruling != Allowed {
		t.Errorf("approved past the budget: %s", d.Ruling)
	}
	if d := decide(g, "198.51.100.9", "", now.Add(time.Minute)); d.Ruling != Allowed {
		t.Errorf("in the next minute: %s %s", d.Ruling, d.Why)
	}
}

func TestClientShare(t *testing.T) {
	g := NewGate(false, Rules{ClientShare: 0.1}, host, func(error) {})
	now := time.Unix(1_700_000_000, 0)
	for i := range 40 {
		g.History().Flow(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), now.UnixNano())
	}
	var asked int
	for i := range 40 {
		d := decide(g, fmt.Sprintf("198.51.100.%d", i), "", now)
		if d.Ruling == AskFirst {
			asked++
			continue
		}
		g.made(&d)
	}
	if asked != 36 {
		t.Errorf("%d of 40 known clients were asked about, want 36: a tenth goes unasked", asked)
	}
	if d := decide(g, "203.0.113.77", "", now); d.Ruling != Allowed {
		t.Errorf("who is not known: %s %s", d.Ruling, d.Why)
	}
}

func TestNamesAreProtectedAndKept(t *testing.T) {
	g := NewGate(false, Rules{}, host, func(error) {})
	answers := []netip.Addr{netip.MustParseAddr("198.51.100.20")}
	g.names.lookup = func(context.Context, string) ([]netip.Addr, error) {
		if answers == nil {
			return nil, errors.New("no such host")
		}
		return answers, nil
	}
	g.SetRules(Rules{Names: []NamedParty{{"vpn.example.net", "on the allow list (vpn.example.net)"}}})
	g.names.refresh(context.Background())
	now := time.Now()
	if r := g.Check(mustPrefix("198.51.100.0/24"), now); r == nil || !strings.Contains(r.Why, "vpn.example.net") {
		t.Errorf("a name's address: %v", r)
	}
	answers = nil
	g.names.refresh(context.Background())
	if g.Check(mustPrefix("198.51.100.20"), now) == nil {
		t.Error("a failed look-up has ended the protection")
	}
	answers = []netip.Addr{netip.MustParseAddr("198.51.100.21")}
	g.names.refresh(context.Background())
	if g.Check(mustPrefix("198.51.100.20"), now) != nil || g.Check(mustPrefix("198.51.100.21"), now) == nil {
		t.Error("the name has moved, its protection has not")
	}
	g.SetRules(Rules{})
	if g.Check(mustPrefix("198.51.100.21"), now) != nil {
		t.Error("a name that is not listed any more is protected")
	}
}

// TestIntrudersSessionIsAskedAbout: whoever is logged in is protected, unless failures came from there before; then an
// operator decides, and no configuration in his place.
func TestIntrudersSessionIsAskedAbout(t *testing.T) {
	g := NewGate(false, Rules{}, host, func(error) {})
	now, peer := time.Now(), "203.0.113.9"
	if d := decide(g, peer, "anna", now); d.Ruling != Refused {
		t.Errorf("an operator's session: %s", d.Ruling)
	}
	g.History().Breach(netip.MustParseAddr(peer), now.UnixNano())
	if d := g.Decide(&Request{Prefix: mustPrefix(peer), Private: true}, now); d.Ruling != AskFirst || !strings.Contains(d.Why, "logged in") {
		t.Errorf("a session after failures: %s %s", d.Ruling, d.Why)
	}
	if d := decide(g, peer, "anna", now); d.Ruling != Allowed || g.Check(mustPrefix(peer), now) != nil {
		t.Errorf("approved: %s %s", d.Ruling, d.Why)
	}
	if d := decide(g, peer, "anna", now.Add(suspectFor)); d.Ruling != Refused {
		t.Errorf("a day later: %s", d.Ruling)
	}
}

func TestWhatIsASession(t *testing.T) {
	for title, want := range map[string]bool{
		"sshd: anna@pts/0": true, "sshd: anna@notty": true, "sshd: anna": true, "sshd-session: anna@pts": true,
		"sshd: anna [priv]": false, "sshd: unknown [net]": false, "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups": false,
		"sshd": false, "bash": false, "sshd: ": false, "sshd: root@pts/3": true,
	} {
		if got := isSession(title); got != want {
			t.Errorf("%q: %t", title, got)
		}
	}
	peer, ok := sshConnection([]byte("A=1\x00SSH_CONNECTION=198.51.100.7 50022 192.0.2.1 22\x00B=2"))
	if !ok || peer.String() != "198.51.100.7:50022" {
		t.Errorf("%s %t", peer, ok)
	}
}

func TestTimeServersOf(t *testing.T) {
	for line, want := range map[string]string{
		"pool 2.debian.pool.ntp.org iburst": "2.debian.pool.ntp.org", "server 192.0.2.123 key 4": "192.0.2.123",
		"NTP=a.example b.example": "a.example b.example", "#server x": "", "driftfile /var/lib/x": "", "": "",
	} {
		if got := strings.Join(timeServersOf(line), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestProcessesThatAreNeverTouched(t *testing.T) {
	g := NewGate(false, Rules{Processes: []string{"sleep"}}, host, func(error) {})
	for pid, why := range map[int]string{
		0: "no process", -1: "no process", 1: "PID 1", 2: "kernel thread", os.Getpid(): "picket itself", os.Getppid(): "ancestor",
	} {
		if d := g.DecideProcess(pid, "test", ""); pid != 2 && (d.Ruling != Refused || !strings.Contains(d.Why, why)) {
			t.Errorf("pid %d: %s %q, want %q", pid, d.Ruling, d.Why, why)
		}
	}
	listed, free := exec.Command("sleep", "60"), exec.Command("tail", "-f", "/dev/null")
	for _, c := range []*exec.Cmd{listed, free} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Wait()
		defer c.Process.Kill()
	}
	if d := g.DecideProcess(listed.Process.Pid, "test", ""); d.Ruling != Refused {
		t.Errorf("a listed process: %+v", d)
	}
	if d := g.DecideProcess(free.Process.Pid, "test", ""); d.Ruling != Allowed {
		t.Errorf("any other process: %+v", d)
	}
}

func TestDecisionsAreKept(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDecisions(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		d.Add(Decision{Time: time.Unix(int64(i), 0).UTC(), Prefix: mustPrefix(fmt.Sprintf("198.51.100.%d", i)), Ruling: AskFirst, Why: "because"})
	}
	d.Close()
	if err := os.WriteFile(d.old(), []byte("{damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err = OpenDecisions(dir); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	list := d.About(mustPrefix("198.51.100.16/30"), 2)
	if len(list) != 2 || list[0].Prefix != mustPrefix("198.51.100.19") || list[1].Ruling != AskFirst || list[1].Why != "because" {
		t.Errorf("%+v", list)
	}
}

func TestDecisionsTurnOver(t *testing.T) {
	d, err := OpenDecisions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.size = decisionsBytes
	d.Add(Decision{Prefix: mustPrefix("198.51.100.1")})
	if _, err := os.Stat(d.old()); err != nil || d.size > 1000 || d.Failed() != 0 {
		t.Errorf("%v, size %d, failed %d", err, d.size, d.Failed())
	}
}

// TestAskReachesTheAsker: the responder makes no ban that the gate asks about, and says that approval would do.
func TestAskReachesTheAsker(t *testing.T) {
	k := newKernel()
	r := running(t, t.TempDir(), k, NewGate(false, Rules{Private: AskFirst}, host, func(error) {}))
	_, err := r.Ban(context.Background(), Request{Prefix: mustPrefix("10.9.8.7"), For: time.Hour, By: "rule"})
	var refused *Refusal
	if !errors.As(err, &refused) || !refused.Ask || k.holds("10.9.8.7") {
		t.Errorf("unapproved: %v", err)
	}
	if _, err := r.Ban(context.Background(), Request{Prefix: mustPrefix("10.9.8.7"), For: time.Hour, By: "rule", Approved: "anna"}); err != nil || !k.holds("10.9.8.7") {
		t.Errorf("approved: %v", err)
	}
}

// TestRefusedRangeIsNotApproved: where private ranges are refused nobody can approve, not even past another question.
func TestRefusedRangeIsNotApproved(t *testing.T) {
	now, p := time.Now(), mustPrefix("10.0.0.9")
	gate := NewGate(false, Rules{Private: Refused}, func() ([]Protected, error) {
		return []Protected{{Prefix: p, Why: "the peer of a live SSH session", Session: true}}, nil
	}, func(error) {})
	gate.History().Breach(p.Addr(), now.UnixNano())
	if d := gate.Decide(&Request{Prefix: p, Approved: "an operator"}, now); d.Ruling != Refused {
		t.Errorf("%+v", d)
	}
}
