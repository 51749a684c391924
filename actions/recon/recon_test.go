package recon

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/capture"
	"picket/capture/nstest"
	"picket/incidents"
	"picket/watch/logins"
)

func order(name string, args ...string) *measure.Order {
	m := &measure.Measure{ID: 7, Spec: measure.Spec{Name: name, Args: map[string]string{}}}
	for i := 0; i < len(args); i += 2 {
		m.Args[args[i]] = args[i+1]
	}
	return &measure.Order{Measure: m}
}

func done(t *testing.T, o *measure.Order) (string, []incidents.Evidence) {
	t.Helper()
	d := Doers(t.TempDir())[o.Measure.Name]
	if p, err := d.Plan(context.Background(), o); err != nil || p.Target == "" || p.Steps[0] == "" {
		t.Fatalf("plan %+v %v", p, err)
	}
	r, err := d.Do(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Output.Text, r.Evidence
}

func TestThisHost(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]string{
		"top":     "COMMAND",
		"sockets": l.Addr().String(),
		"disk":    "FREE INODES",
		"logins":  "logged in",
	} {
		if text, _ := done(t, order(name)); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in:\n%s", name, want, text)
		}
	}
	if text, _ := done(t, order("sockets")); !strings.Contains(text, fmt.Sprint(os.Getpid())) {
		t.Errorf("my own socket has no process:\n%s", text)
	}
}

func TestTrace(t *testing.T) {
	c := exec.Command("sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	text, _ := done(t, order("trace", "pid", fmt.Sprint(c.Process.Pid), "seconds", "1"))
	if strings.Count(text, "sleep") < 2 || !strings.Contains(text, "strace") {
		t.Errorf("trace:\n%s", text)
	}
	t.Setenv("PATH", t.TempDir()) // without strace there is /proc
	if text, _ = done(t, order("trace", "pid", fmt.Sprint(c.Process.Pid), "seconds", "1")); strings.Count(text, "sleep 100") < 2 {
		t.Errorf("without strace:\n%s", text)
	}
	if err := c.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the traced process has ended: %v", err)
	}
}

func TestPingAndRoute(t *testing.T) {
	g := nstest.NewGateway(t)
	g.A.Do(t, func() {
		if text, _ := done(t, order("ping", "host", nstest.B4, "count", "2")); !strings.Contains(text, "2 of 2 answered") {
			t.Errorf("ping:\n%s", text)
		}
		if text, _ := done(t, order("ping", "host", nstest.B6, "count", "5")); strings.Contains(text, "0 of 5 answered") {
			t.Errorf("ping over IPv6:\n%s", text)
		}
		text, _ := done(t, order("traceroute", "host", nstest.B4))
		if !strings.Contains(text, nstest.GatewayA4) || !strings.Contains(text, nstest.B4) || strings.Count(text, "\n") != 2 {
			t.Errorf("traceroute:\n%s", text)
		}
	})
}

func TestCapture(t *testing.T) {
	g := nstest.NewGateway(t)
	stop := make(chan struct{})
	defer close(stop)
	c, err := g.A.Dial(t, "udp", nstest.B4+":9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				c.Write([]byte("seen"))
			}
		}
	}()
	g.GW.Do(t, func() {
		text, evidence := done(t, order("capture", "interface", "toa", "seconds", "1", "host", nstest.A4))
		if !strings.Contains(text, "packets in ") || strings.HasPrefix(text, "0 ") || evidence[0].Kind != "pcap" || len(evidence[0].Data) > incidents.MaxEvidence {
			t.Fatalf("%s, %d bytes", text, len(evidence[0].Data))
		}
		path := filepath.Join(t.TempDir(), "evidence.pcap")
		if err := os.WriteFile(path, evidence[0].Data, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b capture.Batch
		if src.Receive(&b); len(b.Frames) == 0 || !bytes.Contains(b.Frames[0].Data, []byte("seen")) {
			t.Error("the evidence is no capture of the packets")
		}
	})
}

func TestArguments(t *testing.T) {
	all := Doers(t.TempDir())
	for _, o := range []*measure.Order{
		order("ping"), order("ping", "host", "x"), order("trace"), order("trace", "pid", "0"), order("trace", "pid", "1", "seconds", "0"),
		order("capture", "seconds", "301"), order("trace", "pid", fmt.Sprint(os.Getpid())),
	} {
		if _, err := all[o.Measure.Name].Plan(context.Background(), o); err == nil {
			t.Errorf("%s %v is taken", o.Measure.Name, o.Measure.Args)
		}
	}
}

// TestLoginRow: names are the attacker's.
func TestLoginRow(t *testing.T) {
	l := logins.Login{User: "anna\x1b[2J", Line: "pts/0", Host: "a\thost", Addr: netip.MustParseAddr("198.51.100.7"), PID: 4711, At: time.Unix(1700000000, 0)}
	if got, want := loginRow(l), "2023-11-14T22:13:20Z\tanna?[2J\tpts/0\ta?host (198.51.100.7)\t4711"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
