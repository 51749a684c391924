package sensor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket/sensor"
)

// checked runs picket check on a configuration in a folder of its own.
func checked(t *testing.T, config string, files map[string]string) (*sensor.Report, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := sensor.ParseConfig(filepath.Join(dir, "picket.yaml"), []byte(strings.ReplaceAll(config, "DIR", dir)))
	if err != nil {
		t.Fatal(err)
	}
	return sensor.Check(&sensor.ReadOptions{Config: c})
}

func TestCheckCountsAll(t *testing.T) {
	r, err := checked(t, `
mode: enforce
logs: {fail2ban: DIR/fail2ban, library: [sshd, nginx]}
plugins: {dir: DIR/plugins}
policies: {list: [{name: a, default: [{do: sockets}]}]}
bans: {policies: [{severity: 1, for: 1h}]}
`, map[string]string{
		"fail2ban/jail.conf":          "[DEFAULT]\nbackend = polling\n[sshd]\nenabled = true\nlogpath = /nowhere/auth.log\nfilter = mine\n[lost]\nenabled = true\nfilter = none\n",
		"fail2ban/filter.d/mine.conf": "[Definition]\nfailregex = ^bad <HOST>$\n",
		"plugins/hello.json":          `{"name":"Hello","author":"x","textkey":"hello.world","description":"x","command":["/bin/true"]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{
		"mode     enforce\n", "jails    2\n", "sshd (", "filter mine; reads /nowhere/auth.log", "nginx (library)", "policies 2\n", "plugins  1 in ",
		"warning: jail not started, jail: lost", "warning: jail sshd of library is left out",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// TestCheckShowsSyslog: which jails hear which programs, where a jail asks for what is not received, and where nobody listens.
func TestCheckShowsSyslog(t *testing.T) {
	files := map[string]string{
		"f2b/jail.conf":          "[x]\nenabled = true\nbackend = auto\nlogpath = /nowhere/x.log tail\n          syslog:x-*\nfilter = mine\n",
		"f2b/filter.d/mine.conf": "[Definition]\nfailregex = ^bad <HOST>$\njournalmatch = _COMM=x\n",
	}
	for config, want := range map[string]string{
		"logs: {library: [sshd], adjust: {sshd: {syslog: ['ss*']}}, syslog: ['udp://127.0.0.1:514']}\n": "reads syslog:ss*\n",
		"logs: {fail2ban: DIR/f2b, syslog: ['udp://127.0.0.1:514']}\n":                                  "reads /nowhere/x.log, syslog:x-*\n",
		"logs: {fail2ban: DIR/f2b}\n":                                    "warning: a part of the jail is not kept, jail: x, why: its logpath names messages of syslog",
		"logs: {library: [nginx], syslog: ['unix:///run/picket/log']}\n": "warning: logs.syslog: messages are received, and no jail judges them",
	} {
		r, err := checked(t, config, files)
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		var out strings.Builder
		if r.Print(&out); !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q is not in\n%s", config, want, out.String())
		}
	}
	r, err := checked(t, "logs: {library: [sshd], adjust: {sshd: {syslog: [sshd]}}}\n", nil)
	if err != nil || r.Err() == nil || !strings.Contains(r.Err().Error(), "jail sshd: neither a log file") {
		t.Error(err, r.Err())
	}
}

func TestCheckFindsWhatMustBeMended(t *testing.T) {
	r, err := checked(t, "logs: {rules: [DIR/*.rule]}\nplugins: {dir: DIR/plugins}\n", map[string]string{
		"a.rule":           "name: a\nabot: x\n",
		"plugins/bad.json": `{"name":`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a.rule:2:1", "did you mean about?", "bad.json:1:1"} {
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
