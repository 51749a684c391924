package shell

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
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
