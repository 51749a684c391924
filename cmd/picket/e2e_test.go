package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"picket/capture"
	"picket/capture/nstest"
)

// These tests run the real program on a real kernel: a gateway between two hosts, each a network namespace.

var binary string // the program under test, built by TestMain

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "picket-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "picket")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build picket: %v\n%s", err, out)
		os.Exit(1)
	}
	// Before any goroutine: what is printed and what is read of logs is in UTC, here and in the children.
	time.Local = time.UTC
	os.Setenv("TZ", "UTC")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// station is a picket at work on the gateway.
type station struct {
	t    *testing.T
	net  *nstest.Gateway
	dir  string
	env  []string // of picket run, beside this process's
	cmd  *exec.Cmd
	log  *bytes.Buffer
	wait func() error
}

const demoRule = `drop http any any -> any any (msg:"admin"; flow:established,to_server; http.uri; content:"/admin"; startswith; sid:1;)
alert http any any -> any any (msg:"ban me"; flow:established,to_server; http.uri; content:"/ban-me"; startswith; sid:2;)
`

// prepare makes a folder with rules and a configuration; extra is put behind it.
func prepare(t *testing.T, g *nstest.Gateway, extra string) *station {
	t.Helper()
	s := &station{t: t, net: g, dir: t.TempDir()}
	s.write("test.rules", demoRule)
	s.write("picket.yaml", fmt.Sprintf(`
mode: enforce
gate: {private: allow}
state-dir: %[1]s/state
socket: %[1]s/control.sock
signatures: {files: [%[1]s/test.rules], library: no}
eve: {enabled: yes, file: %[1]s/eve.json}
`, s.dir)+extra)
	return s
}

func (s *station) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start runs picket on the gateway and waits until it is at work.
func (s *station) start() {
	s.t.Helper()
	s.log = &bytes.Buffer{}
	s.cmd = exec.Command(binary, "run", "-q", "-c", filepath.Join(s.dir, "picket.yaml"))
	s.cmd.Env = append(os.Environ(), s.env...)
	logfile, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer logfile.Close()
	s.cmd.Stderr = logfile
	s.wait = s.net.GW.Start(s.t, s.cmd)
	s.until("picket is at work", func() bool {
		text, _ := os.ReadFile(logfile.Name())
		return strings.Contains(string(text), "at work")
	})
}

// stop ends picket with a signal and waits for it.
func (s *station) stop(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	err := s.wait()
	if sig == syscall.SIGTERM && err != nil {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		s.t.Errorf("picket ended with %v\n%s", err, text)
	}
}

// until waits for a condition; the bound is there to end a broken test, not to measure.
func (s *station) until(what string, ok func() bool) {
	s.t.Helper()
	for range 300 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.t.Fatalf("waited in vain: %s\n%s", what, text)
}

// picket runs a verb against the station and returns what it printed, and whether it succeeded.
func (s *station) picket(args ...string) (string, error) {
	var out []byte
	var err error
	s.net.GW.Do(s.t, func() {
		out, err = exec.Command(binary, append(args, "--socket", filepath.Join(s.dir, "control.sock"))...).CombinedOutput()
	})
	return string(out), err
}

func (s *station) must(args ...string) string {
	s.t.Helper()
	out, err := s.picket(args...)
	if err != nil {
		s.t.Fatalf("picket %v: %v\n%s", args, err, out)
	}
	return out
}

// kernel asks nft on the gateway.
func (s *station) kernel(args ...string) string { return s.net.GW.Run(s.t, "nft", args...) }

// serve answers "welcome" on B's addresses, port 80.
func serve(t *testing.T, h *nstest.Host, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "welcome") })}
		go srv.Serve(h.Listen(t, "tcp", net.JoinHostPort(a, "80")))
		t.Cleanup(func() { srv.Close() })
	}
}

// get asks for a page from a host, on a connection of its own.
func get(t *testing.T, from *nstest.Host, addr, path string) (string, error) {
	t.Helper()
	c, err := from.Dial(t, "tcp", net.JoinHostPort(addr, "80"))
	if err != nil {
		return "", err
	}
	defer c.Close()
	return ask(c, path)
}

func ask(c net.Conn, path string) (string, error) {
	c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path); err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

