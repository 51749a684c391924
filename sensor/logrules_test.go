package sensor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logRulesOf reads a configuration in a folder of its own, with files beside it.
func logRulesOf(t *testing.T, config string, files map[string]string) ([]LogRule, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := ParseConfig(filepath.Join(dir, "picket.yaml"), []byte(strings.ReplaceAll(config, "DIR", dir)))
	if err != nil {
		return nil, err
	}
	return c.LogRules()
}

const ownRule = `name: mine
logs: [DIR/mine.log]
failures: ['^bad <ADDR>$']
hit:
  - {line: 'bad 192.0.2.1', id: 192.0.2.1}
miss: ['good 192.0.2.1']
`

func TestWhichLogRules(t *testing.T) {
	for config, want := range map[string]string{
		"":                                "sshd",
		"logs: {library: []}":             "",
		"logs: {fail2ban: /etc/fail2ban}": "",
		"logs: {rules: [own*.yaml]}":      "mine",
		"logs: {rules: DIR/own.yaml, library: [sshd, nginx]}": "nginx sshd mine",
		// A shipped rule is discovered when its log is there.
		"logs: {library: discovered, adjust: {grafana: {logs: [DIR/x.log]}}}": "grafana",
	} {
		all, err := logRulesOf(t, config, map[string]string{"own.yaml": ownRule, "x.log": ""})
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		var names []string
		for _, r := range all {
			if r.From == "library" && strings.Contains(config, "discovered") && !strings.Contains(strings.Join(r.Logs, " "), "x.log") {
				continue // what else this host has
			}
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
}

func TestAdjustedLogRule(t *testing.T) {
	all, err := logRulesOf(t, `
logs:
  adjust:
    sshd: {ports: ['2222'], observe: yes, limits: {failures: 3, ignore: [192.0.2.0/24]}}
`, nil)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	s, faults := all[0].Settings()
	if len(faults) > 0 || s.Limits.MaxRetry != 3 || s.Limits.Window != 600 || !s.Limits.Observe || !slices.Equal(s.Ignore.List, []string{"192.0.2.0/24"}) {
		t.Errorf("%+v %v", s, faults)
	}
	if port, _ := s.Actions[0].Option("port"); port != "2222" {
		t.Errorf("port %q", port)
	}
	if s.Limits.Crowd.Addresses == 0 || !s.Limits.Escalation.On {
		t.Error("what is not adjusted is lost")
	}
}

// TestFaultsOfLogRules: each fault names file, line and column, and one bad rule does not keep the others out.
func TestFaultsOfLogRules(t *testing.T) {
	_, err := logRulesOf(t, "logs:\n  library: [ngin]\n  adjust:\n    sshd: {limits: {within: soon}}\n", nil)
	wantFaults(t, err, "picket.yaml:2:13: logs.library[0]", "picket.yaml:4:29: logs.adjust.sshd.limits.within")

	bad := strings.Replace(ownRule, "'^bad <ADDR>$'", "'^bad (<ADDR>$', '^bad$', '^bad <ADDR>$'", 1)
	all, err := logRulesOf(t, "logs: {rules: [own*.yaml, none.yaml]}", map[string]string{
		"own1.yaml": ownRule, "own2.yaml": bad, "own3.yaml": "nam: x\n", "own4.yaml": ownRule + "limits: {ban: x}\n", "own5.yaml": "a: [\n",
	})
	wantFaults(t, err, "own2.yaml:3:12: failures[0]", "own2.yaml:3:29: failures[1]", "own3.yaml:1:1: nam", "own4.yaml:7:15: limits.ban", "own5.yaml:", "picket.yaml:1:27: logs.rules")
	if len(all) != 1 || all[0].Name != "mine" {
		t.Errorf("the good one: %v", all)
	}
}

func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no fault")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		i := slices.IndexFunc(want, func(w string) bool { return strings.Contains(line, w) })
		if i < 0 {
			t.Errorf("unexpected fault: %s", line)
			continue
		}
		got = append(got, want[i])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}
