package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hostSudo puts sudoers of our own before the real sudo, in a mount namespace of its own for each question.
func hostSudo(t *testing.T, sudoers, included string) {
	t.Helper()
	const real = "/usr/bin/sudo"
	if _, err := os.Stat(real); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and sudo: ", err)
	}
	dir := t.TempDir()
	drop := filepath.Join(dir, "sudoers.d")
	if err := os.Mkdir(drop, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(dir, "sudoers"): sudoers + "\n@includedir /etc/sudoers.d\n",
		filepath.Join(drop, "more"):   included + "\n",
		filepath.Join(dir, "sudo"): fmt.Sprintf("#!/bin/sh\nexec unshare -m sh -c 'mount --bind %[1]s/sudoers /etc/sudoers && mount --bind %[1]s/sudoers.d /etc/sudoers.d && exec %[2]s \"$@\"' sudo \"$@\"\n",
			dir, real),
	} {
		if err := os.WriteFile(path, []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "sudo"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("needs mount namespaces: %v: %s", err, out)
	}
}

// needing is a plugin that needs these commands.
func needing(t *testing.T, commands ...string) *Manifest {
	m := written(t, "true", "")
	m.SudoRequirements = commands
	return m
}

const sudoers = `
Cmnd_Alias WEB = /usr/bin/ls -l /srv, /usr/bin/cat /srv/*
User_Alias HANDS = daemon, nobody
root ALL=(ALL:ALL) ALL
HANDS ALL=(root) NOPASSWD: WEB, /usr/bin/true ""
nobody ALL=(root) /usr/bin/id, NOPASSWD: /usr/bin/head ^-n [0-9]+ /srv/[a-z]+$
nobody ALL=(daemon) NOPASSWD: /usr/bin/whoami
`

const dropIn = `
nobody ALL=(root) NOPASSWD: /usr/bin/stat *, !/usr/bin/stat /etc/*
nobody ALL=(root) NOPASSWD: /usr/bin/wc
nobody ALL=(root) PASSWD: /usr/bin/wc -l *
`

// TestSudo: what sudo allows without a password is there, through aliases, wildcards, negations and included files;
// everything else is told with its reason, and with a line that mends it.
func TestSudo(t *testing.T) {
	hostSudo(t, sudoers, dropIn)
	var lines []string
	for command, want := range map[string]string{
		"/usr/bin/ls -l /srv":            "",
		"/usr/bin/ls -l /etc":            "does not allow",
		"/usr/bin/cat /srv/a/b":          "",
		"/usr/bin/true":                  "",
		"/usr/bin/true now":              "does not allow",
		"/usr/bin/id":                    "no NOPASSWD",
		"/usr/bin/head -n 10 /srv/log":   "",
		"/usr/bin/head -n 10 /etc/x":     "does not allow",
		"/usr/bin/whoami":                "does not allow",
		"/usr/bin/stat /srv/x":           "",
		"/usr/bin/stat /etc/x":           "does not allow",
		"/usr/bin/wc -c x":               "",
		"/usr/bin/wc -l x":               "no NOPASSWD",
		"/usr/bin/none":                  "command not found",
		`/usr/bin/env A=b,c:d *.log [x]`: "does not allow",
	} {
		missing, err := runner(t).SudoMissing(context.Background(), needing(t, command))
		switch {
		case err != nil:
			t.Errorf("%s: %v", command, err)
		case want == "" && len(missing) > 0:
			t.Errorf("%s: %+v", command, missing)
		case want != "" && (len(missing) != 1 || !strings.Contains(missing[0].Why, want)):
			t.Errorf("%s: %+v, want %q", command, missing, want)
		case want != "" && want != "command not found":
			lines = append(lines, missing[0].Line)
		}
	}
	hostSudo(t, sudoers, dropIn+strings.Join(lines, "\n"))
	for _, line := range lines {
		_, command, _ := strings.Cut(line, "NOPASSWD: ")
		command = strings.TrimSuffix(strings.ReplaceAll(command, `\`, ""), ` ""`)
		if missing, err := runner(t).SudoMissing(context.Background(), needing(t, command)); err != nil || len(missing) > 0 {
			t.Errorf("%s: still %+v %v after %s was added", command, missing, err, line)
		}
	}
}

func TestSudoDefaults(t *testing.T) {
	for defaults, want := range map[string]string{" !authenticate": "", ":nobody requiretty": "terminal", " env_reset": "password"} {
		hostSudo(t, "Defaults"+defaults+"\nnobody ALL=(root) /usr/bin/id\n", "")
		missing, err := runner(t).SudoMissing(context.Background(), needing(t, "/usr/bin/id"))
		if err != nil || (want == "") != (len(missing) == 0) || want != "" && !strings.Contains(missing[0].Why, want) {
			t.Errorf("%s: %+v %v, want %q", defaults, missing, err, want)
		}
	}
}
