package shell

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/rules"
)

func ticket(id string) rules.Ticket {
	p := netip.MustParseAddr(id)
	return rules.Ticket{ID: id, Prefix: netip.PrefixFrom(p, p.BitLen()), Since: time.Unix(1000, 0), Seconds: 60, Count: 2, Failures: 5}
}

// working is a runner of one action whose commands write into a file; the texts may say OUT for it.
func working(t *testing.T, options map[string]string) (r *Runner, out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "out")
	a := rules.Action{Name: "test"}
	for name, text := range options {
		a.Set(name, strings.ReplaceAll(text, "OUT", out))
	}
	r = New("sshd", []rules.Action{a})
	r.Allowed = func(netip.Prefix) error { return nil }
	r.Tell = func(level, text string) { t.Log(level, text) }
	return r, out
}

// finished stops the runner when it has done all that waits, and returns what was written.
func finished(t *testing.T, r *Runner, out string) string {
	t.Helper()
	for r.waits() {
		time.Sleep(time.Millisecond)
	}
	<-r.Stop()
	text, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func (r *Runner) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue) > 0
}

func TestOrderOfCommands(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionstart": "echo start <where> >> OUT", "actionstop": "echo stop >> OUT", "where": "<deep>", "deep": "here",
		"actionban":   "echo ban <ip> <family> <bantime> <failures> <bancount> <restored> <time> <ip-rev> >> OUT",
		"actionunban": "echo unban <ip> >> OUT",
	})
	r.Start(nil)
	r.Ban(ticket("192.0.2.1"))
	r.Unban(ticket("192.0.2.1"))
	r.Unban(ticket("192.0.2.99")) // nothing was done for it
	r.Ban(ticket("2001:db8::1"))
	want := "start here\nban 192.0.2.1 inet4 60 5 2 0 1000 1.2.0.192.\nunban 192.0.2.1\n"
	if got := finished(t, r, out); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "stop\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestFamilies: an action with options for a family is started for each at its first ban, with that family's options.
func TestFamilies(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionstart": "echo start <tool> >> OUT", "actionban": "echo <tool> <ip> >> OUT", "actionflush": "echo flush <tool> >> OUT",
		"tool": "four", "tool?family=inet6": "six", "actionunban": "echo never >> OUT",
	})
	r.Start(nil)
	r.Ban(ticket("2001:db8::1"))
	r.Ban(ticket("2001:db8::2"))
	if got, want := finished(t, r, out), "start six\nsix 2001:db8::1\nsix 2001:db8::2\nflush six\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestHostileText: what a peer writes is data to the shell and never a tag.
func TestHostileText(t *testing.T) {
	dir := t.TempDir()
	for i, hostile := range []string{
		"`touch " + dir + "/pwned`", "$(touch " + dir + "/pwned)", "\"; touch " + dir + "/pwned; \"", "x\ntouch " + dir + "/pwned", "<actionban>", "<ip>",
		"';touch " + dir + "/pwned;'", "\\\"$(touch " + dir + "/pwned)", "$f2bV_matches", "a\x00b",
	} {
		r, out := working(t, map[string]string{"actionban": `printf %%s "<matches> <F-USER>" > OUT`})
		ban := ticket("192.0.2.1")
		ban.Matches, ban.Fields = []string{hostile}, map[string]string{"user": hostile}
		r.Start(nil)
		r.Ban(ban)
		clean := strings.ReplaceAll(hostile, "\x00", "")
		if got := finished(t, r, out); !strings.Contains(got, clean) && got != "%s" {
			t.Errorf("%d: %q came out as %q", i, hostile, got)
		}
		if _, err := os.Stat(dir + "/pwned"); err == nil {
			t.Fatalf("%q was run", hostile)
		}
	}
}

// TestGateStandsBeforeEverything: in observe mode nothing is run, neither at the start nor at the end.
func TestGateStandsBeforeEverything(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionstart": "echo start >> OUT", "actionban": "echo ban >> OUT", "actionunban": "echo unban >> OUT", "actionstop": "echo stop >> OUT",
	})
	r.Allowed = func(netip.Prefix) error { return errors.New("observe mode") }
	r.Start(nil)
	r.Ban(ticket("192.0.2.1"))
	r.Unban(ticket("192.0.2.1"))
	if got := finished(t, r, out); got != "" {
		t.Errorf("run in observe mode:\n%s", got)
	}
}

// TestRepair: a ban that fails because the environment is gone is made after that was made anew.
func TestRepair(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionstart": "touch OUT.there; echo start >> OUT", "actioncheck": "test -e OUT.there", "actionstop": "rm -f OUT.there",
		"actionban": "test -e OUT.there && { echo ban <ip> >> OUT; rm OUT.there; }",
	})
	r.Start(nil)
	r.Ban(ticket("192.0.2.1"))
	r.Ban(ticket("192.0.2.2"))
	if got, want := finished(t, r, out), "start\nban 192.0.2.1\nstart\nban 192.0.2.2\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestProlong: those actions that want to know hear that a ban lasts longer, with its new length.
func TestProlong(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionban": "echo ban <bantime> >> OUT", "actionprolong": "echo prolong <ip> <bantime> >> OUT", "actionunban": "echo unban >> OUT",
	})
	r.Start(nil)
	longer := ticket("192.0.2.1")
	r.Prolong(longer) // nothing was done for it
	r.Ban(longer)
	longer.Seconds = 600
	r.Prolong(longer)
	if got, want := finished(t, r, out), "ban 60\nprolong 192.0.2.1 600\nunban\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestReban: when somebody fails whose ban stands, the environment is looked at; where it was gone, all who fail again
