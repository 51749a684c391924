package notify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

var quiet = slog.New(slog.DiscardHandler)

// server records what is posted to it and answers as told.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	paths  []string
	status int
	answer string
}

func serving(t *testing.T) *server {
	s := &server{status: 200, answer: "{}"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies, s.heads, s.paths = append(s.bodies, string(body)), append(s.heads, r.Header), append(s.paths, r.URL.Path)
		w.WriteHeader(s.status)
		io.WriteString(w, s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func running(t *testing.T, dir string, c Config) (*Notifier, func()) {
	t.Helper()
	n, err := New(Options{Config: c, Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return n, stop
}

func scan(id incidents.ID) *incidents.Incident {
	return &incidents.Incident{
		ID: id, State: incidents.Open, Title: "port scan", Severity: incidents.High, Opened: time.Unix(1700000000, 0), Updated: time.Unix(1700000060, 0),
		Attackers: []netip.Addr{netip.MustParseAddr("198.51.100.7")}, Findings: 3, Rules: []incidents.RuleCount{{Rule: incidents.Rule{ID: "1:1", Name: "scan"}, Count: 3}},
	}
}

func config(r Receiver) Config {
	c := Default()
	c.GroupWait = 0
	c.Receivers = map[string]Receiver{"ops": r}
	return c
}

func tell(t *testing.T, n *Notifier, i *incidents.Incident) {
	t.Helper()
	if err := n.Tell(context.Background(), i, "", "ops"); err != nil {
		t.Fatal(err)
	}
}

func TestWebhookHearsOfIncidentAndResolution(t *testing.T) {
	s := serving(t)
	t.Setenv("HOOK_KEY", "s3cret")
	n, _ := running(t, t.TempDir(), config(Receiver{Webhook: &Webhook{URL: s.URL + "/hook", Headers: map[string]Secret{"X-Key": "env:HOOK_KEY"}}}))
	i := scan(1)
	tell(t, n, i)
	until(t, "the message has come", func() bool { return len(s.got()) == 1 })
	tell(t, n, i) // within the repeat interval: nothing
	done := *i
	done.State, done.Closed = incidents.Resolved, time.Unix(1700000100, 0)
	n.Incident(&incidents.Event{Kind: incidents.WasResolved, Incident: done})
	until(t, "the resolution has come", func() bool { return len(s.got()) == 2 })
	var m Message
	if err := json.Unmarshal([]byte(s.got()[0]), &m); err != nil || m.Kind != "incident" || m.Incident.ID != 1 || !strings.Contains(m.Text, "198.51.100.7") {
		t.Errorf("%+v %v", m, err)
	}
	if err := json.Unmarshal([]byte(s.got()[1]), &m); err != nil || m.Kind != "resolved" {
		t.Errorf("%+v %v", m, err)
	}
	if s.heads[0].Get("X-Key") != "s3cret" {
		t.Error("the secret was not sent")
	}
}

func TestGroupsFindings(t *testing.T) {
	s := serving(t)
	c := config(Receiver{Webhook: &Webhook{URL: s.URL}})
	c.GroupWait = time.Second
	n, _ := running(t, t.TempDir(), c)
	for range 20 {
		tell(t, n, scan(1))
	}
	until(t, "the message has come", func() bool { return len(s.got()) > 0 })
	time.Sleep(20 * time.Millisecond)
	if got := s.got(); len(got) != 1 || !strings.Contains(got[0], "20 findings") {
		t.Errorf("%d messages: %s", len(got), got)
	}
}

func TestDownAndBack(t *testing.T) {
	s, dir := serving(t), t.TempDir()
	s.status = 503
	c := config(Receiver{Webhook: &Webhook{URL: s.URL}})
	n, stop := running(t, dir, c)
	tell(t, n, scan(1))
	until(t, "the server was tried", func() bool { return len(s.got()) == 1 })
	stop() // picket ends, the server comes back, picket starts
	s.mu.Lock()
	s.status = 200
	s.mu.Unlock()
	files, _ := filepath.Glob(dir + "/*.json")
	if len(files) != 1 {
		t.Fatalf("in the queue: %v", files)
	}
	later := time.Now().Add(time.Hour)
	again, err := New(Options{Config: c, Dir: dir, Log: quiet, Now: func() time.Time { return later }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- again.Run(ctx) }()
	until(t, "the message was delivered", func() bool { return len(s.got()) == 2 })
	until(t, "the queue is empty", func() bool { files, _ := filepath.Glob(dir + "/*.json"); return len(files) == 0 })
	again.Incident(&incidents.Event{Kind: incidents.WasResolved, Incident: incidents.Incident{ID: 1, State: incidents.Resolved}})
	until(t, "the resolution is told after the restart", func() bool { return len(s.got()) == 3 })
	cancel()
	<-ended
}

func TestRefusedForGood(t *testing.T) {
	s, dir := serving(t), t.TempDir()
	s.status = 413
	n, _ := running(t, dir, config(Receiver{Webhook: &Webhook{URL: s.URL}}))
	tell(t, n, scan(1))
	until(t, "the message was given up", func() bool { st, _ := n.Stats(context.Background()); return st.GivenUp == 1 && st.Waiting == 0 })
}

// TestOneHangs: a receiver that does not answer holds up nobody else.
func TestOneHangs(t *testing.T) {
	hang, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hang.Close()
	s := serving(t)
	c := config(Receiver{Webhook: &Webhook{URL: s.URL}})
	c.Receivers["slow"] = Receiver{Webhook: &Webhook{URL: "http://" + hang.Addr().String()}}
	n, _ := running(t, t.TempDir(), c)
	for id := range 5 {
		if err := n.Tell(context.Background(), scan(incidents.ID(id+1)), "", "slow", "ops"); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the other has all", func() bool { return len(s.got()) == 5 })
}

func TestSlackThreads(t *testing.T) {
	s, dir := serving(t), t.TempDir()
	s.answer = `{"ok": true, "ts": "1700.1"}`
	secret := filepath.Join(t.TempDir(), "token")
	os.WriteFile(secret, []byte("xoxb-1\n"), 0o600)
	n, _ := running(t, dir, config(Receiver{Slack: &Slack{Token: Secret("file:" + secret), Channel: "#ops", API: s.URL}}))
	tell(t, n, scan(1))
	until(t, "the alert has come", func() bool { return len(s.got()) == 1 })
	n.Measure(&measure.Measure{ID: 5, Incident: 1, State: measure.Complete, Spec: measure.Spec{Name: "top"}, Output: measure.Output{Text: "PID <1>"}})
	until(t, "the output has come", func() bool { return len(s.got()) == 2 })
	var first, second map[string]string
	json.Unmarshal([]byte(s.got()[0]), &first)
	json.Unmarshal([]byte(s.got()[1]), &second)
	if first["thread_ts"] != "" || second["thread_ts"] != "1700.1" || !strings.Contains(second["text"], "PID &lt;1&gt;") || s.paths[0] != "/chat.postMessage" {
		t.Errorf("%v\n%v", first, second)
	}
	if s.heads[0].Get("Authorization") != "Bearer xoxb-1" {
		t.Error("the token was not sent")
	}
	if openThreads(filepath.Join(dir, "slack-threads")).of("#ops", 1) != "1700.1" {
		t.Error("the thread is forgotten at a restart")
	}
}

func TestAlertmanager(t *testing.T) {
	s := serving(t)
	n, _ := running(t, t.TempDir(), config(Receiver{Alertmanager: &Alertmanager{URL: s.URL, Labels: map[string]string{"team": "net"}}}))
	tell(t, n, scan(1))
	until(t, "the alert has come", func() bool { return len(s.got()) == 1 })
	var alerts []alert
	if err := json.Unmarshal([]byte(s.got()[0]), &alerts); err != nil || s.paths[0] != "/api/v2/alerts" {
		t.Fatal(err, s.paths)
	}
	if a := alerts[0]; a.Labels["team"] != "net" || a.Labels["severity"] != "high" || a.Labels["incident"] != "1" || !a.EndsAt.IsZero() {
		t.Errorf("%+v", a)
	}
}

// TestMail speaks with a small SMTP server.
func TestMail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mails := make(chan string, 1)
	go serveSMTP(l, mails)
	host, port, _ := net.SplitHostPort(l.Addr().String())
	var number int
	fmt.Sscan(port, &number)
	n, _ := running(t, t.TempDir(), config(Receiver{Mail: &Mail{Host: host, Port: number, TLS: "none", From: "picket@example.net", To: []string{"ops@example.net"}}}))
	tell(t, n, scan(1))
	select {
	case mail := <-mails:
		for _, want := range []string{"Subject: [high] incident 1: port scan", "To: <ops@example.net>", "198.51.100.7", "References: <incident-1@picket."} {
			if !strings.Contains(mail, want) {
				t.Errorf("no %q in:\n%s", want, mail)
			}
		}
	case <-time.After(10 * time.Second):
		t.Error("no mail has come")
	}
}

func serveSMTP(l net.Listener, mails chan<- string) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(line string) { io.WriteString(c, line+"\r\n") }
	say("220 test")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO":
			say("250-test\r\n250 8BITMIME")
		case "DATA":
			say("354 go")
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			mails <- mail.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestSyslog(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, _ := running(t, t.TempDir(), config(Receiver{Syslog: &Syslog{Network: "udp", Address: l.LocalAddr().String(), Facility: "local3"}}))
	tell(t, n, scan(1))
	buf := make([]byte, 4096)
	l.SetReadDeadline(time.Now().Add(10 * time.Second))
	k, _, err := l.ReadFrom(buf)
	if err != nil || !strings.HasPrefix(string(buf[:k]), "<155>") || !strings.Contains(string(buf[:k]), "port scan") { // local3 (19) × 8 + err (3)
		t.Errorf("%q %v", buf[:k], err)
	}
}

func TestQuietHours(t *testing.T) {
	r := Receiver{Quiet: []QuietHours{{From: 22 * 60, To: 6*60 + 30, Zone: "UTC", Except: incidents.Critical}}}
	at := func(clock string) time.Time { v, _ := time.Parse("2006-01-02 15:04", "2026-03-01 "+clock); return v }
	for clock, want := range map[string]string{"21:59": "", "22:00": "2026-03-02 06:30", "03:00": "2026-03-01 06:30", "06:30": "", "12:00": ""} {
		got := r.heldUntil(incidents.High, at(clock))
		if text := got.Format("2006-01-02 15:04"); (want == "") != got.IsZero() || want != "" && text != want {
			t.Errorf("at %s: held until %v, want %s", clock, got, want)
		}
	}
	if !r.heldUntil(incidents.Critical, at("23:00")).IsZero() {
		t.Error("what is critical was held")
	}
}

func TestSecretsAndFaults(t *testing.T) {
	var s Secret
	if err := s.UnmarshalText([]byte("hunter2")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret in the configuration: %v", err)
	}
	c := Config{Receivers: map[string]Receiver{
		"none": {}, "two": {Wall: &WallConfig{}, Webhook: &Webhook{URL: "x"}}, "mail": {Mail: &Mail{TLS: "ssl"}},
		"zone": {Wall: &WallConfig{}, Quiet: []QuietHours{{Zone: "Mars"}}}, "log": {Syslog: &Syslog{Network: "udp", Facility: "x"}},
		"clear": {Mail: &Mail{Host: "h", From: "a@b", To: []string{"c@d"}, TLS: "none", Password: "env:P"}},
	}}
	if faults := c.Check(); len(faults) != 11 {
		t.Errorf("%d faults: %+v", len(faults), faults)
	}
}

func TestDamagedQueue(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "1.json"), []byte("{"), 0o600)
	os.WriteFile(filepath.Join(dir, "2.json"), []byte(`{"id": "../x"}`), 0o600)
	var told int
	_, list, err := openSpool(dir, func(error) { told++ })
	if err != nil || len(list) != 0 || told != 2 {
		t.Errorf("%v %v, %d told", list, err, told)
	}
}
