package policy

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
)

// doer is a measure that policies may name.
type doer struct {
	measure.Doer
	able error
}

func (d doer) Able() error { return d.able }

var doers = measure.Doers{"ban": measure.Ban{}, "notify": doer{}, "kill": doer{}, "hold": doer{}}

// clock is a time that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

// monday is Monday, 23 November 2026, noon UTC.
var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// tree is a World of one process tree and one container.
type tree struct{}

func (tree) Ancestors(p *incidents.Process) []string {
	if p.PID != 4711 {
		return nil
	}
	return []string{"sh", "nginx", "systemd"}
}

func (tree) Labels(id string) map[string]string {
	if id != "c0ffee" {
		return nil
	}
	return map[string]string{"app": "shop"}
}

func compile(t testing.TB, c *clock, m *Memory, list ...Policy) *Set {
	t.Helper()
	set, faults := Compile([]Source{{Config: &Config{
		Zones: map[string][]string{"dmz": {"192.0.2.0/24", "2001:db8:1::/48"}}, List: list,
		Templates: map[string]Template{"contain": {Default: []Measure{{Do: "kill"}}}, "elsewhere": {Hosts: []string{"db*"}, Default: []Measure{{Do: "kill"}}}},
	}}}, Options{Doers: doers, Host: "web1", Memory: m, World: tree{}, Now: c.now})
	if len(faults) > 0 {
		t.Fatalf("faults: %+v", faults)
	}
	return set
}

// sample is a finding that says something about everything.
func sample() *incidents.Finding {
	return &incidents.Finding{
		Time: monday, Kind: incidents.Alert, Severity: incidents.High, Confidence: 60, Stage: incidents.Access,
		Rule:     incidents.Rule{ID: "1:2019401", Name: "ET SCAN test", Class: "attempted-recon", Metadata: map[string]string{"tag": "Scan"}},
		Attacker: incidents.Endpoint{Addr: netip.MustParseAddr("203.0.113.7"), Port: 40000},
		Victim:   incidents.Endpoint{Addr: netip.MustParseAddr("192.0.2.80"), Port: 443},
		Proto:    "tcp", App: "http", Host: "web1", User: "alice", File: "/etc/passwd", Jail: "sshd",
		Process: &incidents.Process{PID: 4711, Exe: "/bin/dash", Name: "sh", User: "www-data", Command: "sh -c id", Container: "c0ffee"},
		Tags:    []string{"mitre:T1595", "scan"},
	}
}

func event(f *incidents.Finding) *incidents.Event {
	return &incidents.Event{Kind: incidents.Grew, Finding: f, Incident: incidents.Incident{ID: 5, Severity: incidents.Medium, Findings: 7, Stages: []incidents.Stage{incidents.Recon, incidents.Access}}}
}

