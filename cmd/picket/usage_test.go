package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"picket/actions/policy"
)

// call runs one command line and returns what it prints, or its error.
func call(line string) (string, error) {
	var out bytes.Buffer
	cmd := command(strings.Fields(line))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

func TestMisuseIsTold(t *testing.T) {
	for line, want := range map[string]string{
		"bann 192.0.2.1":               `unknown verb "bann" (did you mean ban or bans?)`,
		"policy chek":                  `policy: unknown verb "chek" (did you mean check?)`,
		"incidents lst":                `incidents: unknown verb "lst" (did you mean list?)`,
		"help nonsense":                `unknown verb "nonsense" (picket --help lists them)`,
		"ban":                          "ban: ADDR|PREFIX is missing (usage: picket ban ADDR|PREFIX [flags])",
		"ban 192.0.2.1 192.0.2.2":      `ban: "192.0.2.2" is too much (usage: picket ban ADDR|PREFIX [flags])`,
		"ban nobody":                   `ban: "nobody" is neither an address nor a prefix (write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/64)`,
		"ban 192.0.2.1 --fro 1h":       "ban: unknown flag: --fro (did you mean --for?)",
		"ban 192.0.2.1 --for 10":       `ban: invalid argument "10" for "--for" flag: "10" is not a time span (write 30s, 10m, 1h30m, 7d or 2w) (picket ban --help lists the flags)`,
		"incidents note 1":             "incidents note: TEXT is missing (usage: picket incidents note N TEXT... [flags])",
		"incidents --severity hgih":    `severity "hgih" is none of info, low, medium, high, critical`,
		"measures run":                 "measures run: NAME is missing (usage: picket measures run NAME [flags])",
		"logs scan":                    "logs scan: LOG is missing (usage: picket logs scan LOG [FILTER] [flags])",
		"read":                         "read: the capture is missing (usage: picket read -r FILE [-S RULES]… [FILTER])",
		"check --shwo":                 "check: unknown flag: --shwo (did you mean --show?)",
		"status --socket /nowhere/p.s": "no picket answers at /nowhere/p.s: connect: no such file or directory (picket run starts one; --socket or the configuration names its socket)",
	} {
		if _, err := call(line); err == nil || err.Error() != want {
			t.Errorf("picket %s:\n got %v\nwant %s", line, err, want)
		}
	}
}

// TestEveryVerbIsExplained: each has a sentence of its own in its parent's help, and help of its own.
func TestEveryVerbIsExplained(t *testing.T) {
	var visit func(path string)
	visit = func(path string) {
		cmd, _, err := command(nil).Find(strings.Fields(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range cmd.Commands() {
			if name := strings.TrimSpace(path + " " + sub.Name()); !sub.DisableFlagParsing && !strings.HasPrefix(name, "completion ") {
				if first := sub.Short; first == "" || strings.ToLower(first[:1]) != first[:1] {
					t.Errorf("picket %s: its line of help is %q", name, first)
				}
				if out, err := call(name + " --help"); err != nil || !strings.Contains(out, "Usage:\n  picket "+name) {
					t.Errorf("picket %s --help: %v\n%s", name, err, out)
				}
				visit(name)
			}
		}
	}
	visit("")
}

func TestSpanFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour} {
		var got policy.Span
		if err := (*spanValue)(&got).Set(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, time.Duration(got), err, want)
		}
	}
	for _, text := range []string{"", "7", "-1h", "d", "1y"} {
		if (*spanValue)(new(policy.Span)).Set(text) == nil {
			t.Errorf("%q is no span", text)
		}
	}
}

// TestCheckTakesTheArgumentsOfRead: what is read with them can be checked with them, as with suricata -T.
func TestCheckTakesTheArgumentsOfRead(t *testing.T) {
	out, err := call("check -k none -l /nowhere --simulate-ips --set stream.midstream=true -T --runmode single --workers 2 --init-errors-fatal")
	if err != nil || !strings.Contains(out, "rules    ") {
		t.Errorf("%v\n%s", err, out)
	}
	if help, _ := call("check --help"); strings.Contains(help, "checksum") || !strings.Contains(help, "--simulate-ips") {
		t.Errorf("help of what has no effect, or none of what has:\n%s", help)
	}
}
