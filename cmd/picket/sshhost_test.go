package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/capture/nstest"
)

// sshHost is a real OpenSSH server with one user, on a host of a test network. Nothing of the machine is touched: the
// server sees a /dev with a syslog socket of ours, and user tables of ours, in a mount namespace of its own.
type sshHost struct {
	t   *testing.T
	dir string
	log string // the auth.log that the syslog daemon writes
}

const (
	sshUser     = "joe"
	sshPassword = "correct horse"
)

// sshServer begins in a private mount namespace, then becomes sshd. $1 is the folder.
const sshServer = `set -e
mount -t tmpfs none /run
mkdir /run/sshd
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for n in null zero random urandom tty ptmx; do : >"$1/dev/$n"; mount --bind /dev/$n "$1/dev/$n"; done
mkdir "$1/dev/pts"
mount --bind /dev/pts "$1/dev/pts"
ln -s "$1/syslog" "$1/dev/log"
mount --move "$1/dev" /dev
for f in passwd shadow group; do mount --bind "$1/$f" /etc/$f; done
exec "$2" -D -f "$1/sshd_config"
`

const sshdConfig = `ListenAddress 0.0.0.0
ListenAddress ::
HostKey DIR/key
PidFile none
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
AllowUsers joe root
MaxStartups 100
PrintMotd no
PrintLastLog no
UseDNS no
`

// newSSHHost starts sshd on a host. The test is skipped where OpenSSH or sshpass is missing.
func newSSHHost(t *testing.T, h *nstest.Host) *sshHost {
	t.Helper()
	server, err := exec.LookPath("/usr/sbin/sshd")
	for _, need := range []string{"ssh", "sshpass", "ssh-keygen", "openssl", "unshare"} {
		if _, missing := exec.LookPath(need); missing != nil {
			err = missing
		}
	}
	if err != nil {
		t.Skip("needs openssh-server, openssh-client, sshpass and openssl:", err)
	}
	s := &sshHost{t: t, dir: t.TempDir()}
	s.log = filepath.Join(s.dir, "auth.log")
	s.accounts()
	s.write("sshd_config", strings.ReplaceAll(sshdConfig, "DIR", s.dir))
	s.write("start", sshServer)
	h.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, "key"))
	s.syslog()
	c := exec.Command("unshare", "--mount", "--propagation", "private", "sh", filepath.Join(s.dir, "start"), s.dir, server)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	h.Start(t, c)
	for range 200 {
		if text, _ := os.ReadFile(s.log); strings.Contains(string(text), "Server listening on :: ") {
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen:\n%s", said.Bytes())
	return nil
}

func (s *sshHost) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// accounts makes user tables with root, sshd's own user and one who may log in.
func (s *sshHost) accounts() {
	s.t.Helper()
	hash, err := exec.Command("openssl", "passwd", "-6", sshPassword).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("passwd", "root:x:0:0:root:/root:/bin/sh\nsshd:x:120:65534::/run/sshd:/usr/sbin/nologin\n"+sshUser+":x:4711:4711::/tmp:/bin/sh\n")
	s.write("shadow", "root:*:20000:0:99999:7:::\n"+sshUser+":"+strings.TrimSpace(string(hash))+":20000:0:99999:7:::\n")
	s.write("group", "root:x:0:\nnogroup:x:65534:\ntty:x:5:\n"+sshUser+":x:4711:\n")
}

// syslog is the syslog daemon: it writes what comes to the socket to auth.log, as rsyslog does on Debian.
func (s *sshHost) syslog() {
	s.t.Helper()
	in, err := net.ListenPacket("unixgram", filepath.Join(s.dir, "syslog"))
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(s.dir, "syslog"), 0o777); err != nil {
		s.t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			// <38>Nov 21 05:00:00 sshd[7]: text
			_, text, _ := strings.Cut(string(buf[:n]), ">")
			const stamp = len("Nov 21 05:00:00 ")
			fmt.Fprintf(out, "%shost %s\n", text[:min(stamp, len(text))], strings.TrimRight(text[min(stamp, len(text)):], "\n\x00"))
		}
	})
	s.t.Cleanup(func() {
		in.Close()
		done.Wait()
		out.Close()
	})
}

// ssh is a client on another host; nobody asks about keys.
func (s *sshHost) ssh(password, addr string, command ...string) *exec.Cmd {
	args := []string{"-p", password, "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1", "-o", "ConnectTimeout=5", "-l", sshUser, addr}
	return exec.Command("sshpass", append(args, command...)...)
}

// fail tries to log in with a wrong password; an error says that the server was reached and said no, or that it could
// not be reached.
func (s *sshHost) fail(from *nstest.Host, addr string) {
	s.t.Helper()
	from.Do(s.t, func() {
		if out, err := s.ssh("wrong", addr, "true").CombinedOutput(); err == nil {
			s.t.Errorf("a wrong password was right: %s", out)
		}
	})
}

// session is an open login, with a shell that answers.
type session struct {
	t   *testing.T
	in  io.WriteCloser
	out *os.File
}

// login logs in with the right password.
func (s *sshHost) login(from *nstest.Host, addr string) *session {
	s.t.Helper()
	c := s.ssh(sshPassword, addr, "cat")
	in, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Close()
	c.Stdout = w
	from.Start(s.t, c)
	s.t.Cleanup(func() { in.Close(); r.Close() })
	return &session{s.t, in, r}
}

// answers sends a word and wants it back.
func (s *session) answers(word string) {
	s.t.Helper()
	if err := s.out.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintln(s.in, word)
	buf := make([]byte, 100)
	if n, err := s.out.Read(buf); err != nil || string(buf[:n]) != word+"\n" {
		s.t.Errorf("the session answers %q, %v; want %q", buf[:n], err, word)
	}
}

// failures counts the failed passwords of an address in auth.log.
func (s *sshHost) failures(addr string) int {
	text, _ := os.ReadFile(s.log)
	return strings.Count(string(text), "Failed password for joe from "+addr+" ")
}
