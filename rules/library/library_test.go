package library

import (
	"testing"
	"time"

	"picket/rules"
	"picket/rules/dates"
)

// TestRules judges every sample, and insists that each expression is hit by one.
func TestRules(t *testing.T) {
	all, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		t.Run(r.Name, func(t *testing.T) { checkRule(t, &r) })
	}
}

func checkRule(t *testing.T, r *Rule) {
	now := time.Date(2025, 11, 19, 12, 0, 0, 0, time.UTC)
	f, err := rules.Compile(r.Definition(), now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.EngineLimits(); err != nil {
		t.Error(err)
	}
	used := make([]bool, len(r.Failures))
	for _, s := range r.Hit {
		j := rules.NewJudge(f, dates.Clock{Now: now, Zone: time.UTC})
		got, _, ok := j.Line([]byte(s.Line))
		if !ok || got.ID != s.ID || s.User != "" && got.Fields.Get("user") != s.User {
			t.Errorf("%q: found %v %q user %q, want %q user %q", s.Line, ok, got.ID, got.Fields.Get("user"), s.ID, s.User)
			continue
		}
		used[got.Expression] = true
		if at := time.Unix(0, got.Nanos).UTC(); at.Before(now.Add(-13*time.Hour)) || at.After(now) {
			t.Errorf("%q: dated %v", s.Line, at)
		}
	}
	for i, u := range used {
		if !u {
			t.Errorf("failure expression %d has no sample: %s", i+1, r.Failures[i])
		}
	}
	if len(r.Miss) == 0 {
		t.Error("no line that must be missed")
	}
	for _, line := range r.Miss {
		j := rules.NewJudge(f, dates.Clock{Now: now, Zone: time.UTC})
		if got, _, ok := j.Line([]byte(line)); ok {
			t.Errorf("%q: found %q", line, got.ID)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\nfailures: ['<HOST>']\n"))
	f.Fuzz(func(t *testing.T, text []byte) { _, _ = Parse(text) })
}
