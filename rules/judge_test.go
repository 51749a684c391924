package rules

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"picket/rules/dates"
	"picket/rules/fail2ban"
)

const kit = "../../shared/kits/fail2ban/"

// kitCase is one line of cases.jsonl.
type kitCase struct {
	Group, Filter, Config, Log, Input string
	Options                           map[string]string
	Line                              int
	Match                             bool
	Expect                            struct {
		Host     string
		Time     float64
		User     *string
		Attempts int
	}
}

// TestKit judges all open samples of fail2ban, each group with one judge as fail2ban does.
func TestKit(t *testing.T) {
	file, err := os.Open(kit + "cases.jsonl")
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	defer file.Close()
	groups := map[string][]kitCase{}
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var c kitCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		groups[c.Group] = append(groups[c.Group], c)
	}
	for name, cases := range groups {
		t.Run(name, func(t *testing.T) { judgeGroup(t, cases) })
	}
}

func judgeGroup(t *testing.T, cases []kitCase) {
	first := cases[0]
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Skip("no time zone data: ", err)
	}
	clock := dates.Clock{Now: time.Unix(1124013600, 0), Zone: zone}
	read, _, err := fail2ban.ReadFilter(kit+first.Config, first.Filter, first.Options, first.Input == "journal")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile(Definition{
		Name: read.Name, UseDNS: read.UseDNS, PrefRegex: read.PrefRegex, FailRegex: read.FailRegex,
		IgnoreRegex: read.IgnoreRegex, MaxLines: read.MaxLines, DatePattern: read.DatePattern,
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(kit + first.Log)
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(f, clock)
	found := map[int]Failure{}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		judge := j.Line
		if first.Input == "journal" {
			judge = func(l []byte) (Failure, Outcome, bool) { return j.At(l, clock.Now.UnixNano()) }
		}
		if failure, _, ok := judge([]byte(line)); ok {
			found[i+1] = failure
		}
	}
	for _, c := range cases {
		got, ok := found[c.Line]
		if problem := compareCase(c, got, ok); problem != "" {
			t.Errorf("line %d: %s", c.Line, problem)
		}
	}
}

func compareCase(c kitCase, got Failure, ok bool) string {
	want := c.Expect
	switch {
	case ok != c.Match:
		return fmt.Sprintf("failure %v, want %v", ok, c.Match)
	case !ok:
	case want.Host != "" && want.Host != got.Host && parseAddr(want.Host) != got.Addr:
		return fmt.Sprintf("host %q, want %q", got.Host, want.Host)
	case want.Time != 0 && int64(want.Time) != got.Nanos/1e9:
		return fmt.Sprintf("time %d, want %v", got.Nanos/1e9, want.Time)
	case want.User != nil && *want.User != got.Fields.Get("user"):
		return fmt.Sprintf("user %q, want %q", got.Fields.Get("user"), *want.User)
	case want.Attempts != 0 && want.Attempts != got.Attempts:
		return fmt.Sprintf("attempts %d, want %d", got.Attempts, want.Attempts)
	}
	return ""
}

