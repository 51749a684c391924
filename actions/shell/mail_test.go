package shell

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/rules"
)

// postOffice takes mails as an SMTP server and delivers them to the channel.
func postOffice(t *testing.T) (address string, mails <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			take(c, out)
		}
	}()
	return l.Addr().String(), out
}

func take(c net.Conn, out chan<- string) {
	defer c.Close()
	fmt.Fprint(c, "220 here\r\n")
	var all strings.Builder
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		all.WriteString(line + "\n")
		switch {
		case data && line != ".":
		case data:
			data = false
			fmt.Fprint(c, "250 taken\r\n")
		case line == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case line == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			out <- all.String()
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// TestMail: smtp.py's mails are sent without Python, also to names without a domain, and nothing that a peer has written
// becomes a header.
func TestMail(t *testing.T) {
	address, mails := postOffice(t)
	a := rules.Action{Name: "smtp", File: SMTPScript, Script: "/etc/fail2ban/action.d/smtp.py", Options: []rules.Option{
		{Name: "host", Text: address}, {Name: "dest", Text: "root, ops@example.net"}, {Name: "matches", Text: "matches"},
	}}
	r := New("sshd", []rules.Action{a})
	r.Allowed = func(netip.Prefix) error { return nil }
	r.Tell = func(level, text string) { t.Error(level, text) }
	r.Start(nil)
	ban := ticket("192.0.2.1")
	ban.ID, ban.Matches = "192.0.2.1\r\nBcc: x@y", []string{"a line", ".", "QUIT"}
	r.Ban(ban)
	for _, want := range [][]string{
		{"MAIL FROM:<fail2ban>", "RCPT TO:<root>", "RCPT TO:<ops@example.net>", "Subject: [Fail2Ban] sshd: started on "},
		{"Subject: =?utf-8?q?[Fail2Ban]_sshd:_banned_192.0.2.1", "for 60 seconds", "after 5 failures", "a line\n..\nQUIT\n"},
		{"Subject: [Fail2Ban] sshd: stopped on "},
	} {
		if strings.Contains(want[0], "stopped") {
			r.Stop()
		}
		select {
		case got := <-mails:
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Errorf("%q is not in\n%s", part, got)
				}
			}
			if head, _, _ := strings.Cut(got, "\n\n"); strings.Contains(head, "\nBcc:") {
				t.Errorf("a header was forged:\n%s", head)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no mail")
		}
	}
}

// certified makes a certificate for a name and its key, in PEM.
func certified(t *testing.T, name string) (cert tls.Certificate, pemText []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// An exchange takes a mail as servers of companies do: after STARTTLS, from who logs in by the mechanism LOGIN. It tells
// what was said to it.
type exchange struct {
	cert    tls.Certificate
	plain   bool // it offers no STARTTLS
	refuses bool
}

func (e *exchange) take(t *testing.T, c net.Conn) (said string) {
	var all strings.Builder
	in := bufio.NewScanner(c)
	ask := func(answer string) string {
		fmt.Fprint(c, answer+"\r\n")
		in.Scan()
		all.WriteString(in.Text() + "\n")
		return in.Text()
	}
	encrypted, line := false, ask("220 here")
	for line != "" {
		verb, _, _ := strings.Cut(line, " ")
		switch {
		case verb == "EHLO" && !encrypted && !e.plain:
			line = ask("250-here\r\n250 STARTTLS")
		case verb == "EHLO":
			line = ask("250-here\r\n250 AUTH LOGIN")
		case verb == "STARTTLS":
			fmt.Fprint(c, "220 go on\r\n")
			secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{e.cert}})
			if secure.Handshake() != nil {
				return all.String()
			}
			c, in, encrypted = secure, bufio.NewScanner(secure), true
			in.Scan()
			line = in.Text()
		case verb == "AUTH":
			name, word := ask("334 VXNlcm5hbWU6"), ask("334 UGFzc3dvcmQ6")
			line = ask(map[bool]string{true: "535 " + name + " " + word + " hunter2 is wrong", false: "235 welcome"}[e.refuses])
		case verb == "DATA":
			for line = ask("354 go on"); line != "."; {
				in.Scan()
				line = in.Text()
				all.WriteString(line + "\n")
			}
			line = ask("250 taken")
		case verb == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return all.String()
		default:
			line = ask("250 ok")
		}
	}
	return all.String()
}

// TestMailWithPassword: a password goes to a server that proves its name on an encrypted connection, to no other, and no error
// repeats it.
func TestMailWithPassword(t *testing.T) {
	good, roots := certified(t, "localhost")
	other, _ := certified(t, "localhost")
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	for name, test := range map[string]struct {
		exchange
		delivered bool
		why       string
	}{
		"proven":      {exchange: exchange{cert: good}, delivered: true},
		"unknown":     {exchange: exchange{cert: other}, why: "certificate"},
		"wrong":       {exchange: exchange{cert: good, refuses: true}, why: "is wrong"},
		"no STARTTLS": {exchange: exchange{plain: true}, delivered: true}, // this host
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "localhost:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			heard := make(chan string, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				heard <- test.take(t, c)
			}()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			m := newMailer("sshd", &rules.Action{Name: "smtp", File: SMTPScript, Options: []rules.Option{
				{Name: "host", Text: "localhost:" + port}, {Name: "user", Text: "ops"}, {Name: "password", Text: "hunter2"}, {Name: "dest", Text: "ops@example.net"},
			}})
			err = m.send("subject", "text\n", 10*time.Second)
			said := <-heard
			coded := base64.StdEncoding.EncodeToString([]byte("hunter2"))
			if delivered := strings.Contains(said, "Subject: [Fail2Ban] subject"); delivered != test.delivered || (err == nil) != test.delivered {
				t.Errorf("delivered %v, %v\n%s", delivered, err, said)
			}
			if err != nil && (!strings.Contains(err.Error(), test.why) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), coded)) {
				t.Errorf("the error says: %v", err)
			}
			if !test.delivered && !test.refuses && strings.Contains(said, coded) {
				t.Errorf("the password went out:\n%s", said)
			}
		})
	}
}
