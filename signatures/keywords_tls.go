package signatures

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/quic"
	"picket/traffic/app/tls"
)

// tlsKeywords are the TLS, JA3 and JA4 keywords of Suricata 8 ("SSL/TLS Keywords" and "JA Keywords" in its manual).
func tlsKeywords() []Keyword {
	certs := tlsBothWhen(tls.ClientCertDone, tls.ServerCertDone)
	all := []Keyword{
		{Name: "tls.version", Parse: tlsVersion},
		{Name: "ssl_version", Parse: sslVersion},
		{Name: "ssl_state", Parse: sslState},
		{Name: "tls.subject", Parse: tlsInside("tls.subject", func(c *tls.Certificate) string { return c.Subject })},
		{Name: "tls.issuerdn", Parse: tlsInside("tls.issuerdn", func(c *tls.Certificate) string { return c.Issuer })},
		{Name: "tls.fingerprint", Parse: tlsInside("tls.fingerprint", func(c *tls.Certificate) string { return c.Fingerprint })},
		{Name: "tls.store", Aliases: []string{"tls_store"}, Arg: None, Parse: func(b *builder, _ string) error { return b.limitTo("tls.store", certs) }},
		number("tls.cert_chain_len", 32, certs, func(v *view) (uint64, bool) {
			s := tlsSide(v)
			if s == nil {
				return 0, false
			}
			return uint64(len(s.Chain)), true
		}),
		{Name: "tls_cert_expired", Arg: None, Parse: tlsValidity("tls_cert_expired", func(c *tls.Certificate, now time.Time) bool { return now.After(c.NotAfter) })},
		{Name: "tls_cert_valid", Arg: None, Parse: tlsValidity("tls_cert_valid", func(c *tls.Certificate, now time.Time) bool {
			return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
		})},
		{Name: "tls_cert_notbefore", Parse: tlsDate("tls_cert_notbefore", func(c *tls.Certificate) time.Time { return c.NotBefore })},
		{Name: "tls_cert_notafter", Parse: tlsDate("tls_cert_notafter", func(c *tls.Certificate) time.Time { return c.NotAfter })},
	}
	for _, b := range tlsBuffers() {
		all = append(all, buffer(b))
	}
	return all
}

