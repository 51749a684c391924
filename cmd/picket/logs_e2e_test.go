package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/capture/nstest"
)

// stockFail2ban copies the package's /etc/fail2ban and points its sshd jail at a log, as an administrator does.
func stockFail2ban(t *testing.T, log string) (dir string) {
	t.Helper()
	const stock = "/etc/fail2ban"
	if _, err := os.Stat(filepath.Join(stock, "jail.conf")); err != nil {
		t.Skip("needs the configuration of Debian's package fail2ban:", err)
	}
	dir = filepath.Join(t.TempDir(), "fail2ban")
	if out, err := exec.Command("cp", "-r", stock, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", stock, err, out)
	}
	local := "[DEFAULT]\nbackend = polling\n[sshd]\nenabled = true\nlogpath = " + log + "\n"
	if err := os.WriteFile(filepath.Join(dir, "jail.local"), []byte(local), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// attacked is a host with sshd and picket, and an attacker and a good user around it.
type attacked struct {
	*station
	ssh *sshHost
}

// attack prepares the host; logs is what picket is told about its logs, with LOG and FAIL2BAN in it.
func attack(t *testing.T, logs string) *attacked {
	g := nstest.NewGateway(t)
	ssh := newSSHHost(t, g.GW)
	if strings.Contains(logs, "FAIL2BAN") {
		logs = strings.ReplaceAll(logs, "FAIL2BAN", stockFail2ban(t, ssh.log))
	}
	logs = strings.ReplaceAll(logs, "LOG", ssh.log)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n"+logs)
	serve(t, g.GW, nstest.GatewayA4, nstest.GatewayA6)
	s.start()
	return &attacked{s, ssh}
}

// untilBanned makes failed logins until the fifth is in the log, and returns how long after it the kernel holds the ban.
func (a *attacked) untilBanned(addr, target string) time.Duration {
	a.t.Helper()
	for range 4 {
		a.ssh.fail(a.net.A, target)
	}
	if n := a.ssh.failures(addr); n != 4 {
		a.t.Fatalf("%d failures of %s in the log, want 4", n, addr)
	}
	if a.holds(addr) {
		a.t.Errorf("%s is banned before its fifth failure", addr)
	}
	var last exec.Cmd
	a.net.A.Do(a.t, func() { // it ends by itself, or is cut off
		last = *a.ssh.ssh("wrong", target, "true")
		if err := last.Start(); err != nil {
			a.t.Fatal(err)
		}
	})
	a.t.Cleanup(func() { last.Process.Kill(); last.Wait() })
	a.until("the fifth failure", func() bool { return a.ssh.failures(addr) == 5 })
	fifth := time.Now()
	for !a.holds(addr) {
		if time.Since(fifth) > 20*time.Second {
			text, _ := os.ReadFile(filepath.Join(a.dir, "log"))
			a.t.Fatalf("%s is not banned\n%s", addr, text)
		}
	}
	return time.Since(fifth)
}

// TestRealSSHAttack: passwords are guessed at a real sshd, over IPv4 and IPv6, until picket bans; everything else goes
// on. Once with Debian's own configuration of fail2ban, once with picket's library.
func TestRealSSHAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("sshd answers a wrong password only after two seconds")
	}
	for name, c := range map[string]struct{ logs, life string }{
		"fail2ban": {"logs: {fail2ban: FAIL2BAN, fail2ban-socket: LOG.sock}\n", `expires 9m`},
		// The attacker's /64 is the host's own, too, and so is never banned as a whole.
		"library": {"logs: {adjust: {sshd: {logs: [LOG], limits: {prefix-ipv6: 128}}}}\n", `expires (59m|1h)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := attack(t, c.logs)
			good := a.ssh.login(a.net.B, nstest.GatewayB4)
			good.answers("before")
			took4 := a.untilBanned(nstest.A4, nstest.GatewayA4)
			took6 := a.untilBanned(nstest.A6, nstest.GatewayA6)
			t.Logf("from the fifth failure in the log to the kernel: IPv4 %v, IPv6 %v", took4, took6)
			if min(took4, took6) > time.Second {
				t.Errorf("both bans came later than a second")
			}
			a.closed(c.life)
			if name == "fail2ban" {
				a.client()
			}
			good.answers("after")
			a.ssh.login(a.net.B, nstest.GatewayB6).answers("a new login from elsewhere")
			a.stop(syscall.SIGTERM)
		})
	}
}

// client wants fail2ban-client, which is picket by another name, to tell of the bans as monitors read them.
func (a *attacked) client() {
	a.t.Helper()
	link := filepath.Join(a.dir, "fail2ban-client")
	if err := os.Symlink(binary, link); err != nil {
		a.t.Fatal(err)
	}
	out, err := exec.Command(link, "-s", a.ssh.log+".sock", "status", "sshd").CombinedOutput()
	for _, want := range []string{"Status for the jail: sshd", "Currently banned:\t2", nstest.A4, nstest.A6, a.ssh.log} {
		if err != nil || !strings.Contains(string(out), want) {
			a.t.Errorf("fail2ban-client status sshd: %v, no %q in\n%s", err, want, out)
		}
	}
}

// closed wants the attacker to be kept from sshd and from nothing else, with elements that say so and end by themselves.
func (a *attacked) closed(life string) {
	a.t.Helper()
	table := a.kernel("list", "table", "inet", "picket")
	for _, want := range []string{regexp.QuoteMeta(nstest.A4) + ".* " + life, regexp.QuoteMeta(nstest.A6) + ".* " + life} {
		if !regexp.MustCompile(want).MatchString(table) {
			a.t.Errorf("the kernel's table has no %q:\n%s", want, table)
		}
	}
	for _, addr := range []string{nstest.GatewayA4, nstest.GatewayA6} {
		if c, err := a.net.A.Dial(a.t, "tcp", net.JoinHostPort(addr, "22")); err == nil {
			c.Close()
			a.t.Errorf("the attacker can still connect to %s", addr)
		}
		if page, err := get(a.t, a.net.A, addr, "/"); err != nil {
			a.t.Errorf("the ban closes more than sshd's port: %q, %v", page, err)
		}
	}
}
