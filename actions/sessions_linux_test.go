package actions

import (
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"picket/watch/logins"
)

// TestRecordedSessions: of what records say, only sessions from elsewhere count, each party once, whose leader lives and is
// root's: a terminal may add to utmp for its user what it likes.
func TestRecordedSessions(t *testing.T) {
	from := func(text string, pid int) logins.Login {
		return logins.Login{User: "joe\x1b[2J", Addr: netip.MustParseAddr(text), PID: pid}
	}
	list := live([]logins.Login{
		from("192.0.2.1", 10), from("192.0.2.1", 10), from("127.0.0.1", 10), from("192.0.2.2", 11), {User: "ann", Line: "tty1", PID: 10},
	}, "utmp", func(pid int) bool { return pid == 10 })
	if len(list) != 1 || list[0].Prefix.Addr().String() != "192.0.2.1" || !list[0].Session || list[0].Why != "the peer of a live session of joe?[2J (utmp)" {
		t.Errorf("%+v", list)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can start processes of others")
	}
	other := exec.Command("sleep", "60")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	if !ledByRoot(os.Getpid()) || ledByRoot(other.Process.Pid) || ledByRoot(1<<22+1) || ledByRoot(0) {
		t.Error("whose a process is was told wrongly")
	}
}
