package eve

import (
	"cmp"
	"time"

	"picket/traffic/app"
	"picket/traffic/app/tls"
)

// appendTLS writes a session as output-json-tls.c does: the extended fields, or those that "tls.custom" lists.
func appendTLS(j *JSON, tx *app.Transaction, c *Context) bool {
	s, ok := tx.Data.(*tls.Session)
	if !ok || !c.Alert && !tlsTold(s, c.Cfg) {
		return false
	}
	f := tlsFields{c.Cfg.Settings["tls.custom"], c.Cfg.Settings["tls.extended"] == "no"}
	if c.Alert {
		f = tlsFields{}
	}
	j.Object("tls")
	leaf := s.Server.Leaf()
	if leaf != nil {
		tlsCertificate(j, leaf, f)
	}
	if s.Resumed() && f.basic("session_resumed") {
		j.Bool("session_resumed", true)
	}
	if len(s.Client.SNI) > 0 && f.want("sni") {
		j.Text("sni", s.Client.SNI)
	}
	if f.want("version") {
		j.Str("version", tls.VersionName(cmp.Or(s.Server.Version, s.Client.Version)))
	}
	if c.Conn != nil && c.Conn.Before != app.Unknown {
		j.Str("from_proto", c.Conn.Before.String())
	}
	tlsFingerprints(j, s, f)
	tlsNames(j, "client_alpns", s.Client.ALPN, f)
	tlsNames(j, "server_alpns", s.Server.ALPN, f)
	if f.want("client_handshake") {
		tlsHandshake(j, "client_handshake", "ciphers", &s.Client)
	}
	if f.want("server_handshake") {
		tlsHandshake(j, "server_handshake", "cipher", &s.Server)
	}
	tlsChain(j, &s.Server, "certificate", "chain", f)
	tlsClient(j, &s.Client, f)
	j.EndObject()
	return true
}

// tlsReady has a record wait for the client's certificate, if the server has asked for one.
func tlsReady(tx *app.Transaction) bool {
	s, ok := tx.Data.(*tls.Session)
	return !ok || s.Seen&tls.SeenCertificateRequest == 0 || tx.Progress[app.ToServer] >= tls.ClientCertDone
}

// tlsTold tells whether a session gets a record: one that goes on from an earlier one only where that is asked for
// ("session-resumption"), since it shows no certificate.
func tlsTold(s *tls.Session, c *Config) bool {
	if s.Resumed() && !c.All && !yes(c.Settings["tls.session-resumption"]) && !wordIn(c.Settings["tls.custom"], "session_resumed") {
		return false
	}
	return s.Seen&(tls.SeenClientHello|tls.SeenServerHello) != 0
}

// tlsFields says which members are wanted.
type tlsFields struct {
	custom string
	short  bool // only subject, issuer and resumption
}

func (f tlsFields) basic(key string) bool  { return f.custom == "" || f.listed(key) }
func (f tlsFields) want(key string) bool   { return f.custom == "" && !f.short || f.listed(key) }
func (f tlsFields) listed(key string) bool { return f.custom != "" && wordIn(f.custom, key) }

// wordIn tells whether a list like "[subject, issuer]" holds a word.
func wordIn(list, word string) bool {
	for i := 0; i+len(word) <= len(list); i++ {
		if list[i:i+len(word)] == word && (i == 0 || !wordByte(list[i-1])) && (i+len(word) == len(list) || !wordByte(list[i+len(word)])) {
			return true
		}
	}
	return false
}

func wordByte(c byte) bool { return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func tlsCertificate(j *JSON, c *tls.Certificate, f tlsFields) {
	if f.basic("subject") && c.Subject != "" {
		j.Str("subject", c.Subject)
	}
	if f.basic("issuer") && c.Issuer != "" {
		j.Str("issuerdn", c.Issuer)
	}
	if f.want("subjectaltname") && len(c.SANs) > 0 {
		j.Array("subjectaltname")
		for _, name := range c.SANs {
			j.Str("", name)
		}
		j.EndArray()
	}
	if f.want("serial") && c.Serial != "" {
		j.Str("serial", c.Serial)
	}
	if f.want("fingerprint") {
		j.Str("fingerprint", c.Fingerprint)
	}
	if f.want("not_before") && !c.NotBefore.IsZero() {
		j.Str("notbefore", c.NotBefore.Format(certTime))
	}
	if f.want("not_after") && !c.NotAfter.IsZero() {
		j.Str("notafter", c.NotAfter.Format(certTime))
	}
}

// certTime is how EVE prints a certificate's validity, in UTC.
const certTime = time.DateOnly + "T" + time.TimeOnly

func tlsFingerprints(j *JSON, s *tls.Session, f tlsFields) {
	if text, sum := s.JA3(); text != "" && f.want("ja3") {
		j.Object("ja3")
		j.Str("hash", sum)
		j.Str("string", text)
		j.EndObject()
	}
	if text, sum := s.JA3S(); text != "" && f.want("ja3s") {
		j.Object("ja3s")
		j.Str("hash", sum)
		j.Str("string", text)
		j.EndObject()
	}
	if ja4 := s.JA4(); ja4 != "" && f.want("ja4") {
		j.Str("ja4", ja4)
	}
}

func tlsNames(j *JSON, key string, names [][]byte, f tlsFields) {
	if len(names) == 0 || !f.want(key) {
		return
	}
	j.Array(key)
	for _, n := range names {
		j.Text("", n)
	}
	j.EndArray()
}

// tlsHandshake writes what a hello offered or chose.
func tlsHandshake(j *JSON, key, ciphers string, s *tls.Side) {
	j.Object(key)
	j.Str("version", tls.VersionName(s.Legacy))
	if ciphers == "cipher" && len(s.Ciphers) > 0 {
		j.Uint("cipher", uint64(s.Ciphers[0]))
	} else {
		tlsNumbers(j, ciphers, s.Ciphers)
	}
	tlsNumbers(j, "exts", s.Extensions)
	tlsNumbers(j, "sig_algs", s.SigAlgs)
	j.EndObject()
}

func tlsNumbers(j *JSON, key string, list []uint16) {
	if len(list) == 0 {
		return
	}
	j.Array(key)
	for _, v := range list {
		j.Uint("", uint64(v))
	}
	j.EndArray()
}

// tlsChain writes a side's whole certificates where they are asked for by name.
func tlsChain(j *JSON, s *tls.Side, certificate, chain string, f tlsFields) {
	if len(s.Chain) > 0 && f.listed(certificate) {
		j.Base64("certificate", s.Chain[0])
	}
	if len(s.Chain) > 0 && f.listed(chain) {
		j.Array("chain")
		for _, der := range s.Chain {
			j.Base64("", der)
		}
		j.EndArray()
	}
}

// tlsClient writes what is known of a client's certificate.
func tlsClient(j *JSON, s *tls.Side, f tlsFields) {
	leaf := s.Leaf()
	if leaf == nil || !f.want("client") && !f.listed("client_certificate") && !f.listed("client_chain") {
		return
	}
	j.Object("client")
	if f.want("client") {
		own := f
		own.custom, own.short = "", false
		tlsCertificate(j, leaf, own)
	}
	tlsChain(j, s, "client_certificate", "client_chain", f)
	j.EndObject()
}
