package tls

import "fmt"

// Protocol versions as they stand in records and hellos.
const (
	SSL2  = 0x0002
	SSL3  = 0x0300
	TLS10 = 0x0301
	TLS11 = 0x0302
	TLS12 = 0x0303
	TLS13 = 0x0304
)

// Seen says which messages have passed.
type Seen uint16

// The messages and facts that rules ask for (ssl_state) or that decide what comes next.
const (
	SeenClientHello Seen = 1 << iota
	SeenServerHello
	SeenClientKeyExchange
	SeenServerKeyExchange
	SeenClientCipher // the client has changed to ciphertext
	SeenServerCipher
	SeenResumption // the server took up the client's session, or the client sent a ticket
	SeenHandshakeDone
	SeenEarlyData
	SeenHeartbeatAsk // a heartbeat request waits for its answer
	SeenCertificateRequest
)

// Session is all that a connection has shown. It is the Data of its transaction.
type Session struct {
	Client, Server Side
	Seen           Seen
	// Last is the hello or key exchange that came last in the bytes parsed last, of either side; 0: there was none. It
	// is what ssl_state asks about.
	Last Seen

	noJA3, noJA4   bool   // the configuration does not want them
	ja3, ja3s, ja4 string // "" until asked for
	ja3sum         [2]string
}

// Side is what one of the two peers has said in its hello and certificate message. Slices belong to the session.
type Side struct {
	// Version is the version the peer speaks: of its hello, or the one chosen or preferred in supported_versions.
	Version uint16
	// Legacy is the version field of the hello itself.
	Legacy                                       uint16
	Random, SessionID, SNI                       []byte
	Ciphers, Extensions, Groups, SigAlgs, Offers []uint16 // Offers: supported_versions
	Formats                                      []byte
	ALPN                                         [][]byte
	// Chain holds the certificates as sent, the peer's own first.
	Chain [][]byte
	leaf  *Certificate
}

// Resumed tells whether the session goes on from an earlier one, as EVE reports it: without a certificate, and
// not in TLS 1.3, where the echoed session ID means nothing.
func (s *Session) Resumed() bool {
	return s.Seen&SeenResumption != 0 && len(s.Server.Chain) == 0 && !s.Server.is13()
}

// is13 tells TLS 1.3 and its drafts.
func (s *Side) is13() bool { return s.Version == TLS13 || s.Version>>8 == 0x7f }

// TLS13 tells whether the server chose TLS 1.3 or one of its drafts, where certificates are not to be seen.
func (s *Session) TLS13() bool { return s.Server.is13() }

// Leaf returns the peer's own certificate, read at the first call; nil when there is none.
func (s *Side) Leaf() *Certificate {
	if s.leaf == nil && len(s.Chain) > 0 {
		s.leaf, _ = ParseCertificate(s.Chain[0])
	}
	return s.leaf
}

// VersionName prints a version as Suricata does.
func VersionName(v uint16) string {
	switch v {
	case SSL2:
		return "SSLv2"
	case SSL3:
		return "SSLv3"
	case TLS10:
		return "TLSv1"
	case TLS11:
		return "TLS 1.1"
	case TLS12:
		return "TLS 1.2"
	case TLS13:
		return "TLS 1.3"
	case 0x7f00:
		return "TLS 1.3 draft-<16"
	case 0xfb17:
		return "TLS 1.3 draft-fb17"
	case 0:
		return "UNDETERMINED"
	}
	if v>>8 == 0x7f && v&0xff >= 16 && v&0xff <= 28 {
		return fmt.Sprintf("TLS 1.3 draft-%d", v&0xff)
	}
	return fmt.Sprintf("0x%04x", v)
}

// known tells whether a version is one that Suricata accepts in records and hellos.
func known(v uint16) bool {
	return (v >= SSL3 && v <= TLS13) || v == SSL2 || (v>>8 == 0x7f && v&0xff <= 28) || v>>8 == 0xfb
}

// grease tells whether a value is one of those that clients sprinkle in to keep servers tolerant (RFC 8701).
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
