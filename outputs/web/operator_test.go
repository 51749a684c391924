package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// askerEnv makes the test's binary ask, instead of testing: it names the socket.
const askerEnv = "PICKET_TEST_ASKS"

func TestMain(m *testing.M) {
	if socket := os.Getenv(askerEnv); socket != "" {
		c := NewClient(socket)
		resp, err := c.ask(context.Background(), "POST", "/", map[string]string{"by": "somebody else"})
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(os.Stdout, resp.Body)
		return
	}
	os.Exit(m.Run())
}

// TestOperator: who asks is whom the kernel names, whatever the request says; behind root it is who became root.
func TestOperator(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can ask as others do")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ConnContext: withPeer, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, operator(r))
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plain, setuid := copied(t, dir, "plain", 0o755), copied(t, dir, "setuid", 0o4755)
	const nobody = 65534
	for _, c := range []struct {
		what, program string
		uid           uint32
		env, want     string
	}{
		{"a user", plain, nobody, "", "nobody"},
		{"a user without a name", plain, 54321, "", "uid 54321"},
		{"a user who says that he is another", plain, nobody, "SUDO_USER=alice", "nobody"},
		{"a user who has become root", setuid, nobody, "SUDO_USER=alice", "nobody (as root)"},
		{"root", plain, 0, "", "root"},
		{"root with a word of sudo's that nothing else bears out", plain, 0, "SUDO_USER=alice", "root (alice, it says)"},
		{"root with words that would forge a timeline", plain, 0, "SUDO_USER=bob (as root)\n", "root"},
	} {
		cmd := exec.Command(c.program)
		cmd.Dir, cmd.Env = dir, []string{askerEnv + "=" + socket, c.env}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", c.what, err, out)
		}
		if got := string(out); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// copied is a copy of this program that others may run.
func copied(t *testing.T, dir, name string, mode uint32) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSudoUser: a name is a name, not a piece of a timeline.
func TestSudoUser(t *testing.T) {
	for env, want := range map[string]string{
		"A=b\x00SUDO_USER=alice\x00": "alice", "SUDO_USER=": "", "XSUDO_USER=bob": "", "SUDO_USER=a b": "", "SUDO_USER=a\x1b[31m": "",
		"SUDO_USER=" + strings.Repeat("a", 300): "", "SUDO_USER=mallory\x00SUDO_USER=alice": "mallory",
	} {
		if got := sudoUser([]byte(env)); got != want {
			t.Errorf("%q: %q, want %q", env, got, want)
		}
	}
}