// tlsBuffers lists the sticky buffers.
func tlsBuffers() []Buffer {
	leaf := func(get func(c *tls.Certificate) string) []Point {
		return tlsBoth(tls.ClientCertDone, tls.ServerCertDone, func(v *view) []byte { return tlsLeafText(v, get) })
	}
	random := func(from, to int) []Point {
		return tlsBoth(tls.ClientHelloDone, tls.ServerHello, func(v *view) []byte {
			if s := tlsSide(v); s != nil && len(s.Random) >= to {
				return s.Random[from:to]
			}
			return nil
		})
	}
	client := func(get func(v *view, s *tls.Session) []byte) []Point {
		return at(app.ToServer, tls.ClientHelloDone, ofTLS(get), app.TLS)
	}
	server := func(get func(v *view, s *tls.Session) []byte) []Point {
		return at(app.ToClient, tls.ServerHello, ofTLS(get), app.TLS)
	}
	hello := func(get func(v *view, s *tls.Session) []byte) []Point {
		return append(client(get), at(app.ToServer, 0, ofTLS(get), app.QUIC)...)
	}
	answer := func(get func(v *view, s *tls.Session) []byte) []Point {
		return append(server(get), at(app.ToClient, 0, ofTLS(get), app.QUIC)...)
	}
	return []Buffer{
		{Name: "tls.sni", Aliases: []string{"tls_sni"}, Points: client(func(_ *view, s *tls.Session) []byte { return s.Client.SNI })},
		{Name: "tls.cert_subject", Aliases: []string{"tls_cert_subject"}, Points: leaf(func(c *tls.Certificate) string { return c.Subject })},
		{Name: "tls.cert_issuer", Aliases: []string{"tls_cert_issuer"}, Points: leaf(func(c *tls.Certificate) string { return c.Issuer })},
		{Name: "tls.cert_serial", Aliases: []string{"tls_cert_serial"}, Content: upperContent, Points: leaf(func(c *tls.Certificate) string { return c.Serial })},
		{Name: "tls.cert_fingerprint", Aliases: []string{"tls_cert_fingerprint"}, Content: hexDigest(59), Points: leaf(func(c *tls.Certificate) string { return c.Fingerprint })},
		{Name: "tls.certs", Aliases: []string{"tls_certs"}, Points: tlsBothEach(tls.ClientCertDone, tls.ServerCertDone, tlsCert)},
		{Name: "tls.subjectaltname", Points: tlsBothEach(tls.ClientCertDone, tls.ServerCertDone, tlsAltName)},
		{Name: "tls.alpn", Points: tlsBothEach(tls.ClientHelloDone, tls.ServerHello, tlsALPN)},
		{Name: "tls.random", Points: random(0, 32)},
		{Name: "tls.random_time", Points: random(0, 4)},
		{Name: "tls.random_bytes", Points: random(4, 32)},
		{Name: "ja3.hash", Aliases: []string{"ja3_hash"}, Content: hexDigest(32), Points: hello(func(v *view, s *tls.Session) []byte { _, h := s.JA3(); return v.text(h) })},
		{Name: "ja3.string", Aliases: []string{"ja3_string"}, Points: hello(func(v *view, s *tls.Session) []byte { t, _ := s.JA3(); return v.text(t) })},
		{Name: "ja3s.hash", Content: hexDigest(32), Points: answer(func(v *view, s *tls.Session) []byte { _, h := s.JA3S(); return v.text(h) })},
		{Name: "ja3s.string", Points: answer(func(v *view, s *tls.Session) []byte { t, _ := s.JA3S(); return v.text(t) })},
		{Name: "ja4.hash", Aliases: []string{"ja4_hash"}, Content: lowerContent, Points: hello(func(v *view, s *tls.Session) []byte { return v.text(ja4(v, s)) })},
	}
}

// text copies a string into the packet's arena, as keep does for bytes; nil for an empty one.
func (v *view) text(s string) []byte {
	if s == "" {
		return nil
	}
	start := len(v.arena)
	v.arena = append(v.arena, s...)
	return v.arena[start:len(v.arena):len(v.arena)]
}

// tlsSession returns the transaction as a TLS session, also one whose hello came in QUIC; nil when it is none.
func tlsSession(v *view) *tls.Session {
	switch t := v.Tx.Data.(type) {
	case *tls.Session:
		return t
	case *quic.Transaction:
		return t.Hello
	}
	return nil
}

// ja4 returns the client's fingerprint, which names the transport.
func ja4(v *view, s *tls.Session) string {
	if v.Tx.Proto == app.QUIC {
		return s.Client.JA4('q')
	}
	return s.JA4()
}

// tlsSide returns the peer that sends in the direction under inspection.
func tlsSide(v *view) *tls.Side {
	s := tlsSession(v)
	switch {
	case s == nil:
		return nil
	case v.Dir == app.ToServer:
		return &s.Client
	}
	return &s.Server
}

func tlsLeaf(v *view) *tls.Certificate {
	if s := tlsSide(v); s != nil {
		return s.Leaf()
	}
	return nil
}

func tlsLeafText(v *view, get func(c *tls.Certificate) string) []byte {
	if c := tlsLeaf(v); c != nil {
		return v.text(get(c))
	}
	return nil
}

func ofTLS(get func(v *view, s *tls.Session) []byte) func(*view) []byte {
	return func(v *view) []byte {
		if s := tlsSession(v); s != nil {
			return get(v, s)
		}
		return nil
	}
}

// tlsBoth, tlsBothEach and tlsBothWhen make the points of what both peers have, each at its own step.
func tlsBoth(client, server app.Progress, get func(v *view) []byte) []Point {
	return append(at(app.ToServer, client, get, app.TLS), at(app.ToClient, server, get, app.TLS)...)
}

func tlsBothEach(client, server app.Progress, get func(v *view, i int) ([]byte, bool)) []Point {
	return append(each(app.ToServer, client, get, app.TLS), each(app.ToClient, server, get, app.TLS)...)
}