const inlineConfig = `
capture:
  inline: {enabled: yes, hooks: [forward, input], queues: 2, bypass: %s, offload: no}
`

func TestDropRuleStopsOneRequestAndNothingElse(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4, nstest.B6)
	s := prepare(t, g, fmt.Sprintf(inlineConfig, "yes"))
	s.start()
	for _, addr := range []string{nstest.B4, nstest.B6} {
		if page, err := get(t, g.A, addr, "/"); err != nil || !strings.Contains(page, "welcome") {
			t.Errorf("a good request to %s: %q, %v", addr, page, err)
		}
		if page, err := get(t, g.A, addr, "/admin"); err == nil {
			t.Errorf("the request to %s that a drop rule names got %q", addr, page)
		}
		if page, err := get(t, g.A, addr, "/again"); err != nil {
			t.Errorf("a good request after it to %s: %q, %v", addr, page, err)
		}
	}
	s.stop(syscall.SIGTERM)
	if page, err := get(t, g.A, nstest.B4, "/admin"); err != nil {
		t.Errorf("after an orderly stop: %q, %v", page, err)
	}
	events := s.events("drop")
	if len(events) == 0 || events[0].Drop.Reason != "rules" {
		t.Errorf("drop events: %+v", events)
	}
}

type event struct {
	Type  string `json:"event_type"`
	Drop  struct{ Reason string }
	Alert struct {
		SID    uint32 `json:"signature_id"`
		Action string
	}
}

func (s *station) events(kind string) (list []event) {
	text, err := os.ReadFile(filepath.Join(s.dir, "eve.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			s.t.Errorf("eve.json: %v: %s", err, line)
		}
		if e.Type == kind {
			list = append(list, e)
		}
	}
	return list
}

