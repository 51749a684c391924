package procfs

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestNamesMayHoldAnything(t *testing.T) {
	p, err := parse(7, []byte("7 (a) R 1 (b) c) S 1 2 3 0 -1 4194304 1 2 3 4 50 60 0 0 20 -5 3 0 1234 5000 77 0\n"))
	if err != nil || p.Comm != "a) R 1 (b) c" || p.State != 'S' || p.Parent != 1 || p.Nice != -5 || p.Threads != 3 || p.Start != 1234 || p.RSS != 77 || p.Ticks != 110 {
		t.Errorf("%+v %v", p, err)
	}
	for _, damaged := range []string{"", "7", "7 (a", "7 )a( S", "7 (a) S 1 2"} {
		if _, err := parse(7, []byte(damaged)); err != ErrGone {
			t.Errorf("%q: %v", damaged, err)
		}
	}
}

func TestReadMyself(t *testing.T) {
	p, err := Read(os.Getpid())
	if err != nil || p.Parent != os.Getppid() || p.Threads < 1 || p.Start == 0 || len(Threads(p.PID)) < 1 || Command(p.PID, 10) == "" {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := Read(1 << 30); err != ErrGone {
		t.Errorf("nobody: %v", err)
	}
	if len(All()) == 0 {
		t.Error("no process at all")
	}
}

func TestSocketsOfMine(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	want, mine := netip.MustParseAddrPort(l.Addr().String()), map[string]bool{}
	SocketInodes(os.Getpid(), mine)
	for s := range Sockets(text) {
		if s.Local == want && s.State == 10 && mine[s.Inode] && SocketOwners()[s.Inode] == os.Getpid() {
			return
		}
	}
	t.Errorf("%s is not found among my sockets", want)
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:0016":                         "127.0.0.1:22",
		"B80D0120000000000000000001000000:01BB": "[2001:db8::1]:443",
		"0000000000000000FFFF00000100A8C0:0016": "192.168.0.1:22",
	} {
		if got, ok := endpoint(text); !ok || got.String() != want {
			t.Errorf("endpoint(%s) = %v, want %s", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("7 (a) S 1 2 3 0 -1 4194304 1 2 3 4 50 60 0 0 20 -5 3 0 1234 5000 77 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parse(1, b)
		for range Sockets(b) {
		}
		if Printable(string(b)) == "" && len(b) > 0 {
			t.Error("text is lost")
		}
	})
}
