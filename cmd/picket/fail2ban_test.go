package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFail2banRegex compares what fail2ban-regex printed, called with each line of cases.txt, with what picket prints. The
// texts were made with fail2ban 1.0.2, with the two expressions in them that 1.1.2 has otherwise written as there.
func TestFail2banRegex(t *testing.T) {
	t.Chdir("testdata/fail2ban")
	cases, err := os.ReadFile("cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	took := regexp.MustCompile(`\[processed in .* sec\]`)
	for _, line := range strings.Split(strings.TrimSpace(string(cases)), "\n") {
		name, words, _ := strings.Cut(line, ": ")
		t.Run(name, func(t *testing.T) {
			out, exit := perform("fail2ban-regex", arguments(words)...)
			want, err := os.ReadFile(name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			got := took.ReplaceAllString(out, "[processed]") + fmt.Sprintf("[exit %d]\n", exit)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// arguments cuts a line of cases.txt at spaces; "\ " is a space and "\n" a newline.
func arguments(line string) []string {
	words := strings.Split(strings.ReplaceAll(line, `\ `, "\x00"), " ")
	for i, w := range words {
		words[i] = strings.NewReplacer("\x00", " ", `\n`, "\n").Replace(w)
	}
	return words
}

// perform runs a program of fail2ban as picket plays it.
func perform(name string, args ...string) (out string, exit int) {
	var stdout, stderr bytes.Buffer
	exit = personalities[name](&program{name: name, args: args, in: strings.NewReader(""), out: &stdout, err: &stderr})
	return stdout.String(), exit
}

func TestFail2banRegexUsage(t *testing.T) {
	for args, want := range map[string]int{"": failed, "x": failed, "-V": 0, "--help": 0, "--bogus x y": wrongUsage, "-L x a b": wrongUsage,
		"--print-no-missed --print-all-missed a b": failed, "/nonexistent.log (": failed} {
		if out, exit := perform("fail2ban-regex", strings.Fields(args)...); exit != want {
			t.Errorf("%q: exit %d, want %d\n%s", args, exit, want, out)
		}
	}
}

// TestFail2banClientAlone is what the client answers without a server.
func TestFail2banClientAlone(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.sock")
	for _, test := range []struct {
		args string
		want string
		exit int
	}{
		{"-V", "1.1.2\n", 0},
		{"--version", "Fail2Ban v1.1.2\n", 0},
		{"--str2sec 1d12h", "129600\n", 0},
		{"--str2sec 1mo", "2629800.0\n", 0},
		{"--str2sec 1.5h", "5400.0\n", 0},
		{"-s " + absent + " ping", "", failed},
		{"-s " + absent + " status", "", failed},
		{"-s " + absent + " reload", "", failed},
		{"-s " + absent + " start", "", failed},
	} {
		out, exit := perform("fail2ban-client", strings.Fields(test.args)...)
		if out != test.want || exit != test.exit {
			t.Errorf("%s: %q, exit %d; want %q, exit %d", test.args, out, exit, test.want, test.exit)
		}
	}
}

// TestFail2banClientConfiguration is -t, -d and --dp over a configuration of its own.
func TestFail2banClientConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"jail.conf":          "[door]\nenabled = true\nfilter = door\nbackend = polling\nlogpath = " + filepath.Join(dir, "door.log") + "\naction = tell\n",
		"door.log":           "",
		"filter.d/door.conf": "[Definition]\nfailregex = ^bad <HOST>$\n",
		"action.d/tell.conf": "[Definition]\nactionban = echo '" + strings.Repeat("long ", 250) + "'\n[Init]\npassword = hunter2\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, exit := perform("fail2ban-client", "-c", dir, "-t"); out != "OK: configuration test is successful\n" || exit != 0 {
		t.Errorf("-t: %q, exit %d", out, exit)
	}
	out, exit := perform("fail2ban-client", "-c", dir, "-d")
	if !strings.Contains(out, "['add', 'door', 'polling']\n") || !strings.HasSuffix(out, "['start', 'door']\n") || strings.Contains(out, "hunter2") || exit != 0 {
		t.Errorf("-d: exit %d\n%s", exit, out)
	}
	out, _ = perform("fail2ban-client", "-c", dir, "--dp")
	if !strings.Contains(out, "[ 'multi-set',\n  'door',\n  'action',\n  'tell',\n") {
		t.Errorf("--dp: %s", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "jail.local"), []byte("[door]\nfilter = absent\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, exit := perform("fail2ban-client", "-c", dir, "-t"); exit != failed {
		t.Errorf("-t with an unknown filter: %q, exit %d", out, exit)
	}
}

func TestGetopt(t *testing.T) {
	found, rest, err := getopt(strings.Fields("-vvc /etc --str 1d --dump -x -- status"), clientShort, clientLong)
	want := []setting{{"-v", ""}, {"-v", ""}, {"-c", "/etc"}, {"--str2sec", "1d"}, {"--dump-pretty", ""}, {"-x", ""}}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(setting{})); diff != "" || err != nil || len(rest) != 1 {
		t.Error(diff, rest, err)
	}
	for _, bad := range []string{"--lo INFO", "-y", "--conf", "--help=x"} {
		if _, _, err := getopt(strings.Fields(bad), clientShort, clientLong); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