func TestBanCutsOpenAndNewConnections(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4, nstest.B6)
	serve(t, g.GW, nstest.GatewayA4, nstest.GatewayA6)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	s.start()
	for _, c := range []struct{ who, forwarded, local string }{
		{nstest.A4, nstest.B4, nstest.GatewayA4}, {nstest.A6, nstest.B6, nstest.GatewayA6},
	} {
		var open []net.Conn
		for _, addr := range []string{c.forwarded, c.local} {
			conn, err := g.A.Dial(t, "tcp", net.JoinHostPort(addr, "80"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := ask(conn, "/"); err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		out := s.must("ban", c.who, "--for", "1h", "--reason", "test")
		if !strings.Contains(out, "the kernel holds it") {
			t.Errorf("ban: %s", out)
		}
		for i, conn := range open {
			if page, err := ask(conn, "/"); err == nil {
				t.Errorf("open connection %d of %s still answers: %q", i, c.who, page)
			}
		}
		for _, addr := range []string{c.forwarded, c.local} {
			if _, err := get(t, g.A, addr, "/"); err == nil {
				t.Errorf("%s can still connect to %s", c.who, addr)
			}
		}
		s.must("unban", c.who)
		if _, err := get(t, g.A, c.forwarded, "/"); err != nil {
			t.Errorf("%s after unban: %v", c.who, err)
		}
	}
	s.stop(syscall.SIGTERM)
}

func TestKilledInline(t *testing.T) {
	for bypass, passes := range map[string]bool{"yes": true, "no": false} {
		t.Run("bypass "+bypass, func(t *testing.T) {
			g := nstest.NewGateway(t)
			serve(t, g.B, nstest.B4)
			s := prepare(t, g, fmt.Sprintf(inlineConfig, bypass))
			s.start()
			if _, err := get(t, g.A, nstest.B4, "/"); err != nil {
				t.Fatal(err)
			}
			s.stop(syscall.SIGKILL)
			if _, err := get(t, g.A, nstest.B4, "/"); (err == nil) != passes {
				t.Errorf("after kill -9: %v, traffic should pass: %v", err, passes)
			}
			s.start() // a new picket takes over what the dead one left
			if _, err := get(t, g.A, nstest.B4, "/"); err != nil {
				t.Errorf("after the next start: %v", err)
			}
			s.stop(syscall.SIGTERM)
		})
	}
}

func TestBansSurvive(t *testing.T) {
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	s.start()
	s.must("ban", "198.51.100.7", "--for", "1h")
	s.must("ban", "198.51.100.0/28")
	s.kernel("flush", "ruleset")
	s.until("the bans are back after flush ruleset", func() bool { return s.holds("198.51.100.7") })
	s.stop(syscall.SIGKILL)
	if !s.holds("198.51.100.7") {
		t.Error("the ban ended with the process")
	}
	s.start()
	s.until("the bans stand after kill -9", func() bool { return s.holds("198.51.100.7") })
	bans := s.must("bans")
	if !strings.Contains(bans, "198.51.100.7") || !strings.Contains(bans, "198.51.100.0/28") {
		t.Errorf("bans after restart:\n%s", bans)
	}
	if list := s.kernel("list", "set", "inet", "picket", "ban4"); strings.Contains(list, "expires 1h") || !strings.Contains(list, "expires 59m") {
		t.Errorf("the remaining time was not kept: %s", list)
	}
	s.stop(syscall.SIGTERM)
}

func (s *station) holds(addr string) bool {
	var out []byte
	s.net.GW.Do(s.t, func() { out, _ = exec.Command("nft", "list", "table", "inet", "picket").CombinedOutput() })
	return strings.Contains(string(out), addr)
}

func TestProtectedStayReachable(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, `
capture: {passive: {interfaces: [toa]}}
bans:
  allow: [10.91.1.2, "fd91:1::/64"]
  policies: [{sid: [2], for: 1h}]
`)
	s.start()
	for _, who := range []string{
		nstest.A4, "10.91.1.0/24", "10.0.0.0/8", "0.0.0.0/0", nstest.A6, "::/0", "::ffff:10.91.1.2", "fd91:1::/48",
		nstest.GatewayA4, nstest.GatewayB4, nstest.GatewayA6, "127.0.0.1", "::1", "224.0.0.5", "10.91.2.255",
	} {
		if out, err := s.picket("ban", who); err == nil || !strings.Contains(out, "refused") {
			t.Errorf("ban %s: %v %s", who, err, out)
		}
	}
	if _, err := get(t, g.A, nstest.B4, "/ban-me"); err != nil {
		t.Fatal(err)
	}
	s.until("the rule's ban was refused", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return strings.Contains(string(text), "ban refused") && strings.Contains(string(text), "sid 2")
	})
	if _, err := get(t, g.A, nstest.B4, "/"); err != nil {
		t.Errorf("the protected host is cut off: %v", err)
	}
	s.stop(syscall.SIGTERM)
}

func TestRuleBans(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nbans: {policies: [{sid: [2], for: 1h}]}\n")
	s.start()
	if _, err := get(t, g.A, nstest.B4, "/ban-me"); err != nil {
		t.Fatal(err)
	}
	s.until("the rule has banned its source", func() bool { return s.holds(nstest.A4) })
	if _, err := get(t, g.A, nstest.B4, "/"); err == nil {
		t.Error("the banned host still gets answers")
	}
	s.stop(syscall.SIGTERM)
}

