package library

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/rules"
	"picket/rules/dates"
)

var noon = time.Date(2025, 11, 19, 12, 0, 0, 0, time.UTC)

// TestRules judges every sample, and insists that each expression is hit by one and each rule misses one.
func TestRules(t *testing.T) {
	all, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range r.Verify(noon) {
				t.Error(f.Error())
			}
			if len(r.Hit) == 0 || len(r.Miss) == 0 || r.About == "" {
				t.Error("a shipped rule has lines that hit, lines that miss, and says what it is about")
			}
			checkDates(t, &r)
		})
	}
}

// checkDates insists that the date of every sample is read.
func checkDates(t *testing.T, r *Rule) {
	f, err := rules.Compile(r.Definition(), noon)
	if err != nil {
		return // Verify has told it
	}
	for _, s := range r.Hit {
		got, _, _ := rules.NewJudge(f, dates.Clock{Now: noon, Zone: time.UTC}).Line([]byte(s.Line))
		if at := time.Unix(0, got.Nanos).UTC(); at.Before(noon.Add(-13*time.Hour)) || !at.Before(noon) {
			t.Errorf("%q: dated %v", s.Line, at)
		}
	}
}

// TestVerifyNamesThePlace: every fault is told with the key where it stands.
func TestVerifyNamesThePlace(t *testing.T) {
	r, err := Parse([]byte(`
name: x
logs: [relative.log]
journal: [SYSLOG_IDENTIFIER=sshd]
ports: [ssh]
prefix: 'a(b'
failures: ['^no group$', '^bad <ADDR>$']
ignore: ['x[']
limits: {within: soon, count: day, prefix-ipv4: 33, crowd: {addresses: 1}, ignore: [10.0.0.0/33], escalation: {multipliers: [0]}}
time-zone: Nowhere/Land
`))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, f := range r.Verify(noon) {
		keys = append(keys, f.Key)
	}
	want := "limits.within limits.prefix-ipv4 limits.crowd.addresses limits.escalation.multipliers[0] limits.count ports[0] " +
		"journal[0] time-zone limits.ignore[0] logs[0] prefix ignore[0] failures[0]"
	if diff := cmp.Diff(strings.Fields(want), keys); diff != "" {
		t.Error(diff)
	}
}

// TestVerifyJudgesSamples: a sample that is judged otherwise is a fault.
func TestVerifyJudgesSamples(t *testing.T) {
	r := Rule{
		Name: "x", Logs: []string{"/x"}, Failures: []string{"^bad <ADDR>$", "^worse <ADDR>$"},
		Hit:  []Sample{{Line: "bad 192.0.2.1", ID: "192.0.2.2"}, {Line: "good 192.0.2.1", ID: "192.0.2.1"}},
		Miss: []string{"bad 192.0.2.1"},
	}
	var keys []string
	for _, f := range r.Verify(noon) {
		keys = append(keys, f.Key)
	}
	if diff := cmp.Diff([]string{"hit[0]", "hit[1]", "miss[0]", "failures[1]"}, keys); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\nfailures: ['<HOST>']\n"))
	f.Add([]byte("name: x\nlogs: [/a]\nfailures: ['^bad <ADDR>$']\nlimits: {within: 1h30m, crowd: {addresses: 4}}\nhit: [{line: bad 192.0.2.1, id: 192.0.2.1}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := Parse(text); err == nil {
			r.Verify(noon)
		}
	})
}
