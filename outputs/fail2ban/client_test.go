package fail2ban

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve answers for the kit's two jails on a socket of its own.
func serve(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "f2b.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, twoJails([]string{"^Failed .* from <HOST>"})) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return socket
}

// TestTaken: a socket on which somebody answers is left alone, one that nobody answers on is replaced.
func TestTaken(t *testing.T) {
	socket := serve(t)
	if _, err := Listen(socket); !errors.Is(err, ErrTaken) {
		t.Errorf("a second server: %v", err)
	}
}

// TestHostile: what is no command ends a client or gets an exception, and the server goes on.
func TestHostile(t *testing.T) {
	socket := serve(t)
	for _, message := range []string{"", "x", ".", "\x80\x02].", "\x80\x02]q\x00h\x00a.", "N.", "cos\nsystem\n(S'id'\ntR."} {
		c, err := Dial(socket)
		if err != nil {
			t.Fatal(err)
		}
		c.conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.conn.Write([]byte(message + endCommand)); err != nil {
			t.Fatal(err)
		}
		b, err := readMessage(c.read)
		if err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		var refused *Refused
		if v, err := answerOf(b); !errors.As(err, &refused) {
			t.Errorf("%q: answered with %v, %v", message, v, err)
		}
		c.Close()
	}
	c, err := Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Ask([]any{"ping"}); v != "pong" || err != nil {
		t.Errorf("afterwards: %v, %v", v, err)
	}
}

// realClient is fail2ban's own client in Python, where it is installed (or PYTHONPATH names it).
func realClient(t *testing.T, socket string, args ...string) (out string, exit int) {
	t.Helper()
	const program = "import sys; from fail2ban.client.fail2banclient import exec_command_line; exec_command_line(sys.argv)"
	cmd := exec.Command("/usr/bin/python3", append([]string{"-B", "-c", program, "-s", socket, "-p", "/nonexistent", "--loglevel", "INFO",
		"--logtarget", "STDERR", "--syslogsocket", "auto"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "Traceback") {
		t.Fatalf("%v: %s", args, stderr.String())
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// TestRealClient lets fail2ban's own client speak to us; it prints what ours prints.
func TestRealClient(t *testing.T) {
	if err := exec.Command("/usr/bin/python3", "-c", "import fail2ban.client.fail2banclient").Run(); err != nil {
		t.Skip("fail2ban is not installed (apt-get install fail2ban, or PYTHONPATH): ", err)
	}
	socket, twin := serve(t), answerer{twoJails([]string{"^Failed .* from <HOST>"})}
	equal := 0
	for _, line := range []string{
		"status sshd", "banned", "get sshd banip --with-time", "set sshd banip 192.0.2.55 192.0.2.56",
		"set sshd unbanip --report-absent 9.9.9.9", "set sshd addignoreip 192.0.2.200", "get sshd failregex", "get sshd datepattern",
		"flushlogs", "unban --all", "status nosuch", "get sshd bogus", "stop sshd",
	} {
		args := strings.Fields(line)
		got, exit := realClient(t, socket, args...)
		want, failed := ask(t, twin, args)
		if diff := cmp.Diff(want+"\n", got); diff != "" || failed != (exit != 0) {
			t.Errorf("%s: exit %d: %s", line, exit, diff)
			continue
		}
		equal++
	}
	t.Logf("%d commands equal", equal)
}
