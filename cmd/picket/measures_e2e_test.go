package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/capture/nstest"
)

const measuresConfig = `
capture: {passive: {interfaces: [toa]}}
policies:
  zones: {inside: [10.91.2.0/24]}
  list:
    - name: intruders
      audience: page
      match: {sid: [2], destination: [inside]}
      default:
        - {do: ban, ladder: [10m, 1h, 24h, 7d]}
      actions:
        - match: {severity: info}
          do: [{do: sockets, approval: yes}]
    - name: watched
      mode: observe
      match: {sid: [2], source: ["!inside"]}
      default: [{do: ban, for: 1h, with: {prefix4: 31}}]
    - name: others
      match: {jail: [sshd]}
      default: [{do: ban, for: 1h}]
`

// measures lists what the running picket knows of measures.
func (s *station) measures(args ...string) (list []measure.Measure) {
	s.t.Helper()
	out := s.must(append([]string{"measures", "list", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		s.t.Fatalf("measures: %v in %s", err, out)
	}
	return list
}

// measure waits for a measure of a name and a state.
func (s *station) measure(name string, state measure.State) (m measure.Measure) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s is %s", name, state), func() bool {
		for _, have := range s.measures("--name", name) {
			if have.State == state {
				m = have
				return true
			}
		}
		return false
	})
	return m
}

// TestMeasures: an alert bans at once and proposes a measure that waits for approval; both stand in the alert's case,
// survive kill -9, and what lasts is lifted.
func TestMeasures(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, measuresConfig)
	s.env = []string{"TZ=Asia/Kolkata"} // what programs read is in UTC all the same
	s.start()
	if _, err := get(t, g.A, nstest.B4, "/ban-me"); err != nil {
		t.Fatal(err)
	}
	s.until("the policy has banned its source", func() bool { return s.holds(nstest.A4) })
	ban := s.measure("ban", measure.Active)
	if ban.Policy != "intruders" || ban.Incident == 0 || ban.Proof == "" || ban.For.Duration().Minutes() != 10 {
		t.Errorf("the ban's measure: %+v", ban)
	}
	if would := s.measure("ban", measure.Observed); would.Policy != "watched" || !strings.Contains(would.Output.Text, "10.91.1.2/31") {
		t.Errorf("the observing policy: %+v", would)
	}
	asked := s.measure("sockets", measure.PendingApproval)
	s.stop(syscall.SIGKILL)
	s.start()
	id := fmt.Sprint(asked.ID)
	if out := s.must("approve", id); !strings.Contains(out, "sockets") {
		t.Errorf("approve: %s", out)
	}
	done := s.measure("sockets", measure.Complete)
	if done.Approved == "" || done.Output.Text == "" {
		t.Errorf("approved: %+v", done)
	}
	if out, err := s.picket("approve", id); err == nil {
		t.Errorf("approved twice: %s", out)
	}
	s.tellsOfMeasures(fmt.Sprint(ban.Incident))
	s.plainJSON(fmt.Sprint(ban.Incident), fmt.Sprint(ban.ID))
	if out := s.must("lift", fmt.Sprint(ban.ID)); !strings.Contains(out, "lifted") {
		t.Errorf("lift: %s", out)
	}
	if s.holds(nstest.A4 + " ") {
		t.Error("what was lifted is in the kernel")
	}
	if n := len(s.measures("--name", "sockets")); n != 1 {
		t.Errorf("%d times sockets", n)
	}
	s.stop(syscall.SIGTERM)
}

// plainJSON wants all that programs read to tell moments in UTC and spans in seconds.
func (s *station) plainJSON(incident, measure string) {
	s.t.Helper()
	s.must("ban", "198.51.100.9", "--for", "1h")
	for _, words := range [][]string{
		{"status"}, {"incidents"}, {"incidents", "show", incident}, {"incidents", "export", incident}, {"measures"}, {"measures", "show", measure},
		{"measures", "run", "ban", "--arg", "who=198.51.100.10", "--for", "1h", "--dry-run"}, {"bans"}, {"why", nstest.A4}, {"policy", "test", incident},
	} {
		var v any
		if err := json.Unmarshal([]byte(s.must(append(words, "--json")...)), &v); err != nil {
			s.t.Errorf("%v: %v", words, err)
		}
		odd(v, "", func(where string, v any) { s.t.Errorf("%v: %s is %v", words, where, v) })
	}
	if out := s.must("bans"); !strings.Contains(out, "198.51.100.9") || !strings.Contains(out, " root ") {
		s.t.Errorf("who has banned it is not told:\n%s", out)
	}
}

// odd tells of moments that are not in UTC, and of numbers that are too great to be seconds, counts or sizes.
func odd(v any, where string, tell func(where string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			odd(one, where+"."+key, tell)
		}
	case []any:
		for _, one := range v {
			odd(one, where, tell)
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil && !strings.HasSuffix(v, "Z") {
			tell(where, v)
		}
	case float64:
		if v >= 1e9 && !strings.HasSuffix(where, "flow_id") && !strings.HasSuffix(where, "memuse") && !strings.Contains(where, "bytes") {
			tell(where, v)
		}
	}
}

// tellsOfMeasures looks at what people read about an incident's measures.
func (s *station) tellsOfMeasures(incident string) {
	s.t.Helper()
	if out := s.must("incidents", "show", incident); !strings.Contains(out, "sockets") || !strings.Contains(out, "ban "+nstest.A4) {
		s.t.Errorf("the case does not tell of its measures:\n%s", out)
	}
	out := s.must("policy", "test", incident)
	for _, want := range []string{"policy intruders matches", "policy others does not match", "no   jail: wants sshd", "it was proposed for this case already"} {
		if !strings.Contains(out, want) {
			s.t.Errorf("policy test does not say %q:\n%s", want, out)
		}
	}
	if out := s.must("measures", "run", "ban", "--incident", incident, "--dry-run"); !strings.Contains(out, "ban "+nstest.A4) {
		s.t.Errorf("dry run: %s", out)
	}
	if out := s.must("measures", "run", "ban", "--arg", "who="+nstest.A6, "--for", "1m"); !strings.Contains(out, "active until") {
		s.t.Errorf("run: %s", out)
	}
	if out, err := s.picket("measures", "run", "ban", "--arg", "who="+nstest.GatewayA4); err == nil || !strings.Contains(out, "denied") {
		s.t.Errorf("a ban of the gateway: %v %s", err, out)
	}
}
