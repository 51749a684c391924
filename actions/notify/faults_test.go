package notify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// clock is a time that a test moves on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// at runs a notifier by a clock, and returns what ends it. Its log goes to w.
func at(t *testing.T, dir string, c Config, clock *clock, w io.Writer) (*Notifier, func()) {
	t.Helper()
	n, err := New(Options{Config: c, Dir: dir, Log: slog.New(slog.NewTextHandler(w, nil)), Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return n, sync.OnceFunc(func() { cancel(); <-ended })
}

// TestOrderOverRestarts: what waits for a receiver that is away comes in the order in which it was made, whenever picket
// was killed meanwhile, and a message that still gathers findings is among it.
func TestOrderOverRestarts(t *testing.T) {
	s, dir, now := serving(t), t.TempDir(), &clock{at: time.Unix(1800000000, 0)}
	s.status = 503
	c := config(Receiver{Webhook: &Webhook{URL: s.URL}})
	n, stop := at(t, dir, c, now, io.Discard)
	for id := range 3 {
		tell(t, n, scan(incidents.ID(id+1)))
		now.later(time.Millisecond)
	}
	until(t, "the server was tried", func() bool { return len(s.got()) > 0 })
	c.GroupWait = time.Minute
	stop()
	n, stop = at(t, dir, c, now, io.Discard)
	tell(t, n, scan(4))
	tell(t, n, scan(4))
	killed := t.TempDir() // what is on disk now is all that a kill would leave
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	stop()
	s.mu.Lock()
	s.status, s.bodies = 200, nil
	s.mu.Unlock()
	now.later(time.Minute)
	_, stop = at(t, killed, c, now, io.Discard)
	defer stop()
	until(t, "all were delivered", func() bool { return len(s.got()) == 4 })
	var order []incidents.ID
	var last Message
	for _, body := range s.got() {
		if err := json.Unmarshal([]byte(body), &last); err != nil {
			t.Fatal(err)
		}
		order = append(order, last.Incident.ID)
	}
	if !slices.IsSorted(order) || last.Findings != 2 {
		t.Errorf("order %v, %d findings in the last", order, last.Findings)
	}
}

// TestBusy: a receiver that asks for a pause gets it; no key is shown, and none is carried to another server.
func TestBusy(t *testing.T) {
	const key = "hunter2-hunter2"
	t.Setenv("HOOK_KEY", key)
	other := serving(t)
	var mu sync.Mutex
	tries, status := 0, http.StatusTooManyRequests
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tries++
		w.Header().Set("Retry-After", "120")
		w.Header().Set("Location", other.URL)
		w.WriteHeader(status)
		fmt.Fprintf(w, "\x1b[31myou sent %s, Basic %s", r.Header.Get("X-Key"), base64.StdEncoding.EncodeToString([]byte(key)))
	}))
	defer s.Close()
	tried := func() int { mu.Lock(); defer mu.Unlock(); return tries }
	var log bytes.Buffer
	dir, now := t.TempDir(), &clock{at: time.Unix(1800000000, 0)}
	n, stop := at(t, dir, config(Receiver{Webhook: &Webhook{URL: s.URL, Headers: map[string]Secret{"X-Key": "env:HOOK_KEY"}}}), now, &log)
	defer stop()
	tell(t, n, scan(1))
	until(t, "the first try", func() bool { st, err := n.Stats(t.Context()); return err == nil && st.Failed == 1 })
	now.later(119 * time.Second)
	tell(t, n, scan(2))
	if tried() != 1 {
		t.Error("the receiver got no pause")
	}
	mu.Lock()
	status = http.StatusFound
	mu.Unlock()
	now.later(2 * time.Second)
	until(t, "the second try", func() bool { st, err := n.Stats(t.Context()); return err == nil && st.Failed == 2 })
	stop()
	if len(other.got()) > 0 {
		t.Error("a redirection was followed")
	}
	kept := log.String()
	for _, f := range files(t, dir) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		kept += string(text)
	}
	if strings.Contains(kept, key) || strings.Contains(kept, "\x1b") || !strings.Contains(kept, "[secret]") {
		t.Errorf("what is kept and told: %s", kept)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestFullDisk: what the disk does not take waits in memory, is told of once, and is on disk as soon as there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("picket", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("mount a small disk: %v (needs root)", err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not small")
	}
	c := config(Receiver{Webhook: &Webhook{URL: "http://127.0.0.1:1/"}})
	c.GroupWait = time.Hour
	var log bytes.Buffer
	n, stop := at(t, dir, c, &clock{at: time.Now()}, &log)
	for id := range 5 {
		tell(t, n, scan(incidents.ID(id+1)))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "all are on disk", func() bool { list, _ := filepath.Glob(dir + "/*.json"); return len(list) == 5 })
	stop()
	if !strings.Contains(log.String(), "no space left") {
		t.Errorf("what is told: %s", log.String())
	}
}

// TestSameFailureIsNoNews: of a measure that comes to nothing again and again people hear once an interval.
func TestSameFailureIsNoNews(t *testing.T) {
	s, now := serving(t), &clock{at: time.Unix(1800000000, 0)}
	c := config(Receiver{Webhook: &Webhook{URL: s.URL}})
	n, stop := at(t, t.TempDir(), c, now, io.Discard)
	defer stop()
	tell(t, n, scan(1))
	fail := func(name string, state measure.State) {
		for range 5 {
			n.Measure(&measure.Measure{Incident: 1, State: state, Spec: measure.Spec{Name: name}})
		}
	}
	fail("again", measure.Error)
	fail("other", measure.Error)
	fail("again", measure.Complete)
	until(t, "one, two and five messages", func() bool { return len(s.got()) == 8 })
	now.later(c.Repeat)
	fail("again", measure.Error)
	until(t, "and a repeat and one", func() bool { return len(s.got()) == 10 })
}

// mailServer is an SMTP server that can be told how to behave.
type mailServer struct {
	address string
	roots   string // file of its own authority
	secure  *tls.Config

	mu       sync.Mutex
	mails    []string
	refuse   string // its answer to AUTH; "": it takes it
	hang     bool   // it says nothing
	dropped  bool   // it goes away after it has taken the mail
	implicit bool
}

func serveMail(t *testing.T) *mailServer {
	t.Helper()
	s := &mailServer{roots: filepath.Join(t.TempDir(), "ca.pem")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test's own authority"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.secure = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.address = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.speak(c)
		}
	}()
	return s
}

