package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/capture/nstest"
	f2b "picket/rules/fail2ban"
)

// sessions are testdata/fail2ban-client/*.txt: what fail2ban 1.0.2 printed, command by command, and where picket says
// something else, why, and what. Lines are
//
//	# remark
//	@ server             the server starts
//	@ gone               it is gone by now
//	> FILE TEXT          a line, with the time before it, is written to a log
//	~ TEXT <- COMMAND    wait until the command prints that text
//	$ COMMAND            fail2ban-client -c DIR COMMAND, then
//	< TEXT               a line of its input
//	  what it printed    lines of stderr begin with "!"; DIR, TIME and LOG stand for what differs from run to run
//	[exit N]
//	= why picket differs, and what it prints, up to [exit N]; "= not compared: why" has nothing of the kind
//
// go test -run Fail2banSession -record-fail2ban ./cmd/picket writes them anew with the fail2ban that is installed.
const sessions = "testdata/fail2ban-client"

var recordFail2ban = flag.Bool("record-fail2ban", false, "write the sessions of testdata anew with the fail2ban that is installed")

// step is one line of a session, or one command with what it printed.
type step struct {
	kind       string // "#", "@", ">", "~", "$"
	text       string
	input      string
	want, ours string
	why        string
}

const exitLine = "[exit "

// readSession reads a session's steps.
func readSession(t *testing.T, file string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var into *string // what the next lines are a part of
	for line := range strings.Lines(string(text)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		last := len(steps) - 1
		switch {
		case into != nil && kind == "<" && *into == "":
			steps[last].input += rest + "\n"
		case into != nil:
			if *into += line; strings.HasPrefix(line, exitLine) {
				into = nil
			}
		case kind == "=":
			if steps[last].why = rest; !strings.HasPrefix(rest, "not compared") {
				into = &steps[last].ours
			}
		default:
			steps = append(steps, step{kind: kind, text: rest})
			if kind == "$" {
				into = &steps[last+1].want
			}
		}
	}
	return steps
}

// written is a step as the file has it.
func (s *step) written() string {
	text := strings.TrimSpace(s.kind+" "+s.text) + "\n"
	for line := range strings.Lines(s.input) {
		text += "< " + line
	}
	text += s.want
	if s.why != "" {
		text += "= " + s.why + "\n" + s.ours
	}
	return text
}

// A stage is where a session is played: on picket, or on fail2ban.
type stage struct {
	t      *testing.T
	dir    string
	client func(input string, args []string) (stdout, stderr string, exit int)
	server func() // starts it
	socket string
}

// newStage makes the configuration of the sessions in a folder of its own.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	s.socket = filepath.Join(s.dir, "f2b.sock")
	conf := os.DirFS(filepath.Join(sessions, "conf"))
	if err := os.CopyFS(s.dir, conf); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(s.dir + "/*.conf")
	more, _ := filepath.Glob(s.dir + "/*/*.conf")
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, bytes.ReplaceAll(text, []byte("DIR"), []byte(s.dir)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"door.log", "gate.log", "gate2.log", "more.log"} {
		s.write(name, "")
	}
	return s
}

func (s *stage) write(name, line string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if line != "" {
		fmt.Fprintf(f, "%s %s\n", time.Now().Format(time.DateTime), line)
	}
}

// masks are what differs from run to run.
var masks = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`(?m)^!\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (\S+?) *\[\d+\]: (\S+) +`), "!LOG $1 $2 "},
	{regexp.MustCompile(`\(\?P<ip6>\(\?:\[0-9a-fA-F\]\{1,4\}::\?\|::\)`), "(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:)"}, // 1.1 has one colon less
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`TIME \+ 3601 = TIME`), "TIME + 3600 = TIME"}, // a ban that was made across a second
}

// ask plays a command and returns what it printed, as the file has it.
func (s *stage) ask(p *step) string {
	s.t.Helper()
	args := append([]string{"-c", s.dir}, f2b.SplitShell(strings.ReplaceAll(p.text, "DIR", s.dir))...)
	stdout, stderr, exit := s.client(p.input, args)
	var text strings.Builder
	text.WriteString(stdout)
	if stdout != "" && !strings.HasSuffix(stdout, "\n") {
		text.WriteByte('\n')
	}
	for line := range strings.Lines(stderr) {
		text.WriteString("!" + strings.TrimSuffix(line, "\n") + "\n")
	}
	fmt.Fprintf(&text, "%s%d]\n", exitLine, exit)
	masked := strings.ReplaceAll(text.String(), s.dir, "DIR")
	for _, m := range masks {
		masked = m.what.ReplaceAllString(masked, m.as)
	}
	return masked
}

// play does a step, and returns what a command printed.
func (s *stage) play(p *step) string {
	s.t.Helper()
	switch p.kind {
	case "$":
		return s.ask(p)
	case ">":
		name, line, _ := strings.Cut(p.text, " ")
		s.write(name, line)
	case "~":
		want, command, _ := strings.Cut(p.text, " <- ")
		s.until(p.text, func() bool { return strings.HasPrefix(s.ask(&step{text: command}), want+"\n") })
	case "@":
		if p.text == "server" {
			s.server()
			break
		}
		s.until("the server is gone", func() bool { _, err := os.Stat(s.socket); return err != nil })
	}
	return ""
}

func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	for range 300 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Errorf("waited in vain: %s", what)
}

// onPicket is a stage where picket answers.
func onPicket(t *testing.T) *stage {
	g := nstest.NewGateway(t)
	s := newStage(t)
	p := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nlogs: {fail2ban: "+s.dir+"}\n")
	s.server = p.start
	s.client = func(input string, args []string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		exit := runFail2banClient(&program{name: "fail2ban-client", args: args, config: p.dir + "/picket.yaml", in: strings.NewReader(input), out: &stdout, err: &stderr})
		return stdout.String(), stderr.String(), exit
	}
	return s
}

// onFail2ban is a stage where fail2ban itself answers. Its actions write into a file.
func onFail2ban(t *testing.T) *stage {
	s := newStage(t)
	s.client = func(input string, args []string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("/usr/bin/fail2ban-client", args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
	s.server = func() {
		cmd := exec.Command("/usr/bin/fail2ban-server", "-c", s.dir, "-f", "start")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		s.until("fail2ban is at work", func() bool {
			out, _, _ := s.client("", []string{"-c", s.dir, "status"})
			return strings.Contains(out, "door")
		})
	}
	return s
}

// TestFail2banSession compares each command of the sessions with what picket prints.
func TestFail2banSession(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(sessions, "*.txt"))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			steps := readSession(t, file)
			if *recordFail2ban {
				record(t, file, steps)
				return
			}
			s := onPicket(t)
			for i := range steps {
				p := &steps[i]
				want := p.want
				if p.why != "" {
					want = p.ours
				}
				got := s.play(p)
				if diff := cmp.Diff(want, got); diff != "" && !strings.HasPrefix(p.why, "not compared") {
					t.Errorf("%s: %s", p.text, diff)
				}
			}
		})
	}
}

// record plays a session on fail2ban and writes down what that prints.
func record(t *testing.T, file string, steps []step) {
	t.Helper()
	s := onFail2ban(t)
	var text strings.Builder
	for i := range steps {
		steps[i].want = s.play(&steps[i])
		text.WriteString(steps[i].written())
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