func TestSelectors(t *testing.T) {
	for name, c := range map[string]struct {
		match Match
		want  bool
	}{
		"nothing is asked":                {Match{}, true},
		"kind":                            {Match{Kind: []string{"alert"}}, true},
		"another kind":                    {Match{Kind: []string{"breach", "login"}}, false},
		"source address":                  {Match{Source: []string{"203.0.113.7"}}, true},
		"source prefix":                   {Match{Source: []string{"198.51.100.0/24", "203.0.113.0/24"}}, true},
		"source excluded":                 {Match{Source: []string{"!203.0.113.0/24"}}, false},
		"another source excluded":         {Match{Source: []string{"!198.51.100.0/24"}}, true},
		"in, but for one":                 {Match{Source: []string{"203.0.113.0/24", "!203.0.113.7"}}, false},
		"destination zone":                {Match{Destination: []string{"dmz"}}, true},
		"not into the zone":               {Match{Destination: []string{"!dmz"}}, false},
		"source zone":                     {Match{Source: []string{"dmz"}}, false},
		"port":                            {Match{Port: []string{"22", "440-450"}}, true},
		"another port":                    {Match{Port: []string{"22"}}, false},
		"proto and app":                   {Match{Proto: []string{"tcp"}, App: []string{"http*"}}, true},
		"app, but not proto":              {Match{Proto: []string{"udp"}, App: []string{"http"}}, false},
		"user":                            {Match{User: []string{"al?ce"}}, true},
		"user excluded":                   {Match{User: []string{"!alice"}}, false},
		"host":                            {Match{Host: []string{"web*"}}, true},
		"file":                            {Match{File: []string{"/etc/*"}}, true},
		"process exe":                     {Match{Process: ProcessMatch{Exe: []string{"/bin/*"}}}, true},
		"process name and user":           {Match{Process: ProcessMatch{Name: []string{"sh"}, User: []string{"www-data"}}}, true},
		"process command":                 {Match{Process: ProcessMatch{Command: []string{"*curl*"}}}, false},
		"process tree":                    {Match{Process: ProcessMatch{Tree: []string{"nginx"}}}, true},
		"not below nginx":                 {Match{Process: ProcessMatch{Tree: []string{"!nginx"}}}, false},
		"container":                       {Match{Container: []string{"c0ff*"}}, true},
		"labels":                          {Match{Labels: map[string]string{"app": "sh*"}}, true},
		"a label that it lacks":           {Match{Labels: map[string]string{"tier": "*"}}, false},
		"sid":                             {Match{SID: []string{"2019401"}}, true},
		"sid with generator":              {Match{SID: []string{"1:2019401"}}, true},
		"sid of another generator":        {Match{SID: []string{"3:2019401"}}, false},
		"sid range":                       {Match{SID: []string{"1-5", "2000000-2999999"}}, true},
		"classtype":                       {Match{Classtype: []string{"attempted-*"}}, true},
		"metadata":                        {Match{Metadata: map[string]string{"tag": "Scan"}}, true},
		"severity":                        {Match{Severity: incidents.High}, true},
		"worse than it is":                {Match{Severity: incidents.Critical}, false},
		"confidence":                      {Match{Confidence: 90}, false},
		"stage":                           {Match{Stage: incidents.Recon}, true},
		"a later stage":                   {Match{Stage: incidents.Command}, false},
		"rule by its name":                {Match{Rule: []string{"ET SCAN*"}}, true},
		"jail":                            {Match{Jail: []string{"sshd"}}, true},
		"tags":                            {Match{Tags: []string{"mitre:T15*"}}, true},
		"a tag that must not be":          {Match{Tags: []string{"!scan"}}, false},
		"case severity":                   {Match{Case: CaseMatch{Severity: incidents.High}}, false},
		"case findings and stages":        {Match{Case: CaseMatch{Findings: 7, Stages: 2}}, true},
		"all of it agrees":                {Match{Source: []string{"!dmz"}, Destination: []string{"dmz"}, SID: []string{"2019401"}, User: []string{"alice"}}, true},
		"all but one":                     {Match{Source: []string{"!dmz"}, Destination: []string{"dmz"}, SID: []string{"2019401"}, User: []string{"bob"}}, false},
		"excluded users without any user": {Match{File: []string{"!/tmp/*"}}, true},
	} {
		set := compile(t, &clock{monday}, NewMemory(), Policy{Name: "p", Match: c.match, Default: []Measure{{Do: "notify"}}})
		report := set.Explain(sample(), &event(nil).Incident)[0]
		if got := len(set.Propose(event(sample()))) == 1; got != c.want || report.Matches != c.want {
			t.Errorf("%s: proposed %v, explained %v, want %v: %+v", name, got, report.Matches, c.want, report.Checks)
		}
		bare := &incidents.Finding{Kind: incidents.Login}
		set.Propose(&incidents.Event{Finding: bare}) // a finding that says nothing breaks no selector
		set.Explain(bare, nil)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abbcd", false}, {"?", "", false}, {"a?c", "abc", true},
		{"*a*b*", "xxaxxb", true}, {"**", "x", true}, {"a*a*a*a*a*b", strings.Repeat("a", 1000), false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

// bans collects what a set orders at once.
func bans(s *Set, f *incidents.Finding) (list []actions.Request) {
	s.Bans(f, func(q actions.Request) { list = append(list, q) })
	return list
}

// TestLadder: a party that comes back after its ban stays out longer each time, and begins anew when it was quiet.
func TestLadder(t *testing.T) {
	c := &clock{monday}
	const day = 24 * time.Hour
	set := compile(t, c, NewMemory(), Policy{Name: "p", Default: []Measure{
		{Do: "ban", Ladder: []Span{Span(10 * time.Minute), Span(time.Hour), Span(day), Span(7 * day)}, Forget: Span(30 * day)},
	}})
	for i, step := range []struct {
		pass time.Duration
		want time.Duration // 0: nothing is ordered
	}{
		{0, 10 * time.Minute},
		{time.Minute, 0},                    // it stands
		{5 * time.Minute, 10 * time.Minute}, // renewed, since he goes on
		{11 * time.Minute, time.Hour},
		{2 * time.Hour, day},
		{2 * day, 7 * day},
		{8 * day, 7 * day}, // the top
		{7*day + 29*day, 7 * day},
		{7*day + 31*day, 10 * time.Minute}, // forgotten
	} {
		c.pass(step.pass)
		list := bans(set, sample())
		var got time.Duration
		if len(list) > 0 {
			got = list[0].For
		}
		if got != step.want {
			t.Errorf("step %d: banned for %s, want %s", i, got, step.want)
		}
	}
	other := sample()
	other.Attacker.Addr = netip.MustParseAddr("203.0.113.8")
	if list := bans(set, other); len(list) != 1 || list[0].For != 10*time.Minute {
		t.Errorf("another party: %+v", list)
	}
}

// TestLadderOverRestart: rungs are kept.
func TestLadderOverRestart(t *testing.T) {
	dir, c := t.TempDir(), &clock{monday}
	p := Policy{Name: "p", Default: []Measure{{Do: "ban", Ladder: []Span{Span(time.Minute), Span(time.Hour)}}}}
	m, err := OpenMemory(dir)
	if err != nil {
		t.Fatal(err)
	}
	bans(compile(t, c, m, p), sample())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	m.Run(ctx, func(err error) { t.Error(err) })
	damage(t, filepath.Join(dir, memoryName))
	if m, err = OpenMemory(dir); err != nil {
		t.Fatal(err)
	}
	c.pass(2 * time.Minute)
	if list := bans(compile(t, c, m, p), sample()); len(list) != 1 || list[0].For != time.Hour {
		t.Errorf("after a restart: %+v", list)
	}
}

// damage adds what a crash may leave.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("{]\n{\"policy\":\"p\",\"n\":0,\"whom\":\"203."); err != nil {
		t.Fatal(err)
	}
}

// TestReleased: a ban that was lifted or failed may be ordered again at once, on the rung that is its due.
func TestReleased(t *testing.T) {
	c := &clock{monday}
	set := compile(t, c, NewMemory(), Policy{Name: "p", Default: []Measure{{Do: "ban", For: Span(time.Hour)}}})
	bans(set, sample())
	if list := bans(set, sample()); len(list) != 0 {
		t.Errorf("ordered twice: %+v", list)
	}
	set.Released(actions.Ban{Prefix: netip.MustParsePrefix("203.0.113.7/32"), By: "policy p"})
	if list := bans(set, sample()); len(list) != 1 {
		t.Errorf("after it was lifted: %+v", list)
	}
}

// TestKilledBetween: what was proposed and is not on disk, or was ordered and does not stand, is proposed again after a
// restart, on the same rung; what is on disk or stands is not.
func TestKilledBetween(t *testing.T) {
	c, dir := &clock{monday}, t.TempDir()
	p := Policy{Name: "p", Default: []Measure{{Do: "ban", Ladder: []Span{Span(time.Hour), Span(24 * time.Hour)}}, {Do: "notify"}}}
	run := func(stand ...actions.Ban) (*Memory, *Set) {
		t.Helper()
		m, err := OpenMemory(dir)
		if err != nil {
			t.Fatal(err)
		}
		set := compile(t, c, m, p)
		set.Reconcile(stand)
		return m, set
	}
	see := func(set *Set, what string, want ...int) {
		t.Helper()
		list := bans(set, sample())
		if got := []int{len(list), len(set.Propose(event(sample())))}; !slices.Equal(got, want) {
			t.Errorf("%s: %d bans and measures, want %d", what, got, want)
		}
		if len(list) > 0 && list[0].For != time.Hour {
			t.Errorf("%s: a ban for %s", what, list[0].For)
		}
	}
	m, set := run()
	see(set, "at first", 1, 1)
	if err := m.flush(); err != nil { // as every second; then it is killed
		t.Fatal(err)
	}
	_, set = run()
	see(set, "killed between proposal and order", 1, 1)
	if err := set.Kept(); err != nil {
		t.Fatal(err)
	}
	_, set = run(actions.Ban{Prefix: netip.MustParsePrefix("203.0.113.7/32"), By: "policy p"})
	see(set, "killed after both", 0, 0)
	set.Failed(actions.Ban{Prefix: netip.MustParsePrefix("203.0.113.7/32"), By: "policy p"})
	see(set, "after the ban has failed", 1, 0)
}

func TestThreshold(t *testing.T) {
	c := &clock{monday}
	set := compile(t, c, NewMemory(), Policy{
		Name: "p", Threshold: Threshold{Count: 3, Window: Span(time.Minute), Severity: incidents.Medium},
		Default: []Measure{{Do: "ban", For: Span(time.Second)}, {Do: "notify", Each: "finding"}},
	})
	see := func(want int, change func(f *incidents.Finding)) {
		t.Helper()
		f := sample()
		change(f)
		if got := len(bans(set, f)) + len(set.Propose(event(f))); got != want {
			t.Errorf("%d measures, want %d", got, want)
		}
		c.pass(10 * time.Second)
	}
	same := func(*incidents.Finding) {}
	see(0, same)
	see(0, func(f *incidents.Finding) { f.Severity = incidents.Low }) // does not count
	see(0, same)
	see(0, func(f *incidents.Finding) { f.Attacker.Addr = netip.MustParseAddr("203.0.113.9") }) // another party
	see(2, same)                                                                                // the third: both measures on one threshold
	see(0, same)                                                                                // it begins anew
	c.pass(time.Minute)
	see(0, same)
	see(2, func(f *incidents.Finding) { f.Repeats = 1 }) // a finding that was seen twice
}

func TestOnce(t *testing.T) {
	c := &clock{monday}
	set := compile(t, c, NewMemory(), Policy{Name: "p", Default: []Measure{
		{Do: "notify"}, {Do: "kill", Each: "process"}, {Do: "notify", Repeat: Span(time.Hour), With: map[string]string{"again": "yes"}},
	}})
	count := func(f *incidents.Finding) int { return len(set.Propose(event(f))) }
	if got := count(sample()); got != 3 {
		t.Errorf("the first time: %d", got)
	}
	if got := count(sample()); got != 0 {
		t.Errorf("the same again: %d", got)
	}
	other := sample()
	other.Process.PID = 5
	if got := count(other); got != 1 {
		t.Errorf("another process: %d", got)
	}
	c.pass(time.Hour)
	if got := count(sample()); got != 1 {
		t.Errorf("after the repeat time: %d", got)
	}
	own := sample()
	own.Own = true
	c.pass(time.Hour)
	if got := count(own) + len(bans(set, own)); got != 0 {
		t.Errorf("what our own block caused: %d", got)
	}
}

// TestMergedCases: what was proposed for one of two cases that turned out to be the same is not proposed again for what
// they are now, in whatever order they were, after a restart too; what only ladders know goes on.
func TestMergedCases(t *testing.T) {
	c, dir := &clock{monday}, t.TempDir()
	memory := func() *Memory {
		m, err := OpenMemory(dir)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	p := Policy{Name: "p", Default: []Measure{
		{Do: "notify"}, {Do: "kill", Approval: true}, {Do: "notify", Repeat: Span(time.Hour)}, {Do: "hold", Ladder: []Span{Span(time.Minute), Span(time.Hour)}},
	}}
	of := func(id incidents.ID, absorbed ...incidents.ID) *incidents.Event {
		e := event(sample())
		e.Incident.ID, e.Incident.Absorbed = id, absorbed
		return e
	}
	m := memory()
	set := compile(t, c, m, p)
	if got := len(set.Propose(of(9))); got != 4 {
		t.Fatalf("of the younger case: %d measures", got)
	}
	if err := errors.Join(set.Kept(), m.close()); err != nil {
		t.Fatal(err)
	}
	set = compile(t, c, memory(), p)
	if got := set.Propose(of(5, 9)); len(got) != 0 {
		t.Errorf("proposed again after they became one: %+v", got)
	}
	if reports := set.Explain(sample(), &of(5, 9).Incident); reports[0].Measures[0].Taken || reports[0].Measures[1].Taken {
		t.Errorf("picket policy test says that they would be: %+v", reports[0].Measures)
	}
	c.pass(2 * time.Hour)
	got := set.Propose(of(5, 9))
	if len(got) != 2 || got[0].Name != "notify" || got[1].Name != "hold" || got[1].For.Duration() != time.Hour {
		t.Errorf("after their time: %+v", got)
	}
	if got := set.Propose(of(6)); len(got) != 4 {
		t.Errorf("another case: %+v", got)
	}
}

// TestLanes: only bans that need nothing but the finding go at once, and nothing goes both ways.
func TestLanes(t *testing.T) {
	ban := Measure{Do: "ban", For: Span(time.Hour)}
	late, asks := ban, ban
	late.Delay, asks.Approval = Span(time.Minute), true
	for name, c := range map[string]struct {
		policy Policy
		atOnce bool
	}{
		"a ban":                 {Policy{Default: []Measure{ban}}, true},
		"with a delay":          {Policy{Default: []Measure{late}}, false},
		"with approval":         {Policy{Default: []Measure{asks}}, false},
		"observing":             {Policy{Mode: Observe, Default: []Measure{ban}}, false},
		"that asks the case":    {Policy{Match: Match{Case: CaseMatch{Findings: 1}}, Default: []Measure{ban}}, false},
		"that asks the tree":    {Policy{Match: Match{Process: ProcessMatch{Tree: []string{"nginx"}}}, Default: []Measure{ban}}, false},
		"narrowed by an action": {Policy{Actions: []Action{{Match: Match{Destination: []string{"dmz"}}, Do: []Measure{ban}}}}, true},
	} {
		c.policy.Name = "p"
		set := compile(t, &clock{monday}, NewMemory(), c.policy)
		f := sample()
		atOnce, later := len(bans(set, f)), len(set.Propose(event(f)))
		if atOnce+later != 1 || (atOnce == 1) != c.atOnce {
			t.Errorf("%s: %d at once, %d through the case", name, atOnce, later)
		}
	}
}

// TestLongestBan: several policies that ban the same party are one ban, the longest.
func TestLongestBan(t *testing.T) {
	set := compile(t, &clock{monday}, NewMemory(),
		Policy{Name: "short", Default: []Measure{{Do: "ban", For: Span(time.Minute)}}},
		Policy{Name: "long", Default: []Measure{{Do: "ban", For: Span(time.Hour)}}},
		Policy{Name: "ssh", Default: []Measure{{Do: "ban", For: Span(time.Hour), With: map[string]string{"scope": "tcp/22"}}}})
	list := bans(set, sample())
	if len(list) != 2 || list[0].By != "policy long" || list[1].Scope.Ports != "tcp/22" {
		t.Errorf("ordered: %+v", list)
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		when When
		at   string
		want bool
	}{
		{When{}, "2026-11-22T03:00:00Z", true},
		{When{Days: []string{"mon-fri"}, Zone: "UTC"}, "2026-11-23T00:00:00Z", true},
		{When{Days: []string{"mon-fri"}, Zone: "UTC"}, "2026-11-22T23:59:00Z", false},
		{When{Days: []string{"sat-mon"}, Zone: "UTC"}, "2026-11-22T12:00:00Z", true},
		{When{Hours: []string{"08:00-18:00"}, Zone: "UTC"}, "2026-11-22T18:00:00Z", false},
		{When{Hours: []string{"08:00-18:00"}, Zone: "Europe/Berlin"}, "2026-11-22T07:30:00Z", true},
		{When{Days: []string{"fri"}, Hours: []string{"22:00-06:00"}, Zone: "UTC"}, "2026-11-21T05:59:00Z", true}, // Saturday, of Friday's night
		{When{Days: []string{"fri"}, Hours: []string{"22:00-06:00"}, Zone: "UTC"}, "2026-11-20T05:59:00Z", false},
		{When{Hours: []string{"00:00-24:00"}, Zone: "UTC"}, "2026-11-20T23:59:00Z", true},
	} {
		w := newWindow(&c.when, func(key, _, cause string, args ...any) { t.Errorf("%s: "+cause, append([]any{key}, args...)...) }, "when")
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.open(at); got != c.want {
			t.Errorf("%+v at %s: %v", c.when, c.at, got)
		}
	}
}

func TestTemplates(t *testing.T) {
	set := compile(t, &clock{monday}, NewMemory(), Policy{Name: "p", Templates: []string{"contain", "elsewhere"}})
	if list := set.Propose(event(sample())); len(list) != 1 || list[0].Name != "kill" || list[0].Policy != "p" {
		t.Errorf("of templates: %+v", list)
	}
	unable := set.Unable(measure.Doers{"kill": doer{able: os.ErrPermission}})
	if diff := cmp.Diff(1, len(unable)); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	_, faults := Compile([]Source{{Config: &Config{
		Zones:     map[string][]string{"192.0.2.1": nil, "z": {"x"}},
		Templates: map[string]Template{"t": {Default: []Measure{{Do: "dance"}}}},
		List: []Policy{
			{Match: Match{Source: []string{"nowhere"}, Port: []string{"70000"}, SID: []string{"1:x"}, Confidence: 101, User: []string{"!"}}},
			{Name: "p", Threshold: Threshold{Count: 5000, By: "finding"}, Actions: []Action{{}}},
			{Name: "p", Templates: []string{"u"}, Default: []Measure{{Do: "ban", For: 1, Ladder: []Span{0, 1}, With: map[string]string{"whom": "x"}}}},
		},
	}}}, Options{Doers: doers, Memory: NewMemory(), World: tree{}})
	got := map[string]bool{}
	for _, f := range faults {
		if f.Cause == "" {
			t.Errorf("%s: no cause", f.Key)
		}
		got[f.Key] = true
	}
	for _, key := range []string{
		"zones.192.0.2.1", "zones.z[0]", "templates.t.default[0].do", "list[0].match.source[0]", "list[0].match.port", "list[0].match.sid[0]",
		"list[0].match.confidence", "list[0].match.user[0]", "list[0].name", "list[0]", "list[1].threshold.count", "list[1].threshold.by",
		"list[1].actions[0].do", "list[2].name", "list[2].templates[0]", "list[2].default[0].with", "list[2].default[0].for", "list[2].default[0].ladder[1]",
	} {
		if !got[key] {
			t.Errorf("no fault is told at %s", key)
		}
	}
	if len(got) != 18 {
		t.Errorf("%d faults: %+v", len(got), faults)
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"7d": 168 * time.Hour, "2w": 336 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "0": 0} {
		var s Span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(s), err)
		}
		var back Span
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%s is printed as %s", text, s)
		}
	}
	for _, text := range []string{"", "-1h", "99999d", "1x", "d"} {
		if err := new(Span).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestMemoryIsBounded: attackers choose how many parties there are, not how much is remembered.
func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory()
	m.max = 100
	for i := range int64(10_000) {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		m.climb(markKey{"p", 0, a}, []time.Duration{time.Minute}, time.Hour, i, atOnce)
		m.matched(countKey{"p", a}, 1, 2, time.Minute, i+1)
	}
	if len(m.marks) > 100 || m.evicted == 0 {
		t.Errorf("%d marks, %d evicted", len(m.marks), m.evicted)
	}
	if len(m.counts) > maxCounts {
		t.Errorf("%d counts", len(m.counts))
	}
}

