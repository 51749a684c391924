package protocols

import (
	"strings"
	"testing"

	"picket/traffic/app"
)

func TestFound(t *testing.T) {
	for _, tc := range []struct {
		name   string
		client string
		server string
		port   uint16
		udp    bool
		want   app.Proto
	}{
		{"http", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", 80, false, app.HTTP1},
		{"tls", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "", 8443, false, app.TLS},
		{"smtp", "EHLO mail.example.org\r\n", "", 25, false, app.SMTP},
		{"ftp by greeting", "", "220 (vsFTPd 3.0.3)\r\n", 21, false, app.FTP},
		{"ssh", "SSH-2.0-OpenSSH_9.2\r\n", "", 22, false, app.SSH},
		{"sip", "OPTIONS sip:nm SIP/2.0\r\n", "", 5060, true, app.SIP},
		{"smb2", "\x00\x00\x00\x40\xfeSMB\x40\x00", "", 445, false, app.SMB},
		{"telnet", "", "\xff\xfd\x18\xff\xfd\x20", 23, false, app.Telnet},
		{"rdp", "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00", "", 3389, false, app.RDP},
		{"ntp", "\x23" + strings.Repeat("\x00", 47), "", 123, true, app.NTP},
		{"tftp", "\x00\x01name\x00octet\x00", "", 69, true, app.TFTP},
		{"nothing", "\x00\x01\x02\x03 hello there, this is nothing that anybody knows " + strings.Repeat("x", 200), "", 9999, true, app.Failed},
	} {
		l := app.NewLayer(app.Default(), All())
		var c app.Conn
		ep := app.Endpoint{UDP: tc.udp, Client: 40000, Server: tc.port}
		for dir, data := range [2]string{tc.client, tc.server} {
			if data == "" {
				continue
			}
			if tc.udp {
				l.Datagram(&c, ep, app.Direction(dir), []byte(data))
			} else {
				l.Stream(&c, ep, app.Direction(dir), []byte(data), false)
			}
		}
		if c.Proto != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, c.Proto, tc.want)
		}
	}
}

// FuzzDetect gives arbitrary bytes to both directions of a flow at any port; whole or split in two, the verdict on
// the protocol is the same once everything has come.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\n\r\n"), uint16(80))
	f.Add([]byte("EHLO a\r\n"), []byte("220 x ESMTP\r\n"), uint16(25))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"), []byte("\x15\x03\x01\x00\x02\x02\x28"), uint16(443))
	table := All()
	f.Fuzz(func(t *testing.T, client, server []byte, port uint16) {
		for _, udp := range []bool{false, true} {
			l := app.NewLayer(app.Default(), table)
			var c app.Conn
			ep := app.Endpoint{UDP: udp, Client: 40000, Server: port, Midstream: len(client)%2 == 1}
			if udp {
				l.Datagram(&c, ep, app.ToServer, client)
				l.Datagram(&c, ep, app.ToClient, server)
				continue
			}
			for dir, data := range [2][]byte{client, server} {
				half := len(data) / 2
				n := l.Stream(&c, ep, app.Direction(dir), data[:half], false)
				if n < 0 || n > half {
					t.Fatalf("consumed %d of %d", n, half)
				}
				if m := l.Stream(&c, ep, app.Direction(dir), data[n:], true); m < 0 || m > len(data)-n {
					t.Fatalf("consumed %d of %d", m, len(data)-n)
				}
			}
		}
	})
}