func TestReloadLosesNoPacket(t *testing.T) {
	g := nstest.NewGateway(t)
	s := prepare(t, g, fmt.Sprintf(inlineConfig, "no"))
	s.start()
	echo := g.B.ListenPacket(t, "udp", nstest.B4+":7")
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			echo.WriteTo(buf[:n], from)
		}
	}()
	c, err := g.A.Dial(t, "udp", nstest.B4+":7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const packets = 3000
	answered := make(chan int)
	go func() {
		n, buf := 0, make([]byte, 100)
		for ; n < packets; n++ {
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Read(buf); err != nil {
				break
			}
		}
		answered <- n
	}()
	for i := range packets {
		if i%600 == 300 {
			s.write("test.rules", demoRule+fmt.Sprintf("alert udp any any -> any 7 (msg:\"echo\"; content:\"none such %d\"; sid:3;)\n", i))
			if out := s.must("reload"); !strings.Contains(out, "3 rules in force") {
				t.Errorf("reload: %s", out)
			}
		}
		if _, err := fmt.Fprintf(c, "packet %d", i); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if n := <-answered; n != packets {
		t.Errorf("%d of %d packets came back", n, packets)
	}
	s.write("test.rules", demoRule+"alert tcp any any -> any any (nonsense; sid:4;)\n")
	if out := s.must("reload"); !strings.Contains(out, "nonsense") || !strings.Contains(out, "2 rules in force") {
		t.Errorf("reload with one bad rule: %s", out)
	}
	s.write("test.rules", "alert tcp any any -> any any (nonsense; sid:4;)\n")
	if out, err := s.picket("reload"); err == nil || !strings.Contains(out, "stay in force") {
		t.Errorf("reload with nothing but a bad rule: %v %s", err, out)
	}
	s.write("picket.yaml", "mode: sideways\n")
	if out, err := s.picket("reload"); err == nil || !strings.Contains(out, "picket.yaml:1:7") {
		t.Errorf("reload of a bad configuration: %v %s", err, out)
	}
	s.stop(syscall.SIGTERM)
}

func TestNoPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to drop to nobody")
	}
	dir := t.TempDir()
	copied := filepath.Join(dir, "picket")
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(copied, text, 0o755), os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "picket.yaml")
	os.WriteFile(config, fmt.Appendf(nil, "state-dir: %[1]s/state\nsocket: %[1]s/sock\ncapture: {passive: {interfaces: [lo]}}\n", dir), 0o644)
	cmd := exec.Command(copied, "run", "-c", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "CAP_NET_RAW") || strings.Contains(string(out), "panic") {
		t.Errorf("without privileges: %v\n%s", err, out)
	}
	os.Chmod(dir, 0o755)
	os.RemoveAll(filepath.Join(dir, "state"))
	cmd = exec.Command(copied, cmd.Args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err = cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "run picket as root") {
		t.Errorf("in a state directory of root's: %v\n%s", err, out)
	}
}

// TestRingSeesWhatTheFileHolds replays a capture onto the wire: picket on AF_PACKET sees every frame and finds the
// alerts that picket read finds in the file.
func TestRingSeesWhatTheFileHolds(t *testing.T) {
	const file = "../../../shared/corpora/webattacks/crs-http.pcap"
	frames := framesOf(t, file)
	g := nstest.NewGateway(t)
	g.A.Quiet(t, nstest.HostIface, 9000)
	g.GW.Quiet(t, nstest.GatewayIfaceA, 9000)
	const rules = "signatures: {library: yes, addresses: {HOME_NET: any, EXTERNAL_NET: any}}\n"
	s := prepare(t, g, "")
	s.write("picket.yaml", fmt.Sprintf("state-dir: %[1]s/state\nsocket: %[1]s/control.sock\nworkers: 2\n"+
		"eve: {enabled: yes, file: %[1]s/eve.json, types: [alert]}\ncapture: {passive: {interfaces: [toa], promiscuous: yes}}\n%[2]s", s.dir, rules))
	s.start()
	send := g.A.Inject(t, nstest.HostIface)
	for i, f := range frames {
		if err := send(f); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 {
			time.Sleep(time.Millisecond) // a sender faster than one shared core is another test
		}
	}
	s.until("all frames were seen", func() bool {
		return s.packets() >= uint64(len(frames))
	})
	if n := s.packets(); n != uint64(len(frames)) {
		t.Errorf("%d frames seen, %d sent", n, len(frames))
	}
	s.stop(syscall.SIGTERM)
	live := s.sids()
	s.write("read.yaml", rules)
	out := t.TempDir()
	read := exec.Command(binary, "read", "-c", filepath.Join(s.dir, "read.yaml"), "-r", file, "-l", out, "-k", "none")
	if text, err := read.CombinedOutput(); err != nil {
		t.Fatalf("picket read: %v\n%s", err, text)
	}
	s.dir = out
	if saved := s.sids(); len(saved) == 0 || fmt.Sprint(saved) != fmt.Sprint(live) {
		t.Errorf("alerts by sid on the wire %v, in the file %v", live, saved)
	}
}

// framesOf reads the frames of a capture.
func framesOf(t *testing.T, file string) (frames [][]byte) {
	t.Helper()
	src, err := capture.OpenFile(file, capture.FileOptions{})
	if err != nil {
		t.Skipf("no capture: %v", err)
	}
	defer src.Close()
	for {
		var b capture.Batch
		err := src.Receive(&b)
		for _, f := range b.Frames {
			frames = append(frames, bytes.Clone(f.Data))
		}
		src.Release(&b)
		if err != nil {
			return frames
		}
	}
}