// TestLadderProperties: whatever the times at which a party comes, a rung is at most one above the last, a standing ban is
// not ordered again in its first half, and what is ordered is a rung of the ladder.
func TestLadderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, now := NewMemory(), int64(1)
		ladder := []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
		key, rung, half := markKey{"p", 0, "x"}, -1, int64(0)
		for range rapid.IntRange(1, 50).Draw(t, "visits") {
			now += int64(rapid.SampledFrom([]time.Duration{0, time.Second, 31 * time.Second, 2 * time.Minute, time.Hour, 3 * time.Hour}).Draw(t, "pause"))
			span, again := m.climb(key, ladder, 2*time.Hour, now, atOnce)
			if again != (now >= half) {
				t.Fatalf("at %d ordered: %v, half at %d", now, again, half)
			}
			if !again {
				continue
			}
			at := -1
			for i, l := range ladder {
				if l == span {
					at = i
				}
			}
			if at < 0 || at > rung+1 {
				t.Fatalf("from rung %d to %d", rung, at)
			}
			rung, half = at, now+int64(span)/2
		}
	})
}

func TestThisHost(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stat := func(comm, parent, start string) string {
		return "7 (" + comm + ") S " + parent + strings.Repeat(" 0", 17) + " " + start + " 0 0\n"
	}
	write("proc/7/stat", stat("a) b", "3", "100"))
	write("proc/3/stat", stat("nginx", "1", "50"))
	write("proc/1/stat", stat("init", "0", "1"))
	write("var/lib/docker/containers/c0ffee12/config.v2.json", `{"Config": {"Labels": {"app": "shop"}}}`)
	write("run/containerd/io.containerd.runtime.v2.task/k8s.io/beef/config.json", `{"annotations": {"io.kubernetes.cri.sandbox-namespace": "prod"}}`)
	h := ThisHost{Root: root}
	if diff := cmp.Diff([]string{"a) b", "nginx", "init"}, h.Ancestors(&incidents.Process{PID: 7, Start: 100})); diff != "" {
		t.Error(diff)
	}
	if names := h.Ancestors(&incidents.Process{PID: 7, Start: 99}); names != nil {
		t.Errorf("of another process: %v", names)
	}
	if diff := cmp.Diff(map[string]string{"app": "shop"}, h.Labels("c0ffee")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("prod", h.Labels("beef")["io.kubernetes.cri.sandbox-namespace"]); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{"", "../../etc", "*", "dead"} {
		if l := h.Labels(id); l != nil {
			t.Errorf("labels of %q: %v", id, l)
		}
	}
}