// are banned again.
func TestReban(t *testing.T) {
	r, out := working(t, map[string]string{
		"actionstart": "touch OUT.there; echo start >> OUT", "actioncheck": "test -e OUT.there", "actionstop": "rm -f OUT.there",
		"actionban": "echo ban <ip> >> OUT; rm OUT.there", "actionreban": "echo reban <ip> >> OUT",
	})
	r.Start(nil)
	r.Ban(ticket("192.0.2.1"))
	r.Check(ticket("192.0.2.1"))
	r.Check(ticket("192.0.2.1")) // too soon to look again, and banned already
	r.Check(ticket("192.0.2.9")) // was never banned
	if got, want := finished(t, r, out), "start\nban 192.0.2.1\nstart\nreban 192.0.2.1\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMergedTags: bans of the past, as fail2ban's database merges them, and what a ticket alone says without them.
func TestMergedTags(t *testing.T) {
	r, out := working(t, map[string]string{"actionban": "echo <ipfailures> <ipjailfailures> \"<ipmatches>\" \"<ipjailmatches>\" \"<F-MISSING>\"x >> OUT"})
	r.Start(nil)
	one := ticket("192.0.2.1")
	one.Matches = []string{"now"}
	r.Ban(one)
	one.ID = "192.0.2.2"
	one.Merged, one.JailMerged = &rules.MergedBans{Failures: 9, Matches: []string{"old", "now"}}, &rules.MergedBans{Failures: 7, Matches: []string{"here"}}
	r.Ban(one)
	if got, want := finished(t, r, out), "5 5 now now x\n9 7 old\nnow here x\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTimeout(t *testing.T) {
	begun := time.Now()
	err := execute(command{text: "sleep 60 & sleep 60"}, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "timed out") {
		t.Error(err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the children were waited for: %s", took)
	}
	if err := execute(command{text: "echo no >&2; exit 3"}, time.Minute); err == nil || err.Error() != "returned 3: no" {
		t.Error(err)
	}
}

func TestNoRestored(t *testing.T) {
	r, out := working(t, map[string]string{"norestored": "1", "actionban": "echo ban <ip> >> OUT"})
	r.Start(nil)
	old := ticket("192.0.2.1")
	old.Restored = true
	r.Ban(old)
	r.Ban(ticket("192.0.2.2"))
	if got := finished(t, r, out); got != "ban 192.0.2.2\n" {
		t.Error(got)
	}
}

// TestTagsWithinTags ends.
func TestTagsWithinTags(t *testing.T) {
	a := newAction("x", &rules.Action{Name: "x", Options: []rules.Option{{Name: "actionban", Text: "<a>"}, {Name: "a", Text: "<b><b>"}, {Name: "b", Text: "<a>"}}})
	if _, err := a.compose("actionban", "", func(string) (string, bool) { return "", false }); err == nil {
		t.Error("endless tags are composed")
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("echo <ip> <matches>", "$(id)")
	f.Add("<F-USER>", "a'b\"c")
	f.Fuzz(func(t *testing.T, text, hostile string) {
		a := newAction("x", &rules.Action{Name: "x", Options: []rules.Option{{Name: "actionban", Text: text}}})
		ban := ticket("192.0.2.1")
		ban.Matches, ban.Fields = []string{hostile}, map[string]string{"user": hostile}
		c, err := a.compose("actionban", family4, (&Runner{}).values(&ban))
		if err != nil {
			return
		}
		if special.MatchString(hostile) && !strings.Contains(text, hostile) && len(hostile) > 3 && strings.Contains(c.text, hostile) && !strings.Contains(fmt.Sprint(ban), text) {
			t.Errorf("%q is in the command %q", hostile, c.text)
		}
	})
}

// TestStartsAndStops: starts and stops know their family and the host, bans are undone before anything stops, the last action
// stops first, and what is the same for both families runs once. As fail2ban 1.0.2 was seen to do it.
func TestStartsAndStops(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	action := func(name string, options map[string]string) rules.Action {
		a := rules.Action{Name: name}
		for option, text := range options {
			a.Set(option, "echo "+name+" "+text+" >> "+out)
		}
		a.Set("x?family=inet6", "six")
		return a
	}
	r := New("sshd", []rules.Action{
		action("every", map[string]string{"actionstart": "start <family> <fq-hostname>", "actionflush": "flush", "actionstop": "stop <fq-hostname>", "actionban": "ban <ip>"}),
		action("demand", map[string]string{"actionstart": "start <family>", "actionstop": "stop <family>", "actionunban": "unban <ip>"}),
	})
	r.Allowed = func(netip.Prefix) error { return nil }
	r.Lookup = func(string, netip.Addr) string { return "host.example" }
	r.Start(nil)
	r.Ban(ticket("192.0.2.1"))
	r.Ban(ticket("2001:db8::1"))
	r.Unban(ticket("192.0.2.1"))
	want := `every start inet4 host.example
every ban 192.0.2.1
demand start inet4
every start inet6 host.example
every ban 2001:db8::1
demand start inet6
demand unban 192.0.2.1
every flush
demand unban 2001:db8::1
demand stop inet4
demand stop inet6
every stop host.example
`
	if diff := cmp.Diff(want, finished(t, r, out)); diff != "" {
		t.Error(diff)
	}
}