func judge(t testing.TB, d Definition) *Judge {
	t.Helper()
	f, err := Compile(d, time.Unix(1763000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return NewJudge(f, dates.Clock{Now: time.Unix(1763000000, 0), Zone: time.UTC})
}

// TestInjection: a user name that contains an address, or the rest of the message, bans nobody but the client. One
// hole is fail2ban's own and kept: a user "x from 1.2.3.4 port 22 ssh2: y" bans 1.2.3.4, since its sshd filter takes the
// "ssh2: " for the end of the name.
func TestInjection(t *testing.T) {
	f := kitFilter(t, "sshd", nil)
	j := NewJudge(f, dates.Clock{Now: time.Now(), Zone: time.UTC})
	for _, user := range []string{
		"1.2.3.4", "from 1.2.3.4", "root from 1.2.3.4 port 22 ssh2",
		"x port 1 ssh2", "::1", "a' from 1.2.3.4", "invalid user x from 1.2.3.4",
	} {
		for _, form := range []string{"Failed password for invalid user %s from 192.0.2.9 port 1000 ssh2", "Invalid user %s from 192.0.2.9 port 1000"} {
			line := fmt.Sprintf("Nov 19 00:00:00 srv sshd[1]: "+form, user)
			if got, _, ok := j.Line([]byte(line)); ok && got.ID != "192.0.2.9" {
				t.Errorf("%q bans %s", line, got.ID)
			}
		}
	}
}

func TestIgnoreAndOutcomes(t *testing.T) {
	j := judge(t, Definition{Name: "x", FailRegex: []string{`^ bad <F-USER>\S+</F-USER> from <HOST>$`}, IgnoreRegex: []string{"from 192\\.0\\.2\\."}})
	for _, c := range []struct {
		line string
		want Outcome
		id   string
	}{
		{"Nov 12 00:00:00 bad joe from 2001:DB8::1", Matched, "2001:db8::1"},
		{"Nov 12 00:00:00 bad joe from ::ffff:203.0.113.1", Matched, "203.0.113.1"},
		{"Nov 12 00:00:00 bad joe from 192.0.2.1", Ignored, ""},
		{"Nov 12 00:00:00 good joe from 203.0.113.1", Missed, ""},
		{"", Missed, ""},
	} {
		got, o, ok := j.Line([]byte(c.line))
		if o != c.want || got.ID != c.id || ok != (c.id != "") {
			t.Errorf("%q is %v of %q, want %v of %q", c.line, o, got.ID, c.want, c.id)
		}
	}
}

func TestCompileFaults(t *testing.T) {
	_, err := Compile(Definition{Name: "x", FailRegex: []string{"(", "no host", "ok <HOST>"}, IgnoreRegex: []string{"["}, DatePattern: "%Q"}, time.Now())
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"failregex 1", "failregex 2: no group", "ignoreregex 1", "date pattern"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// TestBounds: endless lines, endless connections and slow expressions stay within their bounds and are counted.
func TestBounds(t *testing.T) {
	j := judge(t, Definition{Name: "x", FailRegex: []string{`^ <F-MLFID>\d+</F-MLFID> <F-NOFAIL>hello</F-NOFAIL> <HOST>`, `(?:a+)+b<HOST>`}})
	j.Line([]byte("Nov 12 00:00:00 " + strings.Repeat("x", 2*MaxLine)))
	for i := range 1000 {
		j.Line(fmt.Appendf(nil, "Nov 12 00:00:00 %d hello 192.0.2.1", i))
	}
	j.Line([]byte("Nov 12 00:00:00 b" + strings.Repeat("a", 30_000)))
	if c := j.Count; c.Cut != 1 || c.Sessions != 900 || len(j.sessions.of) != maxSessions || c.Limits == 0 {
		t.Errorf("cut %d, sessions forgotten %d of %d, limits %d", c.Cut, c.Sessions, len(j.sessions.of), c.Limits)
	}
}

func TestMissesDoNotAllocate(t *testing.T) {
	j := NewJudge(kitFilter(t, "sshd", nil), dates.Clock{Now: time.Now(), Zone: time.UTC})
	line := []byte("Nov 19 00:00:00 srv systemd[1]: Started Session 1 of user deploy.")
	j.Line(line)
	if n := testing.AllocsPerRun(100, func() { j.Line(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzJudge judges hostile lines with stock-like filters: with prefix and connections, and over several lines.
func FuzzJudge(f *testing.F) {
	one := Definition{Name: "one", PrefRegex: `^<F-MLFID>\s*\S+ sshd\[\d+\]:\s</F-MLFID><F-CONTENT>.+</F-CONTENT>$`, FailRegex: []string{
		`^Failed (?:<F-NOFAIL>publickey</F-NOFAIL>|\S+) for (?P<cond_inv>invalid user )?<F-USER>(?P<cond_user>\S+)|(?(cond_inv)(?:(?! from ).)*?|[^:]+)</F-USER> from <HOST>(?: port \d+)?(?: ssh\d*)?(?(cond_user): |(?:(?:(?! from ).)*)$)`,
		`^<F-MLFFORGET><F-MLFGAINED>Accepted \w+</F-MLFGAINED></F-MLFFORGET> for <F-USER>\S+</F-USER> from <HOST>`,
		`^<F-NOFAIL>Connection from</F-NOFAIL> <HOST>`, `^Too many`, `^id <F-ID>\S+</F-ID>`,
	}, IgnoreRegex: []string{"ignore"}}
	many := Definition{Name: "many", MaxLines: 3, FailRegex: []string{`^ a (?P<__id>\d+)<SKIPLINES> b (?P=__id) <HOST>$`}}
	f.Add("Nov 19 00:00:00 srv sshd[1]: Failed password for root from 1.2.3.4 port 1 ssh2\nsrv sshd[1]: Too many\n a 1\nx\n b 1 ::1")
	f.Add("Nov 19 00:00:00 srv sshd[1]: Connection from ::1\nNov 19 00:00:00 srv sshd[1]: Accepted x for y from ::1")
	f.Fuzz(func(t *testing.T, log string) {
		for _, d := range []Definition{one, many} {
			j := judge(t, d)
			for _, line := range strings.Split(log, "\n") {
				got, _, ok := j.Line([]byte(line))
				if ok && (got.ID == "" && got.Host == "" && got.Fields.Get("fid") == "" && !hasField(got, "fid")) {
					t.Fatalf("failure of nobody in %q", line)
				}
				if len(j.buffer) > 3 || len(j.sessions.of) > maxSessions {
					t.Fatal("a bound is broken")
				}
			}
		}
	})
}

func hasField(f Failure, name string) bool {
	_, ok := f.Fields.Lookup(name)
	return ok
}

// TestOutsideASCII holds what fail2ban (Python 3.11) says of lines that are not ASCII.
func TestOutsideASCII(t *testing.T) {
	for _, c := range []struct {
		failregex, line, host, user string // no host: no failure
	}{
		{`^user <F-USER>\w+</F-USER> from <HOST>$`, "user jörg from 192.0.2.1", "192.0.2.1", "jörg"},
		{`^user <F-USER>\w+</F-USER> from <HOST>$`, "user j\xf6rg from 192.0.2.1", "", ""}, // U+FFFD is no word
		{`^user <F-USER>\S+</F-USER>\s+from <HOST>$`, "user x\u00a0\u2003from 192.0.2.1", "192.0.2.1", "x"},
		{`(?i)session of <HOST> is bad`, "ſeſſıon of 192.0.2.1 is bad", "192.0.2.1", ""},
		{`^échec de <HOST>$`, "échec de 192.0.2.1", "192.0.2.1", ""},
		{`^(?i)échec? de <HOST>$`, "ÉCHE de 192.0.2.1", "192.0.2.1", ""},
		{`from <HOST> port \d+$`, "from exämple.de port ٣٤", "exämple.de", ""},
		{`^<F-CONTENT>.{4}</F-CONTENT> <HOST>$`, "日本語! 192.0.2.1", "192.0.2.1", ""},
	} {
		f, err := Compile(Definition{Name: "x", FailRegex: []string{c.failregex}}, time.Unix(1124013600, 0))
		if err != nil {
			t.Error(err)
			continue
		}
		got, _, _ := NewJudge(f, dates.Clock{Now: time.Unix(1124013600, 0)}).Line([]byte(c.line))
		if got.Host != c.host || got.Fields.Get("user") != c.user {
			t.Errorf("%s in %q: host %q, user %q, want %q and %q", c.failregex, c.line, got.Host, got.Fields.Get("user"), c.host, c.user)
		}
	}
}

// TestNoDateAtStart: what a log without dates holds when it is first read may be years old, and counts only from then on.
func TestNoDateAtStart(t *testing.T) {
	for _, c := range []struct {
		phase         Phase
		pattern, line string
		want          bool
	}{
		{Starting, "", "bad 192.0.2.1", false},
		{Starting, "", "2005-02-30 10:00:00 bad 192.0.2.1", false},
		{Starting, "{NONE}", "bad 192.0.2.1", true}, // dates are not looked for
		{Starting, "", "2005-08-14 10:00:00+00:00 bad 192.0.2.1", true},
		{Live, "", "bad 192.0.2.1", true},
	} {
		f, err := Compile(Definition{Name: "x", FailRegex: []string{`bad <HOST>$`}, DatePattern: c.pattern}, time.Unix(1124013600, 0))
		if err != nil {
			t.Fatal(err)
		}
		j := NewJudge(f, dates.Clock{Now: time.Unix(1124013600, 0), Zone: time.UTC})
		j.SetPhase(c.phase, 600)
		if _, _, ok := j.Line([]byte(c.line)); ok != c.want {
			t.Errorf("%q with %q in phase %d: %v", c.line, c.pattern, c.phase, ok)
		}
	}
}