// packets is the number of packets that picket's status tells; 0 when it does not answer.
func (s *station) packets() uint64 {
	out, err := s.picket("status", "--json")
	var status struct{ Sources []struct{ Packets uint64 } }
	if err != nil || json.Unmarshal([]byte(out), &status) != nil {
		return 0
	}
	var n uint64
	for _, src := range status.Sources {
		n += src.Packets
	}
	return n
}

// sids counts the alerts in eve.json.
func (s *station) sids() map[uint32]int {
	n := map[uint32]int{}
	for _, e := range s.events("alert") {
		n[e.Alert.SID]++
	}
	return n
}

// TestJailBans puts picket in fail2ban's place: its configuration as it stands, a log that is written to, and a ban.
func TestJailBans(t *testing.T) {
	const stock = "../../../shared/kits/fail2ban/config"
	if _, err := os.Stat(stock); err != nil {
		t.Skipf("no fail2ban configuration: %v", err)
	}
	g := nstest.NewGateway(t)
	serve(t, g.GW, nstest.GatewayA4)
	g.GW.Listen(t, "tcp", net.JoinHostPort(nstest.GatewayA4, "22"))
	s := prepare(t, g, "")
	if err := os.CopyFS(filepath.Join(s.dir, "fail2ban"), os.DirFS(stock)); err != nil {
		t.Fatal(err)
	}
	s.write("auth.log", "")
	s.write("fail2ban/jail.local", fmt.Sprintf("[sshd]\nenabled = true\nbackend = polling\nlogpath = %s/auth.log\nmaxretry = 5\nbantime = 1h\n", s.dir))
	s.write("picket.yaml", fmt.Sprintf("mode: enforce\nstate-dir: %[1]s/state\nsocket: %[1]s/control.sock\nlogs: {fail2ban: %[1]s/fail2ban}\ncapture: {passive: {interfaces: [toa]}}\n", s.dir))
	s.start()
	fail := func(n int) {
		f, err := os.OpenFile(filepath.Join(s.dir, "auth.log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := range n {
			fmt.Fprintf(f, "%s host sshd[%d]: Failed password for root from %s port 4000 ssh2\n", time.Now().Format(time.Stamp), 1000+i, nstest.A4)
		}
	}
	fail(4)
	s.until("four failures were counted", func() bool {
		return strings.Contains(s.must("status"), "4 failures in all, 1 party failing now, 0 bans")
	})
	if s.holds(nstest.A4) {
		t.Error("banned before the fifth failure")
	}
	fail(1)
	s.until("the fifth failure bans", func() bool { return s.holds(nstest.A4) })
	if c, err := g.A.Dial(t, "tcp", net.JoinHostPort(nstest.GatewayA4, "22")); err == nil {
		c.Close()
		t.Error("the banned host still reaches sshd's port")
	}
	if _, err := get(t, g.A, nstest.GatewayA4, "/"); err != nil {
		t.Errorf("the jail of sshd closed another port than its own: %v", err)
	}
	if bans := s.must("bans"); !strings.Contains(bans, "jail sshd") {
		t.Errorf("bans do not name the jail:\n%s", bans)
	}
	s.stop(syscall.SIGTERM)
}

// TestOpenConnectionsSurviveTheStart: whoever is connected when an inline picket starts, stops or starts again stays so.
func TestOpenConnectionsSurviveTheStart(t *testing.T) {
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, fmt.Sprintf(inlineConfig, "yes"))
	open, err := g.A.Dial(t, "tcp", net.JoinHostPort(nstest.B4, "80"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	still := func(when string) {
		t.Helper()
		if page, err := ask(open, "/"); err != nil {
			t.Errorf("%s the open connection gets %q, %v", when, page, err)
		}
	}
	still("before the start")
	s.start()
	still("after the start")
	still("again, with the answer seen")
	s.stop(syscall.SIGTERM)
	still("after the stop")
	s.start()
	still("after another start")
	s.stop(syscall.SIGTERM)
}