func tlsBothWhen(client, server app.Progress) []Point { return tlsBoth(client, server, nil) }

func tlsCert(v *view, i int) ([]byte, bool) {
	if s := tlsSide(v); s != nil && i < len(s.Chain) {
		return s.Chain[i], true
	}
	return nil, false
}

func tlsAltName(v *view, i int) ([]byte, bool) {
	if c := tlsLeaf(v); c != nil && i < len(c.SANs) {
		return v.text(c.SANs[i]), true
	}
	return nil, false
}

func tlsALPN(v *view, i int) ([]byte, bool) {
	if s := tlsSide(v); s != nil && i < len(s.ALPN) {
		return s.ALPN[i], true
	}
	return nil, false
}

// hexDigest is lowerContent for a buffer that is always n characters long: Suricata refuses another content.
func hexDigest(n int) func(c *content) error {
	return func(c *content) error {
		if len(c.bytes) != n {
			return fmt.Errorf("content %.40q has %d bytes, the buffer always %d", c.bytes, len(c.bytes), n)
		}
		return lowerContent(c)
	}
}

// lowerContent and upperContent bring a content into the case that its buffer always has.
func lowerContent(c *content) error {
	c.bytes, c.nocase = bytes.ToLower(c.bytes), false
	return nil
}

func upperContent(c *content) error {
	c.bytes, c.nocase = bytes.ToUpper(c.bytes), false
	return nil
}

// tlsVersion reads tls.version: 1.0 to 1.3, or a raw "0x7f12".
func tlsVersion(b *builder, arg string) error {
	text, negated, err := language.Unquote(arg, language.QuotesAllowed|language.NegationAllowed)
	if err != nil {
		return err
	}
	want, ok := map[string]uint16{"1.0": tls.TLS10, "1.1": tls.TLS11, "1.2": tls.TLS12, "1.3": tls.TLS13}[strings.TrimSpace(text)]
	if !ok {
		if _, err := fmt.Sscanf(text, "0x%04x", &want); err != nil {
			return fmt.Errorf("tls.version: %q is no version (use 1.0, 1.1, 1.2, 1.3 or 0x and four digits)", text)
		}
	}
	return b.testTx("tls.version", tlsBothWhen(tls.ClientHelloDone, tls.ServerHello), func(v *view) bool {
		s := tlsSide(v)
		return s != nil && (sameVersion(s.Version, want)) != negated
	})
}

// sameVersion compares versions; every draft counts as TLS 1.3.
func sameVersion(have, want uint16) bool {
	return have == want || want == tls.TLS13 && have>>8 == 0x7f
}

// sslVersion reads ssl_version: a list of versions, all of them plain or all of them negated.
func sslVersion(b *builder, arg string) error {
	names := map[string]uint16{"sslv2": tls.SSL2, "sslv3": tls.SSL3, "tls1.0": tls.TLS10, "tls1.1": tls.TLS11, "tls1.2": tls.TLS12, "tls1.3": tls.TLS13}
	text, negated, err := language.Unquote(arg, language.QuotesAllowed|language.NegationAllowed)
	if err != nil {
		return err
	}
	var want []uint16
	for i, word := range strings.Split(text, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		bare, not := strings.CutPrefix(word, "!")
		if not && i > 0 && !negated {
			return fmt.Errorf("ssl_version: plain and negated versions can't be mixed")
		}
		negated = negated || not
		v, ok := names[strings.TrimSpace(bare)]
		if !ok {
			return fmt.Errorf("ssl_version: %q is no version (use sslv2, sslv3, tls1.0, tls1.1, tls1.2, tls1.3)", word)
		}
		want = append(want, v)
	}
	return b.testTx("ssl_version", tlsBothWhen(tls.ClientHelloDone, tls.ServerHello), func(v *view) bool {
		s := tlsSide(v)
		if s == nil || s.Version == 0 {
			return false
		}
		found := false
		for _, w := range want {
			found = found || sameVersion(s.Version, w)
		}
		return found != negated
	})
}

