package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	ctls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
)

// recorder keeps what a connection writes.
type recorder struct {
	net.Conn
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.sent.Write(b)
	return r.Conn.Write(b)
}

// talk has crypto/tls make a real handshake and returns what both sides sent.
func talk(t testing.TB, version uint16) (client, server []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := pkix.Name{Country: []string{"US"}, Organization: []string{"Example, Inc."}, CommonName: "example.org"}
	template := &x509.Certificate{SerialNumber: big.NewInt(0x0a1b), Subject: name,
		NotBefore: time.Date(2015, 2, 12, 18, 7, 27, 0, time.UTC), NotAfter: time.Date(2055, 2, 9, 18, 7, 27, 0, time.UTC),
		DNSNames: []string{"example.org", "www.example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1).To4()}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	c, s := &recorder{Conn: a}, &recorder{Conn: b}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn := ctls.Server(s, &ctls.Config{MaxVersion: version, NextProtos: []string{"h2"},
			SessionTicketsDisabled: true,
			Certificates:           []ctls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		conn.Read(make([]byte, 10))
		conn.Write([]byte("pong"))
		s.Conn.Close()
	}()
	conn := ctls.Client(c, &ctls.Config{MaxVersion: version, ServerName: "example.org",
		NextProtos: []string{"h2", "http/1.1"}, InsecureSkipVerify: true})
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	conn.Read(make([]byte, 10))
	c.Conn.Close()
	<-done
	return c.sent.Bytes(), s.sent.Bytes()
}

// feed gives a direction's bytes in pieces, as the layer would.
func feed(p app.Parser, dir app.Direction, stream []byte, step int) error {
	used, need := 0, 0
	for end := 0; end < len(stream); {
		end = min(end+step, len(stream))
		if end-used < need {
			continue
		}
		r := p.Parse(dir, stream[used:end], false)
		if r.Err != nil {
			return r.Err
		}
		used, need = used+r.Consumed, r.Need
	}
	return nil
}

func TestHandshakes(t *testing.T) {
	for version, name := range map[uint16]string{ctls.VersionTLS12: "TLS 1.2", ctls.VersionTLS13: "TLS 1.3"} {
		client, server := talk(t, version)
		for _, step := range []int{1, 7, 100, 1 << 20} {
			p := newParser(app.Default()).(*parser)
			if err := feed(p, app.ToServer, client, step); err != nil {
				t.Fatalf("%s in pieces of %d: client: %v", name, step, err)
			}
			if err := feed(p, app.ToClient, server, step); err != nil {
				t.Fatalf("%s in pieces of %d: server: %v", name, step, err)
			}
			checkSession(t, p, name)
		}
	}
}

func checkSession(t *testing.T, p *parser, version string) {
	t.Helper()
	s := &p.session
	if string(s.Client.SNI) != "example.org" || VersionName(s.Server.Version) != version || len(p.tx.Events) > 0 {
		t.Errorf("%s: SNI %q, %s, events %v", version, s.Client.SNI, VersionName(s.Server.Version), p.tx.Events)
	}
	if want := [2]app.Progress{ClientHandshakeDone, ServerHandshakeDone}; p.tx.Progress != want || s.Seen&SeenHandshakeDone == 0 {
		t.Errorf("%s: progress %v", version, p.tx.Progress)
	}
	ja3, sum := s.JA3()
	ja3s, _ := s.JA3S()
	if ja4 := s.JA4(); !strings.HasPrefix(ja3, "771,") || len(sum) != 32 || !strings.HasPrefix(ja3s, "771,") || len(ja4) != 36 {
		t.Errorf("%s: %q %q %q %q", version, ja3, sum, ja3s, ja4)
	}
	if version == "TLS 1.2" {
		checkCertificate(t, s.Server.Leaf())
	}
}

func checkCertificate(t *testing.T, c *Certificate) {
	t.Helper()
	if c == nil {
		t.Fatal("no certificate")
	}
	name := "C=US, O=Example, Inc., CN=example.org"
	want := &Certificate{Subject: name, Issuer: name, Serial: "0A:1B", Fingerprint: c.Fingerprint,
		SANs:      []string{"example.org", "www.example.org", "192.0.2.1"},
		NotBefore: time.Date(2015, 2, 12, 18, 7, 27, 0, time.UTC), NotAfter: time.Date(2055, 2, 9, 18, 7, 27, 0, time.UTC)}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

// record frames a body.
func record(kind byte, version uint16, body ...byte) []byte {
	b := []byte{kind, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[1:], version)
	binary.BigEndian.PutUint16(b[3:], uint16(len(body)))
	return append(b, body...)
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want []string
		fail bool
	}{
		{"version", record(typeHandshake, 0x0505, 1), []string{EventRecordVersion}, true},
		{"type", record(30, TLS12, 1), []string{EventRecordType}, true},
		{"length", []byte{typeHandshake, 3, 3, 0x7f, 0xff}, []string{EventRecordLength}, true},
		{"heartbleed", record(typeHeartbeat, TLS11, 1, 0x40, 0), []string{EventHeartbeatOverflow, EventHeartbeatInvalid}, false},
		{"heartbeat type", record(typeHeartbeat, TLS11, 9, 0, 0), []string{EventHeartbeatInvalid}, false},
		{"alert", record(typeAlert, TLS12, 1), []string{EventAlert}, false},
		{"unknown message", record(typeHandshake, TLS12, 99, 0, 0, 0), []string{EventHandshake}, true},
		{"huge message", record(typeHandshake, TLS12, 1, 0xff, 0, 0), []string{EventHandshakeLength}, true},
		{"short hello", record(typeHandshake, TLS12, 1, 0, 0, 1, 0), []string{EventHandshake}, false},
	} {
		p := newParser(nil).(*parser)
		if r := p.Parse(app.ToServer, tc.in, false); (r.Err != nil) != tc.fail {
			t.Errorf("%s: error %v", tc.name, r.Err)
		}
		if diff := cmp.Diff(tc.want, p.tx.Events); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

func TestSSLv2Hello(t *testing.T) {
	hello := []byte{0x80, 12, 1, 3, 1, 0, 3, 0, 0, 0, 0, 1, 2, 3}
	if probe(app.ToServer, hello) != app.Yes {
		t.Error("probe does not know the hello")
	}
	p := newParser(nil).(*parser)
	if err := feed(p, app.ToServer, hello, 1); err != nil || p.session.Client.Version != TLS10 {
		t.Errorf("version %#x, error %v", p.session.Client.Version, err)
	}
}

func TestBypass(t *testing.T) {
	client, server := talk(t, ctls.VersionTLS12)
	cfg := app.Default()
	cfg.TLS.Encrypted = "bypass"
	p := newParser(cfg)
	feed(p, app.ToClient, server, 1<<20)
	if r := p.Parse(app.ToServer, client, false); !r.Done || !r.Encrypted {
		t.Errorf("after the handshake: %+v", r)
	}
}

// TestFull: with encryption-handling "full" ciphertext is judged like anything else.
func TestFull(t *testing.T) {
	client, server := talk(t, ctls.VersionTLS12)
	for how, want := range map[string]bool{"full": false, "": true} {
		cfg := app.Default()
		cfg.TLS.Encrypted = how
		p := newParser(cfg)
		feed(p, app.ToClient, server, 1<<20)
		if r := p.Parse(app.ToServer, client, false); r.Encrypted != want {
			t.Errorf("%q: %+v", how, r)
		}
	}
}

// The example of the JA4 specification.
func TestJA4(t *testing.T) {
	s := Side{Legacy: TLS12, Offers: []uint16{0x0a0a, TLS13, TLS12}, ALPN: [][]byte{[]byte("h2")},
		Ciphers:    []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		Extensions: []uint16{0x1b, 0x00, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0x0d, 0x05, 0x23, 0x12, 0x2b, 0xff01, 0x0b, 0x0a, 0x15},
		SigAlgs:    []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}}
	if got, want := s.JA4('t'), "t13d1516h2_8daaf6152771_e5627efa2ab1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzTLS(f *testing.F) {
	client, server := talk(f, ctls.VersionTLS12)
	f.Add(client)
	f.Add(server)
	f.Add([]byte{0x80, 12, 1, 3, 1, 0, 3, 0, 0, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			whole, split := newParser(nil).(*parser), newParser(nil).(*parser)
			e1, e2 := feed(whole, dir, data, len(data)+1), feed(split, dir, data, 7)
			if (e1 == nil) != (e2 == nil) {
				t.Fatalf("whole: %v, split: %v", e1, e2)
			}
			if diff := cmp.Diff(whole.tx.Events, split.tx.Events); diff != "" {
				t.Fatal(diff)
			}
			if !bytes.Equal(whole.session.Client.SNI, split.session.Client.SNI) || whole.session.Seen != split.session.Seen {
				t.Fatalf("%+v %+v", whole.session, split.session)
			}
			whole.session.JA4()
			whole.session.JA3()
			whole.session.Server.Leaf()
		}
		ParseCertificate(data)
	})
}