func (s *mailServer) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *mailServer) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *mailServer) speak(c net.Conn) {
	defer func() { c.Close() }()
	s.mu.Lock()
	refuse, hang, dropped, implicit := s.refuse, s.hang, s.dropped, s.implicit
	s.mu.Unlock()
	if hang {
		_, _ = io.Copy(io.Discard, c)
		return
	}
	if implicit {
		c = tls.Server(c, s.secure)
	}
	in := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 test")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, rest, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(verb) {
		case "EHLO":
			say("250-test\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			c = tls.Server(c, s.secure)
			in = bufio.NewReader(c)
		case "AUTH":
			if refuse != "" {
				say(refuse + " " + rest)
				continue
			}
			say("235 welcome")
		case "DATA":
			say("354 go")
			var mail strings.Builder
			for line, err := in.ReadString('\n'); err == nil && line != ".\r\n"; line, err = in.ReadString('\n') {
				mail.WriteString(line)
			}
			s.set(func() { s.mails = append(s.mails, mail.String()) })
			say("250 taken")
			if dropped {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) receiver(t *testing.T, tlsMode string) Receiver {
	t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	m := &Mail{Host: host, TLS: tlsMode, CAFile: s.roots, User: "picket", Password: "env:SMTP_PASSWORD", From: "picket@example.net", To: []string{"ops@example.net"}}
	if _, err := fmt.Sscan(port, &m.Port); err != nil {
		t.Fatal(err)
	}
	return Receiver{Mail: m}
}

// TestMailFaults: a mail server with an authority of its own that refuses, hangs, is away and breaks off. The mail comes
// once; the password is shown nowhere, even when the server repeats it.
func TestMailFaults(t *testing.T) {
	const password = "correct horse battery"
	t.Setenv("SMTP_PASSWORD", password)
	for _, mode := range []string{"starttls", "implicit"} {
		t.Run(mode, func(t *testing.T) {
			s, dir, now := serveMail(t), t.TempDir(), &clock{at: time.Now()}
			s.set(func() { s.implicit, s.refuse = mode == "implicit", "535 5.7.8 no such user: AUTH" })
			var log bytes.Buffer
			c := config(s.receiver(t, mode))
			n, stop := at(t, dir, c, now, &log)
			tell(t, n, scan(1))
			failed := func(times uint64) func() bool {
				return func() bool { st, err := n.Stats(t.Context()); return err == nil && st.Failed == times }
			}
			until(t, "it was refused", failed(1))
			s.set(func() { s.refuse, s.hang = "", true })
			now.later(time.Hour)
			time.Sleep(20 * time.Millisecond)
			stop() // does not wait for a server that hangs
			s.set(func() { s.hang, s.dropped = false, true })
			n, stop = at(t, dir, c, now, &log)
			defer stop()
			until(t, "it was delivered", func() bool {
				st, err := n.Stats(t.Context())
				return err == nil && st.Delivered == 1 && st.Waiting == 0
			})
			stop()
			if got := s.got(); len(got) != 1 || !strings.Contains(got[0], "port scan") {
				t.Errorf("%d mails: %q", len(got), got)
			}
			plain := base64.StdEncoding.EncodeToString([]byte("\x00picket\x00" + password))
			if text := log.String(); strings.Contains(text, password) || strings.Contains(text, plain) || !strings.Contains(text, "535") {
				t.Errorf("what is told: %s", text)
			}
		})
	}
}

// TestStrangeAuthority: a server whose certificate nobody vouches for gets neither mail nor password.
func TestStrangeAuthority(t *testing.T) {
	t.Setenv("SMTP_PASSWORD", "correct horse battery")
	s := serveMail(t)
	r := s.receiver(t, "starttls")
	r.Mail.CAFile = ""
	var log bytes.Buffer
	n, stop := at(t, t.TempDir(), config(r), &clock{at: time.Now()}, &log)
	tell(t, n, scan(1))
	until(t, "it was tried", func() bool { st, err := n.Stats(t.Context()); return err == nil && st.Failed == 1 })
	stop()
	if len(s.got()) > 0 || !strings.Contains(log.String(), "certificate") {
		t.Errorf("%d mails, %s", len(s.got()), log.String())
	}
}