// sslState reads ssl_state: names of messages joined by | or commas, any of which may be the last that came; with "!" it
// must be another one. "unknown" never comes (DetectSslStateMatch).
func sslState(b *builder, arg string) error {
	const unknown tls.Seen = 1 << 15
	names := map[string]tls.Seen{"client_hello": tls.SeenClientHello, "server_hello": tls.SeenServerHello,
		"client_keyx": tls.SeenClientKeyExchange, "server_keyx": tls.SeenServerKeyExchange, "unknown": unknown}
	var want, not tls.Seen
	for word := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '|' || r == ',' }) {
		bare, negated := strings.CutPrefix(strings.TrimSpace(word), "!")
		bit, ok := names[strings.TrimSpace(bare)]
		switch {
		case !ok:
			return fmt.Errorf("ssl_state: %q is no state (use client_hello, server_hello, client_keyx, server_keyx or unknown)", word)
		case negated:
			not |= bit
		default:
			want |= bit
		}
	}
	return b.testTx("ssl_state", tlsBothWhen(0, 0), func(v *view) bool {
		s := tlsSession(v)
		return s != nil && (want|not)&s.Last^not != 0
	})
}

// tlsInside reads the old keywords whose value must stand somewhere in a text of the certificate.
func tlsInside(name string, get func(c *tls.Certificate) string) func(b *builder, arg string) error {
	return func(b *builder, arg string) error {
		text, negated, err := language.Unquote(arg, language.QuotesAllowed|language.NegationAllowed)
		if err != nil {
			return err
		}
		if name == "tls.fingerprint" {
			text = strings.ToLower(text)
		}
		return b.testTx(name, tlsBothWhen(tls.ClientCertDone, tls.ServerCertDone), func(v *view) bool {
			c := tlsLeaf(v)
			return c != nil && strings.Contains(get(c), text) != negated
		})
	}
}

// tlsValidity makes a test of a certificate against the packet's time.
func tlsValidity(name string, test func(c *tls.Certificate, now time.Time) bool) func(b *builder, arg string) error {
	return func(b *builder, _ string) error {
		return b.testTx(name, tlsBothWhen(tls.ClientCertDone, tls.ServerCertDone), func(v *view) bool {
			c := tlsLeaf(v)
			return c != nil && v.Packet != nil && test(c, time.Unix(0, v.Packet.Time))
		})
	}
}

// tlsDate reads a date, "<date", ">date" or "date<>date" and compares a certificate's with it.
func tlsDate(name string, get func(c *tls.Certificate) time.Time) func(b *builder, arg string) error {
	return func(b *builder, arg string) error {
		text, _, err := language.Unquote(arg, language.QuotesAllowed|language.NegationAllowed)
		if err != nil {
			return err
		}
		test, err := dateTest(name, strings.TrimSpace(text))
		if err != nil {
			return err
		}
		return b.testTx(name, tlsBothWhen(tls.ClientCertDone, tls.ServerCertDone), func(v *view) bool {
			c := tlsLeaf(v)
			return c != nil && test(get(c))
		})
	}
}

func dateTest(name, text string) (func(time.Time) bool, error) {
	if from, to, ok := strings.Cut(text, "<>"); ok {
		a, err := parseDate(name, from)
		if err != nil {
			return nil, err
		}
		z, err := parseDate(name, to)
		if err != nil {
			return nil, err
		}
		return func(t time.Time) bool { return t.After(a) && t.Before(z) }, nil
	}
	d, err := parseDate(name, strings.TrimLeft(text, "<>"))
	switch {
	case err != nil:
		return nil, err
	case text[0] == '<':
		return func(t time.Time) bool { return t.Before(d) }, nil
	case text[0] == '>':
		return func(t time.Time) bool { return t.After(d) }, nil
	}
	return d.Equal, nil
}

// parseDate reads 2015, 2015-10, 2015-10-22 and so on down to the second, in UTC.
func parseDate(name, text string) (time.Time, error) {
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, layout := range [...]string{"2006", "2006-01", "2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no date (write it as 2015-10-22 or 2015-10-22T23:59:59)", name, text)
}
